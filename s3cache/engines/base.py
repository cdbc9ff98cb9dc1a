"""The engine contract: what an adapter to an object store promises. Each sentence has a test in ``s3cache.testing.EngineContract``.

An engine knows names and bytes, and nothing of keys, expiry or serializers. Its verbs carry S3's names.

**Names** are S3 object keys: non-empty text, ``/`` between the parts, used as they are. ``prefix`` is the part of LOCATION that
belongs into every name: for an S3 engine the text after the bucket, ending in ``/``; "" where LOCATION itself is the root of the
names, as for a directory. Operations put it in front; the engine never does.

**location** is a URL without secrets that is the same for all engines over the same objects, however they were written in CACHES:
``file:///var/cache/site``, ``memory:///name``, ``s3://bucket/prefix`` with ``?endpoint=https://…`` where it is not Amazon's.

**get_object** returns the whole body, or its first ``first`` bytes (fewer if the body is shorter, b"" if it is empty). A body is
bytes; one above ``pieces.LARGE`` (4 MiB) had better be ``Pieces``, which spare a reader the second copy. It raises
ObjectNotFound; NotModified where the object has the etag ``if_none_match``; ObjectTooLarge, with the object's etag, where
the body is longer than ``limit``, before the body is read. One request.

**put_object** is atomic: a reader sees the old body or the new one, never a part; where ``features.atomic_overwrites`` is false,
it may be a part, or nothing, until the write is done. It returns the new etag; a store without conditional writes may have none
for a body that another writer has replaced by then. With
``if_none_match`` it creates or raises PreconditionFailed; with ``if_match`` it replaces the object of that etag or raises
PreconditionFailed, also where there is no object. Of several racing creators, or of several writers with one ``if_match``,
exactly one succeeds. Giving both conditions is a ValueError. One request, never repeated by the engine or its SDK when
conditional: a repeated conditional write meets its own first attempt and reports a failure that was a success. Where
``features.conditional_writes`` is false a condition raises NotSupported before any I/O.

**delete_objects** removes all of the names, at most ``features.delete_batch`` of them in one call. A missing name is no error.
With ``etags`` (one per name; only where ``features.conditional_batch_delete``, else NotSupported) an object that has another
etag by now stays, silently, also when it was replaced at that moment. One request.

**list_objects** yields what lies under the prefix (``""`` lists everything; it is text, and may end inside a part), lazily, in
the order of the names' UTF-8 bytes where ``features.ordered_listing``, and only names after ``start_after`` where
``features.start_after`` (else that argument raises NotSupported). What is written or removed meanwhile may or may not appear.
One request per thousand names.

**Etags** are opaque text, None only where ``conditional_writes`` is false. The same etag means the same body.

**Requests** are counted as S3 has them. An engine over something else says itself what its verbs cost.

**Errors**: nothing but EngineError's children leaves an engine, and the SDK's own error is their ``__cause__``. A missing bucket is
EngineMisconfigured in every verb. An unknown outcome is EngineUnavailable.

**Construction** (``from_options``) opens no connection, reads no credentials and imports no SDK; it raises OptionError for every
option it cannot honour. An engine may be used from many threads at once, and is not used across a fork.

References: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html and the API pages of GetObject,
PutObject, DeleteObjects and ListObjectsV2.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, Self, TypeAlias

from s3cache.pieces import Body

Etag: TypeAlias = str | None


class StoredObject(NamedTuple):
    """What get_object read."""

    body: Body
    """The whole body, or its first bytes where ``first`` was given."""
    etag: Etag
    """The etag of the object at that moment."""
    date: datetime | None = None
    """The server's clock when it answered, time-zone aware; None where ``features.server_date`` is false."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a listing tells of an object for nothing."""

    name: str
    size: int
    """Length of the body in bytes."""
    modified: datetime
    """When it was last written, by the store's clock, time-zone aware; S3 gives whole seconds."""
    etag: Etag = None


@dataclass(frozen=True, slots=True)
class Features:
    """What the store can do. Honest: operations fall back where a feature is missing, and the docs name the price."""

    conditional_writes: bool
    """put_object honours ``if_match`` and ``if_none_match``, also in a race."""
    delete_batch: int
    """How many names delete_objects takes at once; 1 or more."""
    proven: bool = True
    """False where ``conditional_writes`` is taken on trust: operations try it out before the first conditional write."""
    conditional_batch_delete: bool = False
    """delete_objects honours ``etags``."""
    ordered_listing: bool = True
    """list_objects follows the order of the names' UTF-8 bytes."""
    start_after: bool = True
    """list_objects honours ``start_after``."""
    atomic_overwrites: bool = True
    """Who reads an object that is being replaced gets the old body or the new one; else maybe none, or a part of one."""
    max_name: int = 1024
    """The longest name in UTF-8 bytes."""
    server_date: bool = False
    """StoredObject.date is filled."""
    native_async: bool = False
    """asynchronous() gives an engine that waits on the event loop, with no thread."""
    remote: bool = True
    """Requests cross a network and may cost money; false for a directory or memory."""
    concurrency: int = 1
    """How many blocking requests at once make many of them fastest; 1 where threads bring nothing."""
    expect_continue: bool = False
    """A large body that must not overwrite is sent only once the server has said that it may come (``Expect: 100-continue``)."""
    max_attempts: int = 1
    """How often a request that ended in EngineUnavailable may be made in all; a conditional write is never repeated as it is."""
    attempt_timeout: float = 0.0
    """Seconds that one attempt waits at most for a server that is silent; 0 where that is not known."""


class Engine(Protocol):
    """The blocking shape, which every engine has."""

    @property
    def features(self) -> Features: ...

    @property
    def prefix(self) -> str:
        """The part of LOCATION that belongs into every name: "" or text that ends in ``/``."""
        ...

    @property
    def location(self) -> str:
        """Where the objects lie, as a URL without secrets; equal for engines over the same objects."""
        ...

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        """An engine for LOCATION and the lower-case options. Raises OptionError."""
        ...

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject: ...

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag: ...

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None: ...

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]: ...

    def asynchronous(self) -> AsyncEngine | None:
        """The same store in the async shape; None where the SDK has none."""
        ...

    def close(self) -> None:
        """Let go of connections. A later call may open new ones."""
        ...


class AsyncEngine(Protocol):
    """The async shape: the same verbs, awaited; the listing is an asynchronous generator."""

    @property
    def features(self) -> Features: ...

    @property
    def prefix(self) -> str: ...

    async def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject: ...

    async def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag: ...

    async def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None: ...

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> AsyncGenerator[ObjectInfo, None]: ...
