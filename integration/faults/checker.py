"""Which reads are wrong, and what the cache forgot.

Each key has one writer, who makes one call at a time; so the writes of a key have an order. A write is **done** where the cache
said so. A write is **loose** where its outcome is unknown, or where it took so long that its first attempt may have been given up
and repeated: such an attempt can still be on its way, and be applied at any later time. A read is right if it found

- nothing: a cache may forget;
- the newest write that was done before the read began, or any write after that one that began before the read ended, but for those
  that the cache refused;
- a loose write that began before the read ended.

Everything else is wrong: a value torn or of another key, a write that was never made, refused or still to come, and what is older
than the newest write that was done, a delete being a write. A touch is a write of what was there.

**Lost** is a key that reads as nothing after the load although its newest write that was done is no delete, and no delete is loose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from integration.faults.history import History, Read, Write

LINGER = 0.9
"""Seconds: less than the shortest time-out of an attempt, so a quicker call has left none behind."""


class Wrong(NamedTuple):
    """A read, and what is wrong with it."""

    read: Read
    why: str


class Verdict(NamedTuple):
    reads: int
    writes: int
    loose: int
    """Writes that may be applied later: the fewer, the more the verdict says."""
    wrong: list[Wrong]
    forgotten: int
    """Reads during the load that found nothing although something should have been there."""
    kept: int
    """Keys whose newest write was readable after the load."""
    lost: list[str]
    """Keys that were not."""


def judged(history: History) -> Verdict:
    """The histories of all processes together."""
    by_key: dict[str, list[Write]] = defaultdict(list)
    for write in sorted(history.writes, key=lambda write: write.began):
        by_key[write.key].append(write)
    wrong = [Wrong(read, why) for read in history.reads if (why := fault_of(read, by_key[read.key]))]
    missed = [read for read in history.reads if read.found is None and is_owed(read, by_key[read.key])]
    lost = [read.key for read in missed if read.last]
    kept = sum(read.last and isinstance(read.found, int) for read in history.reads)
    loose = sum(map(is_loose, history.writes))
    return Verdict(len(history.reads), len(history.writes), loose, wrong, len(missed) - len(lost), kept, lost)


def fault_of(read: Read, writes: Sequence[Write]) -> str | None:
    """What is wrong with it; ``writes`` are those of its key, in order."""
    if read.found is None:
        return None
    if isinstance(read.found, str):
        return read.found
    matching = [write for write in writes if write.number == read.found and write.began <= read.ended]
    if not matching:
        return "never written"
    floor = newest_done(read, writes)
    if any(is_loose(write) or (write.outcome == "done" and write.began >= floor) for write in matching):
        return None
    return "refused" if all(write.outcome == "refused" for write in matching) else "stale"


def newest_done(read: Read, writes: Iterable[Write]) -> float:
    """When the newest write began that was done before the read began."""
    return max((write.began for write in writes if write.outcome == "done" and write.ended <= read.began), default=-1.0)


def is_owed(read: Read, writes: Sequence[Write]) -> bool:
    """Whether there should have been something to find."""
    before = [write for write in writes if write.began <= read.ended]
    done = [write for write in before if write.outcome == "done" and write.ended <= read.began]
    if not done or done[-1].number is None:
        return False
    return not any(write.number is None and (is_loose(write) or write.ended > read.began) for write in before)


def is_loose(write: Write) -> bool:
    return write.outcome == "unknown" or write.ended - write.began >= LINGER
