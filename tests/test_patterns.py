"""Redis' globs: against a matcher that tries everything, and with patterns made to take for ever."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache.patterns import escaped, glob

pytestmark = pytest.mark.once

CHARACTERS = st.sampled_from("ab-^]\\[*?c\n")
ANY_TEXT = st.text(st.characters())


def fits(pattern, text):
    """Redis' rules, read off its documentation and its source, in the plainest words."""
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        return any(fits(rest, text[start:]) for start in range(len(text) + 1))
    if not text:
        return False
    if head == "?":
        return fits(rest, text[1:])
    if head == "[":
        members, negated, rest = members_of(rest)
        return (any(low <= text[0] <= high for low, high in members) != negated) and fits(rest, text[1:])
    if head == "\\" and rest:
        head, rest = rest[0], rest[1:]
    return text[0] == head and fits(rest, text[1:])


def members_of(content):
    negated = content[:1] == "^"
    content = content[1:] if negated else content
    members = []
    while content and content[0] != "]":
        if content[0] == "\\" and len(content) > 1:
            members.append((content[1], content[1]))
            content = content[2:]
        elif len(content) > 2 and content[1] == "-":
            members.append((min(content[0], content[2]), max(content[0], content[2])))
            content = content[3:]
        else:
            members.append((content[0], content[0]))
            content = content[1:]
    return members, negated, content[1:]


@settings(max_examples=1000)
@given(st.text(CHARACTERS, max_size=9), st.text(CHARACTERS, max_size=9))
def test_a_pattern_matches_what_redis_says(pattern, text):
    assert glob(pattern).matches(text) == fits(pattern, text)


@given(st.text(st.characters(), max_size=12), st.text(st.characters(), max_size=12))
def test_any_text_is_a_pattern(pattern, text):
    assert glob(pattern).matches(text) == fits(pattern, text)


@given(ANY_TEXT)
def test_an_escaped_text_matches_itself_and_is_its_own_prefix(text):
    exact = glob(escaped(text))
    assert exact.matches(text) and exact.prefix == text
    assert not exact.matches(text + "x")


@given(st.text(CHARACTERS, max_size=9), st.text(CHARACTERS, max_size=9))
def test_what_matches_begins_with_the_prefix(pattern, text):
    if fits(pattern, text):
        assert text.startswith(glob(pattern).prefix)


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("user:*", "user:"),
        ("*", ""),
        ("user:1", "user:1"),
        (r"a\*b*c", "a*b"),
        ("a?c", "a"),
        ("ab[cd]e", "ab"),
        ("", ""),
        ("a\\", "a\\"),
        ("ab*cd", "ab"),
    ],
)
def test_the_prefix_is_the_text_before_what_may_vary(pattern, prefix):
    assert glob(pattern).prefix == prefix


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("h?llo", ["hello", "hallo", "h\nllo"], ["hllo", "heello"]),
        ("h*llo", ["hllo", "heeello"], ["hell"]),
        ("h[ae]llo", ["hello", "hallo"], ["hillo"]),
        ("h[^e]llo", ["hallo", "hbllo"], ["hello"]),
        ("h[a-b]llo", ["hallo", "hbllo"], ["hcllo"]),
        ("h[b-a]llo", ["hallo"], ["h-llo"]),
        (r"h\*llo", ["h*llo"], ["hello"]),
        (r"[\]]", ["]"], ["\\]"]),
        ("[]", [], ["", "]", "["]),
        ("[^]", ["x"], ["", "xx"]),
        ("[ab", ["a", "b"], ["[ab"]),
        ("a]", ["a]"], ["a"]),
    ],
)
def test_patterns_of_redis_documentation_and_their_odd_relatives(pattern, matching, other):
    assert [text for text in [*matching, *other] if glob(pattern).matches(text)] == matching


@pytest.mark.parametrize("pattern", ["*a" * 40 + "*b", "*" * 5000 + "b", "*?" * 60 + "b", "*[ab]" * 40 + "*c", "a*" * 60 + "b"])
def test_a_pattern_made_to_take_for_ever_does_not(pattern):
    """Were a star tried anew for each place of the one before, this would not end in the life of the universe."""
    assert not glob(pattern).matches("a" * 20_000 + "d")


def test_letters_and_signs_stand_for_themselves():
    plain = "".join(set(string.printable) - set("*?[\\"))
    assert glob(plain).matches(plain) and glob(plain).prefix == plain
