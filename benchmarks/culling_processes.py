"""Culling with real processes on a real server: each has a cache of its own, over boto3, and shares nothing with the others.

The processes keep a journal, by the machine's clock, of what they wrote and removed. Played back in order it tells how many
entries there were at each write, and how old the victims were; at the end a listing must show just the entries that it says.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import ClassVar, NamedTuple

from django.conf import settings

from benchmarks.culling_census import Census, figures
from benchmarks.endpoints import REGION, Bucket, bucket_for
from benchmarks.harness import Options
from benchmarks.results import Cell, Report, View
from s3cache import ObjectStoreCache
from s3cache.engines.base import Etag, ObjectInfo
from s3cache.engines.boto3 import Boto3Engine

LIMITS = (600, 3000)
PAGE = 1000
SLOW = 120.0
"""Seconds in which all processes have started."""


class Event(NamedTuple):
    """A request, when its answer was there."""

    time: int
    verb: str
    names: Sequence[str]
    """What was written or removed; () of a listing."""


class JournaledEngine(Boto3Engine):
    """The engine boto3, with a journal of what a cache's writes and looks ask for."""

    journal: ClassVar[list[Event]] = []
    """Of this process."""

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        etag = super().put_object(name, body, if_match=if_match, if_none_match=if_none_match)
        self._note("put", [name])
        return etag

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        super().delete_objects(names, etags=etags)
        self._note("delete", names)

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        for number, info in enumerate(super().list_objects(prefix, start_after)):
            if number % PAGE == 0:
                self._note("list", ())
            yield info

    def _note(self, verb: str, names: Sequence[str]) -> None:
        self.journal.append(Event(time.time_ns(), verb, names))


def run(options: Options, notes: Sequence[str], units: Mapping[str, str]) -> Report:
    """A row for each limit."""
    with server(options) as bucket:
        title = f"what culling costs and leaves, with {options.processes} processes over boto3"
        report = Report(title, [*notes, bucket.note], units, View([*units]))
        for limit in [int(name) for name in options.engines] or LIMITS[: options.of(2, 1, 1)]:
            sets = options.of(max(4 * limit, 6000), 3 * limit, limit)
            journal, left = written(bucket, limit, options.processes, sets // options.processes)
            report.rows.append(
                {"MAX_ENTRIES": limit, "writers": options.processes, "what": "processes", **played(journal, limit, sets // 3, left)}
            )
    return report


@contextmanager
def server(options: Options) -> Iterator[Bucket]:
    """The bucket that was asked for, else one of a moto server."""
    if options.url:
        with bucket_for(options.url) as bucket:
            yield bucket
        return
    from tests.servers import Moto

    moto = Moto()
    try:
        yield Bucket(moto.url, moto.make_bucket(), note="The server is moto.")
    finally:
        moto.stop()


def written(bucket: Bucket, limit: int, processes: int, sets: int) -> tuple[list[Event], set[str]]:
    """What so many processes did, each with so many sets, in the order of time; and the entries that a listing shows afterwards."""
    location = f"s3://{bucket.name}/culling-{os.urandom(4).hex()}"
    context = get_context("spawn")
    with context.Pool(processes, ready, [context.Barrier(processes)]) as pool:
        journals = pool.starmap(write, [(location, bucket, limit, f"{writer}", sets) for writer in range(processes)], chunksize=1)
    cache = opened(location, bucket, limit)
    with closing(cache.engine):
        left = {info.name for info in cache.objects()}
        cache.clear()
    return sorted(event for journal in journals for event in journal), left


def ready(barrier: Barrier) -> None:
    """How a process begins."""
    STARTED.append(barrier)
    settings.configure(SECRET_KEY="a key for benchmarks")


STARTED: list[Barrier] = []


def write(location: str, bucket: Bucket, limit: int, writer: str, sets: int) -> list[Event]:
    """What one process does, once all have started."""
    cache = opened(location, bucket, limit)
    with closing(cache.engine):
        cache.get("nothing")  # connects
        STARTED[0].wait(SLOW)
        for number in range(sets):
            cache.set(f"{writer}-{number}", number)
    return JournaledEngine.journal


def opened(location: str, bucket: Bucket, limit: int) -> ObjectStoreCache:
    keys = {"access_key": bucket.access_key, "secret_key": bucket.secret_key}
    engine = f"{JournaledEngine.__module__}.{JournaledEngine.__name__}"
    options = {"ENGINE": engine, "MAX_ENTRIES": limit, "endpoint_url": bucket.url, "region_name": REGION, **keys}
    return ObjectStoreCache(location, {"OPTIONS": options})


def played(journal: Iterable[Event], limit: int, warm: int, left: set[str]) -> dict[str, Cell]:
    """What the journal tells, from the set of number ``warm`` on. Raises RuntimeError if it does not end with what is ``left``."""
    census, numbers, requests = Census(limit), dict[str, int](), Counter[str]()
    for event in journal:
        if event.verb == "put":
            [name] = event.names
            census.wrote(census.writes)
            numbers[name] = census.writes - 1
            if census.writes == warm:
                census.forget()
                requests.clear()
        else:
            requests[event.verb] += 1
            census.removed([numbers.pop(name) for name in event.names if name in numbers])
    if numbers.keys() != left:
        raise RuntimeError(f"The journals tell of {len(numbers)} entries, the listing of {len(left)}.")
    return figures(census, requests)
