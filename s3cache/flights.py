"""The computations that go on in this process, so that threads and tasks that want the same value join one.

A flight ends, and says nothing of how: who has waited for it looks into the cache.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar


class Flight(Future[bool]):
    """One computation."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()
        """Whose end it is on: who blocks that thread waits for ever."""


around: ContextVar[tuple[Flight, ...]] = ContextVar("flights_around", default=())
"""Those whose computation runs here. One that asks for its own value would wait for itself."""


class Flights:
    """At most one for each name; safe for threads."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}

    def join(self, name: str) -> tuple[Flight, bool]:
        """The flight, and whether it is the caller's own, who then ends it with ``end``."""
        own = Flight()
        own.set_running_or_notify_cancel()  # who stops waiting for it cannot cancel it
        flight = self._flights.setdefault(name, own)  # one step, so it takes no lock
        return flight, flight is own

    def end(self, name: str, told: bool) -> None:
        """Whoever waits goes on. ``told`` says whether others could hear that somebody computes: else to wait was in vain."""
        self._flights.pop(name).set_result(told)


@contextmanager
def within(flight: Flight) -> Iterator[None]:
    """For the length of its computation."""
    token = around.set((*around.get(), flight))
    try:
        yield
    finally:
        around.reset(token)
