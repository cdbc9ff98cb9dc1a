"""s3cache against what a user would pick instead: Django's own caches, django-redis and diskcache.

They do not promise the same: a cache in this process, a directory or SQLite serves one machine, Redis holds what fits into memory,
and an object store is what many machines share and what no restart empties. Only the near cache is the one and the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial

from django.core.cache.backends.base import BaseCache

from benchmarks.caches import DJANGO_REDIS, NEAR, contestants
from benchmarks.endpoints import fast_bucket
from benchmarks.harness import BLOCK, Figures, Options, measure, ratio
from benchmarks.results import TIMES, Report, View, times
from benchmarks.values import KB, MB, html, sized

KEYS = 20
ROUNDS = {KB: 60, 64 * KB: 40, MB: 20}
QUICK = {KB: 6, 64 * KB: 4, MB: 2}
SMOKE = {KB: 1}
FASTER_NEAR = 5
NOTES = [
    f"The value is HTML text; {KEYS} keys of each size take turns, and there are no other entries.",
    "All have their defaults, but MAX_ENTRIES of a million: FileBasedCache compresses, s3cache signs.",
    "Redis, nginx and the client share this machine: a network adds its round trip to those two, and to them only.",
]
UNITS = {"operation": "", "size": "", "cache": "", **TIMES}


def run(options: Options) -> Report:
    with ExitStack() as stack:
        bucket = stack.enter_context(fast_bucket())
        caches, missing = contestants(bucket, options.directory, stack)
        view = View(["operation", "size"], "cache", ["median"])
        report = Report("s3cache against other caches", [bucket.note, *NOTES, *missing], UNITS, view)
        for size, rounds in options.of(ROUNDS, QUICK, SMOKE).items():
            for operation, found in measured(caches, html(size), rounds):
                for name, figures in found.items():
                    report.add({"operation": operation, "size": sized(size), "cache": name}, times(figures))
                if operation == "get hit" and size < MB and {NEAR, DJANGO_REDIS} <= found.keys():
                    gain = ratio(found[DJANGO_REDIS].rounds, found[NEAR].rounds)
                    report.aim_times(f"near cache against django-redis: get of {sized(size)}", gain, FASTER_NEAR)
    return report


def measured(caches: Mapping[str, BaseCache], value: str, rounds: int) -> Iterator[tuple[str, dict[str, Figures]]]:
    """The figures of each operation."""
    for cache in caches.values():
        cache.set_many({key(number): value for number in range(KEYS)})
        assert cache.get(key(0)) == value
    for operation, call in OPERATIONS.items():
        yield operation, measure({name: partial(call, cache, value) for name, cache in caches.items()}, rounds)
    # What is deleted must be there, so each has its own key and is set before, in short turns: some caches set slowly.
    fresh = {name: partial(set_fresh, cache, value) for name, cache in caches.items()}
    yield "delete", measure({name: partial(delete_fresh, cache) for name, cache in caches.items()}, rounds, BLOCK / 10, fresh)


def key(number: int) -> str:
    return f"page-{number % KEYS}"


OPERATIONS: Mapping[str, Callable[[BaseCache, str, int], object]] = {
    "get hit": lambda cache, _, number: cache.get(key(number)),
    "get miss": lambda cache, _, number: cache.get(f"no-{key(number)}"),
    "set": lambda cache, value, number: cache.set(key(number), value),
    "has_key": lambda cache, _, number: cache.has_key(key(number)),
}


def set_fresh(cache: BaseCache, value: str, number: int) -> None:
    cache.set(f"fresh-{number}", value)


def delete_fresh(cache: BaseCache, number: int) -> None:
    cache.delete(f"fresh-{number}")
