"""The verdict: what the processes were told, compared with what they told to do, and with what is in the cache at the end.

A call that raised EngineUnavailable, or whose process was killed, is *unknown*: its write may have been applied, once, or not. The
rules, which hold with and without faults:

- Of the adders of a key at most one was told that he won, and the value is his. Nobody was told so only where somebody's outcome
  is unknown; then the value is such a one's. Without an unknown outcome there is exactly one winner.
- A counter has moved by the acknowledged increments at least, by the attempted ones at most; no two calls were told the same total.
- A page is always there and whole. It is one that was written, and none that was acknowledged before a newer one was, when
  the newer one was acknowledged before the read began. (An unknown write may be applied late.)
  Where a store has ``lost_overwrites``, this is asked only of sets during which nobody touched the page.
- A reader never sees an exception, a writer none but EngineUnavailable. A counter that nobody touches keeps its expiry.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from integration.atomicity.journal import CUT, FAILED, UNAVAILABLE, Call


class Left(NamedTuple):
    """What is in the cache when all is over."""

    values: Mapping[str, Any]
    """By key, those that are there."""
    expiries: Mapping[str, tuple[int, int]] = {}
    """Of counters that nobody touched: expires_at at the beginning and at the end."""


@dataclass
class Verdict:
    """``problems`` is empty if every rule was kept; the rest are numbers for a table."""

    operations: int = 0
    adds: int = 0
    """How many keys were added, each by many at once."""
    racers: int = 0
    """How many calls of add there were."""
    winners: int = 0
    double_winners: int = 0
    sum: int = 0
    acknowledged: int = 0
    attempted: int = 0
    """Of increments and decrements, those of all counters."""
    reads: int = 0
    torn: int = 0
    """Pages that were torn or not there."""
    brought_back: int = 0
    """Reads of a page that had been replaced."""
    reader_errors: int = 0
    unavailable: int = 0
    """Calls that raised EngineUnavailable."""
    cut: int = 0
    """Calls whose process was killed meanwhile."""
    longest: float = 0.0
    """Seconds that a call took at most."""
    problems: list[str] = field(default_factory=list)


def judge(calls: Iterable[Call], left: Left, *, lost_overwrites: bool = False) -> Verdict:
    """The verdict on all calls of one run. ``lost_overwrites``: the store loses a plain PUT that meets one with If-Match."""
    verdict, by_verb = Verdict(), defaultdict[str, list[Call]](list)
    for call in calls:
        by_verb[call.verb].append(call)
    everything = [call for some in by_verb.values() for call in some]
    judge_outcomes(verdict, everything)
    for key, adds in by_key(by_verb["add"]).items():
        judge_adds(verdict, key, adds, left)
    for key, increments in by_key(by_verb["incr"] + by_verb["decr"]).items():
        judge_counter(verdict, key, increments, left)
    sets, touches = by_key(by_verb["set"]), by_key(by_verb["touch"]) if lost_overwrites else {}
    for key, reads in by_key(by_verb["get"]).items():
        judge_page(verdict, key, sets.get(key, []), reads, touches.get(key, []))
    for key, (before, after) in left.expiries.items():
        if before != after:
            verdict.problems.append(f"{key}: expires at {after}, and not at {before} any more")
    return verdict


def by_key(calls: Iterable[Call]) -> dict[str, list[Call]]:
    found = defaultdict[str, list[Call]](list)
    for call in calls:
        found[call.key].append(call)
    return found


def judge_outcomes(verdict: Verdict, calls: list[Call]) -> None:
    """What holds for each call, whatever it does."""
    outcomes = Counter(call.outcome for call in calls)
    verdict.operations = len(calls)
    verdict.unavailable, verdict.cut = outcomes[UNAVAILABLE], outcomes[CUT]
    verdict.longest = max((call.ended - call.began for call in calls if call.ended is not None), default=0.0)
    for call in calls:
        if call.verb == "get" and call.outcome in (UNAVAILABLE, FAILED):
            verdict.reader_errors += 1
        if call.outcome == FAILED or (call.verb == "get" and call.outcome == UNAVAILABLE):
            verdict.problems.append(f"{call.verb} {call.key}: {call.answer}")
        if call.verb == "touch" and call.is_answered and not call.answer:
            verdict.problems.append(f"touch {call.key}: it was not there")


def judge_adds(verdict: Verdict, key: str, adds: list[Call], left: Left) -> None:
    won = {add.argument for add in adds if add.is_answered and add.answer}
    lost = sum(add.is_answered and not add.answer for add in adds)
    unknown = {add.argument for add in adds if not add.is_answered}
    value = left.values.get(key)
    verdict.adds += 1
    verdict.racers += len(adds)
    verdict.winners += len(won)
    verdict.double_winners += len(won) > 1
    if len(won) > 1:
        verdict.problems.append(f"{key}: {sorted(won)} have all won")
    elif not won and not unknown:
        verdict.problems.append(f"{key}: nobody has won")
    if value is None and (won or lost):
        verdict.problems.append(f"{key}: is not there, though {sorted(won)} have won and {lost} lost")
    elif value is not None and value not in (won or unknown):
        verdict.problems.append(f"{key}: is {value!r}, but {sorted(won)} have won and of {sorted(unknown)} nothing is known")


def judge_counter(verdict: Verdict, key: str, increments: list[Call], left: Left) -> None:
    acknowledged = sum(call.argument for call in increments if call.is_answered)
    attempted = sum(call.argument for call in increments)
    moved = abs(left.values.get(key) or 0)
    verdict.sum += moved
    verdict.acknowledged += acknowledged
    verdict.attempted += attempted
    if not acknowledged <= moved <= attempted:
        verdict.problems.append(f"{key}: moved by {moved}; {acknowledged} were acknowledged, {attempted} attempted")
    totals = Counter(call.answer for call in increments if call.is_answered)
    repeated = sorted(total for total, times in totals.items() if times > 1)
    if repeated:
        verdict.problems.append(f"{key}: several calls were told that it is {repeated[:5]} now")


def judge_page(verdict: Verdict, key: str, sets: list[Call], reads: list[Call], excuses: list[Call]) -> None:
    """The page begins with number 0, and one thread writes the others, in rising order. Sets that met an excuse may be lost."""
    written = {0} | {call.argument for call in sets}
    acknowledged = [call for call in sets if call.is_answered]
    acknowledged.sort(key=ending)
    times = [ending(call) for call in acknowledged]
    known = {0} | {call.argument for call in acknowledged}
    for read in reads:
        before = acknowledged[: bisect_right(times, read.began)]
        if not read.is_answered:
            verdict.torn += read.outcome == FAILED and "torn page" in read.answer
            continue
        verdict.reads += 1
        if read.answer is None:
            verdict.torn += 1
            verdict.problems.append(f"{key}: was not there for a reader")
        elif read.answer not in written:
            verdict.problems.append(f"{key}: number {read.answer} was read, and never written")
        elif before and read.answer < before[-1].argument and read.answer in known:
            verdict.brought_back += 1
            undone = [call for call in before if call.argument > read.answer]
            if not all(any(overlap(call, excuse) for excuse in excuses) for call in undone):
                verdict.problems.append(f"{key}: number {read.answer} was read after {before[-1].argument} was acknowledged")


def ending(call: Call) -> float:
    """When it was over; never, as far as is known, if it was cut."""
    return math.inf if call.ended is None else call.ended


def overlap(one: Call, other: Call) -> bool:
    return one.began < ending(other) and other.began < ending(one)
