"""What the holder of a lock does, or who wants to be: each step written once, over a ``Caller`` (``callers``).

How long a lease is held is counted pessimistically: from before its request was sent, and from then on that it may be shorter, or
free, where that is what was asked for.
"""

from __future__ import annotations

import logging
import math
import os
import random
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from weakref import ref

from s3cache.callers import AwaitingCaller, BlockingCaller, Caller
from s3cache.errors import EngineError, LockError, S3CacheError
from s3cache.foundation import Foundation
from s3cache.leases import Lease
from s3cache.lockterms import Terms
from s3cache.operations import Operations
from s3cache.renewals import AsTask, OnThread, Renewal
from s3cache.watching import Clock, Watch, elapsed

KIND = "locks"
SHORTEST_PAUSE = 0.05
"""Seconds between two looks at a lock that somebody holds: drawn between this and a bound, which doubles from twice this."""
LONGEST_PAUSE = 1.0
PARTS = 3
"""Of its time: when the first of so many has passed, a lock is renewed."""
RETRY = 1.0
"""Seconds, at most, after a renewal that the store did not answer."""

Result = TypeVar("Result")

logger = logging.getLogger("s3cache")


class Holder:
    """Of one lock. ``callers`` are for blocking and for asynchronous methods."""

    def __init__(
        self,
        cache: Foundation,
        name: str,
        key: str,
        terms: Terms,
        *,
        clock: Clock = elapsed,
        callers: tuple[Caller, Caller] | None = None,
    ) -> None:
        self.name = name
        self._cache = cache
        self._key = key
        self._terms = terms
        self._clock = clock
        self._blocking, self._awaiting = callers or (BlockingCaller(cache), AwaitingCaller(cache))
        self._watch = Watch(clock)
        self._lease: Lease | None = None
        self._process = 0
        self._renewal: Renewal | None = None

    async def _acquire(self, caller: Caller, renewal: type[OnThread] | type[AsTask], patience: float) -> bool:
        if self._current is not None:
            raise LockError(f"The lock {self.name!r} is held by this object already, and a lock is not re-entrant.")
        await self._end_renewal()
        end, bound = self._clock() + patience, SHORTEST_PAUSE
        while True:
            take, release = Operations.take_lease, Operations.release_lease
            lease = await caller.take(take, release, KIND, self._key, self._terms.seconds, self._watch)
            if lease is not None and self._clock() < lease.until:
                self._lease, self._process = lease, os.getpid()
                self._begin_renewal(renewal)
                return True
            left = end - self._clock()
            if left <= 0:
                return False
            bound = min(LONGEST_PAUSE, 2 * bound)
            await caller.sleep(min(left, random.uniform(SHORTEST_PAUSE, bound)))

    async def _release(self, caller: Caller) -> None:
        await self._end_renewal()
        lease = self._taken()
        self._lease = replace(lease, until=-math.inf)  # from now on it may be free
        await self._told(caller.call(Operations.release_lease, lease, self._clock))
        self._lease = None

    async def _extend(self, caller: Caller, seconds: float) -> None:
        lease = self._taken()
        self._lease = replace(lease, until=min(lease.until, self._clock() + seconds))  # from now on it may be shorter
        self._lease = await self._told(caller.call(Operations.renew_lease, lease, seconds, self._clock))

    async def _told(self, change: Coroutine[Any, Any, Result]) -> Result:
        """What comes of the change. Where the store says that somebody else has the lock, it is held no more."""
        try:
            return await change
        except LockError:
            self._lease = None
            raise

    async def _locked(self, caller: Caller) -> bool:
        return await caller.call(Operations.is_leased, KIND, self._key, self._watch)

    async def _leave(self, caller: Caller, error: BaseException | None) -> None:
        """Releases. An error of the block under the lock comes before one of the release."""
        try:
            await self._release(caller)
        except S3CacheError as failure:
            if error is None:
                raise
            logger.warning("The lock %r was not released: %s", self.name, failure)

    def _begin_renewal(self, kind: type[OnThread] | type[AsTask]) -> None:
        if self._terms.auto_renew:
            renewal: Renewal = kind(self._cache)
            self._renewal = renewal
            renewal.begin(partial(renew, ref(self), renewal, self._terms.seconds / PARTS))

    def _refuse_other_kind(self) -> None:
        """Raises LockError where a task of a loop has to end first, for which a blocking caller cannot wait."""
        if isinstance(self._renewal, AsTask) and not self._renewal.is_done and self._is_ours:
            raise LockError(f"The lock {self.name!r} was acquired with aacquire, and is being renewed: release it with arelease.")

    async def _end_renewal(self) -> None:
        if self._renewal is not None and self._is_ours:
            await self._renewal.end()
        self._renewal = None

    async def _renewed(self, renewal: Renewal) -> float:
        """Renews it, and gives the seconds until the next time; 0 where it is lost."""
        try:
            await self._extend(renewal, self._terms.seconds)
        except LockError as error:
            logger.warning("%s", error)
            return 0.0
        except EngineError as error:
            if self._current is None:
                logger.warning("The lock %r could not be renewed before its time was over: %s", self.name, error)
                return 0.0
            return min(RETRY, self._terms.seconds / PARTS**2)
        return self._terms.seconds / PARTS

    @property
    def _current(self) -> Lease | None:
        """The lease, while it is held: read once, for a renewal may find it lost at any moment."""
        lease = self._lease
        return lease if lease is not None and self._is_ours and self._clock() < lease.until else None

    @property
    def _is_ours(self) -> bool:
        """Whether this process has acquired it, and not one that it was forked from."""
        return self._process == os.getpid()

    def _taken(self) -> Lease:
        lease = self._lease
        if lease is None or not self._is_ours:
            raise LockError(f"The lock {self.name!r} is not held: it was not acquired by this object and process, or was lost.")
        return lease


async def renew(held: ref[Holder], renewal: Renewal, pause: float) -> None:
    """Until it is released or lost, or nobody refers to it any more: between two renewals this does not, either."""
    while pause and not await renewal.ended_after(pause):
        pause = await renewed(held(), renewal)


async def renewed(holder: Holder | None, renewal: Renewal) -> float:
    return 0.0 if holder is None else await holder._renewed(renewal)
