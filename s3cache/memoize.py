"""``cached``: a decorator that keeps what a function, or a coroutine function, returns in a Django cache.

    @cached(300, key="report:{year}")
    def report(year): ...

    report(2026)             computed once, and then from the cache
    report.refresh(2026)     computed and stored anew
    report.invalidate(2026)  dropped
    report.key_for(2026)     "report:2026"

Any Django cache will do. Over an ObjectStoreCache with OPTIONS["STAMPEDE"] a value is computed once for all processes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeVar

from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from s3cache.callkeys import call_key
from s3cache.foundation import Timeout

P = ParamSpec("P")
Result = TypeVar("Result", covariant=True)
Key = str | Callable[..., str] | None

NONE = object()
"""Stands where a cache has nothing: None is a result."""


class Cached(Protocol[P, Result]):
    """What ``cached`` makes. Of a coroutine function, all but ``key_for`` are coroutine functions."""

    def __call__(self, *args: P.args, **keywords: P.kwargs) -> Result:
        """What the function returns, from the cache where it is there."""
        ...

    def refresh(self, *args: P.args, **keywords: P.kwargs) -> Result:
        """What the function returns, computed and stored anew."""
        ...

    def invalidate(self, *args: P.args, **keywords: P.kwargs) -> Any:
        """Drops what is kept for these arguments; tells whether there was something."""
        ...

    def key_for(self, *args: P.args, **keywords: P.kwargs) -> str:
        """The key for these arguments. Raises TypeError for arguments that make none."""
        ...


def cached(
    timeout: Timeout = DEFAULT_TIMEOUT, *, key: Key = None, cache: str | BaseCache = "default", version: int | None = None
) -> Callable[[Callable[P, Result]], Cached[P, Result]]:
    """Keeps what the function returns, None included, for ``timeout`` seconds in the cache of that alias, or in that cache.

    ``key`` is a format string over the function's arguments, such as ``"user:{id}"`` or ``"user:{self.pk}:{year}"``, or a function
    that is called with the arguments and returns the key. Without one the key is made of the function's name and its arguments,
    defaults applied; one whose type says too little of it raises TypeError at the call (``callkeys``).
    """

    if callable(timeout):
        raise TypeError("cached is called before it decorates: write @cached(), or @cached(60).")
    if key is not None and not isinstance(key, str) and not callable(key):
        raise TypeError(
            f"The key is of type {type(key).__name__}; accepted: a format string, a function of the arguments, or None."
        )

    def decorate(function: Callable[P, Result]) -> Cached[P, Result]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("A generator cannot be kept. Have the function return a list.")
        if key is None:
            check_named(function)
        kept = Kept(function, timeout, key, cache, version)
        made: Any = awaited(kept) if inspect.iscoroutinefunction(function) else blocking(kept)
        made.key_for = kept.key_for
        decorated: Cached[P, Result] = made
        return decorated

    return decorate


def check_named(function: Callable[..., Any]) -> None:
    """Raises TypeError for a function whose name and arguments do not say what it returns."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    name = getattr(function, "__qualname__", repr(function))
    if "<lambda>" in name or code is None or {*code.co_freevars} - {"__class__"}:
        raise TypeError(
            f"{name} has no name of its own, or uses variables of a function around it, so that others would have the same key. "
            "Give cached a key, such as key='report:{year}'."
        )


class Kept:
    """A function, and where its results are kept."""

    def __init__(
        self, function: Callable[..., Any], timeout: Timeout, key: Key, cache: str | BaseCache, version: int | None
    ) -> None:
        self.function = function
        self.timeout = timeout
        self.version = version
        self._key = key
        self._cache = cache
        self._signature = inspect.signature(function)

    @property
    def cache(self) -> Any:
        """That of this thread or task, for an alias."""
        return caches[self._cache] if isinstance(self._cache, str) else self._cache

    @property
    def is_ours(self) -> bool:
        """Whether the cache is an ObjectStoreCache, or stands for one, as ``django.core.cache.cache`` does."""
        return hasattr(self.cache, "computes_once")

    def key_for(self, *args: Any, **keywords: Any) -> str:
        if callable(self._key):
            return self._key(*args, **keywords)
        bound = self._signature.bind(*args, **keywords)
        bound.apply_defaults()
        if self._key is not None:
            return self._key.format(**bound.arguments)
        return call_key(f"{self.function.__module__}.{self.function.__qualname__}", bound.arguments)


def blocking(kept: Kept) -> Any:
    """The decorated function, without ``key_for``."""

    @wraps(kept.function)
    def call(*args: Any, **keywords: Any) -> Any:
        key, compute = kept.key_for(*args, **keywords), partial(kept.function, *args, **keywords)
        return kept.cache.get_or_set(key, compute, kept.timeout, kept.version)

    def refresh(*args: Any, **keywords: Any) -> Any:
        key, compute = kept.key_for(*args, **keywords), partial(kept.function, *args, **keywords)
        if kept.is_ours:
            return kept.cache.refresh(key, compute, kept.timeout, kept.version)
        value = compute()
        kept.cache.set(key, value, kept.timeout, kept.version)
        return value

    def invalidate(*args: Any, **keywords: Any) -> Any:
        return kept.cache.delete(kept.key_for(*args, **keywords), kept.version)

    return with_methods(call, refresh, invalidate)


def awaited(kept: Kept) -> Any:
    """The same for a coroutine function."""

    @wraps(kept.function)
    async def call(*args: Any, **keywords: Any) -> Any:
        key, compute = kept.key_for(*args, **keywords), partial(kept.function, *args, **keywords)
        if kept.is_ours and kept.cache.computes_once:
            return await kept.cache.aget_or_set(key, compute, kept.timeout, kept.version)
        value = await kept.cache.aget(key, NONE, kept.version)
        return await added(key, compute) if value is NONE else value

    async def added(key: str, compute: Callable[[], Any]) -> Any:
        """As ``aget_or_set`` does it, which awaits nothing that it computes."""
        value = await compute()
        is_first = await kept.cache.aadd(key, value, kept.timeout, kept.version)
        return value if is_first else await kept.cache.aget(key, value, kept.version)

    async def refresh(*args: Any, **keywords: Any) -> Any:
        key, compute = kept.key_for(*args, **keywords), partial(kept.function, *args, **keywords)
        if kept.is_ours:
            return await kept.cache.arefresh(key, compute, kept.timeout, kept.version)
        value = await compute()
        await kept.cache.aset(key, value, kept.timeout, kept.version)
        return value

    async def invalidate(*args: Any, **keywords: Any) -> Any:
        return await kept.cache.adelete(kept.key_for(*args, **keywords), kept.version)

    return with_methods(call, refresh, invalidate)


def with_methods(call: Any, refresh: Callable[..., Any], invalidate: Callable[..., Any]) -> Any:
    call.refresh, call.invalidate = refresh, invalidate
    return call
