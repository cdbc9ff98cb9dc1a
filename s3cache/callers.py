"""The two kinds of caller, so that what takes several operations, and waits between them, is written once.

A coroutine that works through a caller runs to its end with ``runtime.finish`` for a blocking one, and is awaited for the other.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from inspect import isawaitable
from typing import Any, Protocol

from s3cache.errors import S3CacheError
from s3cache.foundation import Foundation, Operation, P, Result
from s3cache.runtime import finish


class Stopped(Exception):
    """Holds the StopIteration of the application's function on its way through coroutines, which let none pass (PEP 479)."""

    def __init__(self, error: StopIteration) -> None:
        super().__init__(error)
        self.error = error


class Caller(Protocol):
    """How operations are run for whoever called, and how he waits."""

    async def call(self, operation: Operation[P, Result], *args: P.args, **keywords: P.kwargs) -> Result:
        """What an operation of the cache gives, such as ``call(Operations.get, full_key)``."""
        ...

    async def take(
        self, operation: Operation[P, Result | None], end: Operation[[Result], None], *args: P.args, **keywords: P.kwargs
    ) -> Result | None:
        """The same, for an operation that begins something, or gives None. ``end`` is what ends it for a caller who is cancelled
        before he knows that he has begun it.
        """
        ...

    async def complete(self, operation: Operation[P, None], *args: P.args, **keywords: P.kwargs) -> None:
        """Runs an operation to its end, also for a caller who is cancelled meanwhile: he waits for it, and is cancelled then."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    async def wait_for(self, future: Future[Any], seconds: float) -> None:
        """Returns when the future is done, or the time is over. The future must be one that nobody can cancel."""
        ...

    def holds_up(self, thread: int) -> bool:
        """Whether nothing goes on there while he waits."""
        ...

    async def result_of(self, function: Callable[[], Any]) -> Any:
        """What the application's function gives, called where the caller is. A blocking caller is raised ``Stopped`` where the
        function raises StopIteration.
        """
        ...

    async def encoded(self, value: Any) -> Any:
        """What operations take in place of the value, serialized where the caller is."""
        ...


class BlockingCaller:
    """Its coroutines never suspend."""

    def __init__(self, cache: Foundation) -> None:
        self._cache = cache

    async def call(self, operation: Operation[P, Result], *args: P.args, **keywords: P.kwargs) -> Result:
        result: Result = finish(getattr(self._cache._operations, operation.__name__)(*args, **keywords))
        return result

    async def take(
        self, operation: Operation[P, Result | None], end: Operation[[Result], None], *args: P.args, **keywords: P.kwargs
    ) -> Result | None:
        return await self.call(operation, *args, **keywords)

    async def complete(self, operation: Operation[P, None], *args: P.args, **keywords: P.kwargs) -> None:
        await self.call(operation, *args, **keywords)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def wait_for(self, future: Future[Any], seconds: float) -> None:
        wait([future], seconds)

    def holds_up(self, thread: int) -> bool:
        return thread == threading.get_ident()

    async def result_of(self, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except StopIteration as error:
            raise Stopped(error) from error

    async def encoded(self, value: Any) -> Any:
        return value


class AwaitingCaller:
    """Its coroutines wait on the running loop. What a function gives may be awaitable, and is awaited."""

    def __init__(self, cache: Foundation) -> None:
        self._cache = cache

    async def call(self, operation: Operation[P, Result], *args: P.args, **keywords: P.kwargs) -> Result:
        return await self._cache._awaited(operation, *args, **keywords)

    async def take(
        self, operation: Operation[P, Result | None], end: Operation[[Result], None], *args: P.args, **keywords: P.kwargs
    ) -> Result | None:
        beginning = asyncio.create_task(self.call(operation, *args, **keywords))
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            with suppress(S3CacheError):
                begun = await beginning
                if begun is not None:
                    await self.complete(end, begun)
            raise

    async def complete(self, operation: Operation[P, None], *args: P.args, **keywords: P.kwargs) -> None:
        ending = asyncio.create_task(self.call(operation, *args, **keywords))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            with suppress(S3CacheError):
                await ending
            raise

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait_for(self, future: Future[Any], seconds: float) -> None:
        waiting = asyncio.wrap_future(future)
        try:
            await asyncio.wait([waiting], timeout=seconds)
        finally:
            waiting.cancel()

    def holds_up(self, thread: int) -> bool:
        return False

    async def result_of(self, function: Callable[[], Any]) -> Any:
        result = function()
        return await result if isawaitable(result) else result

    async def encoded(self, value: Any) -> Any:
        return await self._cache._encoded(value)


def returned(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """What a coroutine that works through a ``BlockingCaller`` returns. Raises whatever the application's function raises."""
    try:
        return finish(coroutine)
    except Stopped as stopped:
        error = stopped.error
    raise error
