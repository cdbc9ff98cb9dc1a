"""When a lease is over that somebody else holds, and may have left: by one's own clock, or by the store's.

The first way always works. Who has seen one write of it for its whole time, from the end of the first read that saw it, knows that
its holder, who counts from before that write, has no time left. It takes that time, counted by a clock that nobody sets.

Where the store tells the time (``features.server_date``), one need not have watched: the lease is over once that is ``SKEW`` past
the last write plus the lease. Both moments are the store's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime, timedelta

from s3cache.engines.base import Etag
from s3cache.entries import Seen
from s3cache.errors import EngineMisconfigured
from s3cache.watched import Store

SKEW = 5.0
"""Seconds by which the clocks of a store's machines may differ."""
GRAIN = 1.0
"""Seconds by which a write may be later than a listing says: S3 gives whole ones."""

Clock = Callable[[], float]
BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Seconds, of a clock that nobody sets. On Linux it goes on while the machine sleeps, as the other machines' do."""
    return time.monotonic() if BOOTTIME is None else time.clock_gettime(BOOTTIME)


class Watch:
    """What one waiter has seen of a lease. It may be used again for the same one, however much later."""

    def __init__(self, clock: Clock = elapsed) -> None:
        self.clock = clock
        self._etag: Etag = None
        self._since = 0.0
        self._looked = -math.inf
        self._over_at: datetime | None = None

    async def is_over(self, engine: Store, name: str, seen: Seen, seconds: float) -> bool:
        """Whether the write that was just ``seen``, of a lease for so many seconds, gives nobody time any more.

        Where the store tells the time, costs a listing for a write that may be older than the last look by more than ``SKEW``: of a
        younger one the waiter's own clock knows sooner.
        """
        now = self.clock()
        rested, self._looked = now - self._looked > SKEW, now
        if seen.etag != self._etag:
            self._etag, self._since, self._over_at = seen.etag, now, None
            if rested and engine.features.server_date:
                self._over_at = await over_at(engine, name, seen.etag, seconds)
        if now - self._since >= seconds:
            return True
        return self._over_at is not None and seen.date is not None and seen.date >= self._over_at


async def over_at(engine: Store, name: str, etag: Etag, seconds: float) -> datetime | None:
    """When the lease of that etag is over by the store's clock; None where a listing does not tell."""
    try:
        async with aclosing(engine.list_objects(name)) as listing:
            async for info in listing:
                if (info.name, info.etag) == (name, etag):
                    return info.modified + timedelta(seconds=seconds + SKEW + GRAIN)
    except EngineMisconfigured:  # who may not list can wait
        return None
    return None
