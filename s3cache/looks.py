"""Culling's requests: list one page, delete its victims. ``culling`` decides when, where and which."""

from __future__ import annotations

from contextlib import aclosing

from s3cache.culling import PAGE, Culler, Listed, Page
from s3cache.engines.base import AsyncEngine
from s3cache.errors import EngineError
from s3cache.naming import is_beyond, is_entry_name, point, position
from s3cache.statistics import Observer


class Looks:
    """Takes the looks that fall to this process. ``culler`` is None where the number of entries has no limit."""

    def __init__(self, engine: AsyncEngine, culler: Culler | None, observer: Observer) -> None:
        self._engine = engine
        self._culler = culler
        self._observer = observer

    async def after_write(self, name: str) -> None:
        """Takes a look if one is due after writing ``name``, which it spares.

        Costs nothing mostly; else one listing page, two up to 500 entries, and one delete per ``features.delete_batch`` victims.
        Whatever goes wrong is reported and puts the look off: the write before it was good, and its caller must hear so.
        """
        if self._culler is None or not self._culler.wrote(name):
            return
        try:
            await self._look(self._culler, name)
        except EngineError as error:
            self._observer.look_failed(error)

    async def _look(self, culler: Culler, written: str) -> None:
        page = await self._page(culler.next_start())
        another = culler.another_start(page)
        if another is not None and self._engine.features.start_after:
            page = await self._page(another)
        victims = culler.looked(page, written)
        batch = self._engine.features.delete_batch
        for start in range(0, len(victims), batch):
            await self._engine.delete_objects(victims[start : start + batch])
        self._observer.looked(len(page.entries), len(victims))

    async def _page(self, start: float) -> Page:
        prefix, ordered = self._engine.prefix, self._engine.features.start_after
        entries, listed = [], 0
        async with aclosing(self._engine.list_objects(prefix, point(prefix, start) if ordered else None)) as listing:
            async for info in listing:
                if ordered and is_beyond(prefix, info.name):
                    break
                listed += 1
                if is_entry_name(prefix, info.name):
                    entries.append(Listed(info.name, position(prefix, info.name), info.modified))
                if listed == PAGE:
                    break
        return Page(start, entries, truncated=listed == PAGE)
