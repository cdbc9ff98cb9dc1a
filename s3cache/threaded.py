"""Asynchronous generators that never suspend, run on threads for callers whose loop must not wait for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from typing import Generic, TypeVar

from s3cache.runtime import closed, finish, head, in_thread

Item = TypeVar("Item")

PORTION = 100
"""Items that are asked for at once: a change of threads costs little beside so many, and the first do not wait for all."""


async def on_threads(executor: Executor, generator: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """The generator's items. Whoever closes it early waits for the request under way; whoever is cancelled does not."""
    portions = Portions(generator)
    try:
        while portion := await in_thread(executor, portions.next):
            for item in portion:
                yield item
    except GeneratorExit:
        await in_thread(executor, portions.close)
        raise
    except asyncio.CancelledError:
        executor.submit(portions.close)
        raise


class Portions(Generic[Item]):
    """A generator that several threads use, one at a time."""

    def __init__(self, generator: AsyncGenerator[Item, None]) -> None:
        self._generator = generator
        self._turn = threading.Lock()

    def next(self) -> list[Item]:
        """The next items; none at the end, and when it is closed."""
        with self._turn:
            return finish(head(self._generator, PORTION))

    def close(self) -> None:
        with self._turn:
            finish(closed(self._generator))
