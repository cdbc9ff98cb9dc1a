"""How fast the load was: calls that the store answered, by the second in which they ended."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from integration.faults.history import Call

ENOUGH = 0.8
"""The part of the throughput before the fault at which the load counts as recovered."""
WINDOW = 1.0
"""Seconds over which throughput is taken."""
STEP = 0.1


def answered(calls: Sequence[Call]) -> list[float]:
    """When they ended, in order."""
    return sorted(call.ended for call in calls if call.answered)


def throughput(ended: Sequence[float], begin: float, end: float) -> float:
    """Calls per second between the two moments."""
    return (bisect_left(ended, end) - bisect_left(ended, begin)) / (end - begin)


def seconds_to_recover(ended: Sequence[float], before: float, healed: float, end: float) -> float | None:
    """From the moment that all was well again until the begin of the first second that was fast enough; None if there was none."""
    steps = int((end - WINDOW - healed) / STEP) + 1
    for step in range(max(0, steps)):
        begin = healed + step * STEP
        if throughput(ended, begin, begin + WINDOW) >= ENOUGH * before:
            return step * STEP
    return None


def by_second(ended: Sequence[float], begin: float, end: float) -> list[int]:
    """How many ended in each second."""
    return [round(throughput(ended, begin + second, begin + second + 1)) for second in range(int(end - begin))]
