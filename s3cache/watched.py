"""The engine that every part of one cache calls: the real one, with an eye on what goes through.

Each request is counted, repeated ones each time. The near caches of this process hear of each write and delete, before it begins
and after it has ended. This is the only way to the store, so none can be forgotten.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from s3cache.engines.base import AsyncEngine, Etag, ObjectInfo, StoredObject
from s3cache.statistics import Observer

PAGE = 1000
"""Names in one page of a listing."""

Result = TypeVar("Result")


class Writes(Protocol):
    """Who must hear of writes."""

    def begin_write(self, names: Sequence[str]) -> None:
        """These objects are about to be written or removed."""
        ...

    def end_write(self, names: Sequence[str]) -> None:
        """They were, or may have been."""
        ...

    def clear(self) -> None:
        """All of them may have been."""
        ...


class Store(AsyncEngine, Protocol):
    """What the operations of one cache call: an engine that tells the near caches."""

    def forget(self, name: str) -> None:
        """Who has kept the object of that name shall not keep it longer: it is gone, or may have changed."""
        ...

    def forget_all(self) -> None:
        """The same for all names."""
        ...

    def raise_if_open(self) -> None:
        """Raises CircuitOpen where a request would."""
        ...


class Watched:
    """An engine in the async shape. ``listeners`` is read at each write, so it may grow."""

    def __init__(self, engine: AsyncEngine, observer: Observer, listeners: Collection[Writes] = ()) -> None:
        self.features = engine.features
        self.prefix = engine.prefix
        self._engine = engine
        self._observer = observer
        self._listeners = listeners

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> Coroutine[Any, Any, StoredObject]:
        self._observer.requested("get")
        return self._engine.get_object(name, first=first, if_none_match=if_none_match, limit=limit)

    def put_object(
        self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False
    ) -> Coroutine[Any, Any, Etag]:
        self._observer.requested("put")
        writing = self._engine.put_object(name, body, if_match=if_match, if_none_match=if_none_match)
        return self._announced([name], writing) if self._listeners else writing

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> Coroutine[Any, Any, None]:
        self._observer.requested("delete")
        deleting = self._engine.delete_objects(names, etags=etags)
        return self._announced(names, deleting) if self._listeners else deleting

    async def list_objects(self, prefix: str = "", start_after: str | None = None) -> AsyncGenerator[ObjectInfo, None]:
        listed = 0
        async with aclosing(self._engine.list_objects(prefix, start_after)) as listing:
            self._observer.requested("list")
            async for info in listing:
                if listed and listed % PAGE == 0:
                    self._observer.requested("list")
                listed += 1
                yield info

    def raise_if_open(self) -> None:
        """A store that is not remote has no circuit."""

    def forget(self, name: str) -> None:
        for one in tuple(self._listeners):
            one.begin_write([name])
            one.end_write([name])

    def forget_all(self) -> None:
        for one in tuple(self._listeners):
            one.clear()

    async def _announced(self, names: Sequence[str], writing: Coroutine[Any, Any, Result]) -> Result:
        listeners = tuple(self._listeners)  # those that hear of the end are those that heard of the beginning
        for one in listeners:
            one.begin_write(names)
        try:
            return await writing
        finally:
            for one in listeners:
                one.end_write(names)
