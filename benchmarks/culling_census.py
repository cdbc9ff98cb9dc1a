"""How many entries a cache has, and how old those are that culling removes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from benchmarks.results import Cell

STEPS = 300
"""Ages are told apart in this many steps per MAX_ENTRIES writes; below so many entries, exactly."""
THOUSANDTHS = 1000


class Census:
    """Counts entries by the number of the write that made them. Every write makes a new entry, and numbers rise by one.

    The number of entries is noted at each write, before the write's look.
    """

    def __init__(self, max_entries: int) -> None:
        self.max_entries = max_entries
        self.entries = self.writes = 0
        self._step = max(1, max_entries // STEPS)
        self._before: int | None = None
        self._ages: list[int] = []
        self._oldest = 0
        self.forget()

    def forget(self) -> None:
        """Starts the notes anew. The entries stay."""
        self.since = self.writes
        self.victims = self.from_oldest_third = self.from_youngest_third = 0
        self._sum = self._most = 0
        self._noted: Counter[int] = Counter()

    def wrote(self, number: int) -> None:
        if self._before is None:
            self._before = number
        age = (number - self._before) // self._step
        if age >= len(self._ages):
            self._ages.extend([0] * (age + 1 - len(self._ages)))
        self._ages[age] += 1
        self.writes += 1
        self.entries += 1
        self._sum += self.entries
        self._most = max(self._most, self.entries)
        self._noted[self.entries * THOUSANDTHS // self.max_entries] += 1

    def removed(self, numbers: Iterable[int]) -> None:
        oldest, youngest = self._thirds()
        for number in numbers:
            age = (number - (self._before or 0)) // self._step
            self._ages[age] -= 1
            self.entries -= 1
            self.victims += 1
            self.from_oldest_third += age <= oldest
            self.from_youngest_third += age >= youngest

    def _thirds(self) -> tuple[int, int]:
        """The last age of the oldest third, and the first of the youngest."""
        ages, third = self._ages, self.entries / 3
        while self._oldest < len(ages) - 1 and not ages[self._oldest]:
            self._oldest += 1
        return reached(ages, range(self._oldest, len(ages)), third), reached(ages, range(len(ages) - 1, -1, -1), third)

    @property
    def mean(self) -> float:
        """Entries per MAX_ENTRIES, in the mean of all writes."""
        return self._sum / (self.writes - self.since) / self.max_entries

    @property
    def most(self) -> float:
        return self._most / self.max_entries

    @property
    def p99(self) -> float:
        """What 99 of 100 writes met at most, to a thousandth."""
        left = (self.writes - self.since) // 100
        for noted in sorted(self._noted, reverse=True):
            left -= self._noted[noted]
            if left < 0:
                return noted / THOUSANDTHS
        return 0.0


def reached(ages: list[int], order: range, goal: float) -> int:
    """The age at which so many entries are counted."""
    count, age = 0, order.start
    for age in order:
        count += ages[age]
        if count >= goal:
            break
    return age


def figures(census: Census, requests: Counter[str]) -> dict[str, Cell]:
    """The cells of a table's row."""
    sets, victims = census.writes - census.since, max(1, census.victims)
    return {
        "sets": sets,
        "listings": 1000 * requests["list"] / sets,
        "deletes": 1000 * requests["delete"] / sets,
        "requests": 1000 * requests.total() / sets,
        "mean": census.mean,
        "p99": census.p99,
        "max": census.most,
        "oldest": census.from_oldest_third / victims,
        "youngest": census.from_youngest_third / victims,
    }
