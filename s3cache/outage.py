"""One log line for an outage, and not one for each call.

An outage begins with the first call that the store does not answer, and ends when the circuit closes again; where the circuit never
opened, a minute after it was logged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from s3cache.breaker import State
from s3cache.errors import CircuitOpen

logger = logging.getLogger("s3cache")

SILENCE = 60.0
"""Seconds for which nothing more is said of calls without an answer."""


class Outage:
    """What has been said of the store being away. ``clock`` gives seconds; safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._told: float | None = None
        self._calls = 0
        self._opened = False

    def went_on(self, error: Exception) -> None:
        """A call was answered without the store."""
        with self._lock:
            self._calls += 1
            is_news = not isinstance(error, CircuitOpen) and self.is_news()
        if is_news:
            logger.warning("The store does not answer; ON_ERROR or FALLBACK does, and this is logged once: %s", error)

    def changed(self, state: State, error: Exception | None) -> None:
        with self._lock:
            is_news = state != "closed" and not self._opened and self.is_news()
            self._opened = state != "closed"
            calls = self._calls
            if state == "closed":
                self._told, self._calls = None, 0
        if is_news:
            logger.warning("The store does not answer and is left alone for some seconds: %s", error)
        elif state == "closed":
            logger.info("The store answers again. Meanwhile %d calls were answered without it.", calls)
        else:
            logger.debug("The circuit is %s: %s", state, error)

    def is_news(self) -> bool:
        """Whether nothing was said of this outage yet; who asks says it."""
        with self._lock:
            now = self._clock()
            if self._told is not None and (self._opened or now - self._told < SILENCE):
                return False
            self._told = now
            return True
