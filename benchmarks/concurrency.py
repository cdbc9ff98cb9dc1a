"""Many reads at once where each waits: get_many, and concurrent aget, of a hundred keys at 20 ms of latency.

get_many stands against one get after another; aget against the default of Django's BaseCache, which sends every call to one
thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

from django.core.cache.backends.base import BaseCache

from benchmarks.endpoints import cache_in, fast_bucket
from benchmarks.harness import Call, Options, measure, ratio
from benchmarks.results import TIMES, Report, View, times
from benchmarks.sdks import SDKS
from benchmarks.values import KB, noise
from s3cache import ObjectStoreCache

KEYS = 100
LATENCY = 0.02
LEAST_MANY = {"boto3": 8, "minio": 15, "obstore": 30}
LEAST_ASYNC = {"boto3": 7, "obstore": 35}
SLOW = {"get_many": "one get after another", "aget": "BaseCache's aget"}
"""What each is measured against."""
NOTES = [
    "Random bytes of 4 KB, signed. In ms: all keys together; the CPU time is the client's.",
    "BaseCache's aget is what a cache has that defines only get.",
]
UNITS = {"engine": "", "way": "", **dict.fromkeys(TIMES, "ms"), "times as fast": "times"}


def run(options: Options) -> Report:
    count, rounds = options.of(KEYS, KEYS, 4), options.of(7, 2, 1)
    wanted = [engine for engine in SDKS if find_spec(engine)]
    view = View(["engine"], "way", ["median", "CPU", "times as fast"])
    with ExitStack() as stack:
        bucket = stack.enter_context(fast_bucket(LATENCY))
        report = Report(f"{count} keys at {LATENCY * 1000:.0f} ms of latency", [bucket.note, *NOTES], UNITS, view)
        runner = stack.enter_context(asyncio.Runner())
        caches = {engine: stack.enter_context(cache_in(bucket, engine)) for engine in wanted}
        for engine, cache in caches.items():
            add(report, engine, ways(cache, runner, count), rounds)
    return report


def ways(cache: ObjectStoreCache, runner: asyncio.Runner, count: int) -> dict[str, Call]:
    """All values are there, and all connections open, as in a process that has served for a while."""
    values = {f"page-{number}": noise(4 * KB) for number in range(count)}
    cache.set_many(values)
    assert cache.get_many(values) == values

    def together(get: Callable[[str], Coroutine[Any, Any, Any]]) -> list[Any]:
        async def gathered() -> list[Any]:
            return await asyncio.gather(*map(get, values))

        return runner.run(gathered())

    assert together(cache.aget) == [*values.values()]
    return {
        SLOW["get_many"]: lambda _: [cache.get(key) for key in values],
        "get_many": lambda _: cache.get_many(values),
        SLOW["aget"]: lambda _: together(lambda key: BaseCache.aget(cache, key)),
        "aget": lambda _: together(cache.aget),
    }


def add(report: Report, engine: str, calls: dict[str, Call], rounds: int) -> None:
    found = measure(calls, rounds, block=0)
    for way, figures in found.items():
        gain = {"times as fast": ratio(found[SLOW[way]].rounds, figures.rounds)} if way in SLOW else {}
        report.add({"engine": engine, "way": way}, times(figures), gain)
    for way, aims in {"get_many": LEAST_MANY, "aget": LEAST_ASYNC}.items():
        if engine in aims:
            gained = ratio(found[SLOW[way]].rounds, found[way].rounds)
            report.aim_times(f"{engine}: {way} against {SLOW[way]}", gained, aims[engine])
