"""What every method of ObjectStoreCache stands on: a checked entry of CACHES, full keys, and operations for both kinds of caller.

The synchronous methods run an operation's coroutine with ``finish``; the asynchronous ones await the same coroutine on an
engine with native async, and elsewhere on a thread of s3cache's own. What is costly is shared by all backend objects of a
process (``sharing``), so making one is cheap and ``close()``, which Django calls after each request, has nothing to do.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Mapping
from inspect import isasyncgenfunction
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
from s3cache.engines.base import Engine
from s3cache.errors import OptionError
from s3cache.keyfunctions import reverse_function
from s3cache.operations import Operations
from s3cache.options import check_fallback, configure, improperly_configured
from s3cache.runtime import finish, in_thread
from s3cache.timed import ONE_ENTRY

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


class Foundation(BaseCache):
    """A cache without methods. ``location`` and ``params`` are an entry of CACHES without its BACKEND."""

    _assembly: Assembly | None = None
    _generation = -1
    _groups: tuple[str, ...] = ()
    """The names of the groups that this is a view of, the outermost first."""
    _scope = ""
    """What all its full keys begin with: the generations of these groups."""

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
            self.reverse_key_func = reverse_function(params.get("REVERSE_KEY_FUNCTION"))
            # Django cuts it to a whole number, and so half a second to nothing.
            self.default_timeout = params.get("TIMEOUT", self.default_timeout)
            self._max_entries = self.configuration.options.max_entries or 0
            self._assembled()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name in followed(cls):
            if definer(cls, name) < definer(cls, f"a{name}"):
                items = isasyncgenfunction(getattr(cls, f"a{name}"))
                setattr(cls, f"a{name}", following_items(name) if items else following(name))

    @property
    def _max_entries(self) -> int:
        """Django's name for the limit, 0 for none, which may be set on an instance."""
        return self._limit

    @_max_entries.setter
    def _max_entries(self, limit: int) -> None:
        self._limit = limit
        self._assembly = None

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

    @property
    def engine(self) -> Engine:
        """The engine under this cache, shared with others of the same LOCATION. For checks and tools."""
        return self._assembled().engine

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
        return self._scope + self.make_and_validate_key(key, version=version)

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


def followed(cls: type) -> list[str]:
    """The names of its public methods that have an asynchronous twin."""
    return [name for name in dir(cls) if not name.startswith("_") and hasattr(cls, f"a{name}")]


def definer(cls: type, name: str) -> int:
    """How far up the class order the method is defined."""
    return next(place for place, one in enumerate(cls.__mro__) if name in vars(one))


def following(name: str) -> Callable[..., Any]:
    """An asynchronous method that runs the synchronous one of that name, as Django does it: on the request's own thread.

    An override is an application's code. It may use the database, or asynchronous code in turn; a thread of ours suits neither.
    """

    async def follow(self: Foundation, *args: Any, **keywords: Any) -> Any:
        return await sync_to_async(getattr(self, name))(*args, **keywords)

    follow.__name__ = f"a{name}"
    return follow


def following_items(name: str) -> Callable[..., Any]:
    """The same for a method that gives its items one after the other."""

    async def follow(self: Foundation, *args: Any, **keywords: Any) -> AsyncGenerator[Any, None]:
        items = iter(await sync_to_async(getattr(self, name))(*args, **keywords))
        while portion := await sync_to_async(lambda: [*islice(items, PORTION)])():
            for item in portion:
                yield item

    follow.__name__ = f"a{name}"
    return follow


def checked_name(what: str, name: object) -> str:
    """The name of a group or lock. Raises TypeError for what is no text, ValueError for no text at all."""
    if not isinstance(name, str):
        raise TypeError(f"The name of the {what} is of type {type(name).__name__}; accepted: a string.")
    if not name:
        raise ValueError(f"The name of the {what} is empty; accepted: a string of at least one character.")
    return name


def portions(keys: Iterator[tuple[Any, str]]) -> Iterator[list[tuple[Any, str]]]:
    """The keys in lists that are no burden, taken on the caller's own thread: an iterator may be bound to it, as a queryset is."""
    while portion := list(islice(keys, PORTION)):
        yield portion
