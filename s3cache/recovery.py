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
from typing import Any, cast

from s3cache.breaker import Breaker
from s3cache.deadlines import Limit
from s3cache.engines.base import AsyncEngine, ObjectInfo
from s3cache.errors import EngineMisconfigured, EngineUnavailable
from s3cache.fallback import within
from s3cache.journal import Journal
from s3cache.naming import is_cleared
from s3cache.runtime import END, finish, following

logger = logging.getLogger("s3cache")


class Recovery:
    """``engine`` must be one that no breaker guards. ``total_timeout`` bounds each of its requests, in seconds."""

    def __init__(
        self,
        engine: AsyncEngine,
        journal: Journal,
        breaker: Breaker,
        cache: Callable[[], Any],
        key_for: Callable[[str], str],
        total_timeout: float,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._breaker = breaker
        self._cache = cache
        self._key_for = key_for
        self._seconds = total_timeout
        self._running = threading.Lock()

    @property
    def remains(self) -> bool:
        return self._running.locked() or not self._journal.is_empty

    def begin(self) -> None:
        """Where no thread can be had, a later caller tries."""
        if self._running.acquire(blocking=False):
            try:
                threading.Thread(target=self.run, name="s3cache-recovery", daemon=True).start()
            except BaseException as error:
                self._running.release()
                if not isinstance(error, RuntimeError):
                    raise

    def run(self) -> None:
        """Deletes until there is nothing left, and tells the breaker how it went."""
        inside = within.set(True)
        try:
            try:
                while not self._journal.is_empty:
                    self._delete_noted()
            finally:
                within.reset(inside)
                self._running.release()
        except EngineUnavailable as error:
            self._breaker.failed(error)
        except EngineMisconfigured as error:
            self._journal.take()
            logger.error("What the store has of entries written meanwhile stays, and may be out of date: %s", error)
            self._breaker.answered()
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
        except BaseException:
            self._journal.add(*names)
            if everything:
                self._journal.add_all()
            raise
        self._delete_elsewhere(names)

    def _delete_elsewhere(self, names: Iterable[str]) -> None:
        """So that a later outage does not find it. The store is good again, whatever the other cache says."""
        try:
            self._cache().delete_many([self._key_for(name) for name in names])
        except Exception as failure:
            logger.error("The cache named by FALLBACK keeps what was written there, for an hour at most: %r", failure)

    async def _delete(self, names: Iterable[str]) -> None:
        for batch in batches(names, self._engine.features.delete_batch):
            with Limit(self._seconds):
                await self._engine.delete_objects(batch)

    async def _delete_all(self) -> None:
        """Every entry and generation under LOCATION, as ``clear`` does."""
        found: list[str] = []
        async with aclosing(self._engine.list_objects(self._engine.prefix)) as listing:
            while True:
                with Limit(self._seconds):
                    info = await following(listing)
                if info is END:
                    break
                name = cast(ObjectInfo, info).name
                if is_cleared(self._engine.prefix, name):
                    found.append(name)
                if len(found) >= self._engine.features.delete_batch:
                    await self._delete(found)
                    found = []
        await self._delete(found)


def batches(names: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(names)
    while batch := list(islice(remaining, size)):
        yield batch
