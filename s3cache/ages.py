"""How much was written when, counted in bounded memory: it finds the moment up to which the oldest must go.

Moments are counted in buckets of a millisecond. Where they become too many, two and two are put together, again and again: years of
writes need no more than seconds of them do, only the line between what goes and what stays is a little less sharp.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

MOST = 10_000
"""Buckets."""


class Ages:
    """Counts weights by the moment of writing, in at most ``most`` buckets."""

    def __init__(self, most: int | None = None, shift: int = 0, weights: Mapping[int, int] | None = None) -> None:
        self._most = most or MOST
        self.shift = shift
        self.weights: Counter[int] = Counter(weights)

    @property
    def total(self) -> int:
        return self.weights.total()

    def add(self, written: datetime, weight: int) -> None:
        self.weights[self.bucket(written)] += weight
        while len(self.weights) > self._most:
            self._coarsen()

    def bucket(self, written: datetime) -> int:
        """The number of the bucket, as they are now; older ones come first."""
        return int(written.timestamp() * 1000) >> self.shift

    def line(self, excess: int) -> tuple[int, int]:
        """The last bucket of which something must go for so much to go, oldest first, and how much of it."""
        for bucket, weight in sorted(self.weights.items()):
            if weight >= excess:
                return bucket, excess
            excess -= weight
        raise ValueError("More must go than was counted.")

    def moment(self, weight: int) -> int:
        """The millisecond before which so much was written, or a little more: up to the end of a bucket."""
        last, _ = self.line(weight)
        return last + 1 << self.shift

    def _coarsen(self) -> None:
        self.shift += 1
        merged: Counter[int] = Counter()
        for bucket, weight in self.weights.items():
            merged[bucket >> 1] += weight
        self.weights = merged
