"""The fields behind the key: read in any order, and soonest in the order in which they are written."""

from hypothesis import given
from hypothesis import strategies as st

from s3cache import fields
from s3cache.errors import EntryError
from s3cache.fields import (
    COMPRESSOR,
    COMPUTE_MS,
    GRACE_MS,
    SERIALIZER,
    SIZE,
    Described,
    described,
    described_by,
    description,
    packed,
)

NAMES = packed(SERIALIZER, b"pickle") + packed(COMPRESSOR, b"zlib")

tags = st.sampled_from([SERIALIZER, COMPRESSOR, SIZE, GRACE_MS, COMPUTE_MS]) | st.integers(0, 255)
any_field = st.builds(packed, tags, st.binary(min_size=8, max_size=8) | st.binary(max_size=9) | st.just(b"x" * 300))
numbers = st.just(0) | st.integers(1, 2**64 - 1)


def said(read, data):
    try:
        return read(data)
    except EntryError as reason:
        return str(reason)


def one_by_one(data):
    return described_by(fields.unpacked_fields(data))


@given(beginning=st.sampled_from([NAMES, b""]), rest=st.lists(any_field, max_size=5), cut=st.integers(0, 12))
def test_what_is_remembered_or_read_at_once_is_what_reading_one_by_one_gives(beginning, rest, cut):
    data = beginning + b"".join(rest)
    data = data[: len(data) - cut]
    assert said(description, data) == said(one_by_one, data)


@given(value=st.builds(Described, st.just("pickle"), st.sampled_from(["zlib", "c" * 300]), numbers, numbers, numbers))
def test_what_was_written_is_read(value):
    assert description(described(value)) == one_by_one(described(value)) == value


def test_names_are_remembered_once_whatever_the_numbers():
    misses = [cache.cache_info().misses for cache in (fields.named, fields.names_in)]
    for number in range(1, 100):
        value = Described("a", "b", number, number + 1, number + 2)
        assert description(described(value)) == value
    assert [cache.cache_info().misses for cache in (fields.named, fields.names_in)] == [count + 1 for count in misses]
