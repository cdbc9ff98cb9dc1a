"""How to wait: one set of coroutines serves blocking and asynchronous callers.

Operations are coroutines over an engine in the async shape. ``Blocking`` puts a blocking engine into that shape with coroutines
that never suspend, so ``finish`` can run an operation to its end with a single ``send``: no event loop, no thread. A loop
awaits the same operation over an engine with native async.

A runtime has two verbs: ``together`` does many jobs, ``sleep`` waits between attempts.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar, cast

from s3cache.engines.base import Engine, Etag, Features, ObjectInfo, StoredObject

Result = TypeVar("Result")
Job = Callable[[], Coroutine[Any, Any, Result]]


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

    async def together(self, jobs: Iterable[Job[Result]]) -> list[Result]:
        """The results in the order of the jobs. The first error ends the rest and is raised as it is, in no group."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class BlockingRuntime:
    """One job after the other."""

    async def together(self, jobs: Iterable[Job[Result]]) -> list[Result]:
        return [await job() for job in jobs]

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class AsyncioRuntime:
    """At most ``width`` jobs at a time on the running loop; never more tasks than that, however many jobs."""

    def __init__(self, width: int = 64) -> None:
        self._width = width

    async def together(self, jobs: Iterable[Job[Result]]) -> list[Result]:
        numbered = enumerate(jobs)
        results: dict[int, Result] = {}

        async def work(number: int, job: Job[Result]) -> None:
            results[number] = await job()
            for number, job in numbered:
                results[number] = await job()

        workers: list[asyncio.Future[None]] = []
        try:
            for number, job in itertools.islice(numbered, self._width):
                workers.append(asyncio.ensure_future(work(number, job)))
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return [results[number] for number in sorted(results)]

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


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
            yield info


async def in_thread(executor: Executor, function: Callable[[], Result]) -> Result:
    """What the function returns, run on one of the executor's threads in a copy of the caller's context.

    A caller that is cancelled stops waiting; what he asked for may still be done.
    """
    return await asyncio.get_running_loop().run_in_executor(executor, contextvars.copy_context().run, function)


def iterate(generator: AsyncGenerator[Result, None]) -> Iterator[Result]:
    """The items of an asynchronous generator that never suspends, lazily; closes it at the end, or when left early."""
    end = object()
    try:
        while (item := finish(following(generator, end))) is not end:
            yield cast(Result, item)
    finally:
        finish(closed(generator))


async def following(generator: AsyncGenerator[Result, None], end: object) -> Result | object:
    return await anext(generator, end)


async def closed(generator: AsyncGenerator[Result, None]) -> None:
    await generator.aclose()
