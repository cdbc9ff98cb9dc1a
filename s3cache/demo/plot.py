"""Computed against cached times, one row for each page, on a logarithmic axis: the numbers for ``templates/demo/plot.svg``.

Positions along the axis are percentages of the drawing's width, so it fits every screen and its text keeps its size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from s3cache.demo.history import PageTimes
from s3cache.demo.labels import page_name

ROW, AXIS = 44, 26
"""Heights of a page's row and of the axis below, in pixels."""

LEFT, RIGHT = 2.0, 98.0
"""Where the axis begins and ends, in percent of the width: the outermost dots need room."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Whole powers of ten, in ms."""

    low: int
    high: int

    def place(self, ms: float) -> float:
        """Where a time lies, in percent of the width."""
        return LEFT + (RIGHT - LEFT) * (math.log10(ms) - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, float]]:
        """(ms, place) of each power of ten."""
        return [(10.0**power, self.place(10.0**power)) for power in range(self.low, self.high + 1)]


@dataclass(frozen=True, slots=True)
class Row:
    """A page."""

    path: str
    top: int
    """Where the row begins, in pixels."""
    compute_ms: float
    compute_place: float
    cached_ms: float | None
    """None while the page never came from the cache."""
    cached_place: float

    @property
    def label(self) -> str:
        """How the page is called."""
        return page_name(self.path)

    @property
    def gain(self) -> float:
        return self.compute_ms / self.cached_ms if self.cached_ms else 0


@dataclass(frozen=True, slots=True)
class Plot:
    rows: Sequence[Row]
    axis: Axis
    height: int

    @property
    def axis_top(self) -> int:
        return self.height - AXIS


def plot(pages: Sequence[tuple[str, PageTimes]]) -> Plot:
    """One row for each page, in the order given."""
    axis = axis_for([ms for _, page in pages for ms in (page.compute_ms, page.typical_cached_ms) if ms])
    rows = [row(path, page, number * ROW, axis) for number, (path, page) in enumerate(pages)]
    return Plot(rows, axis, len(rows) * ROW + AXIS)


def row(path: str, page: PageTimes, top: int, axis: Axis) -> Row:
    cached_ms = page.typical_cached_ms
    compute_place = axis.place(page.compute_ms)
    return Row(path, top, page.compute_ms, compute_place, cached_ms, axis.place(cached_ms) if cached_ms else compute_place)


def axis_for(times: Sequence[float]) -> Axis:
    """The smallest axis that holds the times, at least from 1 ms to 1 s."""
    low = math.floor(math.log10(min(times, default=1)))
    high = math.ceil(math.log10(max(times, default=1)))
    return Axis(min(low, 0), max(high, 3))
