"""How often a conditional write is tried again, and how long to wait before.

Engines never repeat a conditional write themselves, because a repeated one meets its own first attempt. Operations do, after
they have read what is stored now. The wait is random up to a doubling bound ("full jitter"), so that writers who met once do
not meet again: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from __future__ import annotations

import random

from s3cache.errors import EngineError, EngineUnavailable, PreconditionFailed
from s3cache.runtime import Runtime

LOST_RACES = 1000
UNANSWERED = 3
FIRST_WAIT = 0.002
LONGEST_WAIT = 0.1


class Retries:
    """The attempts of one call."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lost = 0
        self._unanswered = 0

    async def after(self, error: EngineError) -> None:
        """Counts a failed attempt and waits: not after the first, which mostly met a leftover and no rival."""
        if isinstance(error, PreconditionFailed):
            self._lost += 1
        else:
            self._unanswered += 1
        bound = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self._lost + self._unanswered - 2, 10))
        if self._lost + self._unanswered > 1:
            await self._runtime.sleep(random.uniform(0, bound))

    def check(self, error: EngineError) -> None:
        """Raises EngineUnavailable if there were too many."""
        if self._unanswered >= UNANSWERED:
            raise error
        if self._lost >= LOST_RACES:
            raise EngineUnavailable(f"{self._lost} races for one entry were lost; too many write it at once.") from error
