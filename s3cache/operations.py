"""The cache's operations, each written once.

They are coroutines over an engine in the async shape: ``runtime.finish`` runs them for blocking callers, a loop awaits them.
Keys here are Django's full keys; each docstring says what the operation costs in requests, culling apart (``looks``).

What get calls a miss, every other operation calls absent (``entries``). Reads never delete: a delete after somebody's set would
lose a fresh value.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from itertools import islice

from s3cache.conditional import ConditionalWrites
from s3cache.engines.base import AsyncEngine, ObjectInfo
from s3cache.entries import MISSING, Entries, Sealed, Seen
from s3cache.envelope import Payload, Place
from s3cache.errors import EngineUnavailable
from s3cache.expiry import deadline, leaves_nothing
from s3cache.looks import Looks
from s3cache.naming import is_entry_name, object_name
from s3cache.runtime import Runtime
from s3cache.statistics import Observer

OUTAGE = 2
"""After so many writes in a row without an answer ``set_many`` tries no more: each may have waited for all time-outs."""


class Operations:
    """What one cache can do, over one engine."""

    def __init__(
        self, engine: AsyncEngine, runtime: Runtime, entries: Entries, looks: Looks, observer: Observer, namespace: str = ""
    ) -> None:
        self._engine = engine
        self._runtime = runtime
        self._entries = entries
        self._looks = looks
        self._observer = observer
        self._namespace = namespace
        self._conditional = ConditionalWrites(entries, runtime)

    async def get(self, key: str, default: object = None) -> object:
        """The value, or ``default``. Costs one GET."""
        place = self._place(key)
        value = self._entries.value(place, await self._entries.read(place))
        if value is MISSING:
            self._observer.miss()
            return default
        self._observer.hit()
        return value

    async def has_key(self, key: str) -> bool:
        """Whether the entry is there. Costs one GET of 2 KiB."""
        return (await self._entries.peek(self._place(key))).alive

    async def set(self, key: str, value: object, timeout: float | None) -> None:
        """Stores the value; with a timeout of 0 or below removes the entry instead. Costs one PUT or DELETE."""
        place = self._place(key)
        sealed = self._sealed(place, value, timeout)
        if leaves_nothing(timeout):
            await self._engine.delete_objects([place.name])
        else:
            await self._entries.write(place, sealed)
            await self._looks.after_write(place.name)

    async def add(self, key: str, value: object, timeout: float | None) -> bool:
        """Stores the value if the entry is absent, and tells whether it did; atomic where the engine honours conditions.

        Costs one PUT; two requests where an entry is present, three where an expired or foreign object is replaced; one GET with a
        timeout of 0 or below, which leaves nothing. Without conditional writes a GET comes first, always.
        """
        place = self._place(key)
        sealed = self._sealed(place, value, timeout)
        if leaves_nothing(timeout):
            return not (await self._entries.peek(place)).alive
        created = await self._conditional.create(place, sealed)
        if created:
            await self._looks.after_write(place.name)
        return created

    async def touch(self, key: str, timeout: float | None) -> bool:
        """Gives the entry a new timeout; False if it is absent. Atomic as ``add`` is. Costs one GET and one PUT.

        A timeout of 0 or below removes the entry.
        """
        place = self._place(key)
        if leaves_nothing(timeout):
            return await self.delete(key)

        def renewed(seen: Seen) -> tuple[Sealed, bool] | None:
            payload = self._entries.payload(place, seen)
            if payload is None:
                return None
            return self._entries.sealed(place, payload, deadline(timeout, self._entries.clock())), True

        return bool(await self._conditional.update(place, renewed, repeatable=True))

    async def incr(self, key: str, delta: int) -> int | None:
        """Adds ``delta`` to the value and keeps its expiry: the new value, or None if the entry is absent. Atomic as ``add`` is.

        Costs one GET and one PUT. Raises TypeError for a value that is no number; EngineUnavailable where the store did not answer
        and another writer came in between: the addition may have been applied, and is never repeated.
        """
        place = self._place(key)

        def added(seen: Seen) -> tuple[Sealed, int] | None:
            value = self._entries.value(place, seen)
            if value is MISSING or seen.live is None:
                return None
            total = value + delta  # type: ignore[operator]  # any stored value; Django expects the TypeError of None + 1
            return self._entries.sealed(place, self._entries.codec.encode(total), seen.live.expires_at), total

        return await self._conditional.update(place, added, repeatable=False)

    async def move(self, key: str, new_key: str) -> bool:
        """Stores the entry under another key, expiry kept, then removes it under the old one; False if it is absent.

        Others may meanwhile see both, never neither. Costs one GET, one PUT and one DELETE.
        """
        place, new_place = self._place(key), self._place(new_key)
        seen = await self._entries.read(place)
        payload = self._entries.payload(place, seen)
        if payload is None or seen.live is None:
            return False
        if new_place != place:
            await self._entries.write(new_place, self._entries.sealed(new_place, payload, seen.live.expires_at))
            await self._engine.delete_objects([place.name])
            await self._looks.after_write(new_place.name)
        return True

    async def mend(self, key: str, value: object, timeout: float | None) -> object:
        """The value that is there by now, else ``value``, which also replaces an object that get cannot read.

        For get_or_set, after ``add`` found an entry whose header is good and whose payload is not. Costs one GET, and one PUT
        to replace.
        """
        place = self._place(key)
        found: object = MISSING

        def mended(seen: Seen) -> tuple[Sealed, None] | None:
            nonlocal found
            found = self._entries.value(place, seen)
            if found is not MISSING or not seen.exists or leaves_nothing(timeout):
                return None
            return self._sealed(place, value, timeout), None

        await self._conditional.update(place, mended, repeatable=True)
        return value if found is MISSING else found

    async def delete(self, key: str) -> bool:
        """Removes what is there; tells whether it was an entry. Costs one GET of 2 KiB, and one DELETE if an object is there."""
        place = self._place(key)
        seen = await self._entries.peek(place)
        if seen.exists:
            await self._engine.delete_objects([place.name])
        return seen.alive

    async def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        """The values of those keys that are there. Costs one GET each."""

        async def got(key: str) -> tuple[str, object]:
            return key, await self.get(key, MISSING)

        pairs = await self._runtime.together(partial(got, key) for key in keys)
        return {key: value for key, value in pairs if value is not MISSING}

    async def set_many(self, values: Mapping[str, object], timeout: float | None) -> list[str]:
        """Stores all values; gives the keys for which the store did not answer, and after two such in a row all the rest.

        Costs one PUT each, or with a timeout of 0 or below what ``delete_many`` costs. All values are serialized before the
        first is written, so one that cannot be leaves everything as it was; for that they are all in memory at once.
        """
        places = {key: self._place(key) for key in values}
        sealed = {key: self._sealed(places[key], value, timeout) for key, value in values.items()}
        if leaves_nothing(timeout):
            await self.delete_many(values)
            return []

        unanswered = 0

        async def failed(key: str) -> bool:
            nonlocal unanswered
            if unanswered == OUTAGE:
                return True
            try:
                await self._entries.write(places[key], sealed[key])
            except EngineUnavailable as error:
                unanswered += 1
                self._observer.write_failed(places[key].name, error)
                return True
            unanswered = 0
            await self._looks.after_write(places[key].name)
            return False

        failures = await self._runtime.together(partial(failed, key) for key in values)
        return [key for key, failure in zip(values, failures, strict=True) if failure]

    async def delete_many(self, keys: Iterable[str]) -> None:
        """Removes what is there under the keys. Costs one request per ``features.delete_batch`` keys."""
        names = (object_name(self._engine.prefix, key) for key in keys)
        while batch := list(islice(names, self._engine.features.delete_batch)):
            await self._engine.delete_objects(batch)

    async def clear(self) -> None:
        """Removes every entry under LOCATION, of all versions and aliases, and nothing that is no entry.

        Costs one listing per thousand objects under LOCATION, and one delete per ``features.delete_batch`` entries.
        """
        batch: list[str] = []
        async with aclosing(self.objects()) as objects:
            async for info in objects:
                batch.append(info.name)
                if len(batch) == self._engine.features.delete_batch:
                    await self._engine.delete_objects(batch)
                    batch = []
        if batch:
            await self._engine.delete_objects(batch)

    async def objects(self) -> AsyncGenerator[ObjectInfo, None]:
        """What a listing tells of every entry under LOCATION. Costs one request per thousand objects there."""
        prefix = self._engine.prefix
        async with aclosing(self._engine.list_objects(prefix)) as listing:
            async for info in listing:
                if is_entry_name(prefix, info.name):
                    yield info

    def encode(self, value: object) -> Payload:
        """What other operations take in place of a value, for callers who must serialize it elsewhere."""
        return self._entries.codec.encode(value)

    def _place(self, key: str) -> Place:
        return Place(object_name(self._engine.prefix, key), key, self._namespace)

    def _sealed(self, place: Place, value: object, timeout: float | None) -> Sealed:
        expires_at = deadline(timeout, self._entries.clock())
        payload = value if isinstance(value, Payload) else self._entries.codec.encode(value)
        return self._entries.sealed(place, payload, expires_at)
