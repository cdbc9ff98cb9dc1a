"""Many writers and one store, in one process: the real ``Looks`` and ``Culler`` of each, over the memory engine.

All requests take equally long: in each round every writer makes its next one, and the writers' order is new in each round. So a
look of 64 writers sees what the others wrote meanwhile, and they write on while its victims are being removed.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Self

from benchmarks.culling_census import Census
from s3cache import ObjectStoreCache
from s3cache.culling import Culler
from s3cache.engines.base import Etag, ObjectInfo, StoredObject
from s3cache.engines.memory import MemoryEngine
from s3cache.layouts import Hashed, Readable
from s3cache.looks import Looks
from s3cache.naming import object_name
from s3cache.options import READABLE
from s3cache.runtime import Blocking
from s3cache.statistics import Statistics

PAGE = 1000
OWN = ".s3c/"
"""So begin the names of objects that are no entries."""
CULL_FREQUENCY = 3

Write = Callable[[int], Coroutine[None, None, None]]
"""Makes the entry of that number."""


class Store(MemoryEngine):
    """The memory engine, with a census. It counts requests as S3 has them; of reads and writes, those of culling."""

    def __init__(self, max_entries: int, sets_per_second: float = 100.0, whole_seconds: bool = True) -> None:
        super().__init__(clock=self._now)
        self.census = Census(max_entries)
        self.requests: Counter[str] = Counter()
        self._pace = sets_per_second
        self._whole = whole_seconds

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        """For ``caches``."""
        return cls(int(str(options["census_of"])))

    def _now(self) -> float:
        seconds = self.census.writes / self._pace
        return float(int(seconds)) if self._whole else seconds

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        etag = super().put_object(name, body, if_match=if_match, if_none_match=if_none_match)
        if name.startswith(OWN):
            self.requests["put"] += 1
        else:
            self.census.wrote(int(etag or "", 16))  # these etags number the writes
        return etag

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        self.requests["get"] += 1
        return super().get_object(name, first=first, if_none_match=if_none_match, limit=limit)

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        self.requests["delete"] += 1
        there = [self._etag(name) for name in names]
        super().delete_objects(names, etags=etags)
        self.census.removed(int(etag, 16) for etag in there if etag)

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        for number, info in enumerate(super().list_objects(prefix, start_after)):
            self.requests["list"] += number % PAGE == 0
            yield info

    def asynchronous(self) -> Turns:
        return Turns(self)


class Pause:
    """Awaited, it waits for the writer's next turn."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Turns(Blocking):
    """A store in the async shape, in which each request waits for the writer's next turn."""

    async def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        await Pause()
        return await super().get_object(name, first=first, if_none_match=if_none_match, limit=limit)

    async def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        await Pause()
        return await super().put_object(name, body, if_match=if_match, if_none_match=if_none_match)

    async def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        await Pause()
        await super().delete_objects(names, etags=etags)

    async def list_objects(self, prefix: str = "", start_after: str | None = None) -> AsyncGenerator[ObjectInfo, None]:
        await Pause()
        listed = 0
        async for info in super().list_objects(prefix, start_after):
            if listed and listed % PAGE == 0:
                await Pause()
            listed += 1
            yield info


def hashed(number: int) -> str:
    """The name of the entry of that number."""
    return object_name("", str(number))


class Crowd:
    """Writers of new entries, one request each per round."""

    def __init__(self, store: Store, writes: Sequence[Write], random: Random, named: Callable[[int], str] = hashed) -> None:
        self.store = store
        self._named = named
        self._random = random
        self._numbers = itertools.count()
        self._closed = False
        self._writers = [self._writer(write) for write in writes]

    async def _writer(self, write: Write) -> None:
        for number in self._numbers:
            if self._closed:
                return
            await write(number)

    def fill(self, entries: int) -> None:
        """So many sets without looks: what they would do, while the cache is too empty for one to remove anything."""
        for number in itertools.islice(self._numbers, entries):
            self.store.put_object(self._named(number), b"")

    def run(self, sets: int) -> None:
        end = self.store.census.writes + sets
        while self.store.census.writes < end:
            self.turn()

    def turn(self) -> None:
        """The next request of each writer."""
        for writer in self._random.sample(self._writers, len(self._writers)):
            writer.send(None)

    def close(self) -> None:
        """Each ends the write that it has begun: in the middle of a listing Python 3.11 cannot close it."""
        self._closed = True
        for writer in self._writers:
            with suppress(StopIteration):
                while True:
                    writer.send(None)


def name_of(layout: str, store: Store, key: str) -> str:
    return (Readable if layout == READABLE else Hashed)(store.prefix).name_of(key)


def caches(max_entries: int, writers: int, random: Random, layout: str = "hashed", key: Callable[[int], str] = str) -> Crowd:
    """Writers of which each has an ObjectStoreCache: the same, with all of s3cache around it."""
    options = {
        "ENGINE": f"{__name__}.{Store.__name__}",
        "MAX_ENTRIES": max_entries,
        "CULL_FREQUENCY": CULL_FREQUENCY,
        "KEY_LAYOUT": layout,
    }
    location = f"culling-{random.getrandbits(64):x}"

    def write(writer: int) -> tuple[ObjectStoreCache, Write]:
        # Caches of one configuration share their looks; as of several processes, these must not.
        own = {**options, "TOTAL_TIMEOUT": 10 + writer, "census_of": max_entries}
        cache = ObjectStoreCache(location, {"OPTIONS": own})
        return cache, lambda number: cache.aset(key(number), "")

    made = [write(writer) for writer in range(writers)]
    store = made[0][0].engine
    assert isinstance(store, Store)
    return Crowd(store, [one for _, one in made], random, lambda number: name_of(layout, store, made[0][0].make_key(key(number))))


def crowd(store: Store, writers: int, random: Random) -> Crowd:
    """Writers of which each has its own ``Looks`` and ``Culler``, as each process has."""

    def write(looks: Looks, shaped: Turns) -> Write:
        async def one(number: int) -> None:
            name = hashed(number)
            await shaped.put_object(name, b"")
            await looks.after_write(name)

        return one

    shaped = store.asynchronous()
    cullers = [Culler(store.census.max_entries, CULL_FREQUENCY, Random(random.random())) for _ in range(writers)]
    return Crowd(store, [write(Looks(shaped, culler, Statistics()), shaped) for culler in cullers], random)
