"""How get and get_many read a value: from the store, and with a near cache from there first.

Nothing else reads through here. Whoever changes an entry, or only wants to know whether it is there, asks the store.
"""

from __future__ import annotations

from s3cache.engines.base import AsyncEngine
from s3cache.entries import MISSING, Entries, Seen
from s3cache.envelope import Payload, Place
from s3cache.errors import NotModified, ObjectNotFound, ObjectTooLarge
from s3cache.expiry import is_expired
from s3cache.nearcache import Found, Kept, NearCache
from s3cache.statistics import Observer


class Reads:
    """Each read goes to the store."""

    near = False
    """Whether a value may be at hand."""

    def __init__(self, engine: AsyncEngine, entries: Entries, observer: Observer) -> None:
        self._engine = engine
        self._entries = entries
        self._observer = observer

    async def get(self, place: Place, default: object) -> object:
        """The value, or ``default``. Costs one GET."""
        # ``entries.read`` in other words: one coroutine less on the path that is taken most.
        try:
            stored = await self._engine.get_object(place.name, limit=self._entries.limit)
        except (ObjectNotFound, ObjectTooLarge) as error:
            seen = self._entries.unread(place, error)
        else:
            seen = self._entries.seen(place, stored)
        return self._counted(self._entries.value(place, seen), default)

    def at_hand(self, place: Place) -> object:
        """The value if it can be had without a request, else MISSING."""
        return MISSING

    def _counted(self, value: object, default: object) -> object:
        if value is MISSING:
            self._observer.miss()
            return default
        self._observer.hit()
        return value


class NearReads(Reads):
    """Each read goes to the near cache first, and what the store answers is kept there."""

    near = True

    def __init__(self, engine: AsyncEngine, entries: Entries, observer: Observer, near: NearCache) -> None:
        super().__init__(engine, entries, observer)
        self._near = near

    async def get(self, place: Place, default: object) -> object:
        """The value, or ``default``. Costs nothing while what is kept is fresh; after that one GET, of which the body comes only if
        the entry has changed.
        """
        value = self.at_hand(place)
        return self._counted(value if value is not MISSING else await self._asked(place), default)

    async def _asked(self, place: Place) -> object:
        """The value that the store has, or MISSING."""
        kept = self._near.get(place.name)
        began = self._entries.clock()
        with self._near.reading(place.name) as found:
            try:
                seen = await self._entries.read(place, if_none_match=kept.etag if kept else None)
            except NotModified:
                if kept is None:
                    raise
                return self._confirmed(place, kept.checked(began), found)
            return self._read(place, seen, began, found)

    def at_hand(self, place: Place) -> object:
        kept = self._near.get(place.name)
        if kept is None or not kept.is_fresh(self._entries.clock(), self._near.ttl):
            return MISSING
        value = self._loaded(place, kept)
        if value is not MISSING:
            self._observer.near_hit()
        return value

    def _confirmed(self, place: Place, kept: Kept, found: Found) -> object:
        """The value of an entry that the store still has."""
        if is_expired(kept.expires_at, self._entries.clock()):
            found(None)
            return MISSING
        found(kept)
        self._observer.near_refreshed()
        return self._loaded(place, kept)

    def _read(self, place: Place, seen: Seen, began: int, found: Found) -> object:
        """The value of what the store answered, kept if it may be."""
        if seen.live is None or seen.live.payload_length > self._near.max_entry_bytes:
            found(None)
            return self._entries.value(place, seen)
        payload = self._entries.plain(place, seen)
        value = MISSING if payload is None else self._entries.loaded(place, payload)
        if value is MISSING:
            found(None)
        else:
            held = value if type(value) in self._entries.codec.immutable else payload
            found(Kept(held, seen.etag, seen.live.expires_at, began))
        return value

    def _loaded(self, place: Place, kept: Kept) -> object:
        return self._entries.loaded(place, kept.held) if isinstance(kept.held, Payload) else kept.held
