"""Reading and writing entries: an engine's objects, seen through the envelope.

One rule decides for every operation what counts as absent: an object whose header does not verify, is expired, or names a
serializer that is not accepted. ``Seen`` keeps its etag all the same, so that it can be replaced.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from s3cache.codec import Codec
from s3cache.engines.base import AsyncEngine, Etag, StoredObject
from s3cache.envelope import HEADER_LIMIT, Envelopes, Header, Payload, Place
from s3cache.errors import EngineMisconfigured, EntryError, ObjectNotFound, ObjectTooLarge
from s3cache.expiry import is_expired, now_ms
from s3cache.pieces import Body
from s3cache.proving import Proof
from s3cache.statistics import Observer

WRITE_ID_LENGTH = 16


class Missing:
    """The type of ``MISSING``, which stands where there is no value: None is one."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


class Seen(NamedTuple):
    """What lay under a name when it was read."""

    exists: bool
    etag: Etag = None
    header: Header | None = None
    """The verified header; None where there is none, none that can be trusted, or one whose serializer is not accepted."""
    alive: bool = False
    """Whether the entry counts as present."""
    data: Body = b""
    """The object, or the first bytes of it. Pieces give their payload once."""
    date: datetime | None = None
    """The store's clock when it answered, where it tells."""

    @property
    def live(self) -> Header | None:
        """The header of an entry that counts as present."""
        return self.header if self.alive else None

    def is_write(self, write_id: bytes) -> bool:
        """Whether the write of that id made what lies there."""
        return self.header is not None and self.header.write_id == write_id


NOTHING = Seen(exists=False)


class Keyed(NamedTuple):
    """Whose entry it is, by its verified header."""

    key: str | None
    """Django's full key; None where there is but a digest of it."""
    etag: Etag


class Sealed(NamedTuple):
    """An entry ready to be stored. ``write_id`` recognises it later."""

    body: bytes
    write_id: bytes


class Entries:
    """The entries of one cache. ``clock`` gives milliseconds; errors ``passed_on`` say that a value must be loaded elsewhere."""

    def __init__(
        self,
        engine: AsyncEngine,
        envelopes: Envelopes,
        codec: Codec,
        observer: Observer,
        proof: Proof,
        clock: Callable[[], int] = now_ms,
        passed_on: tuple[type[Exception], ...] = (),
    ) -> None:
        self.codec = codec
        self._passed_on = passed_on
        self.clock = clock
        self._engine = engine
        self._envelopes = envelopes
        self._observer = observer
        self.conditional = engine.features.conditional_writes
        self._proof = proof
        self.limit = codec.max_value_bytes + HEADER_LIMIT

    async def peek(self, place: Place) -> Seen:
        """What is there, by its header alone. Costs one GET of 2 KiB."""
        try:
            stored = await self._engine.get_object(place.name, first=HEADER_LIMIT)
        except ObjectNotFound:
            return NOTHING
        return self.seen(place, stored)

    async def keyed(self, name: str, namespace: str) -> Keyed | None:
        """Whose entry lies under that name, by its header alone; None where it counts as absent. Costs one GET of 2 KiB."""
        try:
            stored = await self._engine.get_object(name, first=HEADER_LIMIT)
            header, key = self._envelopes.keyed(stored.body, name, namespace)
            self._refuse_serializer(header)
        except ObjectNotFound:
            return None
        except EntryError as reason:
            self._observer.unusable(name, reason)
            return None
        return None if is_expired(header.expires_at, self.clock()) else Keyed(key, stored.etag)

    async def read(self, place: Place, *, if_none_match: Etag = None) -> Seen:
        """What is there, whole. Costs one GET. Raises NotModified where the object has that etag."""
        try:
            stored = await self._engine.get_object(place.name, if_none_match=if_none_match, limit=self.limit)
        except (ObjectNotFound, ObjectTooLarge) as error:
            return self.unread(place, error)
        return self.seen(place, stored)

    def payload(self, place: Place, seen: Seen) -> Payload | None:
        """The payload of an entry that was read whole; None where it counts as absent or is damaged."""
        header = seen.live
        if header is None:
            return None
        try:
            return self._envelopes.payload(seen.data, header)
        except EntryError as reason:
            self._observer.unusable(place.name, reason)
            return None

    def value(self, place: Place, seen: Seen) -> object:
        """The value of an entry that was read whole, or MISSING."""
        payload = self.payload(place, seen)
        return MISSING if payload is None else self.loaded(place, payload)

    def loaded(self, place: Place, payload: Payload) -> object:
        """The value of a verified payload, or MISSING."""
        try:
            return self.codec.decode(payload)
        except self._passed_on:
            raise
        except Exception as error:  # whatever user code or a codec raises: the entry is verified, but of no use here
            self._observer.unloadable(place.name, error)
            return MISSING

    def held(self, place: Place, seen: Seen) -> object:
        """What may be kept of an entry that was read whole: its value where that is text or bytes, else its payload without
        compression; MISSING where it counts as absent or is of no use.
        """
        payload = self.payload(place, seen)
        if payload is None:
            return MISSING
        if self.codec.is_text(payload):
            return self.loaded(place, payload)
        try:
            return self.codec.plain(payload)
        except Exception as error:  # whatever a compressor raises
            self._observer.unloadable(place.name, error)
            return MISSING

    def sealed(self, place: Place, payload: Payload, expires_at: int) -> Sealed:
        """The entry as it will be stored, with a write id of its own."""
        write_id = os.urandom(WRITE_ID_LENGTH)
        body = self._envelopes.seal(place, payload, expires_at=expires_at, written_at=self.clock(), write_id=write_id)
        return Sealed(body, write_id)

    async def write(self, place: Place, sealed: Sealed) -> None:
        """Stores the entry over whatever is there. Costs one PUT."""
        await self._engine.put_object(place.name, sealed.body)
        self._observer.wrote()

    async def replace(self, place: Place, sealed: Sealed, seen: Seen) -> Etag:
        """Stores the entry only if the name still holds what was ``seen``; its etag. Costs one PUT, the first time a proof more.

        Raises PreconditionFailed where it does not, EngineMisconfigured where the store gives no etag to tell by. An engine
        without conditional writes cannot tell, and overwrites.
        """
        await self._proof.ensure(self._engine)
        if not self.conditional:
            etag = await self._engine.put_object(place.name, sealed.body)
        elif seen.exists and seen.etag is None:
            raise EngineMisconfigured(f"The store gives no ETag for {place.name!r}, so it cannot be replaced on condition.")
        elif seen.exists:
            etag = await self._engine.put_object(place.name, sealed.body, if_match=seen.etag)
        else:
            etag = await self._engine.put_object(place.name, sealed.body, if_none_match=True)
        self._observer.wrote()
        return etag

    def unread(self, place: Place, error: ObjectNotFound | ObjectTooLarge) -> Seen:
        """What a read that ended so has seen."""
        if isinstance(error, ObjectNotFound):
            return NOTHING
        self._observer.unusable(place.name, error)
        return Seen(exists=True, etag=error.etag)

    def seen(self, place: Place, stored: StoredObject) -> Seen:
        """What a read has seen that got the object, or the first ``HEADER_LIMIT`` bytes of it."""
        try:
            header = self._envelopes.header(stored.body, place)
            self._refuse_serializer(header)
        except EntryError as reason:
            self._observer.unusable(place.name, reason)
            return Seen(exists=True, etag=stored.etag, date=stored.date)
        alive = not is_expired(header.expires_at, self.clock())
        return Seen(True, stored.etag, header, alive, stored.body, stored.date)

    def _refuse_serializer(self, header: Header) -> None:
        """Raises EntryError where it is none that is accepted."""
        if not self.codec.accepts(header.value.serializer):
            raise EntryError(f"it was serialized with {header.value.serializer!r}, which is not accepted here")
