"""How often a conditional write is tried again, and how long to wait before.

Engines never repeat a conditional write themselves, because a repeated one meets its own first attempt. Operations do, after
they have read what is stored now. The wait is random up to a doubling bound ("full jitter"), so that writers who met once do
not meet again: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from s3cache.errors import Conflict, EngineError, EngineMisconfigured, EngineUnavailable, PreconditionFailed
from s3cache.runtime import Runtime

PATIENCE = 10.0
"""Seconds after which a call that keeps losing races gives up."""
UNANSWERED = 3
"""Attempts without an answer after which a call gives up."""
CONTRADICTIONS = 20
"""Refusals of a condition that held, after which no race can explain them any more."""
FIRST_WAIT = 0.002
LONGEST_WAIT = 0.1


class Retries:
    """The attempts of one call. ``clock`` gives seconds."""

    def __init__(self, runtime: Runtime, clock: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._clock = clock
        self._end = clock() + PATIENCE
        self._failed = 0
        self._unanswered = 0
        self._contradictions = 0

    async def wait_after(self, error: EngineError) -> None:
        """Counts a failed attempt and waits: not after the first, which mostly met a leftover and no rival."""
        self._failed += 1
        self._unanswered += not isinstance(error, PreconditionFailed)
        if self._failed > 1:
            bound = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self._failed - 2, 10))
            await self._runtime.sleep(random.uniform(0, bound))

    def contradicted(self, error: EngineError) -> None:
        """Counts a refusal of a condition that, as a read shows, holds. Raises EngineMisconfigured after twenty of them."""
        self._contradictions += not isinstance(error, Conflict)
        if self._contradictions >= CONTRADICTIONS:
            raise EngineMisconfigured(
                "The store refuses conditional writes (If-Match, If-None-Match) whose condition holds; it, or a proxy in front of "
                "it, does not support them as S3 does. OPTIONS['PROFILE'] says what kind of store it is; 'plain' does without."
            ) from error

    def raise_if_spent(self, error: EngineError) -> None:
        """Raises EngineUnavailable after three attempts without an answer, or ten seconds of lost races."""
        if self._unanswered >= UNANSWERED:
            raise error
        if self._clock() > self._end:
            raise EngineUnavailable(f"{self._failed} races for one entry were lost; too many write it at once.") from error
