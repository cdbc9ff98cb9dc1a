"""A process of owners: it works until its standard input ends, and then writes down what it remembers.

It says "ready" once all its keys are written. It runs the installed s3cache, as ``workers.BOOT`` has it.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from integration.faults.history import History
from integration.faults.load import Owned, Owner, unanswered


@dataclass(frozen=True)
class Task:
    """What a process shall do. Owners are those of ``owned``, among ``everybody``."""

    location: str
    options: dict[str, Any]
    """OPTIONS in CACHES."""
    native: bool
    """Owners are tasks of one loop that use the asynchronous methods; else threads that use the blocking ones."""
    owned: list[Owned]
    everybody: list[Owned]
    allowed: str
    rate: float

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Task:
        given = json.loads(text)
        return cls(**{**given, **{name: [Owned(*one) for one in given[name]] for name in ("owned", "everybody")}})


class Blocking:
    """A cache's blocking methods under the names of the asynchronous ones, for owners that each have a thread."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._cache, name.removeprefix("a"))

        async def call(*args: Any) -> Any:
            return method(*args)

        return call


def main(arguments: list[str]) -> None:
    task_path, result_path = map(Path, arguments)
    task = Task.from_text(task_path.read_text())
    cache = make_cache(task)
    stopped = threading.Event()
    threading.Thread(target=stop_at_the_end_of_input, args=[stopped], daemon=True).start()
    owners = [
        Owner(owned, task.everybody, cache if task.native else Blocking(cache), task.allowed, task.rate) for owned in task.owned
    ]
    run = in_tasks if task.native else in_threads
    run(owners, stopped)
    result_path.write_bytes(pickle.dumps(sum((owner.history for owner in owners), History())))


def stop_at_the_end_of_input(stopped: threading.Event) -> None:
    sys.stdin.read()
    stopped.set()


def make_cache(task: Task) -> Any:
    from django.conf import settings

    from s3cache import ObjectStoreCache
    from s3cache.signals import store_unavailable

    settings.configure(SECRET_KEY="the secret key of the tests")
    warnings.simplefilter("ignore")
    store_unavailable.connect(note)
    return ObjectStoreCache(task.location, {"TIMEOUT": None, "OPTIONS": {"MAX_ENTRIES": None, **task.options}})


def note(**signal: object) -> None:
    """A call was not answered by the store; it is the one that is being made here."""
    unanswered.get().append(signal.get("operation"))


def in_threads(owners: list[Owner], stopped: threading.Event) -> None:
    barrier = threading.Barrier(len(owners), ready)

    def life(owner: Owner) -> None:
        asyncio.run(owner.prepare())
        barrier.wait()
        asyncio.run(owner.work(stopped.is_set))
        asyncio.run(owner.look_back())

    with ThreadPoolExecutor(len(owners)) as threads:
        list(threads.map(life, owners))


def in_tasks(owners: list[Owner], stopped: threading.Event) -> None:
    async def life() -> None:
        await asyncio.gather(*(owner.prepare() for owner in owners))
        ready()
        await asyncio.gather(*(owner.work(stopped.is_set) for owner in owners))
        await asyncio.gather(*(owner.look_back() for owner in owners))

    asyncio.run(life())


def ready() -> None:
    print("ready", flush=True)
