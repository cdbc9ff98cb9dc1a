"""ObjectStoreCache: the face that Django knows. Each method makes the full key and hands it to ``operations``.

The synchronous methods run an operation's coroutine with ``finish``; the asynchronous ones await the same coroutine on an
engine with native async, and elsewhere on a thread of s3cache's own. What is costly is shared by all backend objects of a
process (``sharing``), so making one is cheap and ``close()``, which Django calls after each request, has nothing to do.

Reference: https://docs.djangoproject.com/en/stable/topics/cache/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Concatenate, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT, MEMCACHE_MAX_KEY_LENGTH, BaseCache
from django.core.exceptions import SynchronousOnlyOperation
from django.utils.safestring import SafeString

from s3cache import sharing, signals
from s3cache.assembly import Assembly, assembled
from s3cache.codec import TextKind
from s3cache.deadlines import Limit
from s3cache.engines.base import Engine, ObjectInfo
from s3cache.entries import MISSING
from s3cache.errors import OptionError
from s3cache.operations import ONE_ENTRY, Operations
from s3cache.options import check_fallback, configure, improperly_configured
from s3cache.runtime import finish, in_thread, iterate
from s3cache.trimming import Progress

TEXT_KINDS = (TextKind("safestr", SafeString),)

UNDISPUTED = re.compile(rf"[^\x00-\x20\x7f]{{1,{MEMCACHE_MAX_KEY_LENGTH}}}")
"""Keys of which Django has nothing to say."""

SELF_CONTAINED = (str, bytes, SafeString, int, float, bool, type(None))
"""Types whose values need nothing of the thread that serializes them."""

PORTION = 10_000
"""How many keys of an iterator are taken at once for an operation on another thread."""

Timeout = float | None
"""Seconds, or None for no expiry. DEFAULT_TIMEOUT, which stands for the cache's TIMEOUT, has no type of its own."""

P = ParamSpec("P")
Result = TypeVar("Result")
Operation = Callable[Concatenate[Operations, P], Coroutine[Any, Any, Result]]


class ObjectStoreCache(BaseCache):
    """A Django cache in an object store; ``location`` and ``params`` are an entry of CACHES without its BACKEND.

    Construction opens no connection, reads no credentials and writes no file. It raises ImproperlyConfigured for every mistake
    in CACHES. A subclass that overrides only a synchronous method has the asynchronous one follow, through ``sync_to_async``.
    """

    _assembly: Assembly | None = None
    _generation = -1

    def __init__(self, location: object, params: Mapping[str, Any]) -> None:
        with improperly_configured(location):
            self.configuration = configure(location, params, lambda: settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS)
            check_fallback(self.configuration.options.fallback, settings.CACHES)
            try:
                super().__init__(dict(params))
            except Exception as error:  # whatever the import of KEY_FUNCTION ends with; all else was checked above
                raise OptionError(f"KEY_FUNCTION is {params['KEY_FUNCTION']!r}, which cannot be imported: {error}") from error
            if not callable(self.key_func):
                raise OptionError(f"KEY_FUNCTION is {params['KEY_FUNCTION']!r}, which is not callable.")
            # Django cuts it to a whole number, and so half a second to nothing.
            self.default_timeout = params.get("TIMEOUT", self.default_timeout)
            self._max_entries = self.configuration.options.max_entries or 0
            self._assembled()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name in FOLLOWED:
            if definer(cls, name) < definer(cls, f"a{name}"):
                setattr(cls, f"a{name}", following(name))

    @property
    def _max_entries(self) -> int:
        """Django's name for the limit, 0 for none, which may be set on an instance."""
        return self._limit

    @_max_entries.setter
    def _max_entries(self, limit: int) -> None:
        self._limit = limit
        self._assembly = None

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

    def get_or_set(self, key: Any, default: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> Any:
        """Django's, through ``get`` and ``add``; an entry that cannot be read is replaced. All but ``default()`` has TOTAL_TIMEOUT
        together.
        """
        with (limit := Limit(self._operations.total_timeout)):
            value = self.get(key, MISSING, version=version)
        if value is not MISSING:
            return value
        if callable(default):
            default = default()
        with Limit(limit.left):
            if self.add(key, default, timeout=timeout, version=version):
                return default
            return finish(self._operations.mend(self._full(key, version), default, self._seconds(timeout)))

    async def aget_or_set(self, key: Any, default: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> Any:
        """The same, through ``aget`` and ``aadd``."""
        with (limit := Limit(self._operations.total_timeout)):
            value = await self.aget(key, MISSING, version=version)
        if value is not MISSING:
            return value
        if callable(default):
            default = default()
        with Limit(limit.left):
            if await self.aadd(key, default, timeout=timeout, version=version):
                return default
            return await self._awaited(Operations.mend, self._full(key, version), default, self._seconds(timeout))

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

    def close(self, **keywords: Any) -> None:
        """Does nothing: connections belong to the process and serve its next request."""

    async def aclose(self, **keywords: Any) -> None:
        """Does nothing, as ``close``."""

    def stats(self) -> dict[str, int]:
        """Counts of this process since it began: hits, misses, writes, requests by kind, unusable objects, looks and more; with
        a near cache also what it holds now. Costs nothing.
        """
        assembly = self._assembled()
        return assembly.statistics.counts() | (assembly.near.gauges() if assembly.near else {})

    def objects(self) -> Iterator[ObjectInfo]:
        """What a listing tells of every stored entry, expired ones included, lazily. Costs one request per thousand."""
        return iterate(self._operations.objects())

    @property
    def engine(self) -> Engine:
        """The engine under this cache, shared with others of the same LOCATION. For checks and tools."""
        return self._assembled().engine

    @property
    def _limits(self) -> tuple[int | None, int | None]:
        """How many entries, and bytes of them, there may be."""
        return max(1, self._limit) if self._limit else None, self.configuration.options.max_bytes

    @property
    def _operations(self) -> Operations:
        assembly = self._assembly
        if assembly is None or self._generation != sharing.current():
            assembly = self._assembled()
        return assembly.operations

    async def _awaited(self, operation: Operation[P, Result], *args: P.args, **keywords: P.kwargs) -> Result:
        """An operation for the running loop: on the engine's native async, else whole on one of s3cache's own threads."""
        native, name = self._assembled().native, operation.__name__

        def run() -> Result:
            result: Result = finish(getattr(self._operations, name)(*args, **keywords))
            return result

        if native is not None:
            try:
                result: Result = await getattr(native, name)(*args, **keywords)
                return result
            except SynchronousOnlyOperation:  # a value that is loaded through the database, say
                return await sync_to_async(run)()
        if name not in ONE_ENTRY:
            return await in_thread(sharing.executor_for(self.engine, "bulk"), run)
        with Limit(self._operations.total_timeout):  # here already: the threads may all be busy for a while
            return await in_thread(sharing.executor_for(self.engine), run)

    async def _encoded(self, value: Any) -> Any:
        """The value ready to be stored, serialized where Django serializes it: on the request's own thread.

        There a lazy queryset finds the database connection, and the transaction, of the request.
        """
        if type(value) in SELF_CONTAINED or self._is_away:
            return value
        return await sync_to_async(self._operations.encode)(value)

    @property
    def _is_away(self) -> bool:
        """Whether nothing will be stored: the store is left alone for now, or READ_ONLY says so."""
        return self._assembled().breaker.refuses or self.configuration.options.read_only is True

    async def _all_encoded(self, values: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """The same for many, in one go."""
        if self._is_away or all(type(value) in SELF_CONTAINED for value in values.values()):
            return values
        return await sync_to_async(self._operations.encode_many)(values)

    def _assembled(self) -> Assembly:
        assembly = self._assembly
        if assembly is None or self._generation != sharing.current():
            generation = sharing.current()
            assembly = assembled(self.configuration, self._limit, TEXT_KINDS, signals.announce, caches.__getitem__)
            # The number last: until it is there, another thread looks for itself, and finds the same.
            self._assembly, self._generation = assembly, generation
        return assembly

    def validate_key(self, key: str) -> None:
        """Warns as Django does, whose own look at each character is left to the keys that need it."""
        if not UNDISPUTED.fullmatch(key):
            super().validate_key(key)

    def _full(self, key: Any, version: int | None) -> str:
        return self.make_and_validate_key(key, version=version)

    def _named(self, keys: Iterable[Any], version: int | None) -> Iterator[tuple[Any, str]]:
        """The keys as the caller wrote them, each with its full key."""
        return ((key, self._full(key, version)) for key in keys)

    def _all_full(self, values: Mapping[Any, Any], version: int | None) -> dict[Any, tuple[str, Any]]:
        return {key: (self._full(key, version), value) for key, value in values.items()}

    def _seconds(self, timeout: Timeout) -> float | None:
        return self.default_timeout if timeout == DEFAULT_TIMEOUT else timeout

    def _versions(self, delta: int, version: int | None) -> tuple[int, int]:
        old = self.version if version is None else version
        return old, old + delta


FOLLOWED = [name for name in dir(ObjectStoreCache) if hasattr(ObjectStoreCache, f"a{name}")]


def definer(cls: type, name: str) -> int:
    """How far up the class order the method is defined."""
    return next(place for place, one in enumerate(cls.__mro__) if name in vars(one))


def following(name: str) -> Callable[..., Any]:
    """An asynchronous method that runs the synchronous one of that name, as Django does it: on the request's own thread.

    An override is an application's code. It may use the database, or asynchronous code in turn; a thread of ours suits neither.
    """

    async def follow(self: ObjectStoreCache, *args: Any, **keywords: Any) -> Any:
        return await sync_to_async(getattr(self, name))(*args, **keywords)

    follow.__name__ = f"a{name}"
    return follow


def found(key: Any, number: int | None) -> int:
    """The number, or Django's ValueError where there was no entry."""
    if number is None:
        raise ValueError(f"Key {key!r} not found")
    return number


def portions(keys: Iterator[tuple[Any, str]]) -> Iterator[list[tuple[Any, str]]]:
    """The keys in lists that are no burden, taken on the caller's own thread: an iterator may be bound to it, as a queryset is."""
    while portion := list(islice(keys, PORTION)):
        yield portion
