"""What the S3 engines do alike around a request: what they refuse before it, and how they read the body of an answer."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from s3cache import deadlines
from s3cache.engines.base import Etag, StoredObject
from s3cache.engines.profiles import Profile
from s3cache.engines.s3errors import NOT_S3
from s3cache.errors import NotSupported, ObjectTooLarge
from s3cache.pieces import LARGE, Body, collected

BROKEN_OFF = "the listing breaks off, and does not say how it goes on, as ListObjectsV2 does"


class ForeignAnswer(ValueError):
    """An answer of something that is no S3 store, or not the one that was meant. ``advice`` says what to do."""

    def __init__(self, message: str, advice: str = NOT_S3) -> None:
        super().__init__(message)
        self.advice = advice


class Head(NamedTuple):
    """What stands before the body in an answer to GetObject."""

    etag: Etag
    date: datetime | None
    length: int | None
    """Of the body that follows; None where the server does not say."""
    content_range: str = ""
    """As the header says it; "" where the whole object follows."""

    @property
    def whole_size(self) -> int:
        """Of the object, of which the answer may be a part; 0 where the server does not say."""
        total = self.content_range.rpartition("/")[2]
        return int(total) if total.isdigit() else self.length or 0


class Source(Protocol):
    """Where a body is read from, as from a file."""

    def read(self, size: int | None, /) -> bytes: ...

    def readinto(self, buffer: memoryview, /) -> int: ...


def check_conditions(profile: Profile, if_match: Etag, if_none_match: bool) -> None:
    """Before put_object sends anything."""
    if if_match is not None and if_none_match:
        raise ValueError("put_object takes if_match or if_none_match, not both.")
    if (if_none_match or if_match is not None) and not profile.conditional_writes:
        raise NotSupported(f"put_object takes no conditions here: the profile {profile.name!r} has none.")


def read_object(name: str, head: Head, source: Source, *, first: int | None, limit: int | None) -> StoredObject:
    """The object, whose body the source gives. Raises ObjectTooLarge, before the body is read if its size is known."""
    refuse_larger(name, head.whole_size, limit, head.etag)
    body = read_body(source, head.length, first, limit)
    refuse_larger(name, len(body), limit, head.etag)
    return StoredObject(body, head.etag, head.date)


def refuse_larger(name: str, size: int, limit: int | None, etag: Etag) -> None:
    if limit is not None and size > limit:
        raise ObjectTooLarge(f"{name!r} has more than {limit} bytes.", etag=etag)


def read_body(source: Source, length: int | None, first: int | None, limit: int | None) -> Body:
    """The body, and no more of one that is longer than asked for, or of unknown length, than settles the matter.

    One that is wanted to its end is read to its end, where the SDK checks it, and gets the time that it takes.
    """
    most = first if first is not None else None if limit is None else limit + 1
    if length is None or (most is not None and length > most):
        return source.read(most)
    deadlines.allow(length)
    return source.read(None) if length <= LARGE else collected(length + 1, source.readinto)
