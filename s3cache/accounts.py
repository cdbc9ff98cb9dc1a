"""What the limits of a cache allow a cull that goes through it page by page: how many entries of each page must go.

Where pages are fair samples of all ages, each loses its oldest in proportion::

    removed >= excess * passed / total          after each page; of the number of entries, and of their bytes,
    but no more than passed - limit * position  for the part of the ring behind may hold this part of the limit

The second line is for what others remove meanwhile. Two culls at once have counted the same excess; the one that comes later finds
no more than the limit, and removes next to nothing.

Readable names are no samples: what begins alike may be of one age. There it is also counted what was written when (``ages``), and
what is older than the line that this draws must go.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate

from s3cache.ages import Ages
from s3cache.sampling import Listed

Weigh = Callable[[Listed], int]


class Account:
    """What one limit allows: of all entries, by ``weigh``."""

    def __init__(self, limit: int, weigh: Weigh) -> None:
        self._limit = limit
        self._weigh = weigh
        self._total = self._passed = self._removed = 0

    def count(self, entries: Sequence[Listed]) -> None:
        self._total += sum(map(self._weigh, entries))

    @property
    def exceeded(self) -> bool:
        return self._total > self._limit

    def victims(self, oldest: Sequence[Listed], position: float) -> int:
        """How many of the next entries, which reach to ``position`` on the ring, must go, oldest first."""
        weights = [self._weigh(entry) for entry in oldest]
        self._passed += sum(weights)
        # More may be passed than was counted: others write meanwhile. Or less: others remove, too.
        due = (self._total - self._limit) * min(self._passed, self._total) / self._total
        due = min(due, self._passed - self._limit * position) - self._removed
        return min(len(weights), bisect_left(list(accumulate(weights)), due) + 1) if due > 0 else 0

    def remove(self, victims: Sequence[Listed]) -> None:
        self._removed += sum(map(self._weigh, victims))


class AgedAccount(Account):
    """The same where pages are no samples."""

    def __init__(self, limit: int, weigh: Weigh) -> None:
        super().__init__(limit, weigh)
        self._ages = Ages()

    def count(self, entries: Sequence[Listed]) -> None:
        super().count(entries)
        for entry in entries:
            self._ages.add(entry.modified, self._weigh(entry))

    @cached_property
    def _line(self) -> tuple[int, int]:
        return self._ages.line(self._total - self._limit)

    def victims(self, oldest: Sequence[Listed], position: float) -> int:
        """How many of the entries are older than the line, or on it and too many there."""
        last, rest = self._line
        buckets = [self._ages.bucket(entry.modified) for entry in oldest]
        older, up_to = bisect_left(buckets, last), bisect_right(buckets, last)
        left, weights = rest - self._removed, [self._weigh(entry) for entry in oldest[older:up_to]]
        return older + (min(len(weights), bisect_left(list(accumulate(weights)), left) + 1) if left > 0 else 0)

    def remove(self, victims: Sequence[Listed]) -> None:
        super().remove([victim for victim in victims if self._ages.bucket(victim.modified) == self._line[0]])
