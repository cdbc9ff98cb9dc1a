"""READ_ONLY: a cache that nothing is written to.

With True, for a bucket that one may not write: a write does nothing, costs nothing, and answers as ``policy.ANSWERS`` has it for a
cache that cannot be written. With "dry", for tests and trials: the value is serialized, signed and checked as for a write, and the
answer is what the store's state gives, by a read; only the write itself is left out. Each is counted as ``dropped_writes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing

from s3cache.bulk import Named
from s3cache.computing import ALONE, Computed, Turn
from s3cache.entries import MISSING, Seen
from s3cache.envelope import Place
from s3cache.errors import NotSupported
from s3cache.expiry import NEVER
from s3cache.patterns import Glob
from s3cache.policy import Forgiving, forgiven
from s3cache.searches import Tell
from s3cache.timed import of_one_entry
from s3cache.trimming import Progress


class ReadOnly(Forgiving):
    """Reads go to the store, writes nowhere."""

    async def set(self, key: str, value: object, timeout: float | None) -> None:
        self._observer.dropped(1)

    async def add(self, key: str, value: object, timeout: float | None) -> bool:
        self._observer.dropped(1)
        return False

    async def touch(self, key: str, timeout: float | None) -> bool:
        self._observer.dropped(1)
        return False

    async def expire_at(self, key: str, moment: int) -> bool:
        self._observer.dropped(1)
        return False

    async def persist(self, key: str) -> bool:
        self._observer.dropped(1)
        return False

    async def incr(self, key: str, delta: int) -> int | None:
        self._observer.dropped(1)
        return None

    async def move(self, key: str, new_key: str) -> bool:
        self._observer.dropped(1)
        return False

    async def mend(self, key: str, value: object, timeout: float | None) -> object:
        return value

    async def begin_computing(self, key: str, seconds: float) -> Turn:
        return ALONE

    async def store_computed(self, key: str, computed: Computed, timeout: float | None, seen: Seen | None) -> object:
        self._observer.dropped(1)
        return MISSING

    async def delete(self, key: str) -> bool:
        self._observer.dropped(1)
        return False

    async def set_many(self, values: Mapping[object, tuple[str, object]], timeout: float | None) -> list[object]:
        self._observer.dropped(len(values))
        return [*values]

    async def delete_many(self, keys: Iterable[Named]) -> None:
        self._observer.dropped(sum(1 for _ in keys))

    async def delete_matching(self, wanted: Glob, tell: Tell | None = None) -> int:
        self._observer.dropped(1)
        return 0

    async def clear(self) -> None:
        self._observer.dropped(1)

    async def new_generation(self, key: str) -> None:
        self._observer.dropped(1)

    def _first_write(self, place: Place, generation: str) -> None:
        """The group stays without one. Each call makes its own, so there is nothing in it to be found."""

    async def cull(self, max_entries: int | None, max_bytes: int | None, tell: Callable[[Progress], object] | None) -> int:
        return 0

    def require_leases(self) -> None:
        raise NotSupported("A cache with READ_ONLY writes nothing, so it can hold no lock.")


class DryRun(ReadOnly):
    """As far as the write itself; a write costs a read where its answer needs one."""

    async def set(self, key: str, value: object, timeout: float | None) -> None:
        self._sealed(self._place(key), value, timeout)
        self._observer.dropped(1)

    @forgiven
    @of_one_entry
    async def add(self, key: str, value: object, timeout: float | None) -> bool:
        self._sealed(self._place(key), value, timeout)
        self._observer.dropped(1)
        return not (await self._entries.peek(self._place(key))).alive

    @forgiven
    @of_one_entry
    async def touch(self, key: str, timeout: float | None) -> bool:
        self._observer.dropped(1)
        return (await self._entries.peek(self._place(key))).alive

    async def expire_at(self, key: str, moment: int) -> bool:
        return await self.touch(key, None)

    @forgiven
    @of_one_entry
    async def persist(self, key: str) -> bool:
        self._observer.dropped(1)
        live = (await self._entries.peek(self._place(key))).live
        return live is not None and live.expires_at != NEVER

    @forgiven
    @of_one_entry
    async def incr(self, key: str, delta: int) -> int | None:
        place = self._place(key)
        value = self._entries.value(place, await self._entries.read(place))
        self._observer.dropped(1)
        return None if value is MISSING else value + delta  # type: ignore[operator]  # as in ``Operations.incr``

    async def store_computed(self, key: str, computed: Computed, timeout: float | None, seen: Seen | None) -> object:
        await self.set(key, computed.value, timeout)
        return MISSING

    async def move(self, key: str, new_key: str) -> bool:
        return await self.touch(key, None)

    async def delete(self, key: str) -> bool:
        return await self.touch(key, None)

    async def set_many(self, values: Mapping[object, tuple[str, object]], timeout: float | None) -> list[object]:
        for key, (_, value) in values.items():
            self._named_payload(key, value)
        self._observer.dropped(len(values))
        return []

    @forgiven
    async def delete_matching(self, wanted: Glob, tell: Tell | None = None) -> int:
        async with aclosing(self.matching(wanted, tell)) as matching:
            number = sum([1 async for _ in matching])
        self._observer.dropped(number)
        return number
