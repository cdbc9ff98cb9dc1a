"""Which entries to remove where names are no fair sample: sweeps through all of them, in which all processes take turns.

Readable names lie as the keys do, so a page tells nothing of the rest. Therefore each look passes on from where the last one ended,
whoever took that, and hands on what is known in a ``Sweep``. A sweep counts what was written when; behind the last name that gives
the line up to which the next sweep removes::

    growth = passed - left                       what this sweep found more than the one before had left
    excess = kept + MARGIN * growth - limit      above 0: so much must go, and at least kept / CULL_FREQUENCY
    line   = the moment up to which so much had been written

So the oldest of all go, wherever they lie, and no more of them than are due. A look that reaches the end begins the next sweep at
once, so of a small cache one look counts all, and removes.

This module is pure: it draws from the ``random`` it is given. ``sweeps`` reads, lists, writes and deletes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from s3cache.ages import Ages
from s3cache.sampling import FEW, PAGE, Listed

NAMES = 4 * PAGE
"""So many names a look passes."""
VISITS = 10
"""How often each name is passed while as much is written as the cache may hold."""
BUCKETS = 128
"""In so many a sweep counts what was written when."""
SLACK = BUCKETS // 2
"""One part in so many may go beyond what is due: about what the fullest bucket has, where writes are spread over time."""
MARGIN = 1.5
"""So much of the growth stays free: it goes on while the next sweep removes, and no sweep sees what is written behind it."""

ENTRIES, BYTES = "entries", "bytes"
WEIGHTS: Mapping[str, Callable[[Listed], int]] = {ENTRIES: lambda entry: 1, BYTES: lambda entry: entry.size}


@dataclass
class Tally:
    """What a sweep knows for one limit. All but ``line`` is in what the limit counts: entries, or bytes."""

    left: int | None = None
    """What the sweep before had passed and not removed; None where there was none."""
    line: int = 0
    """A moment, in ms: what was written before that goes,"""
    due: int = 0
    """as long as so much is still to go."""
    passed: int = 0
    ages: Ages = field(default_factory=lambda: Ages(BUCKETS))
    """What was passed and not removed, by its moment."""

    def dooms(self, entry: Listed) -> bool:
        return self.due > 0 and entry.modified.timestamp() * 1000 < self.line

    def count(self, entry: Listed, weight: int, removed: bool) -> None:
        self.passed += weight
        if removed:
            self.due = max(0, self.due - weight)
        else:
            self.ages.add(entry.modified, weight)

    def ended(self, limit: int, frequency: int) -> Tally:
        """What the next sweep begins with. ``frequency`` 0 removes all that was there."""
        kept = self.ages.total
        growth = limit // VISITS if self.left is None else max(0, self.passed - self.left)
        excess = kept + min(int(MARGIN * growth), limit // 2) - limit
        if excess <= 0 or not kept:
            return Tally(kept)
        due = min(kept, max(excess, kept // frequency if frequency else kept))
        # A bucket cannot be told apart: what is on the line must not use up what older entries behind it are due.
        return Tally(kept, self.ages.moment(due), min(kept, due + kept // SLACK))


@dataclass
class Sweep:
    """How far it has come: what looks hand on to each other."""

    tallies: dict[str, Tally]
    """Of each limit."""
    after: str = ""
    """The name that was passed last."""


class Reached(NamedTuple):
    """What a listing from there on has shown."""

    entries: list[Listed]
    after: str
    """The last name, of an entry or not."""
    end: bool
    """Whether there are no more."""


class Sweeper:
    """One process's part in keeping one cache at its limits, of which it has one or both. Its own state is a countdown: lost or
    raced, it only shifts a look. ``single``: each delete is a request, so there are fewer in one look, and more looks.
    """

    def __init__(
        self,
        max_entries: int | None,
        cull_frequency: int,
        random: Random | None = None,
        *,
        max_bytes: int | None = None,
        single: bool = False,
    ) -> None:
        limits = {ENTRIES: max_entries, BYTES: max_bytes}
        self.limits = {name: limit for name, limit in limits.items() if limit is not None}
        self.most = FEW if single else NAMES
        """Victims of one look."""
        self._frequency = cull_frequency
        self._random = random or Random()
        entries = max_entries or NAMES
        self._bytes_of_one = max_bytes / entries if max_bytes else None
        self._interval = max(1, min(entries, 4 * FEW if single else NAMES) // VISITS)
        self._writes_left: float = self._random.randint(1, self._interval)

    def wrote(self, size: int) -> bool:
        """Counts a write, and one of a large value for several. True if a look is due now, only for this writer."""
        self._writes_left -= max(1.0, size / self._bytes_of_one) if self._bytes_of_one else 1
        if self._writes_left > 0:
            return False
        # Jitter keeps processes that started together from looking together for ever.
        self._writes_left = self._random.randint(self._interval // 2, 3 * self._interval // 2)
        return True

    def first(self) -> Sweep:
        """What to begin with where nothing is known."""
        return Sweep({name: Tally() for name in self.limits})

    def passes(self, sweep: Sweep, reached: Reached, victims: dict[str, Listed], written: str) -> Sweep:
        """The sweep after these entries. Adds to the victims until there are ``most``, but never the name just written."""
        for entry in reached.entries:
            if len(victims) == self.most:
                return sweep
            if entry.name not in victims:
                self._count(sweep, entry, victims, written)
            sweep.after = entry.name
        sweep.after = reached.after
        return self._next(sweep) if reached.end else sweep

    def _count(self, sweep: Sweep, entry: Listed, victims: dict[str, Listed], written: str) -> None:
        doomed = entry.name != written and any(tally.dooms(entry) for tally in sweep.tallies.values())
        for name, tally in sweep.tallies.items():
            tally.count(entry, WEIGHTS[name](entry), doomed)
        if doomed:
            victims[entry.name] = entry

    def _next(self, sweep: Sweep) -> Sweep:
        return Sweep({name: tally.ended(self.limits[name], self._frequency) for name, tally in sweep.tallies.items()})
