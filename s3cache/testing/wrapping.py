"""An engine around an engine: every request passes through one context manager, in both shapes.

``around(verb)`` is entered before a request goes to the inner engine and left when its answer is there. A listing makes one request
per started thousand names, and one where there are none.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import Self, TypeAlias

from s3cache.engines.base import AsyncEngine, Engine, Etag, Features, ObjectInfo, StoredObject

PAGE = 1000
Around: TypeAlias = Callable[[str], AbstractContextManager[None]]


class WrappedEngine:
    """The blocking shape. ``inner`` is the engine that does the work."""

    def __init__(self, inner: Engine, around: Around) -> None:
        self.inner = inner
        self._around = around

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
        with self._around("get_object"):
            return self.inner.get_object(name, first=first, if_none_match=if_none_match, limit=limit)

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        with self._around("put_object"):
            return self.inner.put_object(name, body, if_match=if_match, if_none_match=if_none_match)

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        with self._around("delete_objects"):
            self.inner.delete_objects(names, etags=etags)

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        with self._around("list_objects"):
            listing = self.inner.list_objects(prefix, start_after)
        for position, info in enumerate(listing):
            if position and position % PAGE == 0:
                with self._around("list_objects"):
                    pass
            yield info

    def asynchronous(self) -> AsyncEngine | None:
        inner = self.inner.asynchronous()
        return None if inner is None else WrappedAsyncEngine(inner, self._around)

    def close(self) -> None:
        self.inner.close()


class WrappedAsyncEngine:
    """The async shape, through the same context manager."""

    def __init__(self, inner: AsyncEngine, around: Around) -> None:
        self.inner = inner
        self._around = around

    @property
    def features(self) -> Features:
        return self.inner.features

    @property
    def prefix(self) -> str:
        return self.inner.prefix

    async def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        with self._around("get_object"):
            return await self.inner.get_object(name, first=first, if_none_match=if_none_match, limit=limit)

    async def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        with self._around("put_object"):
            return await self.inner.put_object(name, body, if_match=if_match, if_none_match=if_none_match)

    async def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        with self._around("delete_objects"):
            await self.inner.delete_objects(names, etags=etags)

    async def list_objects(self, prefix: str = "", start_after: str | None = None) -> AsyncGenerator[ObjectInfo, None]:
        with self._around("list_objects"):
            listing = self.inner.list_objects(prefix, start_after)
        position = 0
        async with aclosing(listing):
            async for info in listing:
                if position and position % PAGE == 0:
                    with self._around("list_objects"):
                        pass
                position += 1
                yield info
