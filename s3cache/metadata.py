"""The methods that tell of an entry without its value, and change how long it lives: names and meanings are django-redis'.

Reference: https://github.com/jazzband/django-redis#ttl-time-to-live-support
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.utils.timezone import is_naive, make_aware

from s3cache.engines.base import Etag
from s3cache.expiry import LATEST, NEVER
from s3cache.foundation import Foundation, Timeout
from s3cache.lifetimes import Description
from s3cache.operations import Operations
from s3cache.runtime import finish

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EntryMetadata:
    """What the verified header of an entry tells."""

    size: int
    """Bytes of the serialized value, before compression and encryption."""
    stored_size: int
    """Bytes of the object, header included."""
    created: datetime
    """When it was last written, touched included, by the writer's clock; in UTC."""
    expires: datetime | None
    """When it expires, in UTC; None for never."""
    serializer: str
    """``bytes``, ``str`` and ``safestr`` stand for values that took none."""
    compressor: str
    etag: Etag
    """The store's tag of this very write; None where the store has none."""

    @classmethod
    def of(cls, described: Description) -> EntryMetadata:
        header = described.header
        return cls(
            size=header.value.size or header.payload_length - header.payload_overhead,
            stored_size=header.length + header.payload_length,
            created=moment(header.written_at),
            expires=None if header.expires_at == NEVER else moment(header.expires_at),
            serializer=header.value.serializer,
            compressor=header.value.compressor,
            etag=described.etag,
        )


class Metadata(Foundation):
    """Each costs one GET of 2 KiB; what changes an entry costs one GET and one PUT."""

    def ttl(self, key: Any, version: int | None = None) -> int | None:
        """The seconds that the entry has left, rounded up; None if it never expires, 0 if it is absent."""
        return whole_seconds(self.pttl(key, version))

    async def attl(self, key: Any, version: int | None = None) -> int | None:
        return whole_seconds(await self.apttl(key, version))

    def pttl(self, key: Any, version: int | None = None) -> int | None:
        """The same in milliseconds."""
        return left(finish(self._operations.describe(self._full(key, version))))

    async def apttl(self, key: Any, version: int | None = None) -> int | None:
        return left(await self._awaited(Operations.describe, self._full(key, version)))

    def meta(self, key: Any, version: int | None = None) -> EntryMetadata | None:
        """What the entry's header tells; None if it is absent. The value's bytes are neither read nor verified."""
        return described(finish(self._operations.describe(self._full(key, version))))

    async def ameta(self, key: Any, version: int | None = None) -> EntryMetadata | None:
        return described(await self._awaited(Operations.describe, self._full(key, version)))

    def expire(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """``touch`` by the name that django-redis has for it."""
        return bool(finish(self._operations.touch(self._full(key, version), self._seconds(timeout))))

    async def aexpire(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return await self._awaited(Operations.touch, self._full(key, version), self._seconds(timeout))

    def expire_at(self, key: Any, when: datetime | float, version: int | None = None) -> bool:
        """Has the entry expire at that moment, a datetime or seconds since 1970; False if it is absent.

        A naive datetime is in Django's current time zone. A moment that has passed removes the entry, for a GET of 2 KiB and a
        DELETE. Raises TypeError for what is no moment, ValueError for NaN.
        """
        return finish(self._operations.expire_at(self._full(key, version), milliseconds(when)))

    async def aexpire_at(self, key: Any, when: datetime | float, version: int | None = None) -> bool:
        return await self._awaited(Operations.expire_at, self._full(key, version), milliseconds(when))

    def persist(self, key: Any, version: int | None = None) -> bool:
        """Takes the entry's expiry away; False if it is absent, or has none. Costs one GET and, where there is one, one PUT."""
        return finish(self._operations.persist(self._full(key, version)))

    async def apersist(self, key: Any, version: int | None = None) -> bool:
        return await self._awaited(Operations.persist, self._full(key, version))


def moment(milliseconds: int) -> datetime:
    """The moment in UTC; the last one that Python knows for those beyond."""
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def milliseconds(when: datetime | float) -> int:
    """Since 1970: at least 1, because 0 stands for never."""
    if isinstance(when, datetime):
        return max(1, ((make_aware(when) if is_naive(when) else when) - EPOCH) // timedelta(milliseconds=1))
    if isinstance(when, bool) or not isinstance(when, int | float):
        raise TypeError(f"The moment is of type {type(when).__name__}; accepted: a datetime, or seconds since 1970.")
    if when != when:
        raise ValueError("The moment is NaN; accepted: a datetime, or seconds since 1970.")
    return round(min(max(when * 1000, 1), LATEST))


def left(described: Description | None) -> int | None:
    """Milliseconds to the expiry; None without one, 0 for what is absent."""
    if described is None:
        return 0
    return None if described.header.expires_at == NEVER else max(1, described.header.expires_at - described.now)


def described(description: Description | None) -> EntryMetadata | None:
    return None if description is None else EntryMetadata.of(description)


def whole_seconds(milliseconds: int | None) -> int | None:
    """Rounded up: an entry that is still there has a second left."""
    return None if milliseconds is None else -(-milliseconds // 1000)
