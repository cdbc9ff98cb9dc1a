"""Until when a call may take its time.

One call of the cache has one ``Deadline`` for all that it does, requests, repetitions and lost races. ``current`` holds it where
the call runs, on threads and tasks that it starts, too. ``guard`` begins no request after it; an engine that can ends one that is
under way, by ``left``. Nothing here waits, or interrupts anything.
"""

from __future__ import annotations

import math
import time
from contextvars import ContextVar, Token
from types import TracebackType

MEGABYTE = 1_000_000
MIN_THROUGHPUT = 1_000_000
"""Bytes per second at which a body above ``MEGABYTE`` is expected to travel at least: it adds to the time."""


class Deadline:
    """``until`` is a moment of ``time.monotonic()``."""

    __slots__ = ("seconds", "until")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds; 0 when it is over."""
        return max(0.0, self.until - time.monotonic())

    def allow(self, size: int) -> None:
        """Puts the end off for a body of that many bytes, which is about to travel."""
        if size > MEGABYTE:
            self.until += size / MIN_THROUGHPUT


current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def left() -> float:
    """Seconds that the current call has left; infinite where nothing limits it."""
    deadline = current.get()
    return math.inf if deadline is None else deadline.left()


def allow(size: int) -> None:
    """Gives the current call the time that a body of that many bytes takes at least."""
    deadline = current.get()
    if deadline is not None:
        deadline.allow(size)


class Limit:
    """``with Limit(seconds):`` what is done within has so much time, or what a call around it has left.

    Afterwards ``left`` says how many seconds were.
    """

    __slots__ = ("_seconds", "_token", "left")

    def __init__(self, seconds: float) -> None:
        self._seconds = self.left = seconds
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> None:
        around = current.get()
        if around is None or self._seconds < min(around.seconds, around.left()):
            self._token = current.set(Deadline(self._seconds))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.left = left()
        if self._token is not None:
            current.reset(self._token)
