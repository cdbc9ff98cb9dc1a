"""What ``cached`` makes: a function, and where its results are kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, Self, TypeVar, overload

from asgiref.sync import markcoroutinefunction
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from s3cache.callkeys import call_key
from s3cache.foundation import Timeout

P = ParamSpec("P")
Rest = ParamSpec("Rest")
Instance = TypeVar("Instance")
Result = TypeVar("Result")
Key = str | Callable[..., str] | None

NONE = object()
"""Stands where a cache has nothing: None is a result."""


class Kept:
    """A function, and what was said of how to keep its results."""

    def __init__(
        self,
        function: Callable[..., Any],
        timeout: Timeout,
        key: Key,
        cache: str | BaseCache,
        group: str | None,
        version: int | None,
    ) -> None:
        self.function = function
        self.timeout = timeout
        self.version = version
        self._key = key
        self._cache = cache
        self._group = group
        self._signature = inspect.signature(function)

    def cache_for(self, /, *args: Any, **keywords: Any) -> Any:
        """That of this thread or task, for an alias; the group of it that the arguments name."""
        cache: Any = caches[self._cache] if isinstance(self._cache, str) else self._cache
        return cache if self._group is None else cache.group(self._group.format(**self._arguments(args, keywords)))

    def key_for(self, /, *args: Any, **keywords: Any) -> str:
        if callable(self._key):
            return self._key(*args, **keywords)
        arguments = self._arguments(args, keywords)
        if self._key is not None:
            return self._key.format(**arguments)
        return call_key(f"{self.function.__module__}.{self.function.__qualname__}", arguments)

    def _arguments(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        bound = self._signature.bind(*args, **keywords)
        bound.apply_defaults()
        return bound.arguments


class Asked(NamedTuple):
    """One call of a function: its place in a cache, and what computes it."""

    cache: Any
    key: str
    compute: Callable[[], Any]

    @property
    def is_ours(self) -> bool:
        """Whether the cache is an ObjectStoreCache, or stands for one, as ``django.core.cache.cache`` does."""
        return hasattr(self.cache, "computes_once")


class Cached(Generic[P, Result]):
    """What ``cached`` makes of a function. Of a coroutine function all methods but ``key_for`` are coroutine functions.

    As a method of an object it is given the object, and so are its methods.
    """

    __name__: str
    __wrapped__: Callable[P, Result]

    def __init__(self, kept: Kept, first: tuple[Any, ...] = ()) -> None:
        self._kept = kept
        self._first = first
        update_wrapper(self, kept.function)

    def __call__(self, /, *args: P.args, **keywords: P.kwargs) -> Result:
        """What the function returns, from the cache where it is there."""
        raise NotImplementedError

    def refresh(self, /, *args: P.args, **keywords: P.kwargs) -> Result:
        """What the function returns, computed and stored anew."""
        raise NotImplementedError

    def invalidate(self, /, *args: P.args, **keywords: P.kwargs) -> Any:
        """Drops what is kept for these arguments; tells whether there was something."""
        raise NotImplementedError

    def key_for(self, /, *args: P.args, **keywords: P.kwargs) -> str:
        """The key for these arguments. Raises TypeError for arguments that make none."""
        return self._kept.key_for(*self._first, *args, **keywords)

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(
        self: Cached[Concatenate[Instance, Rest], Result], instance: Instance, owner: type | None = None
    ) -> Cached[Rest, Result]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else type(self)(self._kept, (*self._first, instance))

    def __reduce__(self) -> Any:
        """Found by its name, as functions are."""
        name = self._kept.function.__name__
        return (getattr, (self._first[-1], name)) if self._first else self._kept.function.__qualname__

    def _asked(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Asked:
        kept, given = self._kept, (*self._first, *args)
        compute = partial(kept.function, *given, **keywords)
        return Asked(kept.cache_for(*given, **keywords), kept.key_for(*given, **keywords), compute)


class CachedFunction(Cached[P, Result]):
    def __call__(self, /, *args: P.args, **keywords: P.kwargs) -> Any:
        kept, asked = self._kept, self._asked(args, keywords)
        return asked.cache.get_or_set(asked.key, asked.compute, kept.timeout, kept.version)

    def refresh(self, /, *args: P.args, **keywords: P.kwargs) -> Any:
        kept, asked = self._kept, self._asked(args, keywords)
        if asked.is_ours:
            return asked.cache.refresh(asked.key, asked.compute, kept.timeout, kept.version)
        value = asked.compute()
        asked.cache.set(asked.key, value, kept.timeout, kept.version)
        return value

    def invalidate(self, /, *args: P.args, **keywords: P.kwargs) -> Any:
        asked = self._asked(args, keywords)
        return asked.cache.delete(asked.key, self._kept.version)


class CachedCoroutine(Cached[P, Result]):
    def __init__(self, kept: Kept, first: tuple[Any, ...] = ()) -> None:
        super().__init__(kept, first)
        markcoroutinefunction(self)

    async def __call__(self, /, *args: P.args, **keywords: P.kwargs) -> Any:  # type: ignore[override]  # Result is awaitable here
        kept, asked = self._kept, self._asked(args, keywords)
        if asked.is_ours:
            return await asked.cache.aget_or_set(asked.key, asked.compute, kept.timeout, kept.version)
        value = await asked.cache.aget(asked.key, NONE, kept.version)
        return await self._added(asked) if value is NONE else value

    async def _added(self, asked: Asked) -> Any:
        """As Django's ``aget_or_set`` does it, which awaits nothing that it computes."""
        value, version = await asked.compute(), self._kept.version
        is_first = await asked.cache.aadd(asked.key, value, self._kept.timeout, version)
        return value if is_first else await asked.cache.aget(asked.key, value, version)

    async def refresh(self, /, *args: P.args, **keywords: P.kwargs) -> Any:  # type: ignore[override]
        kept, asked = self._kept, self._asked(args, keywords)
        if asked.is_ours:
            return await asked.cache.arefresh(asked.key, asked.compute, kept.timeout, kept.version)
        value = await asked.compute()
        await asked.cache.aset(asked.key, value, kept.timeout, kept.version)
        return value

    async def invalidate(self, /, *args: P.args, **keywords: P.kwargs) -> Any:
        asked = self._asked(args, keywords)
        return await asked.cache.adelete(asked.key, self._kept.version)
