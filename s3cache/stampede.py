"""get_or_set that computes a value once, however many threads, processes and machines ask for it.

One caller computes: within this process he whose flight it is (``flights``), of all processes he whose turn it is
(``computing``). Whoever else comes gets the value that is there, though it be stale; where there is none, he waits, and looks
again when nobody computes any more. So a computation that fails, or is cancelled, holds nobody up: the next one has his turn.

A turn is over after LEASE, whatever has become of its holder. Who has waited longer, because clocks differ or two computations
wait for each other, computes for himself; so does everybody where the store does not answer and ON_ERROR lets that pass.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from s3cache.callers import Caller
from s3cache.computing import ALONE, Computed, Found, State, Turn
from s3cache.early import Early
from s3cache.entries import MISSING, Seen
from s3cache.errors import EngineMisconfigured
from s3cache.expiry import LATEST, leaves_nothing
from s3cache.flights import Flight, Flights, around, within
from s3cache.operations import Operations
from s3cache.options import StampedeOptions

FIRST_PAUSE = 0.05
"""Seconds: at most so long before the second look whether somebody still computes; by half as much longer before each further."""
LONGEST_PAUSE = 0.5
FLIGHT = 2
"""How many times LEASE a flight takes at most: one for a turn elsewhere that was never ended, one for its own."""
SLACK = 1.0
"""Seconds beyond LEASE after which a turn that was seen all the while is taken for one that will never be over."""


logger = logging.getLogger("s3cache")


class Wanted(NamedTuple):
    """A value: Django's full key, the name of its object, what computes it, and the timeout to store it with."""

    key: str
    name: str
    default: Callable[[], Any]
    timeout: float | None


class Computation:
    """One call. ``clock`` gives seconds, and goes on while the machine's date is changed."""

    def __init__(
        self,
        caller: Caller,
        flights: Flights,
        options: StampedeOptions,
        wanted: Wanted,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._caller = caller
        self._flights = flights
        self._options = options
        self._wanted = wanted
        self._clock = clock
        self._early = Early(options.early)
        self._told = True

    async def value(self) -> Any:
        """The value that is there, or else computed."""
        end, in_vain = math.inf, False
        while True:
            found = await self._look_up()
            if found.state is State.FRESH:
                return found.value
            if leaves_nothing(self._wanted.timeout):
                return await self._caller.result_of(self._wanted.default)
            if found.state is State.UNKNOWN or (in_vain and found.value is MISSING):
                return await self._computed(found.seen)
            flight, own = self._flights.join(self._wanted.name)
            if own:
                return await self._flown(flight, found)
            if flight in around.get():  # the computation asks for the value that it computes
                return await self._caller.result_of(self._wanted.default)
            if found.value is not MISSING:
                return found.value
            if self._caller.holds_up(flight.thread):
                return await self._caller.result_of(self._wanted.default)
            end = min(end, self._clock() + FLIGHT * self._options.lease)
            await self._caller.wait_for(flight, max(0.0, end - self._clock()))
            in_vain = not flight.done() or not flight.result() or self._clock() >= end

    async def anew(self) -> Any:
        """The value, computed and stored whatever is there."""
        return await self._computed(None)

    async def _flown(self, flight: Flight, found: Found) -> Any:
        try:
            with within(flight):
                return await self._once(found)
        except Exception as error:  # whatever the application's function ends with; what is misconfigured is never covered up
            if found.state is not State.EARLY or isinstance(error, EngineMisconfigured):
                raise
            logger.warning("A value could not be computed early, so the one that is there stays: %r", error)
            return found.value
        finally:
            self._flights.end(self._wanted.name, self._told)

    async def _once(self, found: Found) -> Any:
        """The value for all of this process, which others may be computing."""
        while (turn := await self._turn()) is None:
            if found.value is not MISSING:
                return found.value
            if not await self._others():
                return await self._computed(found.seen)
            found = await self._look_up()
            if found.state is State.FRESH:
                return found.value
        self._told = turn is not ALONE
        try:
            if self._told:
                found = await self._caller.call(Operations.look_again, self._wanted.key, found, self._early)
            return found.value if found.state is State.FRESH else await self._computed(found.seen)
        finally:
            await self._caller.complete(Operations.end_computing, turn)

    async def _turn(self) -> Turn | None:
        begin, end = Operations.begin_computing, Operations.end_computing
        return await self._caller.take(begin, end, self._wanted.key, self._options.lease)

    async def _others(self) -> bool:
        """Waits until nobody computes; False where somebody has his turn for too long."""
        seen, until = 0, math.inf
        for pause in pauses():
            await self._caller.sleep(pause)
            over = await self._caller.call(Operations.turn_over, self._wanted.key)
            if over not in (0, seen):
                seen, until = over, self._clock() + self._options.lease + SLACK
            if not over or self._clock() > until:
                break
        return not over

    async def _look_up(self) -> Found:
        return await self._caller.call(Operations.look_up, self._wanted.key, self._early)

    async def _computed(self, seen: Seen | None) -> Any:
        """The value, computed here and now and stored; or another's that was stored meanwhile."""
        began = self._clock()
        value = await self._caller.result_of(self._wanted.default)
        took = int((self._clock() - began) * 1000)
        computed = Computed(await self._caller.encoded(value), took, int(min(self._options.stale * 1000, LATEST)))
        wanted = self._wanted
        theirs = await self._caller.call(Operations.store_computed, wanted.key, computed, wanted.timeout, seen)
        return value if theirs is MISSING else theirs


def pauses() -> Iterator[float]:
    """Seconds, at random from half the bound up to it, so that those who began together do not stay together."""
    bound = FIRST_PAUSE
    while True:
        yield random.uniform(bound / 2, bound)
        bound = min(LONGEST_PAUSE, bound * 1.5)
