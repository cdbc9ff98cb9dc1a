"""The cache's operations, each written once.

They are coroutines over an engine in the async shape: ``runtime.finish`` runs them for blocking callers, a loop awaits them.
Keys here are Django's full keys; each docstring says what the operation costs in requests, culling apart (``looks``).

Those on many entries, and on all, are in ``bulk``. What get calls a miss, every other operation calls absent (``entries``). Reads
never delete: a delete after somebody's set would lose a fresh value.
"""

from __future__ import annotations

from s3cache.computing import Computing
from s3cache.entries import MISSING, Sealed, Seen
from s3cache.expiry import leaves_nothing
from s3cache.generations import Generations
from s3cache.leases import Leases
from s3cache.lifetimes import Lifetimes
from s3cache.scans import Scans
from s3cache.timed import of_one_entry


class Operations(Scans, Lifetimes, Leases, Generations, Computing):
    """What one cache can do, over one engine."""

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
            payload = self._entries.codec.encode(total).timed_as(seen.live.value)
            return self._entries.sealed(place, payload, seen.live.expires_at), total

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
