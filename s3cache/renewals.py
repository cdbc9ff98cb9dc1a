"""What renews a lock while its holder is at work: a daemon thread for a blocking holder, a task for an asynchronous one.

Each is also the ``Caller`` by which it calls the cache. ``end`` lets a renewal that is under way finish, so that none comes after
the release.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

from s3cache.callers import AwaitingCaller, BlockingCaller, Caller
from s3cache.foundation import Foundation
from s3cache.runtime import finish


class Renewal(Caller, Protocol):
    """Begins once, and ends once."""

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None: ...

    async def ended_after(self, seconds: float) -> bool:
        """For the work: waits so long, or until it shall end, and tells whether it shall."""
        ...

    async def end(self) -> None:
        """Returns when the work has."""
        ...


class OnThread(BlockingCaller):
    def __init__(self, cache: Foundation) -> None:
        super().__init__(cache)
        self._ended = threading.Event()

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._thread = threading.Thread(target=lambda: finish(work()), name="s3cache-renewal", daemon=True)
        self._thread.start()

    async def ended_after(self, seconds: float) -> bool:
        return self._ended.wait(seconds)

    async def end(self) -> None:
        self._ended.set()
        self._thread.join()


class AsTask(AwaitingCaller):
    def __init__(self, cache: Foundation) -> None:
        super().__init__(cache)
        self._ended = asyncio.Event()

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._task = asyncio.create_task(work(), name="s3cache-renewal")

    async def ended_after(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        return self._ended.is_set()

    @property
    def is_done(self) -> bool:
        """As it is where its loop has ended."""
        return self._task.done()

    async def end(self) -> None:
        if not self.is_done:
            self._ended.set()
            await asyncio.wait([self._task])  # a caller who is cancelled here leaves a task that ends by itself
