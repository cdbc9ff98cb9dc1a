"""Measuring contenders on a machine that has other things to do, and the report that a benchmark makes of it.

The contenders take turns in short blocks, in a new random order each round, so that a disturbance meets all alike. A figure is a
median over many rounds. Only ratios within one run mean something: the same code on the same machine gives other figures an hour
later.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median

BLOCK = 0.005
"""Seconds that a block should take: many calls of what is fast, one of what is slow."""
LONGEST = 5000
"""Calls in a block, at most."""

Call = Callable[[int], object]
"""Takes the number of the call: 0, 1, 2, ... for each contender."""


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    quick: bool
    """Fewer rounds."""
    directory: str
    """Empty, for what a benchmark writes; it is deleted afterwards."""
    engines: Sequence[str] = ()
    """Of the benchmark ``engines``: only these."""


@dataclass(frozen=True)
class Figures:
    """One contender's blocks, in seconds per call."""

    wall: Sequence[float]
    cpu: Sequence[float]
    calls: int
    """In all blocks together."""

    @property
    def typical(self) -> float:
        """The median of the elapsed time."""
        return median(self.wall)

    @property
    def typical_cpu(self) -> float:
        """The median of this process's CPU time."""
        return median(self.cpu)

    @property
    def mean_cpu(self) -> float:
        """The mean of the CPU time, with what happens only now and then, as culling does."""
        return mean(self.cpu)


@dataclass(frozen=True)
class Aim:
    """What was promised, and what came out."""

    promise: str
    measured: str
    met: bool


@dataclass
class Report:
    """What a benchmark found. ``notes`` say how it was measured."""

    title: str
    notes: list[str]
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)


def measure(contenders: Mapping[str, Call], rounds: int, block: float = BLOCK) -> dict[str, Figures]:
    """The figures of each contender. A block has the same number of calls in every round; one, for a ``block`` of 0 seconds."""
    sizes = {name: block_size(call, block) for name, call in contenders.items()}
    blocks: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    gc.collect()
    gc.freeze()  # so that the collections below have only the garbage of their round to look at
    gc.disable()
    try:
        for turn in range(rounds):
            for name in random.sample(list(contenders), len(contenders)):
                blocks[name].append(timed(contenders[name], turn * sizes[name], sizes[name]))
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return {
        name: Figures([wall for wall, _ in found], [cpu for _, cpu in found], rounds * sizes[name])
        for name, found in blocks.items()
    }


def block_size(call: Call, block: float) -> int:
    """How many calls take so many seconds, undisturbed. The trials also warm up what there is to warm."""
    timed(call, 0, 3)
    quickest = min(timed(call, 0, 5)[0] for _ in range(3))
    return max(1, min(LONGEST, round(block / quickest)))


def timed(call: Call, first: int, count: int) -> tuple[float, float]:
    """Elapsed and CPU seconds per call."""
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(first, first + count):
        call(number)
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


def share(one: Sequence[float], other: Sequence[float]) -> float:
    """What the one takes of the other's time: the median of the ratios within a round, to which both are disturbed alike."""
    return median(mine / theirs for mine, theirs in zip(one, other, strict=True))


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f}" if seconds < 1e-3 else f"{seconds * 1e6:,.0f}"


def ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if one < 10 * other else f"{one / other:.0f}"
