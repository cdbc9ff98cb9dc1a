"""What operations report, and the counts and log lines that this process makes of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from s3cache.breaker import State
from s3cache.errors import EngineUnavailable
from s3cache.outage import Outage

logger = logging.getLogger("s3cache")

REMEMBERED_FAILURES = 1000
"""How many different failures are logged as warnings; bounded, because an entry may choose the words of its failure."""

COUNTS = (
    *("hits", "misses", "writes", "failed_writes", "unusable", "looks", "failed_looks", "culled"),
    *("requests_get", "requests_put", "requests_delete", "requests_list"),
    *("near_hits", "near_refreshed"),
    *("unanswered", "dropped_writes", "circuit_opened", "circuit_open"),
)


REQUESTS = {kind: f"requests_{kind}" for kind in ("get", "put", "delete", "list")}


class Observer(Protocol):
    """What operations tell whoever watches. Each call is short and raises nothing."""

    def requested(self, kind: str) -> None:
        """A request goes out: "get", "put", "delete" or "list"."""
        ...

    def hit(self) -> None:
        """A value was found."""
        ...

    def miss(self) -> None:
        """No value was found."""
        ...

    def near_hit(self) -> None:
        """A value came from the near cache, without a request."""
        ...

    def near_refreshed(self) -> None:
        """The store said that what the near cache has is still there."""
        ...

    def wrote(self) -> None:
        """An entry was stored."""
        ...

    def unusable(self, name: str, reason: Exception) -> None:
        """An object was met that is no entry of ours, or damaged; it counts as absent."""
        ...

    def unloadable(self, name: str, error: Exception) -> None:
        """The value of a verified entry does not load any more, say because its class is gone; it counts as absent."""
        ...

    def writes_failed(self, keys: Sequence[object], among: int, error: Exception) -> None:
        """Some of many values were not stored; the caller gets their keys back."""
        ...

    def looked(self, seen: int, removed: int) -> None:
        """Culling saw a page of ``seen`` entries and removed some."""
        ...

    def culled(self, removed: int) -> None:
        """Culling on demand removed some entries."""
        ...

    def look_failed(self, error: Exception) -> None:
        """Culling met an error of the engine; the write before it stands."""
        ...

    def unanswered(self, operation: str, keys: Sequence[str], error: Exception) -> None:
        """The store gave no answer to an operation, and something else did: ON_ERROR, or FALLBACK. Keys are Django's full ones."""
        ...

    def circuit(self, state: State, error: Exception | None) -> None:
        """The circuit breaker has changed its state, because of the error."""
        ...

    def dropped(self, writes: int) -> None:
        """READ_ONLY left out some writes."""
        ...


Announce = Callable[..., object]
"""Called with the name of an event, and what there is to say of it by keyword."""


class Statistics:
    """Counts since the process began, of one cache; safe for threads. ``announce`` hears of what an application may want to."""

    def __init__(self, announce: Announce = lambda event, **details: None) -> None:
        self._announce = announce
        self._outage = Outage()
        self._counts = dict.fromkeys(COUNTS, 0)
        # One that its holder may take again: a finalizer, or a handler of a signal, may use the cache just here.
        self._lock = threading.RLock()
        self._failures: set[str] = set()

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def requested(self, kind: str) -> None:
        with self._lock:  # as in ``_add``, whose call would double what counting costs each get
            self._counts[REQUESTS[kind]] += 1

    def hit(self) -> None:
        with self._lock:
            self._counts["hits"] += 1

    def miss(self) -> None:
        self._add("misses")

    def near_hit(self) -> None:
        self._add("near_hits")

    def near_refreshed(self) -> None:
        self._add("near_refreshed")

    def wrote(self) -> None:
        self._add("writes")

    def unusable(self, name: str, reason: Exception) -> None:
        self._add("unusable")
        logger.log(self._level(f"{name} {reason}"), "The object %r counts as absent: %s.", name, reason)

    def unloadable(self, name: str, error: Exception) -> None:
        self._add("unusable")
        failure = described(error)
        message = "The value of the verified entry %r does not load and counts as absent: %s"
        logger.log(self._level(failure), message, name, failure)

    def writes_failed(self, keys: Sequence[object], among: int, error: Exception) -> None:
        self._add("failed_writes", len(keys))
        level = logging.WARNING if self._outage.is_news() else logging.DEBUG
        logger.log(level, "set_many could not store %d of %d values, the first that for %r: %s", len(keys), among, keys[0], error)

    def looked(self, seen: int, removed: int) -> None:
        self._add("looks")
        self._add("culled", removed)

    def culled(self, removed: int) -> None:
        self._add("culled", removed)

    def look_failed(self, error: Exception) -> None:
        self._add("failed_looks")
        if isinstance(error, EngineUnavailable):
            level = logging.WARNING if self._outage.is_news() else logging.DEBUG
        else:
            level = logging.ERROR if self._is_new(described(error)) else logging.DEBUG
        logger.log(level, "Culling was put off: %s", error)

    def unanswered(self, operation: str, keys: Sequence[str], error: Exception) -> None:
        self._add("unanswered")
        self._outage.went_on(error)
        self._announce("store_unavailable", operation=operation, keys=keys, error=error)

    def circuit(self, state: State, error: Exception | None) -> None:
        with self._lock:
            self._counts["circuit_open"] = int(state != "closed")
            self._counts["circuit_opened"] += state == "open"
        self._outage.changed(state, error)
        self._announce("circuit_changed", state=state, error=error)

    def dropped(self, writes: int) -> None:
        self._add("dropped_writes", writes)

    def _level(self, failure: str) -> int:
        """WARNING for a failure that is new, DEBUG after that: a hot key would fill the log."""
        return logging.WARNING if self._is_new(failure) else logging.DEBUG

    def _is_new(self, failure: str) -> bool:
        if failure in self._failures or len(self._failures) >= REMEMBERED_FAILURES:
            return False
        self._failures.add(failure)
        return True

    def _add(self, what: str, count: int = 1) -> None:
        with self._lock:
            self._counts[what] += count


def described(error: Exception) -> str:
    """Class and words of an error, which an entry may have chosen: so they may be no words at all."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its __str__ raises
        return type(error).__name__
