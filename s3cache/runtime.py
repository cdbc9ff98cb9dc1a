"""How to wait: one set of coroutines serves blocking and asynchronous callers.

Operations are coroutines over an engine in the async shape. ``Blocking`` puts a blocking engine into that shape with coroutines
that never suspend, so ``finish`` can run an operation to its end with a single ``send``: no event loop, no thread. A loop
awaits the same operation over an engine with native async.

A runtime has two verbs: ``each`` does many jobs, several at once where that pays, and ``sleep`` waits between attempts.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import aclosing
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from s3cache.engines.base import Engine, Etag, Features, ObjectInfo, StoredObject

Item = TypeVar("Item")
Result = TypeVar("Result")
Job = Callable[[], Coroutine[Any, Any, Result]]

within_job: ContextVar[bool] = ContextVar("within_job", default=False)
"""Set where a job runs. What it begins in turn is done there: the other threads may all be waiting like this one."""
caller_left: ContextVar[threading.Event | None] = ContextVar("caller_left", default=None)
"""Set on a thread that works for an asynchronous caller, who says by it that he waits no more."""
callers_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("callers_loop", default=None)
"""His loop, there."""

FEW = 3
"""So many jobs are done sooner one after the other than by threads."""
AHEAD = 2
"""Jobs begun for each that may run: a slow one does not leave the others without work."""
END = object()


def finish(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """What the coroutine returns, run here and now. Raises RuntimeError if it waits for an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} waits for an event loop; a blocking engine cannot run it.")


class Runtime(Protocol):
    """How operations wait."""

    def each(self, jobs: AsyncGenerator[Job[Result], None]) -> AsyncGenerator[Result, None]:
        """The results in the order of the jobs, as they are asked for. Takes few jobs ahead, so millions of them are no burden.

        The first error ends the rest: what has not begun never does, what runs is waited for, and the error is raised as it is,
        in no group. Leaving the generator early does the same.
        """
        ...

    async def sleep(self, seconds: float) -> None: ...


class BlockingRuntime:
    """Jobs on at most ``width`` threads of an executor, which is asked for only where there are more jobs than a few."""

    def __init__(self, width: int = 1, executor: Callable[[], Executor] | None = None) -> None:
        self._width = width
        self._executor = executor

    async def each(self, jobs: AsyncGenerator[Job[Result], None]) -> AsyncGenerator[Result, None]:
        async with aclosing(jobs):
            first = await head(jobs, FEW + 1) if self._width > 1 and not within_job.get() else []
            if self._executor is None or len(first) <= FEW:
                for job in first:
                    yield await job()
                async for job in jobs:
                    raise_if_unwanted()
                    yield await job()
            else:
                async with aclosing(self._on_threads(self._executor(), first, jobs)) as results:
                    async for result in results:
                        yield result

    async def _on_threads(
        self, executor: Executor, first: Iterable[Job[Result]], jobs: AsyncGenerator[Job[Result], None]
    ) -> AsyncGenerator[Result, None]:
        turns = Turns(executor)
        begun: deque[Future[Result]] = deque()
        try:
            for job in first:
                begun.append(turns.begin(job))
            async for job in jobs:
                begun.append(turns.begin(job))
                if len(begun) > AHEAD * self._width:
                    yield begun[0].result()
                    del begun[0]
            while begun:
                yield begun[0].result()
                del begun[0]
        finally:
            for one in begun:
                one.cancel()
            wait(begun)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class AsyncioRuntime:
    """Jobs as tasks of the running loop, of which at most ``width`` run at a time."""

    def __init__(self, width: int = 64) -> None:
        self._width = width

    async def each(self, jobs: AsyncGenerator[Job[Result], None]) -> AsyncGenerator[Result, None]:
        turns = asyncio.Semaphore(self._width)
        begun: deque[asyncio.Task[Result]] = deque()

        async def in_turn(job: Job[Result]) -> Result:
            async with turns:
                return await job()

        try:
            async with aclosing(jobs):
                async for job in jobs:
                    begun.append(asyncio.create_task(in_turn(job)))
                    if len(begun) > AHEAD * self._width:
                        yield await ended(begun[0])
                        del begun[0]
            while begun:
                yield await ended(begun[0])
                del begun[0]
        finally:
            for one in begun:
                one.cancel()
            await asyncio.gather(*begun, return_exceptions=True)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def ended(task: asyncio.Task[Result]) -> Result:
    """What the task returns. A caller who is cancelled here still has the task, to cancel it beside others."""
    await asyncio.wait([task])
    return task.result()


class Turns:
    """The jobs of one call, numbered in their order. Behind one that failed nobody looks, so what comes after it does not begin."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._numbers = itertools.count()
        self._failed = math.inf

    def begin(self, job: Job[Result]) -> Future[Result]:
        """The job on a thread, in a copy of the context."""
        context, work = contextvars.copy_context(), partial(self._run, job, next(self._numbers))
        try:
            return self._executor.submit(context.run, work)
        except RuntimeError:  # no more threads: the interpreter ends, or the system has none
            return ended_here(partial(context.run, work))

    def _run(self, job: Job[Result], number: int) -> Result:
        within_job.set(True)
        raise_if_unwanted()
        if number > self._failed:
            raise asyncio.CancelledError
        try:
            return finish(job())
        except BaseException:
            self._failed = min(self._failed, number)
            raise


def ended_here(function: Callable[[], Result]) -> Future[Result]:
    future: Future[Result] = Future()
    try:
        future.set_result(function())
    except BaseException as error:
        future.set_exception(error)
    return future


def raise_if_unwanted() -> None:
    """Ends what goes on for a caller who was cancelled."""
    abandoned = caller_left.get()
    if abandoned is not None and abandoned.is_set():
        raise asyncio.CancelledError


async def supplied(items: Iterable[Result]) -> AsyncGenerator[Result, None]:
    """The items, one after the other, as ``each`` takes its jobs."""
    for item in items:
        yield item


async def head(items: AsyncGenerator[Result, None], count: int) -> list[Result]:
    """The next items, so many at most."""
    found: list[Result] = []
    while len(found) < count and (item := await anext(items, END)) is not END:
        found.append(cast(Result, item))
    return found


async def jobs(
    function: Callable[[Item], Coroutine[Any, Any, Result]], items: AsyncGenerator[Item, None]
) -> AsyncGenerator[Job[Result], None]:
    """The function's call for each item, for ``each`` to make."""
    async with aclosing(items):
        async for item in items:
            yield partial(function, item)


async def batched(items: AsyncGenerator[Result, None], size: int) -> AsyncGenerator[list[Result], None]:
    """The items in lists of that length; the last may be shorter."""
    async with aclosing(items):
        while batch := await head(items, size):
            yield batch


class Blocking:
    """A blocking engine in the async shape. Its coroutines never suspend."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.features: Features = engine.features
        self.prefix: str = engine.prefix

    async def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        return self._engine.get_object(name, first=first, if_none_match=if_none_match, limit=limit)

    async def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        return self._engine.put_object(name, body, if_match=if_match, if_none_match=if_none_match)

    async def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        self._engine.delete_objects(names, etags=etags)

    async def list_objects(self, prefix: str = "", start_after: str | None = None) -> AsyncGenerator[ObjectInfo, None]:
        for info in self._engine.list_objects(prefix, start_after):
            raise_if_unwanted()
            yield info


async def in_thread(executor: Executor, function: Callable[[], Result]) -> Result:
    """What the function returns, run on one of the executor's threads in a copy of the caller's context.

    A caller that is cancelled stops waiting. The request under way may still be done; of many, those to come are not made.
    """
    context, left = contextvars.copy_context(), threading.Event()
    loop = asyncio.get_running_loop()
    context.run(caller_left.set, left)
    context.run(callers_loop.set, loop)
    try:
        return await loop.run_in_executor(executor, context.run, function)
    except asyncio.CancelledError:
        left.set()
        raise


def iterate(generator: AsyncGenerator[Result, None]) -> Generator[Result, None, None]:
    """The items of an asynchronous generator that never suspends, lazily; closes it at the end, or when left early."""
    try:
        while (item := finish(following(generator))) is not END:
            yield cast(Result, item)
    finally:
        finish(closed(generator))


async def following(generator: AsyncGenerator[Result, None]) -> Result | object:
    """The next item, or END."""
    return await anext(generator, END)


async def closed(generator: AsyncGenerator[Result, None]) -> None:
    await generator.aclose()
