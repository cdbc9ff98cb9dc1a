"""get_or_set and refresh: Django's way, and with OPTIONS["STAMPEDE"] a way that computes once (``stampede``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from s3cache.callers import AwaitingCaller, BlockingCaller, Caller, returned
from s3cache.deadlines import Limit
from s3cache.entries import MISSING
from s3cache.foundation import Foundation, Timeout
from s3cache.operations import Operations
from s3cache.options import StampedeOptions
from s3cache.runtime import finish
from s3cache.stampede import Computation, Wanted

VALUES = ("get", "aget", "add", "aadd")
"""The methods that Django's way goes through."""
WITHOUT = StampedeOptions(lease=0, early=0)
"""For ``refresh``, which nobody waits for."""


class GetOrSet(Foundation):
    """What has values computed."""

    @property
    def computes_once(self) -> bool:
        """Whether ``get_or_set`` has a value computed once. Not where a subclass has its own way to read or add a value: then
        that is asked, in Django's way.
        """
        ours = all(getattr(type(self), name).__module__.startswith("s3cache.") for name in VALUES)
        return ours and self.configuration.options.stampede is not None

    def get_or_set(self, key: Any, default: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> Any:
        """Django's, through ``get`` and ``add``; an entry that cannot be read is replaced. All but ``default()`` has TOTAL_TIMEOUT
        together. With STAMPEDE a callable default is computed once: ``stampede`` tells how.
        """
        if callable(default) and self.computes_once:
            return returned(self._computation(BlockingCaller(self), key, default, timeout, version).value())
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
        """The same, through ``aget`` and ``aadd``. What a callable default gives may be awaitable."""
        if callable(default) and self.computes_once:
            return await self._computation(AwaitingCaller(self), key, default, timeout, version).value()
        with (limit := Limit(self._operations.total_timeout)):
            value = await self.aget(key, MISSING, version=version)
        if value is not MISSING:
            return value
        if callable(default):
            default = await AwaitingCaller(self).result_of(default)
        with Limit(limit.left):
            if await self.aadd(key, default, timeout=timeout, version=version):
                return default
            return await self._awaited(Operations.mend, self._full(key, version), default, self._seconds(timeout))

    def refresh(self, key: Any, default: Callable[[], Any], timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> Any:
        """Computes the value now, stores it whatever is there, and returns it. Costs one PUT."""
        return returned(self._computation(BlockingCaller(self), key, default, timeout, version).anew())

    async def arefresh(
        self, key: Any, default: Callable[[], Any], timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        """The same. What ``default`` gives may be awaitable."""
        return await self._computation(AwaitingCaller(self), key, default, timeout, version).anew()

    def _computation(
        self, caller: Caller, key: Any, default: Callable[[], Any], timeout: Timeout, version: int | None
    ) -> Computation:
        full = self._full(key, version)
        wanted = Wanted(full, self._operations.name_of(full), default, self._seconds(timeout))
        return Computation(caller, self._assembled().flights, self.configuration.options.stampede or WITHOUT, wanted)
