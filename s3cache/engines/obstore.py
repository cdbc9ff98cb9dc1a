"""The engine over obstore, Python's face of Rust's object_store: S3, Google Cloud Storage, Azure, a directory, memory.

Each verb is written once, as a coroutine of ``Verbs``. It awaits what obstore's native functions return, and takes what the
blocking ones return as it is; then it never suspends, and ``runtime.finish`` runs it to its end. Each further coroutine or context
manager on the way of a small object would cost a per cent of a request, so there are none. ``obstorestores`` knows what is behind
a LOCATION, ``obstoreerrors`` what obstore's errors say.

https://developmentseed.org/obstore/latest/
"""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any, NoReturn, Self

from s3cache import deadlines
from s3cache.engines import obstorestores
from s3cache.engines.base import Etag, ObjectInfo, StoredObject
from s3cache.engines.obstorecalls import Calls, blocking, check_process, native
from s3cache.engines.obstoreerrors import NO_RANGE, TIMED_OUT, describe, is_missing_name, is_sdk_error, meaning, sdk_errors
from s3cache.engines.obstorenames import check_ends, check_name, folder, offset
from s3cache.engines.obstoreservice import DELETING_MANY, USUAL, Service, Stores, writing
from s3cache.engines.s3errors import Meanings
from s3cache.errors import EngineError, EngineMisconfigured, NotSupported, ObjectNotFound, ObjectTooLarge
from s3cache.pieces import LARGE, Body, Pieces
from s3cache.runtime import finish, iterate

PAGE = 1000
CHUNK = 1 << 18
"""Bytes of a large body that are held beside it. More of them take memory; less, time on an event loop."""


class Verbs:
    """The async shape of the engine, and the inside of the blocking one."""

    def __init__(self, service: Service, stores: Stores, *, native: bool) -> None:
        self.features = service.features
        self.prefix = service.prefix
        self._service = service
        self._stores = stores
        self._native = native

    @functools.cached_property
    def _calls(self) -> Calls:
        return native() if self._native else blocking()

    async def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        """Costs one GET; two for the first bytes of an empty object, or of a server that does not know ranges.

        Two also for a large body that comes so slowly that the time of a small one is not enough: how large it is, its first answer
        tells. Then it is asked for again, with the time that its size allows.
        """
        check_ends(name)
        service = self._service
        options = {} if if_none_match is None else {"if_none_match": service.if_none_match(if_none_match)}
        try:
            if first is None:
                call = self._calls.get(self._stores.of(USUAL), name, options=options)
                result = await call if self._native else call
            else:
                result = await self._beginning(name, options, first)
            etag, size = self._checked(name, result, limit)
            if first is not None:  # the first piece of a stream has that many bytes, or is all there is
                body: Body = bytes(await self._following(result.stream(min_chunk_size=max(first, 1))))[:first]
            elif size > deadlines.MEGABYTE:
                etag, body = await self._large(name, options, limit, result)
            else:
                call = self._calls.body(result)
                body = bytes(await call if self._native else call)
        except BaseException as error:
            if not is_sdk_error(error):
                raise
            raise self._error("get_object", name, error, service.read_meanings) from error
        return StoredObject(body, etag)

    def _checked(self, name: str, result: Any, limit: int | None) -> tuple[str, int]:
        """Etag and size of the object. Raises ObjectTooLarge."""
        about = result.meta
        etag = self._service.etag(about) or self._refuse_foreign()
        if limit is not None and about["size"] > limit:
            raise ObjectTooLarge(f"{name!r} has {about['size']} bytes, more than {limit}.", etag=etag)
        return etag, about["size"]

    async def _large(self, name: str, options: dict[str, Any], limit: int | None, result: Any) -> tuple[str, Body]:
        """Etag and body of a large object."""
        etag, size = self._checked(name, result, limit)
        before = deadlines.left()
        deadlines.allow(size)
        try:
            return etag, await self._body(result, size)
        except sdk_errors() as error:
            if not TIMED_OUT.search(str(error)) or deadlines.left() <= before:
                raise
        call = self._calls.get(self._stores.of(USUAL), name, options=options)
        result = await call if self._native else call
        etag, size = self._checked(name, result, limit)
        return etag, await self._body(result, size)

    async def _body(self, result: Any, size: int) -> Body:
        if size > LARGE:
            return await self._pieces(result.stream(min_chunk_size=CHUNK), size)
        call = self._calls.body(result)
        return bytes(await call if self._native else call)

    async def _pieces(self, stream: Any, size: int) -> Pieces:
        pieces = Pieces(size)
        while chunk := await self._following(stream):
            pieces.append(chunk)
        return pieces

    async def _following(self, stream: Any) -> Any:
        """The next item; b"" at the end."""
        call = self._calls.following(stream, b"")
        return await call if self._native else call

    async def _beginning(self, name: str, options: dict[str, Any], first: int) -> Any:
        """The answer to a GET of the first bytes; of the whole object, where there is no range to be had."""
        try:
            call = self._calls.get(self._stores.of(USUAL), name, options={**options, "range": (0, max(first, 1))})
            return await call if self._native else call
        except sdk_errors() as error:
            if not NO_RANGE.search(str(error)):
                raise
        call = self._calls.get(self._stores.of(USUAL), name, options=options)
        return await call if self._native else call

    async def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        """Costs one PUT."""
        service, mode, meanings = self._service, None, self._service.plain_meanings
        if if_none_match or if_match is not None:
            mode = self._mode(if_match, if_none_match)
            meanings = service.write_meanings(if_match=if_match is not None, if_none_match=if_none_match)
        check_ends(name)
        store = self._stores.of(writing(len(body)))
        try:
            call = self._calls.put(store, name, body, use_multipart=False, mode=mode, **service.written)
            return service.etag(await call if self._native else call) or self._refuse_foreign()
        except BaseException as error:
            if not is_sdk_error(error):
                raise
            if service.is_overtaken(error):
                return None
            raise self._error("put_object", name, error, meanings) from error

    def _mode(self, if_match: Etag, if_none_match: bool) -> str | dict[str, str]:
        """A condition in obstore's words."""
        if if_match is not None and if_none_match:
            raise ValueError("put_object takes if_match or if_none_match, not both.")
        if not self.features.conditional_writes:
            raise NotSupported(f"put_object takes no conditions at {self._service.location}.")
        return "create" if if_match is None else self._service.version(if_match)

    async def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        """Costs one request; nothing for no names."""
        if etags is not None:
            raise NotSupported("delete_objects takes no etags here: object_store has none.")
        if not names:
            return
        single = len(names) == 1
        for name in names:
            check_name(name)
        store = self._stores.of(USUAL if single else DELETING_MANY)
        try:
            call = self._calls.delete(store, list(names))
            if self._native:
                await call
        except BaseException as error:
            if not is_sdk_error(error):
                raise
            about = names[0] if single else f"{names[0]} and {len(names) - 1} more"
            meanings = self._service.read_meanings if single else self._service.plain_meanings
            if meaning(error, meanings) is not ObjectNotFound and not is_missing_name(error):
                raise self._error("delete_objects", about, error, meanings) from error

    async def list_objects(self, prefix: str = "", start_after: str | None = None) -> AsyncGenerator[ObjectInfo, None]:
        """Costs one GET per thousand names, as they are reached."""
        if start_after is not None and not self.features.start_after:
            raise NotSupported(f"list_objects takes no start_after at {self._service.location}.")
        pages = self._stores.of(USUAL).list(folder(prefix), offset=offset(prefix, start_after), chunk_size=PAGE)
        while page := await self._page(pages, prefix):
            for about in page:
                name = about["path"]
                if name.startswith(prefix) and (start_after is None or name.encode() > start_after.encode()):
                    yield ObjectInfo(name, about["size"], about["last_modified"], self._service.etag(about))
                elif self.features.ordered_listing and name.encode() > prefix.encode() and not name.startswith(prefix):
                    return

    async def _page(self, pages: Any, prefix: str) -> Any:
        """The next thousand objects; nothing at the end."""
        check_process()  # a listing may have been begun before a fork
        try:
            return await self._following(pages)
        except BaseException as error:
            if not is_sdk_error(error):
                raise
            raise self._error("list_objects", prefix, error, self._service.plain_meanings) from error

    def _refuse_foreign(self) -> NoReturn:
        """Every store gives an etag; what answers 200 without is a web server."""
        foreign = self._service.advice.foreign
        raise EngineMisconfigured(f"{self._service.location} answers without an ETag, as no store does. {foreign}".rstrip())

    def _error(self, verb: str, about: str, error: BaseException, meanings: Meanings) -> EngineError:
        """obstore's error as ours. ``meanings`` is what the verb reads differently."""
        what = self._service.redact(describe(error, self._service.advice))
        return meaning(error, meanings)(f"{verb} of {about!r} at {self._service.location}: {what}")


class ObstoreEngine:
    """A LOCATION, seen through obstore. Options by its scheme: ``obstorestores``. Raises what ``engines/base.py`` says."""

    requires = ("obstore",)

    def __init__(self, service: Service) -> None:
        self.service = service
        self.features = service.features
        self.prefix = service.prefix
        self.location = service.location
        self._stores = Stores(service)
        self._verbs = Verbs(service, self._stores, native=False)

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        return cls(obstorestores.read(location, options, os.environ))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        return finish(self._verbs.get_object(name, first=first, if_none_match=if_none_match, limit=limit))

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        return finish(self._verbs.put_object(name, body, if_match=if_match, if_none_match=if_none_match))

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        finish(self._verbs.delete_objects(names, etags=etags))

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        return iterate(self._verbs.list_objects(prefix, start_after))

    def asynchronous(self) -> Verbs:
        """Native: obstore waits on the event loop."""
        return Verbs(self.service, self._stores, native=True)

    def close(self) -> None:
        self._stores.forget()
