"""Values that show what they are: the key and the number they were written under, in a body of some length, with a digest.

A reader who gets a part of one, a mixture of two or one of another key can tell.
"""

from __future__ import annotations

import hashlib
import random
import struct

HEAD = struct.Struct(">Q32s")
SIZES = (1_000, 30_000, 1_000, 300_000, 1_000, 30_000, 1_000, 2_000_000)
"""Lengths of bodies, in bytes; the number decides, so that a page often follows one of another length. Large ones take the
machine's time, so they are few.
"""


def page(key: str, number: int) -> bytes:
    """The page that is written under the key with that number."""
    body = random.Random(number).randbytes(SIZES[number % len(SIZES)])
    return HEAD.pack(number, digest(key, number, body)) + body


def number_of(key: str, value: object) -> int:
    """The number of a page that was read under the key. Raises ValueError for what no page of that key is."""
    if not isinstance(value, bytes) or len(value) < HEAD.size:
        raise ValueError(f"{key!r} holds no page, but {value!r:.60}")
    number: int
    number, found = HEAD.unpack_from(value)
    if found != digest(key, number, value[HEAD.size :]):
        raise ValueError(f"{key!r} holds a torn page of {len(value)} bytes, as if of number {number}")
    return number


def digest(key: str, number: int, body: bytes) -> bytes:
    return hashlib.sha256(b"%s %d %s" % (key.encode(), number, body)).digest()
