"""The methods that find keys by a pattern: names, arguments and globs are django-redis'.

A pattern is for the part of the key that the caller wrote, under one version and the cache's KEY_PREFIX. ``itersize`` is taken for
the sake of code that was written for Redis, and has no effect: a page has the size that the store gives it.

Reference: https://github.com/jazzband/django-redis#scan--delete-keys-in-bulk
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, closing
from typing import Any

from s3cache import sharing
from s3cache.foundation import Foundation
from s3cache.keyfunctions import Reverse, full_pattern, reversing
from s3cache.operations import Operations
from s3cache.patterns import Glob, escaped, glob
from s3cache.runtime import finish, iterate
from s3cache.scans import Found
from s3cache.searches import Tell
from s3cache.threaded import on_threads


class KeyMethods(Foundation):
    """Each costs what ``scans`` says: a listing per thousand entries, and where names are hashes a GET of 2 KiB for each entry;
    without a wildcard one GET.
    """

    def keys(self, pattern: str = "*", version: int | None = None) -> list[Any]:
        """The keys that fit, in no promised order, all in memory. Raises NotSupported where KEY_FUNCTION has no way back."""
        reverse = self._reversing(version)
        return [*map(reverse, finish(self._operations.list_matching(self._wanted(pattern, version))))]

    async def akeys(self, pattern: str = "*", version: int | None = None) -> list[Any]:
        reverse = self._reversing(version)
        return [*map(reverse, await self._awaited(Operations.list_matching, self._wanted(pattern, version)))]

    def iter_keys(
        self, pattern: str, itersize: int | None = None, version: int | None = None, tell: Tell | None = None
    ) -> Iterator[Any]:
        """The same lazily: nothing is asked before the first, and few entries are read ahead.

        ``tell`` is called with a ``KeyProgress`` for each thousand entries and at the end, by ``aiter_keys`` maybe on another
        thread. Close it, or let it go, to end early.
        """
        reverse = self._reversing(version)
        return self._found(self._wanted(pattern, version), tell, reverse)

    async def aiter_keys(
        self, pattern: str, itersize: int | None = None, version: int | None = None, tell: Tell | None = None
    ) -> AsyncGenerator[Any, None]:
        reverse = self._reversing(version)
        async with aclosing(self._afound(self._wanted(pattern, version), tell)) as matching:
            async for found in matching:
                yield reverse(found.key)

    def count(self, pattern: str = "*", version: int | None = None) -> int:
        """How many keys fit."""
        return finish(self._operations.count_matching(self._wanted(pattern, version)))

    async def acount(self, pattern: str = "*", version: int | None = None) -> int:
        return await self._awaited(Operations.count_matching, self._wanted(pattern, version))

    def delete_pattern(
        self, pattern: str, version: int | None = None, tell: Tell | None = None, *, itersize: int | None = None
    ) -> int:
        """Removes the entries whose keys fit, and gives how many that were. Costs a delete per thousand on top."""
        return finish(self._operations.delete_matching(self._wanted(pattern, version), tell))

    async def adelete_pattern(
        self, pattern: str, version: int | None = None, tell: Tell | None = None, *, itersize: int | None = None
    ) -> int:
        return await self._awaited(Operations.delete_matching, self._wanted(pattern, version), tell)

    def _wanted(self, pattern: str, version: int | None) -> Glob:
        """That of full keys: a group's keys begin with its generation. Raises TypeError for what is no pattern or version."""
        if not isinstance(pattern, str):
            raise TypeError(f"The pattern is of type {type(pattern).__name__}; accepted: a string, such as 'user:*'.")
        if version is not None and type(version) is not int:
            raise TypeError(
                f"The version is of type {type(version).__name__}; accepted: a whole number, or None for the cache's own."
            )
        return glob(escaped(self._scope) + full_pattern(self, pattern, version), written=pattern)

    def _reversing(self, version: int | None) -> Reverse:
        reverse, start = reversing(self, version, self.reverse_key_func), len(self._scope)
        return lambda full: reverse(full[start:])

    def _found(self, wanted: Glob, tell: Tell | None, reverse: Reverse) -> Iterator[Any]:
        with closing(iterate(self._operations.matching(wanted, tell))) as matching:
            for found in matching:
                yield reverse(found.key)

    def _afound(self, wanted: Glob, tell: Tell | None) -> AsyncGenerator[Found, None]:
        native = self._assembled().native
        if native is not None:
            return native.matching(wanted, tell)
        return on_threads(sharing.executor_for(self.engine, "bulk"), self._operations.matching(wanted, tell))
