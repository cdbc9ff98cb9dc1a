"""An engine around an engine: every request passes through one coroutine, in both shapes.

``through(verb, request, runtime)`` awaits ``request()`` when the request shall be made, and returns what the caller gets. A listing
makes one request per started thousand names, and one where there are none; what it returns is not looked at.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Self, TypeAlias

from s3cache.engines.base import AsyncEngine, Engine, Etag, Features, ObjectInfo, StoredObject
from s3cache.runtime import AsyncioRuntime, Blocking, BlockingRuntime, Runtime, finish, iterate

PAGE = 1000
Request: TypeAlias = Callable[[], Awaitable[Any]]
Through: TypeAlias = Callable[[str, Request, Runtime], Awaitable[Any]]


class WrappedAsyncEngine:
    """The async shape."""

    def __init__(self, inner: AsyncEngine, through: Through, runtime: Runtime) -> None:
        self.inner = inner
        self.features: Features = inner.features
        self.prefix: str = inner.prefix
        self._through = through
        self._runtime = runtime

    async def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        request = partial(self.inner.get_object, name, first=first, if_none_match=if_none_match, limit=limit)
        stored: StoredObject = await self._through("get_object", request, self._runtime)
        return stored

    async def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        request = partial(self.inner.put_object, name, body, if_match=if_match, if_none_match=if_none_match)
        etag: Etag = await self._through("put_object", request, self._runtime)
        return etag

    async def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        await self._through("delete_objects", partial(self.inner.delete_objects, names, etags=etags), self._runtime)

    async def list_objects(self, prefix: str = "", start_after: str | None = None) -> AsyncGenerator[ObjectInfo, None]:
        async def page() -> None:
            """The inner engine asks for the next page by itself, as soon as it is reached."""

        await self._through("list_objects", page, self._runtime)
        position = 0
        async with aclosing(self.inner.list_objects(prefix, start_after)) as listing:
            async for info in listing:
                if position and position % PAGE == 0:
                    await self._through("list_objects", page, self._runtime)
                position += 1
                yield info


class WrappedEngine:
    """The blocking shape, which is the other one run to its end. ``inner`` is the engine that does the work."""

    def __init__(self, inner: Engine, through: Through) -> None:
        self.inner = inner
        self._through = through
        self._requests = WrappedAsyncEngine(Blocking(inner), through, BlockingRuntime())

    @property
    def features(self) -> Features:
        return self.inner.features

    @property
    def prefix(self) -> str:
        return self.inner.prefix

    @property
    def location(self) -> str:
        return self.inner.location

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        raise TypeError(f"{cls.__name__} wraps an engine that a test made: {cls.__name__}(engine).")

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        return finish(self._requests.get_object(name, first=first, if_none_match=if_none_match, limit=limit))

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        return finish(self._requests.put_object(name, body, if_match=if_match, if_none_match=if_none_match))

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        finish(self._requests.delete_objects(names, etags=etags))

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        return iterate(self._requests.list_objects(prefix, start_after))

    def asynchronous(self) -> AsyncEngine | None:
        inner = self.inner.asynchronous()
        return None if inner is None else WrappedAsyncEngine(inner, self._through, AsyncioRuntime())

    def close(self) -> None:
        self.inner.close()
