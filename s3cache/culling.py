"""When to remove entries, where to look, and which: a sampled arc of the hash ring.

Names are hashes, so one listing page from a random place of the ring is a fair sample: its count against the arc's share of
MAX_ENTRIES tells whether the cache is too full, and the oldest written of the page are the victims. A write takes such a *look*
once in ``interval`` writes on average, whoever makes it; nothing has to be counted, remembered or shared between processes.

    share = arc * MAX_ENTRIES          what the arc may hold
    room  = share - margin             margin: writes that others may make before anybody looks here again
    n >= room  ->  remove the oldest max(n / CULL_FREQUENCY, n - room) of the page

Up to ``SMALL`` entries the page is the whole cache. A process then also remembers the names it saw, looks as soon as they reach
the limit, and where all are its own needs no margin: a single process gets Django's exact counts.

This module is pure: it draws from the ``random`` it is given, and operations do the listing and deleting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

PAGE = 1000
"""Names in one listing page of S3."""
SMALL = 500
INTERVAL = 200
GOLDEN = (5**0.5 - 1) / 2
"""Steps of this size spread any number of places evenly over the ring."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry as a look sees it."""

    name: str
    position: float
    modified: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """What a look saw: the entries from ``start`` on, and whether there are more behind them."""

    start: float
    entries: Sequence[Listed]
    truncated: bool

    @property
    def arc(self) -> float:
        """The part of the ring that the page covers."""
        end = self.entries[-1].position if self.truncated and self.entries else 1.0
        return end - self.start


def look_interval(max_entries: int, cull_frequency: int) -> int:
    """After how many writes a look is due, on average."""
    if max_entries > SMALL:
        return INTERVAL
    return min(INTERVAL, max(1, max_entries // (cull_frequency or 1)))


class Culler:
    """One process's part in keeping one cache at ``max_entries`` (1 or more). ``cull_frequency`` 0 empties the page.

    Its state is a countdown, a place on the ring and, for small caches, names. Lost or raced, it only shifts a look.
    """

    def __init__(self, max_entries: int, cull_frequency: int, random: Random | None = None) -> None:
        self.max_entries = max_entries
        self._frequency = cull_frequency
        self._random = random or Random()
        self._small = max_entries <= SMALL
        self._interval = look_interval(max_entries, cull_frequency)
        self._width = min(1.0, PAGE / max_entries)
        self._writes_left = self._random.randint(1, self._interval)
        self._turn = self._random.random()
        self._known: set[str] = set()
        self._look_pending = False

    def wrote(self, name: str) -> bool:
        """Counts a write. True if a look is due now: only for this writer, and should it fail, for another an interval later."""
        self._writes_left -= 1
        full = self._small and len(self._known) >= self.max_entries and not self._look_pending
        if self._writes_left <= 0 or full:
            self._writes_left = self._interval
            self._look_pending = True  # until ``looked``: a store that cannot be listed is not asked at every write
            return True
        if self._small:
            self._known.add(name)
        return False

    def next_start(self) -> float:
        """Where on the ring to look next: evenly spread, but the ring's first page is seen up to twice as often."""
        if self._small:
            return 0.0
        self._turn = (self._turn + GOLDEN) % 1
        return max(0.0, (1 + self._width) * self._turn - self._width)

    def another_start(self, page: Page) -> float | None:
        """A second place, where a cache that should be small turns out to fill more than a page; else None."""
        return self._random.random() if self._small and page.truncated else None

    def looked(self, page: Page, written: str) -> list[str]:
        """The victims of a look, oldest first, never the name just written. Sets the countdown to the next look."""
        self._look_pending = False
        entries = [entry for entry in page.entries if entry.name != written]
        victims = self._victims(page, entries)
        self._writes_left = self._countdown(len(entries), page.arc * self.max_entries)
        if self._small:
            self._known = {entry.name for entry in entries}.difference(victims) | {written}
        return victims

    def _victims(self, page: Page, entries: list[Listed]) -> list[str]:
        count = len(entries)
        room = page.arc * self.max_entries - self._margin(page, entries)
        if not entries or count < room:
            return []
        quota = count // self._frequency if self._frequency else count
        oldest = sorted(entries, key=lambda entry: entry.modified)
        return [entry.name for entry in oldest[: max(1, quota, math.ceil(count - room))]]

    def _margin(self, page: Page, entries: list[Listed]) -> float:
        alone = self._small and page.start == 0 and all(entry.name in self._known for entry in entries)
        if alone:
            return 0.0
        # An interval of a small cache is a third of it by default: three of them for a margin would empty it at each look.
        return self._interval * min(1.0, page.arc / self._width) * (2 if self._small else 1.5)

    def _countdown(self, count: int, share: float) -> int:
        # Jitter keeps processes that started together from looking together for ever.
        if count > 2 * share:
            return self._random.randint(max(1, self._interval // 4), max(1, 3 * self._interval // 4))
        if self._small:
            return self._interval
        return self._random.randint(self._interval // 2, 3 * self._interval // 2)
