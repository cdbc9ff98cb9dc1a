"""Bringing a cache under its limits now: once around the hash ring to count, and, if there is too much, once more to remove.

How many of each page must go, and which, is told by ``accounts``; of fair samples of all ages it is the oldest in proportion, so no
more than a page has to be held or sorted. The counts are exact: a cache within its limits loses nothing, and one above them ends at
them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import NamedTuple

from s3cache.accounts import Account, AgedAccount, Weigh
from s3cache.engines.base import AsyncEngine
from s3cache.layouts import Layout, Readable
from s3cache.naming import directory, point
from s3cache.pages import check_order, entries_below, remove
from s3cache.runtime import Runtime, batched, jobs, supplied
from s3cache.sampling import DIRECTORIES, PAGE, Listed


class Progress(NamedTuple):
    """How far a cull has come."""

    seen: int
    """Entries counted."""
    removed: int
    position: float
    """0 to 1: counting takes the first half, removing the second."""


async def trim(
    engine: AsyncEngine,
    runtime: Runtime,
    *,
    max_entries: int | None,
    max_bytes: int | None,
    layout: Layout | None = None,
) -> AsyncGenerator[Progress, None]:
    """Removes the oldest written entries until both limits are kept, and tells after each page how far it is.

    What is written meanwhile comes on top. Expired entries are as old as their last write, for nothing is read; what is no entry
    is neither counted nor removed. Costs one listing per thousand objects, and of a store that does not list in order at least one
    per directory of two digits; the same again if there is too much, and one delete per ``features.delete_batch`` victims, several
    at once. Holds a page in memory, or such a directory. Raises EngineMisconfigured for a listing that is not in the order that the
    engine's features promise, before it removes anything of that page. With readable names the position is not known: it stands
    still on each way.
    """
    limits: tuple[tuple[int | None, Weigh], ...] = ((max_entries, lambda entry: 1), (max_bytes, lambda entry: entry.size))
    kind = AgedAccount if isinstance(layout, Readable) else Account
    accounts = [kind(limit, weigh) for limit, weigh in limits if limit is not None]
    seen = removed = 0
    async with aclosing(pages(engine, layout)) as ring:
        async for entries, position in ring:
            for account in accounts:
                account.count(entries)
            seen += len(entries)
            yield Progress(seen, removed, position / 2)
    exceeded = [account for account in accounts if account.exceeded]
    if exceeded:
        async with aclosing(pages(engine, layout)) as ring:
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


async def pages(engine: AsyncEngine, layout: Layout | None = None) -> AsyncGenerator[tuple[list[Listed], float], None]:
    """The entries around the ring in fair samples, each with the place on the ring that they reach to.

    Readable ones come as they are listed, with no place. Raises EngineMisconfigured for a listing in disorder where
    ``features.ordered_listing``.
    """
    if isinstance(layout, Readable):
        for folder in layout.folders:
            async with aclosing(batches_below(engine, folder, folder, layout)) as batches:
                async for entries in batches:
                    yield entries, 0.0
    elif engine.features.ordered_listing:
        async with aclosing(batches_below(engine, engine.prefix, point(engine.prefix, 0), layout)) as batches:
            async for entries in batches:
                yield entries, entries[-1].position
    else:
        for number in range(DIRECTORIES):
            async with aclosing(entries_below(engine, directory(engine.prefix, number))) as found:
                yield [entry async for entry in found], (number + 1) / DIRECTORIES


async def batches_below(engine: AsyncEngine, folder: str, last: str, layout: Layout | None) -> AsyncGenerator[list[Listed], None]:
    """The entries in a folder, a thousand at a time; those of an ordered listing come after the name ``last``."""
    async with aclosing(batched(entries_below(engine, folder, layout=layout), PAGE)) as batches:
        async for entries in batches:
            if engine.features.ordered_listing:
                check_order(entries, last)
                last = entries[-1].name
            yield entries


async def remove_all(engine: AsyncEngine, runtime: Runtime, victims: Sequence[Listed]) -> None:
    work = jobs(partial(remove, engine), batched(supplied(victims), engine.features.delete_batch))
    async with aclosing(runtime.each(work)) as results:
        async for _ in results:
            pass
