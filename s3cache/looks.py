"""The looks of culling that fall to this process: list a page, delete its victims. ``culling`` decides when, where and which."""

from __future__ import annotations

from s3cache.culling import Culler
from s3cache.engines.base import AsyncEngine
from s3cache.errors import EngineError
from s3cache.layouts import Layout
from s3cache.pages import page_of, remove
from s3cache.statistics import Observer


class Looks:
    """Takes the looks that fall to this process. ``culler`` is None where the cache has no limit."""

    def __init__(self, engine: AsyncEngine, culler: Culler | None, observer: Observer, layout: Layout | None = None) -> None:
        self._engine = engine
        self._culler = culler
        self._observer = observer
        self._layout = layout

    async def after_write(self, name: str, size: int = 0) -> None:
        """Takes a look if one is due after writing ``size`` bytes as ``name``, which it spares.

        Costs nothing mostly; else one listing page, two up to 500 entries and with readable names, and one delete per
        ``features.delete_batch`` victims; where ``sampling`` reads directories, one listing for each. Whatever goes wrong is
        reported and puts the look off: the write before it was good, and its caller must hear so.
        """
        if not self._is_due(name, size):
            return
        try:
            await self._look(name)
        except EngineError as error:
            self._observer.look_failed(error)

    def _is_due(self, name: str, size: int) -> bool:
        return self._culler is not None and self._culler.wrote(name, size)

    async def _look(self, written: str) -> None:
        if (culler := self._culler) is None:
            return
        page = await page_of(self._engine, culler.next_start(), culler.sample, self._layout)
        another = culler.another_start(page)
        if another is not None:
            page = await page_of(self._engine, another, culler.sample)
        listed = {entry.name: entry for entry in page.entries}
        victims = [listed[name] for name in culler.looked(page, written)]
        batch = self._engine.features.delete_batch
        for start in range(0, len(victims), batch):
            await remove(self._engine, victims[start : start + batch])
        self._observer.looked(len(page.entries), len(victims))
