"""The verdict: what the holders were told, compared with what the checking store has seen.

- No token of a lock is given twice. Who was given one after another's call had returned was given a greater one.
- The store has accepted writes in the order of their tokens, and those with one token from the process that was given it.
- Who released a lock without an error had it until then: nobody was given it before.
- Nobody saw an error but LockError, of a lock that he lost, and EngineUnavailable.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from integration.atomicity.journal import FAILED, UNAVAILABLE, Call
from integration.locks.checking import Write


@dataclass
class Holding:
    """A lock that a process was given."""

    lock: str
    token: int
    who: str
    began: float
    ended: float
    """The call that acquired it. Times are of ``time.monotonic``, which all processes of a machine share."""
    alive: float
    """When the holder was last heard of while he had it."""
    released: float | None = None
    """When the call began that released it without an error."""


@dataclass
class Verdict:
    """``problems`` is empty if every rule was kept; the rest are numbers for a table."""

    acquisitions: int = 0
    take_overs: int = 0
    """Acquisitions of a lock that its last holder had not released."""
    longest_take_over: float = 0.0
    """Seconds from the last sign of life of a holder to the next one's acquisition."""
    mean_take_over: float = 0.0
    writes: int = 0
    """Those that the store accepted."""
    fenced: int = 0
    """Those that it refused, for it had seen a greater token."""
    lost: int = 0
    """Releases of a lock that somebody else had taken over."""
    gave_up: int = 0
    """Acquisitions that were not to be had in time."""
    unavailable: int = 0
    """Calls that raised EngineUnavailable."""
    problems: list[str] = field(default_factory=list)


def judge(calls: Mapping[str, Sequence[Call]], accepted: Mapping[str, Sequence[Write]]) -> Verdict:
    """``calls`` by process, in its order; ``accepted`` by lock, in the order of the store."""
    every = [call for made in calls.values() for call in made]
    by_lock: dict[str, list[Holding]] = defaultdict(list)
    for who, made in calls.items():
        for holding in holdings(who, made):
            by_lock[holding.lock].append(holding)
    taken_over = [pair for held in by_lock.values() for pair in take_overs(held)]
    # Where a token is missing, somebody was killed as soon as he had it, and the time was his, too.
    waited = [after.ended - before.alive for before, after in taken_over if after.token == before.token + 1]
    return Verdict(
        acquisitions=sum(map(len, by_lock.values())),
        take_overs=len(taken_over),
        longest_take_over=max(waited, default=0.0),
        mean_take_over=sum(waited) / len(waited) if waited else 0.0,
        writes=sum(map(len, accepted.values())),
        fenced=sum(call.verb == "write" and call.is_answered and not call.answer for call in every),
        lost=sum(is_loss(call) for call in every),
        gave_up=sum(call.verb == "acquire" and call.is_answered and call.answer is None for call in every),
        unavailable=sum(call.outcome == UNAVAILABLE for call in every),
        problems=[*problems(every, by_lock, accepted)],
    )


def holdings(who: str, calls: Iterable[Call]) -> Iterator[Holding]:
    """What one process was given."""
    now: Holding | None = None
    for call in sorted(calls, key=lambda call: call.began):
        if call.verb == "acquire":
            now = None
            if call.is_answered and call.answer is not None and call.ended is not None:
                now = Holding(call.key, call.answer, who, call.began, call.ended, call.ended)
                yield now
        elif now is not None:
            now.alive = call.began
            if call.verb == "release" and call.is_answered:
                now.released = call.began


def take_overs(held: Iterable[Holding]) -> Iterator[tuple[Holding, Holding]]:
    """Of one lock: who did not release it, and who was given it next. What the former did afterwards is no sign of life."""
    for before, after in pairwise(sorted(held, key=lambda holding: holding.token)):
        if before.released is None:
            yield replace(before, alive=min(before.alive, after.ended)), after


def is_loss(call: Call) -> bool:
    return call.outcome == FAILED and str(call.answer).startswith("LockError")


def problems(
    calls: Iterable[Call], by_lock: Mapping[str, Sequence[Holding]], accepted: Mapping[str, Sequence[Write]]
) -> Iterator[str]:
    for call in calls:
        if call.outcome == FAILED and not (is_loss(call) and call.verb == "release"):
            yield f"{call.verb} of {call.key} raised {call.answer}"
    for lock, held in by_lock.items():
        yield from given_twice(lock, held)
        yield from given_out_of_order(lock, held)
        yield from given_too_early(lock, held)
    for lock, writes in accepted.items():
        yield from accepted_wrongly(lock, writes, {holding.token: holding.who for holding in by_lock.get(lock, ())})


def given_twice(lock: str, held: Iterable[Holding]) -> Iterator[str]:
    owners: dict[int, str] = {}
    for holding in held:
        if owners.setdefault(holding.token, holding.who) != holding.who:
            yield f"{lock}: token {holding.token} was given to {owners[holding.token]} and to {holding.who}"


def given_out_of_order(lock: str, held: Sequence[Holding]) -> Iterator[str]:
    earliest = math.inf
    for holding in sorted(held, key=lambda holding: -holding.token):
        if earliest < holding.began:
            yield f"{lock}: token {holding.token} was given when a greater one had been"
        earliest = min(earliest, holding.ended)


def given_too_early(lock: str, held: Iterable[Holding]) -> Iterator[str]:
    for before, after in pairwise(sorted(held, key=lambda holding: holding.token)):
        if before.released is not None and after.ended < before.released:
            yield f"{lock}: token {after.token} was given before {before.token} was released"


def accepted_wrongly(lock: str, writes: Sequence[Write], owners: Mapping[int, str]) -> Iterator[str]:
    for before, after in pairwise(writes):
        if after.token < before.token:
            yield f"{lock}: a write with token {after.token} was accepted after one with {before.token}"
    for token, who in sorted({*writes}):
        if owners.get(token) != who:
            yield f"{lock}: a write of {who} with token {token} was accepted, which was given to {owners.get(token)}"
