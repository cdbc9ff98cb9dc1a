"""When the store may be back: what was written elsewhere meanwhile is deleted there, before anybody reads it.

The circuit breaker asks for it in place of the caller whose request would have tried. It runs on a thread of its own, because the
journal may be long, and the other cache goes on answering until it is done.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from itertools import islice
from typing import Any

from s3cache.breaker import Breaker
from s3cache.deadlines import Limit
from s3cache.engines.base import AsyncEngine
from s3cache.errors import EngineUnavailable
from s3cache.fallback import key_for
from s3cache.journal import Journal
from s3cache.naming import is_entry_name
from s3cache.runtime import finish

logger = logging.getLogger("s3cache")


class Recovery:
    """``engine`` must be one that no breaker guards. ``total_timeout`` bounds each of its requests, in seconds."""

    def __init__(
        self, engine: AsyncEngine, journal: Journal, breaker: Breaker, cache: Callable[[], Any], total_timeout: float
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._breaker = breaker
        self._cache = cache
        self._seconds = total_timeout

    def __call__(self) -> bool:
        """Whether there is something to do; then it has begun."""
        if self._journal.is_empty:
            return False
        threading.Thread(target=self.run, name="s3cache-recovery", daemon=True).start()
        return True

    def run(self) -> None:
        """Deletes until there is nothing left, and tells the breaker how it went."""
        try:
            while not self._journal.is_empty:
                self._delete_noted()
        except EngineUnavailable as error:
            self._breaker.failed(error)
        except Exception as error:
            logger.exception("What the store has of entries written meanwhile could not be deleted; the circuit stays open")
            self._breaker.failed(EngineUnavailable(f"Deleting what is out of date in the store failed: {error}"))
        else:
            self._breaker.answered()

    def _delete_noted(self) -> None:
        names, everything = self._journal.take()
        try:
            finish(self._delete(names))
            if everything:
                finish(self._delete_all())
            self._cache().delete_many([key_for(name) for name in names])
        except BaseException:
            self._journal.add(*names)
            if everything:
                self._journal.add_all()
            raise

    async def _delete(self, names: Iterable[str]) -> None:
        for batch in batches(names, self._engine.features.delete_batch):
            with Limit(self._seconds):
                await self._engine.delete_objects(batch)

    async def _delete_all(self) -> None:
        """Every entry under LOCATION, as ``clear`` does."""
        found: list[str] = []
        async with aclosing(self._engine.list_objects(self._engine.prefix)) as listing:
            async for info in listing:
                if is_entry_name(self._engine.prefix, info.name):
                    found.append(info.name)
                if len(found) >= self._engine.features.delete_batch:
                    await self._delete(found)
                    found = []
        await self._delete(found)


def batches(names: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(names)
    while batch := list(islice(remaining, size)):
        yield batch
