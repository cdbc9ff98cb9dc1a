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
from string import Formatter
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from s3cache.foundation import Timeout
from s3cache.memoized import Cached, CachedCoroutine, CachedFunction, Kept, Key, P, Result


def cached(
    timeout: Timeout = DEFAULT_TIMEOUT,
    *,
    key: Key = None,
    cache: str | BaseCache = "default",
    group: str | None = None,
    version: int | None = None,
) -> Callable[[Callable[P, Result]], Cached[P, Result]]:
    """Keeps what the function returns, None included, for ``timeout`` seconds in the cache of that alias, or in that cache.

    ``key`` is a format string over the function's arguments, such as ``"user:{id}"`` or ``"user:{self.pk}:{year}"``, or a function
    that is called with the arguments and returns the key. Without one the key is made of the function's name and its arguments,
    defaults applied; one whose type says too little of it raises TypeError at the call (``callkeys``).

    ``group`` is a format string, too: the result belongs to the cache's group of that name, and is dropped with it.
    """
    if callable(timeout):
        raise TypeError("cached is called before it decorates: write @cached(), or @cached(60).")
    if key is not None and not isinstance(key, str) and not callable(key):
        raise TypeError(
            f"The key is of type {type(key).__name__}; accepted: a format string, a function of the arguments, or None."
        )

    def decorate(function: Callable[P, Result]) -> Cached[P, Result]:
        check(function, key, group)
        kind: Any = CachedCoroutine if inspect.iscoroutinefunction(function) else CachedFunction
        decorated: Cached[P, Result] = kind(Kept(function, timeout, key, cache, group, version))
        return decorated

    return decorate


def check(function: Callable[..., Any], key: Key, group: str | None) -> None:
    """Raises TypeError for what cannot be kept, or a key that does not go with the function; ValueError for a malformed one."""
    if isinstance(function, classmethod | staticmethod):
        raise TypeError(f"Put @{type(function).__name__} above @cached.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError("A generator cannot be kept. Have the function return a list.")
    if key is None:
        check_named(function)
    for what, text in (("key", key), ("group", group)):
        if isinstance(text, str):
            check_format(what, text, inspect.signature(function))


def check_format(what: str, text: str, signature: inspect.Signature) -> None:
    names = {name.partition(".")[0].partition("[")[0] for _, name, _, _ in Formatter().parse(text) if name is not None}
    unknown = sorted(names - signature.parameters.keys())
    if unknown:
        accepted = ", ".join(signature.parameters) or "no arguments"
        raise TypeError(f"The {what} {text!r} names {', '.join(map(repr, unknown))}; accepted: {accepted}.")


def check_named(function: Callable[..., Any]) -> None:
    """Raises TypeError for a function whose name and arguments do not say what it returns."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    name = getattr(function, "__qualname__", repr(function))
    if "<lambda>" in name or code is None or {*code.co_freevars} - {"__class__"}:
        raise TypeError(
            f"{name} has no name of its own, or uses variables of a function around it, so that others would have the same key. "
            "Give cached a key, such as key='report:{year}'."
        )
