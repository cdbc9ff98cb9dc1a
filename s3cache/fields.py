"""The tagged fields of an envelope's header: tag 1, length 2, value.

A field whose tag has the top bit is critical: a reader that does not know it must treat the entry as absent. The others are
optional: one that is unknown or malformed is skipped, so that every reader agrees whether the entry is there, whichever he knows.
The first field is that of the key, which ``envelope`` compares as it is; what is read here are those behind it.

All values have the same few names, and each has numbers of its own. So the names are remembered alone, and numbers are read apart
where they come behind the names, as they are written here.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

from s3cache.errors import EntryError

FIELD = struct.Struct(">BH")

CRITICAL = 0x80
SERIALIZER = CRITICAL | 0x01
COMPRESSOR = CRITICAL | 0x02
KEY = 0x03
KEY_DIGEST = 0x04
ENCRYPTED = CRITICAL | 0x08
"""In place of one of these two: the same, encrypted."""
GRACE_MS = 0x05
COMPUTE_MS = 0x06
SIZE = 0x0A
# Set aside for features to come.
CHUNK_SIZE = CRITICAL | 0x07
GENERATION = CRITICAL | 0x09
READABLE = {SERIALIZER, COMPRESSOR}
NUMBER = struct.Struct(">Q")
NUMBERS = [FIELD.pack(tag, NUMBER.size) for tag in (SIZE, GRACE_MS, COMPUTE_MS)]
"""What the fields of a description's numbers begin with, in its order."""
NUMBER_FIELD = FIELD.size + NUMBER.size
"""Bytes of such a field."""


class Described(NamedTuple):
    """What the fields behind the key say of a value."""

    serializer: str
    compressor: str
    size: int = 0
    """Length of the payload before compression in bytes; 0 where it is not compressed."""
    grace_ms: int = 0
    """How long after it has expired the value may still be served where a fresh one is being computed."""
    compute_ms: int = 0
    """How long the value took to compute; 0 where nobody measured it."""


def packed(tag: int, value: bytes) -> bytes:
    """One field."""
    return FIELD.pack(tag, len(value)) + value


def described(value: Described) -> bytes:
    """The fields behind the key. Numbers of 0 are left out."""
    names, numbers = named(value.serializer, value.compressor), (value.size, value.grace_ms, value.compute_ms)
    if not any(numbers):
        return names
    return names + b"".join([start + NUMBER.pack(number) for start, number in zip(NUMBERS, numbers, strict=True) if number])


@lru_cache
def named(serializer: str, compressor: str) -> bytes:
    """The fields of the names."""
    return packed(SERIALIZER, serializer.encode()) + packed(COMPRESSOR, compressor.encode())


def description(data: bytes) -> Described:
    """What the fields behind the key say. Raises EntryError."""
    end = end_of_names(data)
    value = names_in(data[:end])
    if value is not None and end < len(data):
        value = with_numbers(value, data, end)
    return described_by(unpacked_fields(data)) if value is None else value


def end_of_names(data: bytes) -> int:
    """Where the second field ends, if these two are names, of less than 256 bytes."""
    try:
        second = FIELD.size + data[2]
        return second + FIELD.size + data[second + 2]
    except IndexError:
        return 0


@lru_cache
def names_in(data: bytes) -> Described | None:
    """What the fields say, if they are those of the names."""
    try:
        fields = unpacked_fields(data)
        return described_by(fields) if fields.keys() == READABLE else None
    except EntryError:
        return None


def with_numbers(value: Described, data: bytes, place: int) -> Described | None:
    """The same with the numbers in the fields from there on; None where they are not as ``described`` writes them."""
    numbers = []
    for start in NUMBERS:
        number = 0
        if data.startswith(start, place):
            number = int.from_bytes(data[place + FIELD.size : place + NUMBER_FIELD])
            place += NUMBER_FIELD
        numbers.append(number)
    return Described(value.serializer, value.compressor, *numbers) if place == len(data) else None


def described_by(fields: dict[int, bytes]) -> Described:
    return Described(
        name_field(fields, SERIALIZER),
        name_field(fields, COMPRESSOR),
        number_field(fields, SIZE),
        number_field(fields, GRACE_MS),
        number_field(fields, COMPUTE_MS),
    )


def unpacked_fields(data: bytes) -> dict[int, bytes]:
    """Tag -> value of the fields behind the key. Raises EntryError for one that is cut off, there twice, or critical and
    not known.
    """
    fields: dict[int, bytes] = {}
    start = 0
    while start < len(data):
        if start + FIELD.size > len(data):
            raise EntryError("a header field is cut off")
        tag, length = FIELD.unpack_from(data, start)
        start += FIELD.size
        if start + length > len(data) or tag in fields or tag in (KEY, KEY_DIGEST):
            raise EntryError("a header field is cut off or there twice")
        if tag & CRITICAL and tag not in READABLE:
            raise EntryError(f"it has the critical field {tag:#04x}, which this version of s3cache does not know")
        fields[tag] = data[start : start + length]
        start += length
    return fields


def name_field(fields: dict[int, bytes], tag: int) -> str:
    """A serializer's or compressor's name. Raises EntryError where it is missing or no ASCII."""
    try:
        return fields[tag].decode("ascii")
    except (KeyError, UnicodeDecodeError):
        raise EntryError(f"its header field {tag:#04x} is missing or malformed") from None


def number_field(fields: dict[int, bytes], tag: int) -> int:
    """A number; 0 where it is missing or malformed."""
    value = fields.get(tag)
    return int.from_bytes(value) if value and len(value) == NUMBER.size else 0
