"""Bringing a cache under its limits now: once around the hash ring to count, and, if there is too much, once more to remove.

On the second way each page loses its oldest entries, in proportion to what it holds. Pages are fair samples of all ages, so
together these are about the oldest of the cache, and no more than a page has to be held or sorted. The counts are exact: a cache
within its limits loses nothing, and one above them ends at them.

    removed >= excess * passed / total          after each page; of the number of entries, and of their bytes,
    but no more than passed - limit * position  for the part of the ring behind may hold this part of the limit

The second line is for what others remove meanwhile. Two culls at once have counted the same excess; the one that comes later finds
no more than the limit, and removes next to nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from s3cache.engines.base import AsyncEngine
from s3cache.naming import directory, point
from s3cache.pages import check_order, entries_below, remove
from s3cache.runtime import Runtime, batched, jobs, supplied
from s3cache.sampling import DIRECTORIES, PAGE, Listed

Weigh = Callable[[Listed], int]


class Progress(NamedTuple):
    """How far a cull has come."""

    seen: int
    """Entries counted."""
    removed: int
    position: float
    """0 to 1: counting takes the first half, removing the second."""


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


async def trim(
    engine: AsyncEngine, runtime: Runtime, *, max_entries: int | None, max_bytes: int | None
) -> AsyncGenerator[Progress, None]:
    """Removes the oldest written entries until both limits are kept, and tells after each page how far it is.

    What is written meanwhile comes on top. Expired entries are as old as their last write, for nothing is read; what is no entry
    is neither counted nor removed. Costs one listing per thousand objects, and of a store that does not list in order at least one
    per directory of two digits; the same again if there is too much, and one delete per ``features.delete_batch`` victims, several
    at once. Holds a page in memory, or such a directory. Raises EngineMisconfigured for a listing that is not in the order that the
    engine's features promise, before it removes anything of that page.
    """
    limits: tuple[tuple[int | None, Weigh], ...] = ((max_entries, lambda entry: 1), (max_bytes, lambda entry: entry.size))
    accounts = [Account(limit, weigh) for limit, weigh in limits if limit is not None]
    seen = removed = 0
    async with aclosing(pages(engine)) as ring:
        async for entries, position in ring:
            for account in accounts:
                account.count(entries)
            seen += len(entries)
            yield Progress(seen, removed, position / 2)
    exceeded = [account for account in accounts if account.exceeded]
    if exceeded:
        async with aclosing(pages(engine)) as ring:
            async for entries, position in ring:
                victims = chosen(exceeded, entries, position)
                await remove_all(engine, runtime, victims)
                removed += len(victims)
                yield Progress(seen, removed, (1 + position) / 2)
    yield Progress(seen, removed, 1.0)


def chosen(accounts: Sequence[Account], entries: Sequence[Listed], position: float) -> list[Listed]:
    """The oldest of the entries, as many as the strictest limit wants."""
    oldest = sorted(entries, key=lambda entry: entry.modified)
    victims = oldest[: max(account.victims(oldest, position) for account in accounts)]
    for account in accounts:
        account.remove(victims)
    return victims


async def pages(engine: AsyncEngine) -> AsyncGenerator[tuple[list[Listed], float], None]:
    """The entries around the ring in fair samples, each with the place on the ring that they reach to.

    Raises EngineMisconfigured for a listing in disorder where ``features.ordered_listing``.
    """
    if engine.features.ordered_listing:
        async with aclosing(batched(entries_below(engine, engine.prefix), PAGE)) as batches:
            last = point(engine.prefix, 0)
            async for entries in batches:
                check_order(entries, last)
                last = entries[-1].name
                yield entries, entries[-1].position
    else:
        for number in range(DIRECTORIES):
            async with aclosing(entries_below(engine, directory(engine.prefix, number))) as found:
                yield [entry async for entry in found], (number + 1) / DIRECTORIES


async def remove_all(engine: AsyncEngine, runtime: Runtime, victims: Sequence[Listed]) -> None:
    work = jobs(partial(remove, engine), batched(supplied(victims), engine.features.delete_batch))
    async with aclosing(runtime.each(work)) as results:
        async for _ in results:
            pass
