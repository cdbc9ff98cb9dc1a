"""One engine in a process of its own: so many operations, and what the process holds before, in the middle and after.

As in a site, threads and event loops come and go: each round of calls has new ones. Each has a backend object of its own from
Django. Values are written, read, missed, counted and removed, singly and many at once; asynchronous callers also give up now
and then.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

THREADS, TASKS = 4, 16
"""So many callers at once, blocking and asynchronous."""
ROUND = 1000
"""Calls until all threads, or the event loop, are new ones."""
IMPATIENCE = 0.0005
"""Seconds after which an asynchronous caller gives up who is not patient."""
VALUE, LARGE_VALUE = b"v" * 1000, b"v" * 100_000

Call = tuple[str, *tuple[Any, ...]]
"""The name of a cache's method, and what to call it with."""


def calls(caller: int, first: int, count: int) -> Iterator[Call]:
    """What a caller does, from the first number on. Its keys are a hundred or two, its own but for the counter."""
    for number in range(first, first + count):
        yield call(caller, number)


def call(caller: int, number: int) -> Call:
    key = f"{caller}-{number // 20 % 10}"
    some = [f"{caller}-{other}" for other in range(8)]
    return (
        ("set", key, VALUE),
        ("get", key),
        ("get", "missing"),
        ("get", key),
        ("has_key", key),
        ("set", f"{key}-large", LARGE_VALUE),
        ("get", f"{key}-large"),
        ("add", key, VALUE),
        ("add", f"{key}-added", {"a": "dictionary"}),
        ("get", f"{key}-added"),
        ("delete", f"{key}-added"),
        ("get_or_set", f"{key}-computed", VALUE),
        ("get_many", some),
        ("set_many", dict.fromkeys(some, VALUE)),
        ("add", "counter", 0),
        ("incr", "counter"),
        ("touch", key),
        ("delete_many", [f"{key}-computed", f"{key}-missing"]),
        ("incr", "missing"),
        ("delete", "missing"),
    )[number % 20]


def held() -> dict[str, int]:
    """What this process holds now."""
    gc.collect()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")) - 1,
        "threads": len(os.listdir("/proc/self/task")),
        "kilobytes": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024,
    }


class Work:
    """The calls of one shape, and how they ended."""

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()
        self._lock = threading.Lock()

    def blocking(self, first: int, count: int) -> None:
        with ThreadPoolExecutor(THREADS) as callers:
            for caller in range(THREADS):
                callers.submit(self._block, caller, first // THREADS, count // THREADS)

    def asynchronous(self, first: int, count: int) -> None:
        async def together() -> None:
            await asyncio.gather(*(self._wait(caller, first // TASKS, count // TASKS) for caller in range(TASKS)))

        asyncio.run(together())

    def _block(self, caller: int, first: int, count: int) -> None:
        from django.core.cache import cache

        for name, *arguments in calls(caller, first, count):
            try:
                getattr(cache, name)(*arguments)
                self._note("answered")
            except Exception as error:
                self._note(type(error).__name__)

    async def _wait(self, caller: int, first: int, count: int) -> None:
        from django.core.cache import cache

        for number, (name, *arguments) in enumerate(calls(caller, first, count)):
            try:
                async with asyncio.timeout(IMPATIENCE if number % 23 == 0 else None):
                    await getattr(cache, f"a{name}")(*arguments)
                self._note("answered")
            except Exception as error:
                self._note(type(error).__name__)

    def _note(self, how: str) -> None:
        with self._lock:
            self.ended[how] += 1


def main() -> None:
    """Takes the shape, the number of operations and an entry of CACHES; prints what it found as JSON."""
    from django.conf import settings

    shape, operations, entry = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    settings.configure(SECRET_KEY="the secret key of the tests", CACHES={"default": entry})
    logging.getLogger("s3cache").setLevel(logging.CRITICAL)  # faults are counted
    work, half = Work(), operations // 2
    moments = [held()]
    for start in (0, half):
        for first in range(start, start + half, ROUND):
            getattr(work, shape)(first, min(ROUND, start + half - first))
        moments.append(held())
    before, middle, after = moments
    print(json.dumps({"ended": work.ended, "before": before, "middle": middle, "after": after}))
