"""The operations on many entries, and on all: several requests at once, through ``runtime.each``.

Keys come as the caller wrote them, each with its full key, so that answers and errors can be in his words.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing

from s3cache.engines.base import ObjectInfo
from s3cache.entries import MISSING
from s3cache.envelope import Payload, Place
from s3cache.errors import CircuitOpen, EngineError, EngineUnavailable
from s3cache.expiry import deadline, leaves_nothing
from s3cache.naming import is_cleared, is_entry_name
from s3cache.parts import Parts
from s3cache.runtime import Job, batched, jobs, supplied
from s3cache.trimming import Progress, trim

OUTAGE = 2
"""After so many writes in a row without an answer ``set_many`` tries no more: each may have waited for all time-outs."""

Named = tuple[object, str]
"""A key as the caller wrote it, and Django's full key."""


class BulkOperations(Parts):
    """What one cache can do with many entries, over one engine."""

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
        return (await self._store_many(values, timeout))[0]

    async def _store_many(
        self, values: Mapping[object, tuple[str, object]], timeout: float | None
    ) -> tuple[list[object], EngineUnavailable | None]:
        """The keys whose values were not stored, and why."""
        try:
            self._engine.raise_if_open()
        except CircuitOpen as error:
            for full, _ in values.values():
                self._engine.forget(self.name_of(full))
            return [*values], error
        payloads: dict[str, Payload] = {}
        keys: dict[str, list[object]] = {}  # several may be one: 1 and "1"
        for key, (full, value) in values.items():
            payloads[full] = self._named_payload(key, value)
            keys.setdefault(full, []).append(key)
        expires_at = deadline(timeout, self._entries.clock())
        if leaves_nothing(timeout):
            try:
                await BulkOperations.delete_many(self, ((key, full) for key, (full, _) in values.items()))
            except EngineUnavailable as error:
                return [*values], error
            return [], None

        answers = Answers()

        async def failed(full: str) -> list[object]:
            if answers.have_ended:
                return keys[full]
            place = self._place(full)
            sealed = self._entries.sealed(place, payloads.pop(full), expires_at)
            try:
                await self._entries.write(place, sealed)
            except EngineUnavailable as error:
                answers.failed(error)
                return keys[full]
            except EngineError as error:
                name_keys(error, keys[full])
                raise
            answers.came()
            await self._looks.after_write(place.name, len(sealed.body))
            return []

        async with aclosing(self._runtime.each(jobs(failed, supplied([*payloads])))) as failures:
            given_back = [key async for some in failures for key in some]
        if answers.last_error is not None:
            self._observer.writes_failed(given_back, len(values), answers.last_error)
        return given_back, answers.last_error

    async def delete_many(self, keys: Iterable[Named]) -> None:
        """Removes what is there under the keys. Costs one request per ``features.delete_batch`` keys, several at once.

        Holds no more than some batches of keys. An EngineError names those of the batch that failed.
        """

        async def delete(batch: Sequence[Named]) -> None:
            try:
                await self._engine.delete_objects([self.name_of(full) for _, full in batch])
            except EngineError as error:
                name_keys(error, [key for key, _ in batch])
                raise

        await self._do(jobs(delete, batched(supplied(keys), self._engine.features.delete_batch)))

    async def clear(self) -> None:
        """Removes every entry under LOCATION, of all versions and aliases, and the generation of every group; nothing else.

        Costs one listing per thousand objects under LOCATION, and one delete per ``features.delete_batch`` entries, several of
        them at once. What somebody stores meanwhile in a group is of the old generation, and so is gone, too.
        """

        async def delete(batch: Sequence[ObjectInfo]) -> None:
            await self._engine.delete_objects([info.name for info in batch])

        try:
            await self._do(jobs(delete, batched(self._listed(is_cleared), self._engine.features.delete_batch)))
        finally:
            self._engine.forget_all()

    async def _do(self, jobs: AsyncGenerator[Job[None], None]) -> None:
        async with aclosing(self._runtime.each(jobs)) as results:
            async for _ in results:
                pass

    async def cull(self, max_entries: int | None, max_bytes: int | None, tell: Callable[[Progress], object] | None) -> int:
        """Brings the cache under both limits now, oldest entries first, and gives how many went; ``tell`` hears of each page.

        Costs what ``trimming.trim`` says; nothing without a limit.
        """
        removed = 0
        if max_entries is not None or max_bytes is not None:
            limits = {"max_entries": max_entries, "max_bytes": max_bytes}
            async with aclosing(trim(self._engine, self._runtime, **limits, layout=self._layout)) as steps:
                async for progress in steps:
                    self._observer.culled(progress.removed - removed)
                    removed = progress.removed
                    if tell is not None:
                        tell(progress)
        return removed

    def objects(self) -> AsyncGenerator[ObjectInfo, None]:
        """What a listing tells of every entry under LOCATION. Costs one request per thousand objects there."""
        return self._listed(is_entry_name)

    async def _listed(self, belongs: Callable[[str, str], bool], start: str = "") -> AsyncGenerator[ObjectInfo, None]:
        """What a listing tells of the objects whose names, behind the prefix, have the form, and begin with ``start``."""
        prefix = self._engine.prefix
        async with aclosing(self._engine.list_objects(prefix + start)) as listing:
            async for info in listing:
                if belongs(prefix, info.name):
                    yield info

    def encode_many(self, values: Mapping[object, object]) -> dict[object, Payload]:
        """What ``set_many`` takes in place of values, for callers who must serialize them elsewhere."""
        return {key: self._named_payload(key, value) for key, value in values.items()}

    def _named_payload(self, key: object, value: object) -> Payload:
        """The payload of one of many values; what goes wrong says which."""
        try:
            return self._payload(value)
        except Exception as error:
            error.add_note(f"This is the value for the key {key!r}; nothing was stored.")
            raise


class Answers:
    """Whether a store answers the writes of one call. Several threads may tell of theirs."""

    def __init__(self) -> None:
        self.last_error: EngineUnavailable | None = None
        self._missing = 0

    @property
    def have_ended(self) -> bool:
        """For good: those that come still belong to requests under way."""
        return self._missing >= OUTAGE

    def failed(self, error: EngineUnavailable) -> None:
        self.last_error = error
        self._missing += 1

    def came(self) -> None:
        if not self.have_ended:
            self._missing = 0


def name_keys(error: EngineError, keys: Sequence[object]) -> None:
    """Adds to the error the keys of a bulk call whose request it ended."""
    error.keys = tuple(keys)
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    error.add_note(f"This was the request for the key {keys[0]!r}{more}; of later keys nothing is known.")
