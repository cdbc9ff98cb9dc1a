"""The tagged fields of an envelope's header: tag 1, length 2, value.

A field whose tag has the top bit is critical: a reader that does not know it must treat the entry as absent. Other unknown fields
are skipped. The first field is that of the key, which ``envelope`` compares as it is; what is read here are those behind it.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from s3cache.errors import EntryError

FIELD = struct.Struct(">BH")

CRITICAL = 0x80
SERIALIZER = CRITICAL | 0x01
COMPRESSOR = CRITICAL | 0x02
KEY = 0x03
KEY_DIGEST = 0x04
ENCRYPTED = CRITICAL | 0x08
"""In place of one of these two: the same, encrypted."""
# Set aside for features to come, so that this version already knows what it may skip.
STALE_UNTIL = 0x05
COMPUTE_MS = 0x06
CHUNK_SIZE = CRITICAL | 0x07
GENERATION = CRITICAL | 0x09
READABLE = {SERIALIZER, COMPRESSOR}


def packed(tag: int, value: bytes) -> bytes:
    """One field."""
    return FIELD.pack(tag, len(value)) + value


@lru_cache
def named(serializer: str, compressor: str) -> bytes:
    """The fields behind the key."""
    return packed(SERIALIZER, serializer.encode()) + packed(COMPRESSOR, compressor.encode())


@lru_cache
def names(data: bytes) -> tuple[str, str]:
    """Serializer and compressor, from the fields behind the key. Raises EntryError."""
    fields = unpacked_fields(data)
    return name_field(fields, SERIALIZER), name_field(fields, COMPRESSOR)


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
