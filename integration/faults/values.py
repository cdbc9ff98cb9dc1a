"""What the load stores. A value says under which key it was written, as which write of it, and by whom; and nothing that is put
together of parts of values is one.

The number of a write counts the writes of its key. Counters are integers, because ``incr`` wants these: their value is the number
beside that of the key.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

SIZES = (100, 1_000, 1_000, 10_000, 10_000, 100_000)
"""Bytes; each as often as it stands here, drawn by the stamp."""
LARGE = 1_000_000
"""One value of a hundred has so many."""
COUNTERS = 10**9
"""Between the values of two counters: more than anybody counts."""


class Stamp(NamedTuple):
    key: str
    number: int
    writer: str


def stamped(stamp: Stamp) -> bytes:
    """The value: a line with the stamp, and what follows from the stamp alone."""
    header = f"{stamp.key} {stamp.number} {stamp.writer}\n".encode()
    digest = hashlib.sha256(header).digest()
    size = LARGE if digest[0] < 3 else SIZES[digest[1] % len(SIZES)]
    return header + digest * (size // len(digest))


def stamp_of(value: object) -> Stamp | None:
    """None for what nobody wrote as a whole."""
    if not isinstance(value, bytes):
        return None
    words = value.partition(b"\n")[0].decode("latin-1").split(" ")
    if len(words) != 3 or not words[1].isdecimal():
        return None
    stamp = Stamp(words[0], int(words[1]), words[2])
    return stamp if stamped(stamp) == value else None


def counted(key: int, number: int) -> int:
    """The value of the counter with that number of a key, after so many writes."""
    return key * COUNTERS + number


def count_of(key: int, value: object) -> int | None:
    """How many writes made the value of that counter; None if it is no value of it."""
    if type(value) is not int or value // COUNTERS != key:
        return None
    return value % COUNTERS
