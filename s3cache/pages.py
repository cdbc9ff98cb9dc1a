"""Culling's requests: what a look lists, and the delete of its victims."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import pairwise

from s3cache.engines.base import AsyncEngine
from s3cache.errors import EngineMisconfigured
from s3cache.layouts import Hashed, Layout, Readable
from s3cache.naming import directory, is_beyond, is_hashed_name, point, position
from s3cache.sampling import DIRECTORIES, PAGE, Listed, Page, Sample


async def page_of(engine: AsyncEngine, start: float, sample: Sample, layout: Layout | None = None) -> Page:
    """What a look at this place of the ring sees. The layout is Hashed unless another is given.

    Costs one listing; of directories one for each, and for each further thousand names in it; of all directories one per thousand.
    Of readable names two.
    """
    if isinstance(layout, Readable):
        return await readable_page(engine, layout)
    if not sample.directories:
        return await page_from(engine, start, sample.names)
    entries: list[Listed] = []
    folders = [engine.prefix] if sample.directories == DIRECTORIES else directories(engine.prefix, start, sample.directories)
    for folder in folders:
        async with aclosing(entries_below(engine, folder, sample.most // len(folders))) as found:
            entries += [entry async for entry in found]
    return Page(start, entries, truncated=False, end=start + sample.directories / DIRECTORIES)


async def readable_page(engine: AsyncEngine, layout: Readable) -> Page:
    """The first thousand entries of either form: as long as the cache is small, all of them."""
    entries: list[Listed] = []
    for folder in layout.folders:
        async with aclosing(entries_below(engine, folder, PAGE, layout)) as found:
            entries += [entry async for entry in found]
    return Page(0.0, entries, truncated=False)


async def page_from(engine: AsyncEngine, start: float, names: int) -> Page:
    """The first entries from a point of the ring on, in so many names. EngineMisconfigured where they come in disorder."""
    prefix, entries, listed = engine.prefix, list[Listed](), 0
    after = point(prefix, start)
    async with aclosing(engine.list_objects(prefix, after)) as listing:
        async for info in listing:
            if is_beyond(prefix, info.name):
                break
            listed += 1
            if is_hashed_name(prefix, info.name):
                entries.append(Listed(info.name, position(prefix, info.name), info.modified, info.size, info.etag))
            if listed == names:
                break
    check_order(entries, after)
    return Page(start, entries, truncated=listed == names)


def check_order(entries: Sequence[Listed], after: str) -> None:
    """Raises EngineMisconfigured unless each comes after the one before, and the first after that name.

    A page that says nothing true about its part of the ring would be emptied.
    """
    for before, name in pairwise([after, *(entry.name for entry in entries)]):
        if name <= before:
            raise EngineMisconfigured(
                f"The store lists {name!r} after {before!r}. Culling needs names in ascending order, each once, from the point "
                "that was asked for. Nothing of this page was removed. Set OPTIONS['PROFILE'] to what the store is; if that is so, "
                "the store does not list as S3 does: use another ENGINE, or set MAX_ENTRIES and MAX_BYTES to None."
            )


def directories(prefix: str, start: float, count: int) -> list[str]:
    """So many folders from there on, around the ring."""
    first = round(start * DIRECTORIES)
    return [directory(prefix, number % DIRECTORIES) for number in range(first, first + count)]


async def entries_below(
    engine: AsyncEngine, folder: str, most: int | None = None, layout: Layout | None = None
) -> AsyncGenerator[Listed, None]:
    """The entries of the layout in a folder. Of more objects than ``most`` the rest is left out."""
    form, listed = layout or Hashed(engine.prefix), 0
    async with aclosing(engine.list_objects(folder)) as listing:
        async for info in listing:
            listed += 1
            if form.owns(info.name):
                yield Listed(info.name, form.position(info.name), info.modified, info.size, info.etag)
            if listed == most:
                break


async def remove(engine: AsyncEngine, victims: Sequence[Listed]) -> None:
    """Deletes at most ``features.delete_batch`` entries. Costs one request.

    One that was written again since it was listed stays, where ``features.conditional_batch_delete``.
    """
    etags = [victim.etag for victim in victims] if engine.features.conditional_batch_delete else None
    await engine.delete_objects([victim.name for victim in victims], etags=etags)
