"""How get and get_many read a value: from the store, and with a near cache from there first.

In two steps, because loading a value runs its classes' code, which belongs on the caller's own thread, with its database connection
and its transaction: ``fetch`` may run on any, ``load`` is for the caller. Who changes an entry, or only wants to know whether it is
there, asks the store by other ways.
"""

from __future__ import annotations

from typing import NamedTuple

from s3cache.engines.base import AsyncEngine
from s3cache.entries import MISSING, Entries, Seen
from s3cache.envelope import Payload, Place
from s3cache.errors import NotModified, ObjectNotFound, ObjectTooLarge
from s3cache.expiry import NEVER, is_expired
from s3cache.nearcache import Found, Kept, NearCache
from s3cache.statistics import Observer


class Look(NamedTuple):
    """What a read has to say to somebody who may compute the value anew."""

    held: object
    """What ``fetch`` gives."""
    seen: Seen
    expires_at: int = NEVER
    compute_ms: int = 0

    @classmethod
    def at(cls, held: object, seen: Seen) -> Look:
        header = seen.header
        return cls(held, seen) if header is None else cls(held, seen, header.expires_at, header.value.compute_ms)

    @classmethod
    def near(cls, kept: Kept) -> Look:
        return cls(kept.held, Seen(True, kept.etag, alive=True), kept.expires_at, kept.compute_ms)


class Reads:
    """Each read goes to the store."""

    near = False
    """Whether a value may be at hand."""

    def __init__(self, engine: AsyncEngine, entries: Entries, observer: Observer) -> None:
        self._engine = engine
        self._entries = entries
        self._observer = observer

    async def fetch(self, place: Place) -> object:
        """What ``load`` takes: a verified payload, the value itself, or MISSING. Costs one GET."""
        # ``entries.read`` in other words: one coroutine less on the path that is taken most.
        try:
            stored = await self._engine.get_object(place.name, limit=self._entries.limit)
        except (ObjectNotFound, ObjectTooLarge) as error:
            seen = self._entries.unread(place, error)
        else:
            seen = self._entries.seen(place, stored)
        payload = self._entries.payload(place, seen)
        return MISSING if payload is None else payload

    async def look(self, place: Place) -> Look:
        """The same, with what was seen of the object. Of one that is expired, too, so that it can be served all the same."""
        seen = await self._entries.read(place)
        payload = self._entries.payload(place, seen)
        return Look.at(MISSING if payload is None else payload, seen)

    def load(self, place: Place, fetched: object, default: object) -> object:
        """The value of what was fetched, counted as a hit, or ``default``."""
        value = self._entries.loaded(place, fetched) if isinstance(fetched, Payload) else fetched
        if value is MISSING:
            self._observer.miss()
            return default
        self._observer.hit()
        return value

    def at_hand(self, place: Place) -> object:
        """The same as ``fetch`` gives, if it can be had without a request, else MISSING."""
        return MISSING


class NearReads(Reads):
    """Each read goes to the near cache first, and what the store answers is kept there."""

    near = True

    def __init__(self, engine: AsyncEngine, entries: Entries, observer: Observer, near: NearCache) -> None:
        super().__init__(engine, entries, observer)
        self._near = near

    async def fetch(self, place: Place) -> object:
        """Costs nothing while what is kept is fresh; after that one GET, of which the body comes only if the entry has changed."""
        held = self.at_hand(place)
        return (await self._asked(place, self._near.get(place.name))).held if held is MISSING else held

    async def look(self, place: Place) -> Look:
        """The same. What is kept and expired does not save the body: it is there for reads, and not to be served after that."""
        kept = self._near.get(place.name)
        if kept is not None and is_expired(kept.expires_at, self._entries.clock()):
            kept = None
        elif kept is not None and self.at_hand(place) is not MISSING:
            return Look.near(kept)
        return await self._asked(place, kept)

    async def _asked(self, place: Place, kept: Kept | None) -> Look:
        """What the store answers who has ``kept`` that."""
        began = self._entries.clock()
        with self._near.reading(place.name) as found:
            try:
                seen = await self._entries.read(place, if_none_match=kept.etag if kept else None)
            except NotModified:
                if kept is None:
                    raise
                return self._confirmed(kept.checked(began), found)
            return Look.at(self._read(place, seen, began, found), seen)

    def load(self, place: Place, fetched: object, default: object) -> object:
        value = super().load(place, fetched, MISSING)
        if value is not MISSING:
            return value
        if fetched is not MISSING:
            self._near.drop(place.name)
        return default

    def at_hand(self, place: Place) -> object:
        kept = self._near.get(place.name)
        if kept is None or not kept.is_fresh(self._entries.clock(), self._near.ttl):
            return MISSING
        self._observer.near_hit()
        return kept.held

    def _confirmed(self, kept: Kept, found: Found) -> Look:
        """What the near cache has, and the store still, too."""
        if is_expired(kept.expires_at, self._entries.clock()):
            found(None)
            return Look(MISSING, Seen(True, kept.etag))
        found(kept)
        self._observer.near_refreshed()
        return Look.near(kept)

    def _read(self, place: Place, seen: Seen, began: int, found: Found) -> object:
        """What the store answered, kept if it may be."""
        if seen.live is None or seen.live.payload_length > self._near.max_entry_bytes:
            found(None)
            return self._entries.payload(place, seen) or MISSING
        held = self._entries.held(place, seen)
        header = seen.live
        found(None if held is MISSING else Kept(held, seen.etag, header.expires_at, began, header.value.compute_ms))
        return held
