"""The operations on how long an entry lives, and on what its header tells.

None of them reads a value. Those that change an expiry write the entry anew, payload as it is, on the condition that nobody else
wrote meanwhile.
"""

from __future__ import annotations

from typing import NamedTuple

from s3cache.engines.base import Etag
from s3cache.entries import NOTHING, Sealed, Seen
from s3cache.envelope import Header
from s3cache.expiry import NEVER, deadline, is_expired, leaves_nothing
from s3cache.parts import Parts
from s3cache.timed import of_one_entry


class Description(NamedTuple):
    """What a verified header tells of an entry that counts as present."""

    header: Header
    etag: Etag
    now: int
    """When it was read, in ms since 1970, by the clock that decides about expiry."""


class Lifetimes(Parts):
    """Expiry and metadata of single entries."""

    @of_one_entry
    async def describe(self, key: str) -> Description | None:
        """What the header tells, or None if the entry is absent. Costs one GET of 2 KiB."""
        seen = await self._entries.peek(self._place(key))
        return None if seen.live is None else Description(seen.live, seen.etag, self._entries.clock())

    @of_one_entry
    async def touch(self, key: str, timeout: float | None) -> bool:
        """Gives the entry a new timeout; False if it is absent. Atomic as ``add`` is. Costs one GET and one PUT.

        A timeout of 0 or below removes the entry.
        """
        if leaves_nothing(timeout):
            return await self.delete(key)
        return await self._end(key, deadline(timeout, self._entries.clock()))

    @of_one_entry
    async def expire_at(self, key: str, moment: int) -> bool:
        """The same for a moment, in ms since 1970. One that has passed removes the entry."""
        return await self.delete(key) if is_expired(moment, self._entries.clock()) else await self._end(key, moment)

    @of_one_entry
    async def persist(self, key: str) -> bool:
        """Takes the entry's expiry away; False if it is absent, or has none. Costs one GET and, where there is one, one PUT."""
        return await self._end(key, NEVER, only_if_other=True)

    async def _end(self, key: str, moment: int, *, only_if_other: bool = False) -> bool:
        """Has the entry expire at that moment; False if it is absent, or ``only_if_other`` and does so already."""
        place = self._place(key)

        def renewed(seen: Seen) -> tuple[Sealed, bool] | None:
            if seen.live is None or (only_if_other and seen.live.expires_at == moment):
                return None
            payload = self._entries.payload(place, seen)
            return None if payload is None else (self._entries.sealed(place, payload, moment), True)

        return bool(await self._conditional.update(place, renewed, repeatable=True))

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
