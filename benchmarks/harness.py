"""Measuring contenders on a machine that has other things to do.

The contenders take turns, in a new random order each round, so that a disturbance meets all alike, and nothing that was measured
is dropped. Medians and p99 are of single calls. A ratio is the median of the ratios within a round, with its quartiles beside it:
what is as wide as its distance from the aim decides nothing. Only ratios of one run mean something; the same code on the same
machine gives other times an hour later.
"""

from __future__ import annotations

import gc
import random
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median, quantiles
from typing import Literal, NamedTuple, TypeVar

BLOCK = 0.005
"""Seconds that a turn should take: many calls of what is fast, one of what is slow."""
LONGEST = 5000
"""Calls in a turn, at most."""

Call = Callable[[int], object]
"""Takes the number of the call: 0, 1, 2, ... for each contender."""
Effort = Literal["full", "quick", "smoke"]
"""A measurement; a look; a proof that the benchmark runs."""
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    directory: str
    """Empty, for what a benchmark writes; it is deleted afterwards."""
    effort: Effort = "full"
    engines: Sequence[str] = ()
    """Of the benchmark ``engines``: only these; of ``culling``: only these limits."""
    url: str | None = None
    """Of these two: the bucket to use instead of a server of the benchmark's own."""
    processes: int = 0
    """Of ``culling``: write with so many processes."""

    def of(self, full: Choice, quick: Choice, smoke: Choice) -> Choice:
        """What is right for the effort asked for."""
        return {"full": full, "quick": quick, "smoke": smoke}[self.effort]


class Spread(NamedTuple):
    """A median and the quartiles around it."""

    typical: float
    low: float
    high: float


@dataclass(frozen=True)
class Figures:
    """One contender's times, in seconds per call."""

    calls: Sequence[float]
    """Each call, elapsed."""
    rounds: Sequence[float]
    """Each round: the median of its calls."""
    cpu: Sequence[float]
    """Each round: this process's CPU time, all threads."""

    @property
    def typical(self) -> float:
        return median(self.calls)

    @property
    def slowest(self) -> float:
        """The 99th percentile."""
        return percentile_99(self.calls)

    @property
    def typical_cpu(self) -> float:
        return median(self.cpu)

    @property
    def mean_cpu(self) -> float:
        """With what happens only now and then, as culling does."""
        return mean(self.cpu)


def measure(
    contenders: Mapping[str, Call], rounds: int, block: float = BLOCK, before: Mapping[str, Call] | None = None
) -> dict[str, Figures]:
    """The figures of each contender. A turn has the same number of calls in every round; one, for a ``block`` of 0 seconds.

    ``before`` has what is called, untimed, with each number of a turn before it.
    """
    prepare = before or {}
    for name, call in contenders.items():
        take_turn(call, 0, 1, prepare.get(name))
    sizes = {name: turn_size(call, block, prepare.get(name)) if block else 1 for name, call in contenders.items()}
    turns: dict[str, list[tuple[array[float], float]]] = {name: [] for name in contenders}
    gc.collect()
    gc.freeze()  # so that the collections below have only the garbage of their round to look at
    gc.disable()
    try:
        for number in range(rounds):
            for name in random.sample(list(contenders), len(contenders)):
                turns[name].append(take_turn(contenders[name], number * sizes[name], sizes[name], prepare.get(name)))
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return {name: figures(found) for name, found in turns.items()}


def turn_size(call: Call, block: float, prepare: Call | None) -> int:
    """How many calls take so many seconds, undisturbed. The trials also warm up what there is to warm."""
    quickest = min(min(take_turn(call, 0, 5, prepare)[0]) for _ in range(3))
    return max(1, min(LONGEST, round(block / quickest)))


def take_turn(call: Call, first: int, count: int, prepare: Call | None = None) -> tuple[array[float], float]:
    """The elapsed seconds of each call, and the CPU seconds per call."""
    if prepare is not None:
        for number in range(first, first + count):
            prepare(number)
    took = array("d", bytes(8 * count))
    cpu, then = time.process_time(), time.perf_counter()
    for number in range(count):
        call(first + number)
        now = time.perf_counter()
        took[number] = now - then
        then = now
    return took, (time.process_time() - cpu) / count


def figures(turns: Sequence[tuple[array[float], float]]) -> Figures:
    calls = array("d")
    for took, _ in turns:
        calls.extend(took)
    return Figures(calls, [median(took) for took, _ in turns], [cpu for _, cpu in turns])


def percentile_99(values: Sequence[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]


def ratio(one: Sequence[float], other: Sequence[float]) -> Spread:
    """What the one takes of the other's time, round by round: both were disturbed alike."""
    return spread([mine / theirs for mine, theirs in zip(one, other, strict=True)])


def spread(values: Sequence[float]) -> Spread:
    low, middle, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return Spread(middle, low, high)
