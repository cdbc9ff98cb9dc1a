"""Each bit and each end of an entry, through a whole cache: whatever is not what was stored is a miss for every operation."""

import itertools

import pytest

from tests.integrity.support import absent, answers, header_length

pytestmark = pytest.mark.once

ENTRIES = {
    "pickle": ({"SERIALIZER": "pickle"}, {"a": 1}),
    "json in zlib": ({"SERIALIZER": "json", "COMPRESSOR": "zlib", "COMPRESS_MIN_BYTES": 1}, ["the same"] * 20),
    "msgpack in zstd": ({"SERIALIZER": "msgpack", "COMPRESSOR": "zstd", "COMPRESS_MIN_BYTES": 1}, ["the same"] * 20),
    "text": ({}, "text"),
    "number": ({}, 41),
}
each_entry = pytest.mark.parametrize(("options", "value"), ENTRIES.values(), ids=ENTRIES)
SIGNINGS = pytest.mark.parametrize("signing", (True, False), ids=("signed", "unsigned"))


def flipped(body, first, bits):
    """The body with some bits turned over, from that one on: ``bits`` is a number whose ones say which."""
    return (int.from_bytes(body, "big") ^ (bits << first)).to_bytes(len(body), "big")


def bits_of(body):
    return range(len(body) * 8)


@SIGNINGS
@each_entry
def test_an_entry_with_any_bit_turned_over_is_a_miss(vault, options, value, signing):
    vault = vault(SIGNING=signing, **options)
    body = vault.written(value)
    payload = (len(body) - header_length(body)) * 8
    for bit in bits_of(body):
        assert answers(vault, flipped(body, bit, 1)) == absent(good_header=bit < payload), f"bit {bit} from the end"


@SIGNINGS
@each_entry
def test_an_entry_cut_anywhere_is_a_miss(vault, options, value, signing):
    vault = vault(SIGNING=signing, **options)
    body = vault.written(value)
    for length in range(len(body)):
        assert answers(vault, body[:length]) == absent(good_header=length >= header_length(body)), f"{length} bytes"


@SIGNINGS
def test_an_entry_with_something_behind_it_is_a_miss(vault, signing):
    vault = vault(SIGNING=signing)
    body = vault.written({"a": 1})
    for tail in (b"\0", b"x" * 3000, body):
        assert answers(vault, body + tail) == absent(good_header=True)


@pytest.mark.parametrize("bits", (0b11, 0b101, 2**32 - 1, 2**31 + 1))
def test_a_checksum_finds_every_burst_of_up_to_32_bits(bits, vault):
    vault = vault(SIGNING=False)
    body = vault.written({"a": 1})
    for first in bits_of(body[4:]):
        vault.put(flipped(body, first, bits))
        assert vault.call.get("key") is None, f"from bit {first} from the end"


def test_two_entries_of_one_key_cannot_be_mixed(vault):
    vault = vault()
    one, other = vault.written({"a": 1}), vault.written({"a": 2})
    for cut in range(1, len(one)):
        mixed = one[:cut] + other[cut:]
        if mixed not in (one, other):
            vault.put(mixed)
            assert vault.call.get("key") is None, f"cut at byte {cut}"


def test_parts_of_an_entry_cannot_change_places(vault):
    vault = vault()
    body = vault.written(list(range(100)))
    parts = [body[start : start + 60] for start in range(0, len(body), 60)]
    for order in itertools.permutations(parts):
        if b"".join(order) != body:
            vault.put(b"".join(order))
            assert vault.call.get("key") is None
