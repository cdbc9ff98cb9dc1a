"""Generations: what the entries of a group have in common, so that all of them are dropped by one write.

A group is an object that holds 16 random bytes, its generation, and the keys of the group's entries begin with them. Who writes
another generation over it makes every entry of the old one unreachable: nobody ever makes that key again. A missing generation
is created as a new random one, so no entry comes back by that either.

A generation that was read is kept in this process, and used without a request for GROUP_TTL. What this process writes itself is
not kept, only what it read: another thread's write may have come in between.
"""

from __future__ import annotations

import os

from s3cache.entries import Sealed, Seen
from s3cache.envelope import Place
from s3cache.expiry import NEVER
from s3cache.naming import GROUPS, internal_name
from s3cache.nearcache import Kept, NearCache
from s3cache.parts import Parts
from s3cache.timed import of_one_entry

LENGTH = 16
KEPT_BYTES = 1024 * 1024
"""Of memory, for some 1,500 generations."""


def known_generations(near_caches: list[NearCache]) -> NearCache:
    """Where the generations are kept that were read lately; among the near caches, so that it hears of writes."""
    known = NearCache(KEPT_BYTES, KEPT_BYTES, ttl=0)
    near_caches.append(known)
    return known


def fresh_generation() -> str:
    return os.urandom(LENGTH).hex()


def grouped_key(key: str, generation: str) -> str:
    """The full key of an entry in a group, or of one in a group within it.

    The generation comes first and has always the same length: so no two groups share a key, and the keys of a group are those that
    begin with ``grouped_key("", generation)``. A key outside of all groups would have to begin with the same 128 random bits.
    """
    return f"{generation}:{key}"


class Generations(Parts):
    """What one cache can do with groups. Their keys are full ones. Generations are given as 32 hex digits."""

    def generation_at_hand(self, key: str) -> str | None:
        """The generation of the group if it takes no request."""
        kept = self._known().get(self.group_name(key))
        fresh = kept is not None and kept.is_fresh(self._entries.clock(), self._group_ttl)
        return str(kept.held) if kept is not None and fresh else None

    @of_one_entry
    async def generation(self, key: str) -> str:
        """The generation of the group. Costs one GET, none if it was read within GROUP_TTL; for a new group one PUT more.

        Of all who create it at a time one wins, and the others take his. One that cannot be read is replaced as a missing one is.
        On an engine without conditional writes each may take his own for up to GROUP_TTL, and what the losers store in it is lost.
        """
        at_hand = self.generation_at_hand(key)
        return await self._read_generation(self._group_place(key)) if at_hand is None else at_hand

    @of_one_entry
    async def new_generation(self, key: str) -> None:
        """Drops all entries of the group. Costs one PUT."""
        self._known()  # made by now, so that it hears of this write
        place = self._group_place(key)
        await self._entries.write(place, self._generation_sealed(place, fresh_generation()))

    def group_name(self, key: str) -> str:
        return internal_name(self._engine.prefix, GROUPS, key, self._name_digest)

    async def _read_generation(self, place: Place) -> str:
        generation, began = "", self._entries.clock()

        def created(seen: Seen) -> tuple[Sealed, None] | None:
            nonlocal generation
            generation = self._generation_in(place, seen)
            if generation:
                found(Kept(generation, seen.etag, NEVER, began))
                return None
            generation = fresh_generation()
            return self._first_write(place, generation)

        with self._known().reading(place.name) as found:
            await self._conditional.update(place, created, repeatable=True)
        return generation

    def _generation_in(self, place: Place, seen: Seen) -> str:
        """The generation that was read, or none."""
        value = self._entries.value(place, seen)
        return value.hex() if isinstance(value, bytes) and len(value) == LENGTH else ""

    def _first_write(self, place: Place, generation: str) -> tuple[Sealed, None] | None:
        """What makes it known to others, if anything."""
        return self._generation_sealed(place, generation), None

    def _generation_sealed(self, place: Place, generation: str) -> Sealed:
        return self._entries.sealed(place, self._entries.codec.encode(bytes.fromhex(generation)), NEVER)

    def _group_place(self, key: str) -> Place:
        return Place(self.group_name(key), key, self._namespace)
