"""The engine over obstore, Python's face of Rust's object_store: S3, Google Cloud Storage, Azure, a directory, memory.

Each verb is written once, as a coroutine of ``Verbs``, over ``Calls`` that either block or wait on the event loop; the blocking
ones never suspend, so ``runtime.finish`` runs a verb to its end. ``obstorestores`` knows what is behind a LOCATION,
``obstoreerrors`` what obstore's errors say.

https://developmentseed.org/obstore/latest/
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any, Self

from s3cache.engines import obstorestores
from s3cache.engines.base import Etag, ObjectInfo, StoredObject
from s3cache.engines.obstorecalls import BlockingCalls, Calls, NativeCalls, check_process
from s3cache.engines.obstoreerrors import NO_RANGE, describe, is_missing_name, is_sdk_error, meaning, sdk_errors
from s3cache.engines.obstorenames import folder, is_name, offset
from s3cache.engines.obstoreservice import DELETING_MANY, READING, Kind, Service, Stores, writing
from s3cache.engines.s3errors import Meanings
from s3cache.errors import EngineError, EngineMisconfigured, NotSupported, ObjectNotFound, ObjectTooLarge
from s3cache.runtime import finish, iterate

PAGE = 1000


class Verbs:
    """The async shape of the engine, and the inside of the blocking one."""

    def __init__(self, service: Service, stores: Stores, calls: Calls) -> None:
        self.features = service.features
        self.prefix = service.prefix
        self._service = service
        self._stores = stores
        self._calls = calls

    async def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        """Costs one GET; two for the first bytes of an empty object, or of a server that does not know ranges."""
        store = self._store(READING, name)
        options = get_options(first, None if if_none_match is None else self._service.if_none_match(if_none_match))
        with self._errors("get_object", name, self._service.read_meanings):
            result = await (self._calls.get(store, name, options) if first is None else self._first_bytes(store, name, options))
            about = result.meta
            etag = self._known(self._service.etag(about))
            if limit is not None and about["size"] > limit:
                raise ObjectTooLarge(f"{name!r} has {about['size']} bytes, more than {limit}.", etag=etag)
            if first is None or "range" in options:
                body = await self._calls.read(result)
            else:  # the first piece of a stream has that many bytes, or is all there is
                body = await self._calls.following(result.stream(min_chunk_size=max(first, 1)))
        return StoredObject(bytes(body or b"")[:first], etag)

    async def _first_bytes(self, store: Any, name: str, options: dict[str, Any]) -> Any:
        """The answer to a GET. Where there is no range to be had it is of the whole object, and ``options`` has none any more."""
        try:
            return await self._calls.get(store, name, options)
        except sdk_errors() as error:
            if not NO_RANGE.search(str(error)):
                raise
        del options["range"]
        return await self._calls.get(store, name, options)

    async def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        """Costs one PUT."""
        service, conditional = self._service, if_none_match or if_match is not None
        if if_match is not None and if_none_match:
            raise ValueError("put_object takes if_match or if_none_match, not both.")
        if conditional and not self.features.conditional_writes:
            raise NotSupported(f"put_object takes no conditions at {service.location}.")
        options, meanings = dict(service.written), service.plain_meanings
        if conditional:
            options["mode"] = "create" if if_match is None else service.version(if_match)
            meanings = service.write_meanings(if_match=if_match is not None, if_none_match=if_none_match)
        store = self._store(writing(len(body), conditional=conditional), name)
        with self._errors("put_object", name, meanings):
            return self._known(service.etag(await self._calls.put(store, name, body, options)))

    async def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        """Costs one request; nothing for no names."""
        if etags is not None:
            raise NotSupported("delete_objects takes no etags here: object_store has none.")
        if not names:
            return
        single = len(names) == 1
        store = self._store(READING if single else DELETING_MANY, *names)
        try:
            await self._calls.delete(store, list(names))
        except BaseException as error:
            if not is_sdk_error(error):
                raise
            about = names[0] if single else f"{names[0]} and {len(names) - 1} more"
            meanings = self._service.read_meanings if single else self._service.plain_meanings
            ours = self._error("delete_objects", about, error, meanings)
            if not isinstance(ours, ObjectNotFound) and not is_missing_name(error):
                raise ours from error

    async def list_objects(self, prefix: str = "", start_after: str | None = None) -> AsyncGenerator[ObjectInfo, None]:
        """Costs one GET per thousand names, as they are reached."""
        if start_after is not None and not self.features.start_after:
            raise NotSupported(f"list_objects takes no start_after at {self._service.location}.")
        pages = self._store(READING).list(folder(prefix), offset=offset(prefix, start_after), chunk_size=PAGE)
        while page := await self._page(pages, prefix):
            for about in page:
                name = about["path"]
                if name.startswith(prefix) and (start_after is None or name.encode() > start_after.encode()):
                    yield ObjectInfo(name, about["size"], about["last_modified"], self._service.etag(about))
                elif self.features.ordered_listing and name.encode() > prefix.encode() and not name.startswith(prefix):
                    return

    async def _page(self, pages: Any, prefix: str) -> Any:
        """The next thousand objects; None at the end."""
        check_process()  # a listing may have been begun before a fork
        with self._errors("list_objects", prefix, self._service.plain_meanings):
            return await self._calls.following(pages)

    def _store(self, kind: Kind, *names: str) -> Any:
        """A store to send a request with, here and now."""
        check_process()
        for name in names:
            if not is_name(name):
                raise NotSupported(f"The engine 'obstore' cannot hold the name {name!r}.")
        return self._stores.of(kind)

    def _known(self, etag: Etag) -> Etag:
        """Every store gives one; what answers 200 without is a web server."""
        if not etag:
            foreign = self._service.advice.foreign
            raise EngineMisconfigured(f"{self._service.location} answers without an ETag, as no store does. {foreign}".rstrip())
        return etag

    @contextlib.contextmanager
    def _errors(self, verb: str, about: str, meanings: Meanings) -> Iterator[None]:
        """obstore's errors as ours, and a panic of Rust's, which is no Exception."""
        try:
            yield
        except BaseException as error:
            if not is_sdk_error(error):
                raise
            raise self._error(verb, about, error, meanings) from error

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
        self._verbs = Verbs(service, self._stores, BlockingCalls())

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
        return Verbs(self.service, self._stores, NativeCalls())

    def close(self) -> None:
        self._stores.forget()


def get_options(first: int | None, if_none_match: Etag) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if first is not None:
        options["range"] = (0, max(first, 1))
    if if_none_match is not None:
        options["if_none_match"] = if_none_match
    return options
