"""ObjectStoreCache: the face that Django knows. Each method makes the full key and hands it to ``operations``.

Reference: https://docs.djangoproject.com/en/stable/topics/cache/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.exceptions import SynchronousOnlyOperation

from s3cache.engines.base import ObjectInfo
from s3cache.entries import MISSING
from s3cache.foundation import Timeout, portions
from s3cache.getorset import GetOrSet
from s3cache.keymethods import KeyMethods
from s3cache.lockmethods import LockMethods
from s3cache.metadata import Metadata
from s3cache.operations import Operations
from s3cache.runtime import finish, iterate
from s3cache.trimming import Progress

if TYPE_CHECKING:
    from s3cache.groups import Group


class ObjectStoreCache(GetOrSet, KeyMethods, LockMethods, Metadata):
    """A Django cache in an object store; ``location`` and ``params`` are an entry of CACHES without its BACKEND.

    Construction opens no connection, reads no credentials and writes no file. It raises ImproperlyConfigured for every mistake
    in CACHES. A subclass that overrides only a synchronous method has the asynchronous one follow, through ``sync_to_async``.
    """

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """The value, or ``default``. Costs one GET; none where a near cache has it."""
        return finish(self._operations.get(self._full(key, version), default))

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        full = self._full(key, version)
        with suppress(SynchronousOnlyOperation):
            value = self._operations.at_hand(full)
            if value is not MISSING:
                return value
        return await self._awaited(Operations.get, full, default)

    def set(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Stores the value; a timeout of 0 or below removes the entry. Costs one PUT, or one DELETE."""
        finish(self._operations.set(self._full(key, version), value, self._seconds(timeout)))

    async def aset(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        await self._awaited(Operations.set, self._full(key, version), await self._encoded(value), self._seconds(timeout))

    def add(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Stores the value if the entry is absent, atomically; tells whether it did. Costs one PUT, two or three requests
        where an object is there.
        """
        return finish(self._operations.add(self._full(key, version), value, self._seconds(timeout)))

    async def aadd(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return await self._awaited(Operations.add, self._full(key, version), await self._encoded(value), self._seconds(timeout))

    def touch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Gives the entry a new timeout; False if it is absent. Costs one GET and one PUT."""
        return finish(self._operations.touch(self._full(key, version), self._seconds(timeout)))

    async def atouch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return await self._awaited(Operations.touch, self._full(key, version), self._seconds(timeout))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Removes the entry; tells whether it was there. Costs one GET of 2 KiB, and one DELETE if an object is there."""
        return finish(self._operations.delete(self._full(key, version)))

    async def adelete(self, key: Any, version: int | None = None) -> bool:
        return await self._awaited(Operations.delete, self._full(key, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether the entry is there. Costs one GET of 2 KiB."""
        return finish(self._operations.has_key(self._full(key, version)))

    async def ahas_key(self, key: Any, version: int | None = None) -> bool:
        return await self._awaited(Operations.has_key, self._full(key, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Adds to the value, atomically, and keeps its expiry. ValueError if the entry is absent. Costs one GET and one PUT."""
        return found(key, finish(self._operations.incr(self._full(key, version), delta)))

    async def aincr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return found(key, await self._awaited(Operations.incr, self._full(key, version), delta))

    def incr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Moves the entry to another version, expiry kept. ValueError if it is absent. Costs one GET, one PUT and one DELETE."""
        old, new = self._versions(delta, version)
        moved = finish(self._operations.move(self._full(key, old), self._full(key, new)))
        return found(key, new if moved else None)

    async def aincr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        old, new = self._versions(delta, version)
        moved = await self._awaited(Operations.move, self._full(key, old), self._full(key, new))
        return found(key, new if moved else None)

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """The values that are there, by the keys as given. Costs one GET each, several at once."""
        return finish(self._operations.get_many(self._named(keys, version)))

    async def aget_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for named in portions(self._named(keys, version)):
            found |= await self._awaited(Operations.get_many, named)
        return found

    def set_many(self, data: Mapping[Any, Any], timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        """Stores all values; gives the keys that the store did not take. Costs one PUT each, several at once."""
        return finish(self._operations.set_many(self._all_full(data, version), self._seconds(timeout)))

    async def aset_many(self, data: Mapping[Any, Any], timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        values = self._all_full(await self._all_encoded(data), version)
        return await self._awaited(Operations.set_many, values, self._seconds(timeout))

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Removes the entries. Costs one request per thousand."""
        finish(self._operations.delete_many(self._named(keys, version)))

    async def adelete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        for named in portions(self._named(keys, version)):
            await self._awaited(Operations.delete_many, named)

    def clear(self) -> None:
        """Removes every entry under LOCATION: all versions, key prefixes and aliases that share it."""
        finish(self._operations.clear())

    async def aclear(self) -> None:
        await self._awaited(Operations.clear)

    def cull(self, tell: Callable[[Progress], object] | None = None) -> int:
        """Brings the cache under MAX_ENTRIES and MAX_BYTES now, oldest entries first, and gives how many went.

        ``tell``, if given, is called with the progress after each page, by ``acull`` maybe on another thread. Costs a listing per
        thousand entries, twice if there are too many, and a delete per thousand that go.
        """
        return finish(self._operations.cull(*self._limits, tell))

    async def acull(self, tell: Callable[[Progress], object] | None = None) -> int:
        return await self._awaited(Operations.cull, *self._limits, tell)

    def group(self, name: str) -> Group:
        """A view of this cache whose entries are dropped together, by its ``invalidate``. Costs nothing.

        Raises TypeError for a name that is no text, ValueError for an empty one.
        """
        from s3cache.groups import group_of

        return group_of(self, name)

    def objects(self) -> Iterator[ObjectInfo]:
        """What a listing tells of every stored entry, expired ones included, lazily. Costs one request per thousand."""
        return iterate(self._operations.objects())

    @property
    def _limits(self) -> tuple[int | None, int | None]:
        """How many entries, and bytes of them, there may be."""
        return max(1, self._limit) if self._limit else None, self.configuration.options.max_bytes


def found(key: Any, number: int | None) -> int:
    """The number, or Django's ValueError where there was no entry."""
    if number is None:
        raise ValueError(f"Key {key!r} not found")
    return number
