"""The cache's operations, each written once.

They are coroutines over an engine in the async shape: ``runtime.finish`` runs them for blocking callers, a loop awaits them.
Keys here are Django's full keys; each docstring says what the operation costs in requests, culling apart (``looks``).

Those on many entries, and on all, are in ``bulk``. What get calls a miss, every other operation calls absent (``entries``). Reads
never delete: a delete after somebody's set would lose a fresh value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from s3cache.bulk import BulkOperations
from s3cache.conditional import ConditionalWrites
from s3cache.deadlines import Limit
from s3cache.entries import MISSING, NOTHING, Sealed, Seen
from s3cache.envelope import Payload, Place
from s3cache.errors import CircuitOpen
from s3cache.expiry import deadline, leaves_nothing

P = ParamSpec("P")
Result = TypeVar("Result")
Operation = Callable[Concatenate[Any, P], Coroutine[Any, Any, Result]]


def of_one_entry(operation: Operation[P, Result]) -> Operation[P, Result]:
    """All that the operation does has TOTAL_TIMEOUT together, or what is left of the time of a call around it."""

    @wraps(operation)
    def limited(self: Operations, /, *args: P.args, **keywords: P.kwargs) -> Coroutine[Any, Any, Result]:
        work, seconds = operation(self, *args, **keywords), self.total_timeout
        return work if seconds == math.inf else within(seconds, work)

    ONE_ENTRY.add(operation.__name__)
    return limited


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    with Limit(seconds):
        return await work


ONE_ENTRY: set[str] = set()
"""Names of the operations on one entry."""


class Operations(BulkOperations):
    """What one cache can do, over one engine."""

    @cached_property
    def _conditional(self) -> ConditionalWrites:
        return ConditionalWrites(self._entries, self._runtime, self._engine.features)

    @of_one_entry
    async def get(self, key: str, default: object = None) -> object:
        """The value, or ``default``. Costs one GET, or none where a near cache has it."""
        place = self._place(key)
        return self._reads.load(place, await self._reads.fetch(place), default)

    @of_one_entry
    async def has_key(self, key: str) -> bool:
        """Whether the entry is there. Costs one GET of 2 KiB."""
        return (await self._entries.peek(self._place(key))).alive

    @of_one_entry
    async def set(self, key: str, value: object, timeout: float | None) -> None:
        """Stores the value; with a timeout of 0 or below removes the entry instead. Costs one PUT or DELETE."""
        place = self._place(key)
        self._refuse_in_vain(place.name)
        sealed = self._sealed(place, value, timeout)
        if leaves_nothing(timeout):
            await self._engine.delete_objects([place.name])
        else:
            await self._entries.write(place, sealed)
            await self._looks.after_write(place.name, len(sealed.body))

    @of_one_entry
    async def add(self, key: str, value: object, timeout: float | None) -> bool:
        """Stores the value if the entry is absent, and tells whether it did; atomic where the engine honours conditions.

        Costs one PUT; two requests where an entry is present, three where an expired or foreign object is replaced; one GET with a
        timeout of 0 or below, which leaves nothing. Without conditional writes a GET comes first, always.
        """
        place = self._place(key)
        self._refuse_in_vain(place.name)
        sealed = self._sealed(place, value, timeout)
        if leaves_nothing(timeout):
            return not (await self._entries.peek(place)).alive
        created = await self._conditional.create(place, sealed)
        if created:
            await self._looks.after_write(place.name, len(sealed.body))
        return created

    @of_one_entry
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

    @of_one_entry
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

    @of_one_entry
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

    @of_one_entry
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

    @of_one_entry
    async def delete(self, key: str) -> bool:
        """Removes what is there; tells whether it was an entry. Costs one GET of 2 KiB, and one DELETE if an object is there."""
        place = self._place(key)
        seen = NOTHING
        try:
            seen = await self._entries.peek(place)
            if seen.exists:
                await self._engine.delete_objects([place.name])
        finally:
            if not seen.exists:
                self._engine.forget(place.name)
        return seen.alive

    def encode(self, value: object) -> Payload:
        """What other operations take in place of a value, for callers who must serialize it elsewhere."""
        return self._entries.codec.encode(value)

    def decode(self, payload: Payload) -> object:
        """The value of what ``encode`` gave."""
        return self._entries.codec.decode(payload)

    def _refuse_in_vain(self, name: str) -> None:
        """Raises CircuitOpen before a value is serialized for nobody."""
        try:
            self._engine.raise_if_open()
        except CircuitOpen:
            self._engine.forget(name)
            raise

    def _sealed(self, place: Place, value: object, timeout: float | None) -> Sealed:
        expires_at = deadline(timeout, self._entries.clock())
        return self._entries.sealed(place, self._payload(value), expires_at)
