"""FALLBACK: another cache of the site that answers while the store is away.

What is written there, or deleted, is out of date in the store from then on. So the names are kept in a journal, the circuit is
opened, and before it closes ``recovery`` deletes them in the store: the next reader finds a miss and no old value. The journal is
this process's; it knows nothing of other processes, and ends with it.

The other cache is called as Django's caches are: by its a-methods where a loop runs, else by the others.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from typing import Any

from s3cache import deadlines
from s3cache.breaker import Breaker
from s3cache.computing import ALONE, Computed, Found, State, Turn
from s3cache.early import Early
from s3cache.entries import MISSING, Seen
from s3cache.envelope import Payload
from s3cache.errors import Contended, EngineUnavailable
from s3cache.generations import fresh_generation
from s3cache.journal import Journal
from s3cache.policy import ANSWERS, Substitute, keys_of
from s3cache.runtime import callers_loop
from s3cache.statistics import Observer

logger = logging.getLogger("s3cache")

within: ContextVar[bool] = ContextVar("within_fallback", default=False)
"""Set where the other cache is called: caches that name each other do not go round in a circle."""
OF_GROUPS = ("generation", "new_generation")
LIFE = 3600.0
"""Seconds that an entry may live in the other cache: what a later outage would find there has grown old."""


class Fallback:
    """Answers from ``cache()``; where that fails, and where Django's caches have no such method, as ``otherwise`` does.

    ``name_of`` gives the object's name for a full key, ``group_name`` that for a group's, ``key_for`` the key in the other cache
    for such a name, and ``decode`` the value of a payload.
    """

    def __init__(
        self,
        cache: Callable[[], Any],
        otherwise: Substitute,
        journal: Journal,
        breaker: Breaker,
        observer: Observer,
        name_of: Callable[[str], str],
        group_name: Callable[[str], str],
        key_for: Callable[[str], str],
        decode: Callable[[Payload], object],
        *,
        asynchronous: bool,
    ) -> None:
        self._cache = cache
        self._otherwise = otherwise
        self._journal = journal
        self._breaker = breaker
        self._observer = observer
        self._name_of = name_of
        self._group_name = group_name
        self._key_for = key_for
        self._decode = decode
        self._asynchronous = asynchronous
        self._fails = False

    async def answer(self, operation: str, error: EngineUnavailable, *args: Any) -> Any:
        if within.get() or isinstance(error, Contended) or not hasattr(self, operation):
            return await self._otherwise.answer(operation, error, *args)
        if ANSWERS[operation][0] != "read":
            self._note(operation, error, args)
        answer: Callable[..., Coroutine[Any, Any, Any]] = getattr(self, operation)
        try:
            found = await answer(*args)
        except Exception as failure:  # whatever the other cache raises
            self._note_failure(failure)
            return await self._otherwise.answer(operation, error, *args)
        self._fails = False
        self._observer.unanswered(operation, keys_of(operation, args), error)
        return found

    def _note_failure(self, failure: Exception) -> None:
        """One line until it works again."""
        logger.log(logging.DEBUG if self._fails else logging.ERROR, "The cache that FALLBACK names failed, too: %r", failure)
        self._fails = True

    def _note(self, operation: str, error: EngineUnavailable, args: Sequence[Any]) -> None:
        """First in the journal, then in the other cache, and the circuit open before the caller goes on."""
        if operation == "clear":
            self._journal.add_all()
        elif operation != "cull":
            name_of = self._group_name if operation in OF_GROUPS else self._name_of
            self._journal.add(*(name_of(key) for key in keys_of(operation, args)))
        self._breaker.open(error)

    async def get(self, key: str, default: object = None) -> object:
        return await self._call("get", self._key(key), default)

    async def has_key(self, key: str) -> object:
        return await self._call("has_key", self._key(key))

    async def get_many(self, keys: Sequence[tuple[object, str]]) -> dict[object, object]:
        found = await self._call("get_many", [self._key(full) for _, full in keys])
        return {key: found[self._key(full)] for key, full in keys if self._key(full) in found}

    async def set(self, key: str, value: object, timeout: float | None) -> None:
        await self._call("set", self._key(key), self._value(value), life(timeout))

    async def add(self, key: str, value: object, timeout: float | None) -> object:
        return await self._call("add", self._key(key), self._value(value), life(timeout))

    async def touch(self, key: str, timeout: float | None) -> object:
        return await self._call("touch", self._key(key), life(timeout))

    async def describe(self, key: str) -> None:
        """Django's caches do not tell, so the entry counts as absent."""

    async def expire_at(self, key: str, moment: int) -> object:
        return await self._call("touch", self._key(key), life(max(0.0, moment / 1000 - time.time())))

    async def persist(self, key: str) -> object:
        return await self._call("touch", self._key(key), LIFE)

    async def incr(self, key: str, delta: int) -> object:
        try:
            return await self._call("incr", self._key(key), delta)
        except ValueError:
            return None

    async def move(self, key: str, new_key: str) -> bool:
        value = await self.get(key, MISSING)
        if value is MISSING:
            return False
        if new_key != key:
            await self.set(new_key, value, LIFE)
            await self.delete(key)
        return True

    async def mend(self, key: str, value: object, timeout: float | None) -> object:
        found = await self.get(key, MISSING)
        return value if found is MISSING else found

    async def look_up(self, key: str, early: Early) -> Found:
        value = await self.get(key, MISSING)
        return Found(State.UNKNOWN if value is MISSING else State.FRESH, value)

    async def begin_computing(self, key: str, seconds: float) -> Turn:
        """The other cache is of this process, or knows no turns."""
        return ALONE

    async def turn_over(self, key: str) -> int:
        return 0

    async def look_again(self, key: str, found: Found, early: Early) -> Found:
        return found

    async def store_computed(self, key: str, computed: Computed, timeout: float | None, seen: Seen | None) -> object:
        await self.set(key, computed.value, timeout)
        return MISSING

    async def delete(self, key: str) -> object:
        return await self._call("delete", self._key(key))

    async def set_many(self, values: dict[object, tuple[str, object]], timeout: float | None) -> list[object]:
        given = {self._key(full): self._value(value) for full, value in values.values()}
        failed = {*(await self._call("set_many", given, life(timeout)) or ())}
        return [key for key, (full, _) in values.items() if self._key(full) in failed]

    async def delete_many(self, keys: Sequence[tuple[object, str]]) -> None:
        await self._call("delete_many", [self._key(full) for _, full in keys])

    async def clear(self) -> None:
        """The other cache may hold more than ours, so only what was written there is removed."""
        await self._call("delete_many", [self._key_for(name) for name in self._journal.names])

    async def generation(self, key: str) -> object:
        """One of the other cache's own. What is done under it reaches no entry in the store: the group is dropped there later."""
        return await self._call("get_or_set", self._key_for(self._group_name(key)), fresh_generation(), LIFE)

    async def new_generation(self, key: str) -> None:
        await self._call("set", self._key_for(self._group_name(key)), fresh_generation(), LIFE)

    async def cull(self, *_: object) -> int:
        return 0

    async def _call(self, method: str, *args: Any) -> Any:
        """It has its own time."""
        token, inside = deadlines.current.set(None), within.set(True)
        try:
            if self._asynchronous:
                return await getattr(self._cache(), f"a{method}")(*args)
            loop = callers_loop.get()
            if loop is not None:
                return asyncio.run_coroutine_threadsafe(getattr(self._cache(), f"a{method}")(*args), loop).result()
            return getattr(self._cache(), method)(*args)
        finally:
            within.reset(inside)
            deadlines.current.reset(token)

    def _key(self, key: str) -> str:
        return self._key_for(self._name_of(key))

    def _value(self, value: object) -> object:
        return self._decode(value) if isinstance(value, Payload) else value


def key_for(place: str, namespace: str, name: str) -> str:
    """A key that every cache takes. ``place`` is the engine's location: several caches may have one FALLBACK."""
    parts = "".join(f"{len(part)}:{part}" for part in (place, namespace, name))
    return f"s3cache.{hashlib.sha256(parts.encode('utf-8', 'surrogatepass')).hexdigest()}"


def life(timeout: float | None) -> float:
    return LIFE if timeout is None else min(timeout, LIFE)
