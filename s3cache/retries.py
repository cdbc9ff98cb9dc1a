"""How often a conditional write is tried again, and how long to wait before.

Engines never repeat a conditional write themselves, because a repeated one meets its own first attempt. Operations do, after
they have read what is stored now. The wait is random ("full jitter"), so that writers who met once do not meet again:
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

How long it may be follows from how long the attempt took, read and write. That is the time in which writers can meet, and it grows
where too many of them keep a store busy. The bound does not double with each failure, for then who has lost often waits for ever
longer, while who has just begun does not wait at all.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from s3cache import deadlines
from s3cache.errors import Conflict, Contended, EngineError, EngineMisconfigured, PreconditionFailed
from s3cache.runtime import Runtime

PATIENCE = 10.0
"""Seconds after which a call that keeps losing races gives up, if its time is not over before."""
UNANSWERED = 3
"""Attempts without an answer after which a call gives up."""
CONTRADICTIONS = 20
"""Refusals of a condition that held, after which no race can explain them any more."""
WIDTH = 8
"""The bound of a wait, in attempts."""
LEAST_BOUND = 0.002
LONGEST_WAIT = 2.0


class Retries:
    """The attempts of one call. ``clock`` gives seconds."""

    def __init__(self, runtime: Runtime, clock: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._clock = clock
        self._began = clock()
        self._end = self._began + min(PATIENCE, deadlines.left())
        self._failed = 0
        self._unanswered = 0
        self._contradictions = 0

    async def wait_after(self, error: EngineError) -> None:
        """Counts a failed attempt and waits: not after the first, which mostly met a leftover and no rival."""
        self._failed += 1
        self._unanswered += not isinstance(error, PreconditionFailed)
        if self._failed > 1:
            now = self._clock()
            bound = min(LONGEST_WAIT, max(LEAST_BOUND, WIDTH * (now - self._began)))
            await self._runtime.sleep(random.uniform(0, max(0.0, min(bound, self._end - now))))
        self._began = self._clock()

    def contradicted(self, error: EngineError) -> None:
        """Counts a refusal of a condition that, as a read shows, holds. Raises EngineMisconfigured after twenty of them."""
        self._contradictions += not isinstance(error, Conflict)
        if self._contradictions >= CONTRADICTIONS:
            raise EngineMisconfigured(
                "The store refuses conditional writes (If-Match, If-None-Match) whose condition holds; it, or a proxy in front of "
                "it, does not support them as S3 does. OPTIONS['PROFILE'] says what kind of store it is; 'plain' does without."
            ) from error

    def raise_if_spent(self, error: EngineError) -> None:
        """Raises EngineUnavailable after three attempts without an answer, Contended when lost races have taken all the time."""
        if self._unanswered >= UNANSWERED and not isinstance(error, PreconditionFailed):
            raise error
        if self._clock() > self._end:
            raise Contended(f"{self._failed} races for one entry were lost; too many write it at once.") from error
