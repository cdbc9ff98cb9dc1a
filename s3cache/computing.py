"""The operations that have a value computed once: what is there, whose turn it is to compute, and what came of it.

``stampede`` puts them together. A value that was stored here says how long it took to compute, and how long after its expiry it
may be served while a fresh one is computed: that is for ``look_up`` alone, every other operation counts it as absent then.

Whose turn it is an object says, as a lock would:

    <prefix>.s3c/computing/<64 hex>    an entry, which expires when the turn does

It is created on the condition that nobody else has done so, and deleted at the end. A turn that its holder does not end, because
his process was killed, ends by expiry, by the clocks that decide about every other expiry. These may be wrong by some seconds. Then
a value is computed twice, and of two that are stored the first stays; so no fencing token is needed, and nothing to count them
with.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from s3cache.early import Early
from s3cache.entries import MISSING, NOTHING, Seen
from s3cache.envelope import Payload, Place
from s3cache.errors import EngineUnavailable
from s3cache.expiry import leaves_nothing
from s3cache.naming import internal_name
from s3cache.parts import Parts
from s3cache.reads import Look
from s3cache.retries import Retries
from s3cache.timed import of_one_entry

KIND = "computing"
SKEW_MS = 5000
"""By which the clocks of two machines may differ."""


class State(Enum):
    FRESH = "fresh"
    EARLY = "early"
    """Fresh, but this caller should compute it anew."""
    STALE = "stale"
    """Expired, and still good while somebody computes it."""
    ABSENT = "absent"
    UNKNOWN = "unknown"
    """The store did not answer."""


class Found(NamedTuple):
    """What is there: ``value`` is MISSING where there is none to serve, ``seen`` is what to replace."""

    state: State
    value: object = MISSING
    seen: Seen = NOTHING


class Turn(NamedTuple):
    """To compute a value. ``name`` is the object that tells others, until ``over``, in ms since 1970."""

    name: str = ""
    over: int = 0


ALONE = Turn()
"""Where others cannot be told: one that tells nobody."""


class Computed(NamedTuple):
    """What came of it. ``compute_ms`` is how long it took, ``grace_ms`` how long after its expiry it may be served."""

    value: object
    compute_ms: int
    grace_ms: int


class Computing(Parts):
    """What has one value computed once."""

    @of_one_entry
    async def look_up(self, key: str, early: Early) -> Found:
        """What is there. Costs one GET; nothing where a near cache has it."""
        place = self._place(key)
        return self._found(place, await self._reads.look(place), early)

    def _found(self, place: Place, look: Look, early: Early) -> Found:
        now = self._entries.clock()
        value = self._reads.load(place, look.held, MISSING)
        if value is not MISSING:
            due = early.is_due(now, look.expires_at, look.compute_ms)
            return Found(State.EARLY if due else State.FRESH, value, look.seen)
        header = look.seen.header
        if header is not None and not look.seen.alive and now < header.expires_at + header.value.grace_ms:
            value = self._entries.value(place, look.seen._replace(alive=True))
        return Found(State.ABSENT if value is MISSING else State.STALE, value, look.seen)

    @of_one_entry
    async def begin_computing(self, key: str, seconds: float) -> Turn | None:
        """The turn, for so long, or None where it is somebody else's. Costs one GET of 2 KiB, and one PUT if it is nobody's."""
        place = self._turn_place(key)
        seen = await self._entries.peek(place)
        if self._is_held(seen):
            return None
        turn = Turn(place.name, self._entries.clock() + int(seconds * 1000))
        sealed = self._entries.sealed(place, self._entries.codec.encode(b""), turn.over)
        return turn if (await self._conditional.swap(place, sealed, seen)).rival is None else None

    @of_one_entry
    async def turn_over(self, key: str) -> int:
        """When somebody's turn is over, in ms since 1970; 0 if it is nobody's. Costs one GET of 2 KiB."""
        seen = await self._entries.peek(self._turn_place(key))
        return seen.live.expires_at if seen.live and self._is_held(seen) else 0

    def _is_held(self, seen: Seen) -> bool:
        """Whether it is somebody's turn. Not one that will begin: it would be over by a clock that is wrong."""
        return seen.live is not None and seen.live.written_at <= self._entries.clock() + SKEW_MS

    @of_one_entry
    async def look_again(self, key: str, found: Found, early: Early) -> Found:
        """What is there once it is one's turn: fresh if somebody has stored it since. Costs one GET of 2 KiB, and a GET if so."""
        place = self._place(key)
        seen = await self._entries.peek(place)
        if not seen.alive or seen.etag == found.seen.etag:
            return found._replace(seen=seen)
        self._engine.forget(place.name)
        again = self._found(place, await self._reads.look(place), early)
        return again._replace(state=State.FRESH) if again.state is State.EARLY else again

    @of_one_entry
    async def end_computing(self, turn: Turn) -> None:
        """Lets others have it. Costs one DELETE; nothing if it is over, for it may be somebody else's by now."""
        if self._entries.clock() < turn.over:
            with suppress(EngineUnavailable):  # it will be over
                await self._engine.delete_objects([turn.name])

    @of_one_entry
    async def store_computed(self, key: str, computed: Computed, timeout: float | None, seen: Seen | None) -> object:
        """Stores the value in place of what was ``seen``, of whatever is there for None. Costs one PUT.

        Gives the value that somebody else has stored meanwhile, which stays, else MISSING. What somebody has removed meanwhile
        stays removed: it was out of date, and so may be what was computed. With a timeout of 0 or below the entry is removed.
        """
        place = self._place(key)
        self._refuse_in_vain(place.name)
        if leaves_nothing(timeout):
            await self._engine.delete_objects([place.name])
            return MISSING
        sealed = self._sealed(place, self._described(computed, timeout), timeout)
        if seen is None:
            await self._entries.write(place, sealed)
        else:
            retries = Retries(self._runtime)
            while (rival := (await self._conditional.swap(place, sealed, seen, retries)).rival) is not None:
                theirs = self._entries.value(place, rival)
                if theirs is not MISSING or (seen.exists and not rival.exists):
                    return theirs
                seen = rival
        await self._looks.after_write(place.name, len(sealed.body))
        return MISSING

    def _described(self, computed: Computed, timeout: float | None) -> Payload:
        """The payload, with what the header shall say; nothing of a value that never expires."""
        payload = self._payload(computed.value)
        if timeout is None:
            return payload
        value = payload.value._replace(compute_ms=computed.compute_ms, grace_ms=computed.grace_ms)
        return payload._replace(value=value)

    def _turn_place(self, key: str) -> Place:
        return Place(internal_name(self._engine.prefix, KIND, key, self._name_digest), key, self._namespace)
