"""How much was written when, counted in bounded memory: it finds the moment up to which the oldest must go.

Moments are counted in buckets of a millisecond. Where they become too many, two and two are put together, again and again: years of
writes need no more than seconds of them do, only the line between what goes and what stays is a little less sharp.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

MOST = 10_000
"""Buckets."""


class Ages:
    """Counts weights by the moment of writing."""

    def __init__(self) -> None:
        self._weights: Counter[int] = Counter()
        self._shift = 0

    def add(self, written: datetime, weight: int) -> None:
        self._weights[self.bucket(written)] += weight
        while len(self._weights) > MOST:
            self._coarsen()

    def bucket(self, written: datetime) -> int:
        """The number of the bucket, as they are now; older ones come first."""
        return int(written.timestamp() * 1000) >> self._shift

    def line(self, excess: int) -> tuple[int, int]:
        """The last bucket of which something must go for so much to go, oldest first, and how much of it."""
        for bucket, weight in sorted(self._weights.items()):
            if weight >= excess:
                return bucket, excess
            excess -= weight
        raise ValueError("More must go than was counted.")

    def _coarsen(self) -> None:
        self._shift += 1
        merged: Counter[int] = Counter()
        for bucket, weight in self._weights.items():
            merged[bucket >> 1] += weight
        self._weights = merged
