"""The mixed load: an owner writes keys that nobody else writes, one call after the other, and reads those of all owners.

It is written for a cache in the async shape, whose methods are ``aget`` and so on. What each call found is remembered, and judged
by ``checker``.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from integration.faults.history import Call, Fault, History, Outcome, Read, Write
from integration.faults.values import Stamp, count_of, counted, stamp_of, stamped

WEIGHTS = {
    "get": 70,
    "set": 15,
    "incr": 4,
    "get_many": 3,
    "add": 2,
    "delete": 2,
    "set_many": 2,
    "touch": 2,
}
"""Of 100 calls."""
VALUES = 10
COUNTERS = 2
"""Keys of each kind that an owner has."""
MANY = 5
"""Keys in one call on many."""
LONG = 30 * 24 * 3600
"""Seconds: the timeout that a touch gives. Nothing expires."""
PATIENCE = 30
"""Seconds in which the store must answer before the load, and after it."""
AGAIN = 0.2
"""Seconds until it is asked again."""

unanswered: ContextVar[list[object]] = ContextVar("unanswered")
"""What the cache's signal told of the call that is being made."""


class Owned(NamedTuple):
    """The names of one owner, from which its keys follow."""

    name: str
    number: int
    """Differs between all owners."""

    @property
    def values(self) -> list[str]:
        return [f"{self.name}/{number}" for number in range(VALUES)]

    @property
    def counters(self) -> dict[str, int]:
        """Each with the number that tells its values from those of others."""
        return {f"{self.name}/counter-{number}": self.number * COUNTERS + number for number in range(COUNTERS)}


class Owner:
    """``everybody`` are all owners; ``allowed`` is a pattern of the exceptions that the policy allows, as in "EngineUnavailable:
    ..."; ``rate`` is in calls per second.
    """

    def __init__(self, owned: Owned, everybody: Sequence[Owned], cache: Any, allowed: str, rate: float) -> None:
        self.history = History()
        self._owned = owned
        self._cache = cache
        self._allowed = allowed
        self._rate = rate
        self._random = random.Random(owned.name)
        self._counters = {key: number for owner in everybody for key, number in owner.counters.items()}
        self._keys = [key for owner in everybody for key in (*owner.values, *owner.counters)]
        self._written = dict.fromkeys((*owned.values, *owned.counters), 0)
        """How many writes of each key were begun."""
        self._there: dict[str, int | None] = dict.fromkeys(self._written)
        """The newest write of each that was done."""

    async def prepare(self) -> None:
        """Writes all values, as soon as the store answers."""
        until = time.monotonic() + PATIENCE
        while not await self._set_many(self._owned.values) and time.monotonic() < until:
            await asyncio.sleep(AGAIN)

    async def work(self, stopped: Callable[[], bool]) -> None:
        period = 1 / self._rate
        due = time.monotonic() + self._random.uniform(0, period)
        while not stopped():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            [method] = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))
            await getattr(self, f"_{method}")()
            due = max(due + period, time.monotonic())

    async def look_back(self) -> None:
        """Reads all its keys once more, now that nobody writes them, as soon as the store answers."""
        until = time.monotonic() + PATIENCE
        for key in self._written:
            while not await self._get(key, last=True) and time.monotonic() < until:
                await asyncio.sleep(AGAIN)

    async def _get(self, key: str | None = None, last: bool = False) -> bool:
        key = key or self._random.choice(self._keys)
        call, value = await self._call("get", key)
        if call.answered:
            self._found(key, value, call, last)
        return call.answered

    async def _get_many(self) -> None:
        keys = self._random.sample(self._keys, MANY)
        call, values = await self._call("get_many", keys)
        if call.answered:
            for key in keys:
                self._found(key, values.get(key), call)

    async def _set(self) -> None:
        key = self._one()
        number, value = self._next(key)
        call, _ = await self._call("set", key, value)
        self._wrote(key, number, call, "done")

    async def _set_many(self, keys: Sequence[str] = ()) -> bool:
        made = {key: self._next(key) for key in keys or self._random.sample(self._owned.values, MANY)}
        call, failed = await self._call("set_many", {key: value for key, (_, value) in made.items()})
        for key, (number, _) in made.items():
            self._note(key, number, call, "unknown" if failed is None or key in failed else "done")
        return call.answered

    async def _add(self) -> None:
        key = self._one()
        number, value = self._next(key)
        call, added = await self._call("add", key, value)
        self._wrote(key, number, call, "done" if added else "refused")

    async def _touch(self) -> None:
        key = self._one()
        there = self._there[key]
        call, touched = await self._call("touch", key, LONG)
        if there is not None:
            self._wrote(key, there, call, "done" if touched else "refused")

    async def _delete(self) -> None:
        key = self._one()
        call, _ = await self._call("delete", key)
        self._wrote(key, None, call, "done")

    async def _incr(self) -> None:
        """Adds one; begins where it ended, if the counter is gone."""
        key = self._random.choice([*self._owned.counters])
        call, value = await self._call("incr", key)
        if call.answered and value is None:
            self._found(key, None, call)
            await self._begin(key)
            return
        number = self._written[key] + 1
        if call.answered:
            count = count_of(self._counters[key], value)
            self._remember(key, "foreign" if count is None else count - 1, call)
            number = count or 0
        self._written[key] = max(self._written[key], number)
        self._wrote(key, number, call, "done")

    async def _begin(self, key: str) -> None:
        """Gives the counter its next value, if it has none."""
        number = self._written[key] + 1
        call, added = await self._call("add", key, counted(self._counters[key], number))
        if added or not call.answered:
            self._written[key] = number
        self._wrote(key, number, call, "done" if added else "refused")

    async def _call(self, method: str, *args: Any) -> tuple[Call, Any]:
        """Makes a call, and remembers how it went."""
        signals: list[object] = []
        unanswered.set(signals)
        result, error, began = None, "", time.monotonic()
        try:
            result = await getattr(self._cache, f"a{method}")(*args)
        except Exception as caught:
            if not (method == "incr" and type(caught) is ValueError):  # the counter is missing
                error = f"{type(caught).__name__}: {caught}"
        outside = error if error and not re.match(self._allowed, error, re.DOTALL) else None
        failed = bool(error or signals or (method == "set_many" and result))
        call = Call(method, began, time.monotonic(), not failed, outside)
        self.history.calls.append(call)
        return call, result

    def _one(self) -> str:
        return self._random.choice(self._owned.values)

    def _next(self, key: str) -> tuple[int, bytes]:
        """The number of the next write of the key, and its value."""
        self._written[key] += 1
        return self._written[key], stamped(Stamp(key, self._written[key], self._owned.name))

    def _wrote(self, key: str, number: int | None, call: Call, outcome: Outcome) -> None:
        self._note(key, number, call, outcome if call.answered else "unknown")

    def _note(self, key: str, number: int | None, call: Call, outcome: Outcome) -> None:
        self.history.writes.append(Write(key, number, call.began, call.ended, outcome))
        if outcome == "done":
            self._there[key] = number

    def _found(self, key: str, value: object, call: Call, last: bool = False) -> None:
        self._remember(key, self._number_of(key, value), call, last)

    def _remember(self, key: str, found: int | None | Fault, call: Call, last: bool = False) -> None:
        self.history.reads.append(Read(key, found, call.began, call.ended, last))

    def _number_of(self, key: str, value: object) -> int | None | Fault:
        """Which write of the key a value is."""
        if value is None:
            return None
        if key in self._counters:
            count = count_of(self._counters[key], value)
            return "foreign" if count is None else count
        stamp = stamp_of(value)
        if stamp is None:
            return "torn"
        return stamp.number if stamp.key == key else "foreign"
