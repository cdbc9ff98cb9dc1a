"""Object names: their form, and their places on the ring."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cache.naming import (
    is_beyond,
    is_digest_name,
    is_entry_name,
    is_hashed_name,
    is_readable_name,
    key_bytes,
    object_name,
    point,
    position,
    readable_key,
    readable_name,
    readable_part,
)
from tests.lookalikes import LOOKALIKES, ODD, has_form

any_text = st.text(st.characters())  # lone surrogates included
short_text = st.text(st.characters(), max_size=20)
"""Always short enough for a readable name."""
prefixes = st.sampled_from(["", "site/", "a/b c/", "ü/", "00/"])
places = st.floats(0, 1, exclude_max=True)


def test_a_name_is_the_documented_hash():
    digits = hashlib.sha256(b":1:greeting").hexdigest()
    assert object_name("site/", ":1:greeting") == f"site/{digits[:2]}/{digits[2:]}.s3c"


@given(prefixes, any_text)
def test_every_text_is_a_key_and_gets_an_entry_name(prefix, key):
    name = object_name(prefix, key)
    assert is_entry_name(prefix, name)
    assert len(name) == len(prefix) + 69


@given(any_text, any_text)
def test_different_keys_get_different_names(one, other):
    assert (object_name("", one) == object_name("", other)) == (one == other)


@given(any_text)
def test_key_bytes_lose_nothing(key):
    assert key_bytes(key).decode("utf-8", "surrogatepass") == key


def test_a_surrogate_pair_is_another_key_than_the_character():
    assert key_bytes("\ud83d\ude00") != key_bytes("\U0001f600")


GOOD = object_name("", "key")


@pytest.mark.parametrize(
    "name",
    [
        GOOD.upper(),
        GOOD + "\n",
        "\n" + GOOD,
        GOOD + "x",
        "x" + GOOD,
        "x/" + GOOD,
        GOOD[:-1],
        GOOD[1:],
        GOOD.replace("/", ""),
        GOOD.replace("/", "//"),
        GOOD.replace(".s3c", "xs3c"),
        GOOD.replace(GOOD[:2], "g0"),
        GOOD.replace(GOOD[3], "٣", 1),
        ".s3c/" + GOOD,
        "",
    ],
)
def test_what_has_another_form_is_no_entry(name):
    assert is_entry_name("", GOOD)
    assert not is_entry_name("", name)
    assert not is_entry_name("site/", "site/" + name)


@pytest.mark.parametrize("elsewhere", ["", "site/", "site/sub/", "Site/", "site"])
def test_an_entry_under_another_prefix_is_not_ours(elsewhere):
    assert not is_entry_name("other/", elsewhere + GOOD)


def test_the_prefix_is_no_pattern():
    assert not is_entry_name("s.te/", "site/" + GOOD)


@given(prefixes, any_text)
def test_a_position_is_the_hash_as_a_fraction(prefix, key):
    digest = hashlib.sha256(key_bytes(key)).digest()
    place = position(prefix, object_name(prefix, key))
    assert 0 <= place < 1
    assert place == pytest.approx(int.from_bytes(digest, "big") / 2**256, abs=2**-51)


@given(prefixes, any_text, any_text)
def test_positions_follow_the_order_of_names(prefix, one, other):
    low, high = sorted([object_name(prefix, one), object_name(prefix, other)])
    assert position(prefix, low) <= position(prefix, high)


@given(prefixes, any_text, places)
def test_a_listing_after_a_point_meets_exactly_what_lies_there_or_beyond(prefix, key, place):
    name = object_name(prefix, key)
    start = point(prefix, place)
    assert (start is None or name > start) == (position(prefix, name) >= int(place * 16**13) / 16**13)


@given(prefixes, any_text)
def test_a_listing_from_an_entry_s_own_place_meets_it(prefix, key):
    name = object_name(prefix, key)
    start = point(prefix, position(prefix, name))
    assert name > start


@given(prefixes, places)
def test_a_point_has_the_form_of_a_name_s_beginning(prefix, place):
    start = point(prefix, place)
    assert re.fullmatch(r"/" if place == 0 else r"[0-9a-f]{2}/[0-9a-f]{11}", start.removeprefix(prefix))


def test_the_ring_starts_before_every_name():
    assert max("site/.s3c/lock", "site/!foreign") < point("site/", 0) < "site/00/0"
    assert point("", 0.5) == "80/00000000000"


@given(prefixes, any_text)
def test_no_entry_lies_beyond_the_ring(prefix, key):
    assert not is_beyond(prefix, object_name(prefix, key))
    assert is_beyond(prefix, f"{prefix}zz/other") and not is_beyond(prefix, f"{prefix}ff/other")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (":1:greeting", "k/=3a1=3agreeting.s3c"),
        ("", "k/.s3c"),
        ("a-b_9", "k/a-b_9.s3c"),
        ("Ab", "k/=41b.s3c"),
        ("../..", "k/=2e=2e=2f=2e=2e.s3c"),
        ("=", "k/=3d.s3c"),
        ("é", "k/=c3=a9.s3c"),
        ("\ud800", "k/=ed=a0=80.s3c"),
        ("\0\n ", "k/=00=0a=20.s3c"),
    ],
)
def test_a_readable_name_is_the_escaped_key(key, name):
    assert readable_name("site/", key) == f"site/{name}"
    assert readable_key("site/", f"site/{name}") == key


@given(prefixes, short_text)
def test_every_text_has_a_readable_name_and_comes_back_from_it(prefix, key):
    name = readable_name(prefix, key)
    assert is_readable_name(prefix, name) and is_entry_name(prefix, name) and not is_hashed_name(prefix, name)
    assert readable_key(prefix, name) == key
    assert re.fullmatch(r"k/[a-z0-9_=-]*\.s3c", name.removeprefix(prefix))


@given(any_text, any_text)
def test_different_keys_get_readable_names_that_differ_in_more_than_case(one, other):
    assert (readable_name("", one).lower() == readable_name("", other).lower()) == (one == other)


@given(st.text(st.characters(), max_size=10), st.text(st.characters(), max_size=10))
def test_a_readable_name_begins_like_its_key(start, rest):
    assert readable_name("", start + rest).startswith(f"k/{readable_part(start)}")


@pytest.mark.parametrize(
    ("key", "longest", "fits"),
    [("k" * 100, 112, True), ("k" * 100, 111, False), ("k" * 251, 900, True), ("k" * 252, 900, False), ("K" * 84, 900, False)],
)
def test_a_key_too_long_for_a_name_gets_its_digest(key, longest, fits):
    name = readable_name("site/é", key, longest + 1)
    assert (readable_key("site/é", name) == key) is fits
    if not fits:
        assert name == f"site/éd/{hashlib.sha256(key.encode()).hexdigest()}.s3c"
        assert is_digest_name("site/é", name) and is_readable_name("site/é", name) and is_entry_name("site/é", name)
        assert readable_key("site/é", name) is None


@given(prefixes, st.text(st.sampled_from("kdKD/=.s3c0aAgéf-_\n"), max_size=12).map("k/{}.s3c".format) | any_text)
def test_a_name_counts_exactly_if_it_shows_a_key_that_gives_it(prefix, rest):
    key = readable_key(prefix, prefix + rest)
    assert (key is not None) == (has_form(prefix, prefix + rest) and rest.startswith("k/"))
    if key is not None:
        assert readable_name(prefix, key) == prefix + rest


@pytest.mark.parametrize("name", [*LOOKALIKES.values(), *ODD.values()], ids=[*LOOKALIKES, *ODD])
def test_what_only_resembles_a_name_of_either_layout_is_none(name):
    assert not is_entry_name("", name)
    assert not is_entry_name("site/", f"site/{name}")
