"""What operations report, and the counts and log lines that this process makes of it."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import Protocol

logger = logging.getLogger("s3cache")

REMEMBERED_FAILURES = 1000
"""How many different failures to load are logged; bounded, because an entry may choose the words of its failure."""


class Observer(Protocol):
    """What operations tell whoever watches. Each call is short and raises nothing."""

    def hit(self) -> None: ...

    def miss(self) -> None: ...

    def wrote(self) -> None: ...

    def unusable(self, name: str, reason: Exception) -> None:
        """An object was met that is no entry of ours, or damaged; it counts as absent."""
        ...

    def unloadable(self, name: str, error: Exception) -> None:
        """The value of a verified entry does not load any more, say because its class is gone; it counts as absent."""
        ...

    def write_failed(self, name: str, error: Exception) -> None:
        """One of many values was not stored; the caller gets its key back."""
        ...

    def looked(self, seen: int, removed: int) -> None:
        """Culling saw a page of ``seen`` entries and removed some."""
        ...

    def look_failed(self, error: Exception) -> None:
        """The store did not answer while culling; the write before it stands."""
        ...


class Statistics:
    """Counts since the process began, of one cache; safe for threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._failures: set[str] = set()

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict.fromkeys(("hits", "misses", "writes", "unusable", "looks", "culled"), 0) | self._counts

    def hit(self) -> None:
        self._add("hits")

    def miss(self) -> None:
        self._add("misses")

    def wrote(self) -> None:
        self._add("writes")

    def unusable(self, name: str, reason: Exception) -> None:
        self._add("unusable")
        logger.warning("The object %r counts as absent: %s.", name, reason)

    def unloadable(self, name: str, error: Exception) -> None:
        self._add("unusable")
        failure = f"{type(error).__name__}: {error}"
        if failure not in self._failures and len(self._failures) < REMEMBERED_FAILURES:
            self._failures.add(failure)
            logger.warning("The value of the verified entry %r does not load and counts as absent: %s", name, failure)

    def write_failed(self, name: str, error: Exception) -> None:
        self._add("failed writes")
        logger.warning("set_many could not store %r: %s", name, error)

    def looked(self, seen: int, removed: int) -> None:
        self._add("looks")
        self._add("culled", removed)

    def look_failed(self, error: Exception) -> None:
        logger.warning("Culling was put off: %s", error)

    def _add(self, what: str, count: int = 1) -> None:
        with self._lock:
            self._counts[what] += count
