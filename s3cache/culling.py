"""When to remove entries, where to look, and which: a sampled arc of the hash ring.

Names are hashes, so what lies on one arc of the ring is a fair sample: its count against the arc's share of MAX_ENTRIES, and
its bytes against that of MAX_BYTES, tell whether the cache is too full, and the oldest written of the arc are the victims. A write
takes such a *look* once in ``interval`` writes on average, whoever makes it; nothing has to be counted, remembered or shared
between processes.

    share = arc * limit                what the arc may hold
    room  = share - margin             margin: what others may write before anybody looks here again
    total >= room  ->  remove the oldest max(total / CULL_FREQUENCY, total - room) of the page

A large value counts as so many writes as average ones would fill its place, so that looks keep up with bytes, too.

Up to ``SMALL`` entries the page is the whole cache. A process then also remembers the names it saw, looks as soon as they reach
the limit, and where all are its own needs no margin: a single process gets Django's exact counts.

This module is pure: it draws from the ``random`` it is given. ``sampling`` says what a look reads; ``looks`` does the listing and
deleting.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from s3cache.sampling import DIRECTORIES, WHOLE_PAGE, Listed, Pace, Page, Sample, is_small

GOLDEN = (5**0.5 - 1) / 2
"""Steps of this size spread any number of places evenly over the ring."""


class Culler:
    """One process's part in keeping one cache at ``max_entries`` and ``max_bytes``, 1 or more each, or None for no limit.

    ``cull_frequency`` 0 empties the page. Its state is a countdown, a place on the ring and, for small caches, names; for bytes
    also the width of a page. Lost or raced, it only shifts a look.
    """

    def __init__(
        self,
        max_entries: int | None,
        cull_frequency: int,
        random: Random | None = None,
        *,
        max_bytes: int | None = None,
        sample: Sample = WHOLE_PAGE,
    ) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.sample = sample
        self._frequency = cull_frequency
        self._random = random or Random()
        self._small = is_small(max_entries)
        self._pace = Pace.of(max_entries, cull_frequency, sample)
        self._width = self._pace.width
        self._writes_left: float = self._random.randint(1, self._pace.interval)
        self._turn = self._random.random()
        self._resume: float | None = None
        self._known: set[str] = set()
        self._look_pending = False

    def wrote(self, name: str, size: int = 0) -> bool:
        """Counts a write. True if a look is due now: only for this writer, and should it fail, for another an interval later."""
        self._writes_left -= self._weight(size)
        full = len(self._known) >= (self.max_entries or 0)
        if self._writes_left <= 0 or (self._small and full and not self._look_pending):
            self._writes_left = self._pace.interval
            self._look_pending = True  # until ``looked``: a store that cannot be listed is not asked at every write
            return True
        if self._small and not full:
            self._known.add(name)
        return False

    def _weight(self, size: int) -> float:
        """How many writes it counts as: as many entries of the size at which both a page and its bytes are full."""
        if self.max_bytes is None:
            return 1
        return max(1.0, self._pace.interval * size / (self.max_bytes * self._width * self._pace.growth))

    def next_start(self) -> float:
        """Where on the ring to look next: evenly spread, but the ring's first page is seen up to twice as often."""
        if self._small or self.sample.directories == DIRECTORIES:
            return 0.0
        if self._resume is not None:
            start, self._resume = self._resume, None
            return start
        self._turn = (self._turn + GOLDEN) % 1
        if self.sample.directories:
            return int(self._turn * DIRECTORIES) / DIRECTORIES
        return max(0.0, (1 + self._width) * self._turn - self._width)

    def another_start(self, page: Page) -> float | None:
        """A second place, where a cache that should be small turns out to fill more than a page; else None."""
        return self._random.random() if self._small and page.truncated else None

    def looked(self, page: Page, written: str) -> list[str]:
        """The victims of a look, oldest first, never the name just written. Sets the countdown to the next look."""
        self._look_pending = False
        entries = [entry for entry in page.entries if entry.name != written]
        victims = self._victims(page, entries)
        self._writes_left = self._countdown(page, entries, self._is_alone(page, entries))
        self._learn(page)
        if self._small:
            self._known = {entry.name for entry in entries}.difference(victims) | {written}
        return victims

    def _victims(self, page: Page, entries: list[Listed]) -> list[str]:
        oldest = sorted(entries, key=lambda entry: entry.modified)
        excess = max(self._too_many(page, oldest), self._too_large(page, oldest))
        return [entry.name for entry in oldest[:excess]]

    def _too_many(self, page: Page, oldest: list[Listed]) -> int:
        """How many must go for the sake of ``max_entries``."""
        if self.max_entries is None:
            return 0
        margin = 0.0 if self._is_alone(page, oldest) else self._pace.margin * self.max_entries * min(page.arc, self._width)
        return oldest_beyond(page.arc * self.max_entries - margin, [1] * len(oldest), self._frequency)

    def _too_large(self, page: Page, oldest: list[Listed]) -> int:
        """How many must go for the sake of ``max_bytes``."""
        if self.max_bytes is None:
            return 0
        sizes, share = [entry.size for entry in oldest], page.arc * self.max_bytes
        return oldest_beyond(share - self._pace.margin * min(share, sum(sizes)), sizes, self._frequency)

    def _is_alone(self, page: Page, entries: list[Listed]) -> bool:
        """Whether all that is there is of this process's writing, as far as it knows."""
        return self._small and page.start == 0 and all(entry.name in self._known for entry in entries)

    def _countdown(self, page: Page, entries: list[Listed], alone: bool) -> int:
        # Jitter keeps processes that started together from looking together for ever.
        if self._crowded(page, entries):
            return self._random.randint(max(1, self._pace.interval // 4), max(1, 3 * self._pace.interval // 4))
        if alone:
            return self._pace.interval
        return self._random.randint(max(1, self._pace.interval // 2), max(1, 3 * self._pace.interval // 2))

    def _crowded(self, page: Page, entries: list[Listed]) -> bool:
        """Whether the page holds twice what it may, as after a limit was lowered: the next look then comes sooner."""
        too_many = self.max_entries is not None and len(entries) > 2 * page.arc * self.max_entries
        too_large = self.max_bytes is not None and sum(entry.size for entry in entries) > 2 * page.arc * self.max_bytes
        return too_many or too_large

    def _learn(self, page: Page) -> None:
        """What this page tells about the next."""
        if self.sample.directories or self._small:
            return
        if page.truncated and len(page.entries) < self.sample.names:
            # Foreign objects fill the rest of the page. They mostly lie in or before a directory: begin behind it.
            reached = page.start + page.arc if page.entries else page.start
            self._resume = (int(reached * DIRECTORIES) + 1) / DIRECTORIES % 1
        elif self.max_bytes is not None:  # then nobody knows how many entries there will be
            self._width = min(1.0, page.arc * self.sample.names / max(1, len(page.entries)))


def oldest_beyond(room: float, weights: Sequence[int], frequency: int) -> int:
    """How many of the entries with these weights must go, oldest first: none while there is room, else one in ``frequency``."""
    total = sum(weights)
    if not weights or total < room:
        return 0
    quota = total // frequency if frequency else total
    return min(len(weights), 1 + bisect_left(list(accumulate(weights)), max(quota, total - room)))
