"""Options: what is accepted, and what a message says of the rest."""

import dataclasses
import math

import pytest

from s3cache.errors import OptionError
from s3cache.validation import (
    REQUIRED,
    Rule,
    build,
    duration,
    flag,
    known_names,
    mapping,
    one_of,
    option,
    seconds,
    shown,
    strings,
    text,
    whole,
)


@dataclasses.dataclass(frozen=True)
class Options:
    region_name: str = option("here", text())
    max_attempts: int = option(3, whole(1))
    secret_key: str | None = option(None, text().or_none(), secret=True)
    profiles: tuple[str, ...] = option((), strings())


# --- rules ------------------------------------------------------------------------------------------------------------------


class Word(str):
    pass


@pytest.mark.parametrize(
    ("rule", "accepted", "refused"),
    [
        (flag(), [True, False], [0, 1, None, "True"]),
        (whole(0), [0, 1, 2**62], [2**62 + 1, -1, True, False, 1.0, "1", None]),
        (whole(5), [5, 6], [4, 4.9]),
        (seconds(), [1, 0.001, 10**9], [0, -1, 10**9 + 1, 10**400, math.inf, math.nan, -math.inf, True, "1", None]),
        (duration(), [0, 0.0, 5, 0.001, 2**62], [-0.001, -1, 10**400, math.inf, math.nan, True, False, "1", None]),
        (text(), ["a", " ", Word("a")], ["", b"a", 1, None]),
        (one_of("path", "virtual"), ["path", Word("virtual")], ["", "Path", None, ["path"], 1]),
        (mapping(), [{}, {"a": object()}], [None, [], {1: 2}, {b"a": 1}, "a"]),
        (strings(), [[], (), ["a"], ("a", "b")], ["a", [""], [1], {"a"}, None, ["a", b"b"]]),
        (text().or_none(), ["a", None], ["", 0, False]),
    ],
)
def test_a_rule_accepts_exactly(rule, accepted, refused):
    assert [value for value in accepted if not rule.test(value)] == []
    assert [value for value in refused if rule.test(value)] == []


def test_a_rule_says_what_it_accepts():
    assert whole(1).or_none().accepts == "a whole number, 1 or more, or None"
    assert one_of("a", "b").accepts == "one of 'a', 'b'"


# --- build ------------------------------------------------------------------------------------------------------------------


def test_what_is_not_given_has_its_default():
    assert build(Options, {}) == Options("here", 3, None, ())


def test_what_is_given_is_taken_as_it_is():
    given = {"max_attempts": 1, "secret_key": "s"}
    assert build(Options, given) == Options("here", 1, "s", ())
    assert given == {"max_attempts": 1, "secret_key": "s"}


def test_a_list_becomes_a_tuple_and_the_options_can_be_hashed():
    built = build(Options, {"profiles": ["a", "b"]})
    assert built.profiles == ("a", "b")
    assert hash(built) == hash(build(Options, {"profiles": ("a", "b")}))


@dataclasses.dataclass(frozen=True)
class Inner:
    size: int = option(REQUIRED, whole(1))


def test_an_option_may_have_to_be_given():
    assert build(Inner, {"size": 1}) == Inner(1)
    with pytest.raises(OptionError, match=r"^OPTIONS has no 'SIZE'; accepted: a whole number, 1 or more\.$"):
        build(Inner, {}, spelled=str.upper)


@pytest.mark.parametrize("given", ({}, {"size": 0}, {"sice": 1}))
def test_a_message_says_which_dictionary_it_means(given):
    with pytest.raises(OptionError, match=r"^OPTIONS\['INNER'\]"):
        build(Inner, given, where="OPTIONS['INNER']")


def test_options_may_be_spelled_in_capitals():
    assert build(Options, {"MAX_ATTEMPTS": 5}, spelled=str.upper).max_attempts == 5
    with pytest.raises(OptionError, match=r"OPTIONS\['max_attempts'\] is not an option.*Did you mean 'MAX_ATTEMPTS'\?"):
        build(Options, {"max_attempts": 5}, spelled=str.upper)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"regoin_name": "x"},
            "OPTIONS['regoin_name'] is not an option. Known: max_attempts, profiles, region_name, secret_key. "
            "Did you mean 'region_name'?",
        ),
        ({"whatever": 1}, "OPTIONS['whatever'] is not an option. Known: max_attempts, profiles, region_name, secret_key."),
        ({"max_attempts": "3"}, "OPTIONS['max_attempts'] is '3' (str); accepted: a whole number, 1 or more."),
        ({"max_attempts": True}, "OPTIONS['max_attempts'] is True (bool); accepted: a whole number, 1 or more."),
        ({"region_name": None}, "OPTIONS['region_name'] is None (NoneType); accepted: a non-empty string."),
        ({"secret_key": 12345}, "OPTIONS['secret_key'] is a secret of type int; accepted: a non-empty string, or None."),
    ],
)
def test_a_message_says_what_was_found_and_what_is_accepted(given, message):
    with pytest.raises(OptionError) as refused:
        build(Options, given)
    assert str(refused.value) == message


def test_a_name_that_is_no_text_is_unknown_and_no_crash():
    with pytest.raises(OptionError, match=r"OPTIONS\[1\] is not an option"):
        build(Options, {1: 2})


def test_a_bad_value_is_never_replaced_by_the_default():
    with pytest.raises(OptionError):
        build(Options, {"region_name": ""})


@pytest.mark.parametrize("given", [{"secret_key": b"hunter2"}, {"secret_key": "hunter2", "max_attempts": 0}])
def test_a_secret_is_in_no_message(given):
    with pytest.raises(OptionError) as refused:
        build(Options, given)
    assert "hunter2" not in str(refused.value)


def test_a_secret_is_in_no_repr():
    assert repr(build(Options, {"secret_key": "hunter2"})) == "Options(region_name='here', max_attempts=3, profiles=())"


# --- words ------------------------------------------------------------------------------------------------------------------


def test_a_value_is_shown_with_its_type():
    assert shown("3") == "'3' (str)"
    assert shown("hunter2", secret=True) == "a secret of type str"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("bot03", "Known: boto3, local, minio. Did you mean 'boto3'?"),
        ("LOCAL", "Known: boto3, local, minio. Did you mean 'local'?"),
        ("zebra", "Known: boto3, local, minio."),
        (None, "Known: boto3, local, minio."),
    ],
)
def test_the_known_names_and_the_nearest(name, sentence):
    assert known_names(name, {"minio", "local", "boto3"}) == sentence


def test_no_known_names():
    assert known_names("a", []) == "Known: none."


def test_a_rule_of_one_s_own():
    @dataclasses.dataclass(frozen=True)
    class Even:
        number: int = option(2, Rule("an even number", lambda value: value % 2 == 0))

    assert build(Even, {"number": 4}).number == 4
    with pytest.raises(OptionError, match="accepted: an even number"):
        build(Even, {"number": 3})
