"""The cache's operations, each written once.

They are coroutines over an engine in the async shape: ``runtime.finish`` runs them for blocking callers, a loop awaits them.
Keys here are Django's full keys; each docstring says what the operation costs in requests, culling apart (``looks``).

What get calls a miss, every other operation calls absent (``entries``). Reads never delete: a delete after somebody's set would
lose a fresh value.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing

from s3cache.conditional import ConditionalWrites
from s3cache.engines.base import ObjectInfo
from s3cache.entries import MISSING, Entries, Sealed, Seen
from s3cache.envelope import Payload, Place
from s3cache.errors import EngineError, EngineUnavailable
from s3cache.expiry import deadline, leaves_nothing
from s3cache.looks import Looks
from s3cache.naming import is_entry_name, object_name
from s3cache.reads import Reads
from s3cache.runtime import Job, Runtime, batched, jobs, supplied
from s3cache.statistics import Observer
from s3cache.trimming import Progress, trim
from s3cache.watched import Watched

OUTAGE = 2
"""After so many writes in a row without an answer ``set_many`` tries no more: each may have waited for all time-outs."""

Named = tuple[object, str]
"""A key as the caller wrote it, and Django's full key."""


class Operations:
    """What one cache can do, over one engine."""

    def __init__(
        self,
        engine: Watched,
        runtime: Runtime,
        entries: Entries,
        reads: Reads,
        looks: Looks,
        observer: Observer,
        namespace: str = "",
    ) -> None:
        self._engine = engine
        self._runtime = runtime
        self._entries = entries
        self._reads = reads
        self._looks = looks
        self._observer = observer
        self._namespace = namespace
        self._conditional = ConditionalWrites(entries, runtime, engine.features)

    async def get(self, key: str, default: object = None) -> object:
        """The value, or ``default``. Costs one GET, or none where a near cache has it."""
        place = self._place(key)
        return self._reads.load(place, await self._reads.fetch(place), default)

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
            await self._looks.after_write(place.name, len(sealed.body))

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
            await self._looks.after_write(place.name, len(sealed.body))
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
            sealed = self._entries.sealed(new_place, payload, seen.live.expires_at)
            await self._entries.write(new_place, sealed)
            await self._engine.delete_objects([place.name])
            await self._looks.after_write(new_place.name, len(sealed.body))
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
        else:
            self._engine.forget(place.name)
        return seen.alive

    async def get_many(self, keys: Iterable[Named]) -> dict[object, object]:
        """The values of those keys that are there, by the keys as given, in their order. Costs one GET each, several at once, and
        none for what a near cache has.

        Holds no more than what it found. An EngineError names the key.
        """
        found: dict[object, object] = {}

        def not_at_hand() -> Iterator[Named]:
            for key, full in keys:
                value = self.at_hand(full)
                if value is MISSING:
                    found.setdefault(key, MISSING)  # keeps the place of what may come
                    yield key, full
                else:
                    found[key] = value

        async def fetched(named: Named) -> tuple[object, Place, object]:
            key, full = named
            place = self._place(full)
            try:
                return key, place, await self._reads.fetch(place)
            except EngineError as error:
                name_keys(error, [key])
                raise

        async with aclosing(self._runtime.each(jobs(fetched, supplied(not_at_hand())))) as answers:
            async for key, place, answer in answers:
                found[key] = self._reads.load(place, answer, found.get(key, MISSING))
                if found[key] is MISSING:
                    del found[key]
        return found

    async def set_many(self, values: Mapping[object, tuple[str, object]], timeout: float | None) -> list[object]:
        """Stores all values, given by key with their full keys; gives the keys for which the store did not answer, and after two
        such in a row all the rest.

        Costs one PUT each, several at once, or with a timeout of 0 or below what ``delete_many`` costs. All values are serialized
        before the first is written, so one that cannot be leaves everything as it was; for that they are all in memory at once.
        """
        payloads: dict[str, Payload] = {}
        keys: dict[str, list[object]] = {}  # several may be one: 1 and "1"
        for key, (full, value) in values.items():
            payloads[full] = self._payload(value)
            keys.setdefault(full, []).append(key)
        expires_at = deadline(timeout, self._entries.clock())
        if leaves_nothing(timeout):
            await self.delete_many((key, full) for key, (full, _) in values.items())
            return []

        unanswered = 0

        async def failed(full: str) -> list[object]:
            nonlocal unanswered
            if unanswered >= OUTAGE:
                return keys[full]
            place = self._place(full)
            sealed = self._entries.sealed(place, payloads.pop(full), expires_at)
            try:
                await self._entries.write(place, sealed)
            except EngineUnavailable as error:
                unanswered += 1
                self._observer.write_failed(place.name, error)
                return keys[full]
            except EngineError as error:
                name_keys(error, keys[full])
                raise
            if unanswered < OUTAGE:
                unanswered = 0
            await self._looks.after_write(place.name, len(sealed.body))
            return []

        async with aclosing(self._runtime.each(jobs(failed, supplied([*payloads])))) as failures:
            return [key async for some in failures for key in some]

    async def delete_many(self, keys: Iterable[Named]) -> None:
        """Removes what is there under the keys. Costs one request per ``features.delete_batch`` keys, several at once.

        Holds no more than some batches of keys. An EngineError names those of the batch that failed.
        """

        async def delete(batch: Sequence[Named]) -> None:
            try:
                await self._engine.delete_objects([object_name(self._engine.prefix, full) for _, full in batch])
            except EngineError as error:
                name_keys(error, [key for key, _ in batch])
                raise

        await self._do(jobs(delete, batched(supplied(keys), self._engine.features.delete_batch)))

    async def clear(self) -> None:
        """Removes every entry under LOCATION, of all versions and aliases, and nothing that is no entry.

        Costs one listing per thousand objects under LOCATION, and one delete per ``features.delete_batch`` entries, several of
        them at once.
        """

        async def delete(batch: Sequence[ObjectInfo]) -> None:
            await self._engine.delete_objects([info.name for info in batch])

        try:
            await self._do(jobs(delete, batched(self.objects(), self._engine.features.delete_batch)))
        finally:
            self._engine.forget_all()

    async def _do(self, jobs: AsyncGenerator[Job[None], None]) -> None:
        async with aclosing(self._runtime.each(jobs)) as results:
            async for _ in results:
                pass

    async def cull(self, max_entries: int | None, max_bytes: int | None, tell: Callable[[Progress], object]) -> int:
        """Brings the cache under both limits now, oldest entries first, and gives how many went; ``tell`` hears of each page.

        Costs what ``trimming.trim`` says; nothing without a limit.
        """
        removed = 0
        if max_entries is not None or max_bytes is not None:
            async with aclosing(trim(self._engine, self._runtime, max_entries=max_entries, max_bytes=max_bytes)) as steps:
                async for progress in steps:
                    self._observer.culled(progress.removed - removed)
                    removed = progress.removed
                    tell(progress)
        return removed

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

    def at_hand(self, key: str) -> object:
        """The value if a near cache has it and it takes no request, else MISSING."""
        place = self._place(key)
        held = self._reads.at_hand(place) if self._reads.near else MISSING
        return held if held is MISSING else self._reads.load(place, held, MISSING)

    def _place(self, key: str) -> Place:
        return Place(object_name(self._engine.prefix, key), key, self._namespace)

    def _sealed(self, place: Place, value: object, timeout: float | None) -> Sealed:
        expires_at = deadline(timeout, self._entries.clock())
        return self._entries.sealed(place, self._payload(value), expires_at)

    def _payload(self, value: object) -> Payload:
        return value if isinstance(value, Payload) else self._entries.codec.encode(value)


def name_keys(error: EngineError, keys: Sequence[object]) -> None:
    """Adds to the error the keys of a bulk call whose request it ended."""
    error.keys = tuple(keys)
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    error.add_note(f"It ended the request for the key {keys[0]!r}{more}; what was still to come was not asked for.")
