"""Keys for calls: equal arguments give equal keys, others give others."""

import copy
import subprocess
import sys
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cache.callkeys import call_key


class Colour(Enum):
    RED = 1
    BLUE = 2


class Number(IntEnum):
    ONE = 1


def key(*values):
    return call_key("module.function", {f"argument{number}": value for number, value in enumerate(values)})


NOON = datetime(2026, 1, 1, 12)
OTHERS = [
    *(1, 1.0, True, Decimal(1), "1", b"1", Number.ONE, (1,), [1], {1}, frozenset({1}), {1: 1}),
    *(None, "None", "", b"", 0, 0.0, -0.0, False, (), [], set(), {}, ((),), "a,b", ("a", "b"), ("a,b",), ("a", ("b",))),
    *(Colour.RED, Colour.BLUE, "RED", UUID(int=1), timedelta(1), date(2026, 1, 1), time(12), NOON, NOON.replace(tzinfo=UTC)),
    *(NOON.replace(tzinfo=timezone(timedelta(hours=1))), {"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": {"b": 1}}, "a'b", 'a"b'),
]


def test_values_that_differ_have_keys_that_differ():
    assert len({key(value) for value in OTHERS}) == len(OTHERS)


def test_which_argument_has_the_value_counts():
    assert key(1, 2) != key(2, 1)
    assert call_key("f", {"a": 1}) != call_key("f", {"b": 1})
    assert call_key("f", {"a": 1}) != call_key("g", {"a": 1})


@pytest.mark.parametrize("value", [{"a": 1, "b": 2}, {"b": 2, "a": 1}])
def test_the_order_of_a_dictionary_does_not_count(value):
    assert key(value) == key({"a": 1, "b": 2})


VALUES = st.recursive(
    st.one_of(st.text(), st.binary(), st.integers(), st.floats(), st.booleans(), st.none(), st.dates(), st.decimals(), st.uuids()),
    lambda inner: st.one_of(st.lists(inner), st.tuples(inner, inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@given(VALUES)
def test_a_copy_has_the_same_key(value):
    assert key(value) == key(copy.deepcopy(value))


def test_a_key_is_the_same_in_every_process():
    code = "from s3cache.callkeys import call_key; print(call_key('f', {'a': {'x', 'y', 'z', 'w'}, 'b': {'k': frozenset('abc')}}))"
    root = Path(__file__).parents[1]
    answers = {
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, cwd=root, capture_output=True, check=True).stdout
        for seed in ("1", "2", "3")
    }
    assert len(answers) == 1


def test_a_key_suits_every_cache():
    found = key("with space\n\0é\ud800" * 1000)
    assert found.startswith("module.function:")
    assert len(found) < 60
    assert found.isascii() and found.isprintable() and " " not in found


Pair = namedtuple("Pair", "a b")


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize("value", [object(), Pair(1, 2), Text("a"), OrderedDict(), iter([]), len, [object()], {"a": {object()}}])
def test_a_type_that_says_too_little_is_refused_and_the_message_says_what_to_do(value):
    with pytest.raises(TypeError, match=r"'argument0' is of type .* Give cached a key of your own"):
        key(value)


class Right(IntFlag):
    READ = 1
    WRITE = 2


def test_flags_that_have_no_name_together_are_told_apart():
    keys = {call_key("f", {"right": Right(number)}) for number in range(16)}
    assert len(keys) == 16


def test_zones_of_one_offset_are_told_apart():
    moment = datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    zones = (ZoneInfo("Europe/Paris"), timezone(timedelta(hours=1)))
    others = [*(moment.replace(tzinfo=zone) for zone in zones), moment.replace(fold=1)]
    assert len({call_key("f", {"when": one}) for one in [moment, *others]}) == 4
