"""The circuit breaker: who finds the store away again and again stops asking it for a while.

closed     all is well; every request goes out.
open       nothing goes out for ``wait`` seconds: after ``failures`` attempts in a row without an answer, of reads or of writes, for
           a store may refuse the one and serve the other; or after one call that waited in vain for all the time it had.
half open  the seconds are over: one request goes out to try. An answer closes the breaker, none opens it again. Where nothing is
           heard of it for as many seconds, another one tries.

One breaker belongs to one cache of one process, and to all threads and tasks in it. Nothing here waits.

https://martinfowler.com/bliki/CircuitBreaker.html
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

from s3cache.errors import CircuitOpen, EngineUnavailable

State = Literal["closed", "open", "half open"]
Kind = Literal["read", "write"]


class Work(Protocol):
    """What must be done before the breaker closes."""

    @property
    def remains(self) -> bool:
        """Whether there is any, or it is under way."""
        ...

    def begin(self) -> None:
        """On a thread of its own, unless it is under way. It tries in the place of a caller, and tells then how it went."""
        ...


class Breaker:
    """``wait`` in seconds, as ``clock`` counts them. ``tell`` hears of each change of state, and what it came from."""

    def __init__(
        self,
        failures: int = 5,
        wait: float = 3.0,
        tell: Callable[[State, EngineUnavailable | None], object] = lambda state, error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._wait = wait
        self._tell = tell
        self._clock = clock
        self._lock = threading.RLock()  # a finalizer may use the cache just here
        self._failures = {"read": 0, "write": 0}
        self._until = 0.0
        self._error: EngineUnavailable | None = None
        self._changes: deque[tuple[State, EngineUnavailable | None]] = deque()
        self._telling = threading.Lock()
        self.state: State = "closed"
        self.recovery: Work | None = None

    def check(self) -> None:
        """Raises CircuitOpen while nothing may go out; at the end of that time it lets one caller through, who must tell then
        how it went: ``answered``, ``failed`` or ``left``.
        """
        if self.state == "closed" or not self._try():
            return
        self._tell_changes()
        if self.recovery is not None and self.recovery.remains:
            self.recovery.begin()
            raise self._refusal()

    def raise_if_open(self) -> None:
        """The same for somebody who has no request yet, and tells nothing: for work that would be done in vain."""
        if self.refuses:
            raise self._refusal()

    @property
    def refuses(self) -> bool:
        """Whether nothing may go out, not even to try."""
        return self.state != "closed" and not self.is_due

    @property
    def is_due(self) -> bool:
        """Whether it is time for the one request that tries."""
        return self.state != "closed" and self._clock() >= self._until

    def answered(self, kind: Kind = "read") -> None:
        """The store gave an answer, whatever it says."""
        if self._failures[kind] or self.state != "closed":
            with self._lock:
                self._failures[kind] = 0
                if self.recovery is not None and self.recovery.remains:
                    self._try_soon()
                else:
                    self._change("closed")
            self._tell_changes()

    def failed(self, error: EngineUnavailable, kind: Kind = "read", *, spent: bool = False) -> None:
        """An attempt got no answer. ``spent``: it was waited for as long as a call may take."""
        with self._lock:
            self._failures[kind] += 1
            self._error = error
            if spent or self._failures[kind] >= self._most or self.state == "half open":
                self._until = self._clock() + self._wait
                self._change("open")
        self._tell_changes()

    def left(self) -> None:
        """Who tried was called away before he knew: somebody else may try at once."""
        with self._lock:
            if self.state == "half open":
                self._try_soon()
        self._tell_changes()

    def open(self, error: EngineUnavailable) -> None:
        """Nothing goes out from now on; the next caller, or ``recovery``, tries at once."""
        with self._lock:
            if self.state == "closed":
                self._error = error
                self._try_soon()
        self._tell_changes()

    def _try_soon(self) -> None:
        self._until = self._clock()
        self._change("open")

    def _try(self) -> bool:
        """Whether the caller is the one who tries; False if all is well again."""
        with self._lock:
            if self.state == "closed":
                return False
            if not self.is_due:
                raise self._refusal()
            self._until = self._clock() + self._wait
            self._change("half open")
            return True

    def _refusal(self) -> CircuitOpen:
        seconds = max(0.0, self._until - self._clock())
        refusal = CircuitOpen(f"The store is away, and is left alone for {seconds:.1f} seconds more. The last time: {self._error}")
        refusal.__cause__ = self._error
        return refusal

    def _change(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._changes.append((state, self._error))

    def _tell_changes(self) -> None:
        """In their order, and while no lock is held that a caller needs: who hears of one may use the cache, on any thread."""
        while self._changes and self._telling.acquire(blocking=False):
            try:
                self._tell(*self._changes.popleft())
            finally:
                self._telling.release()
