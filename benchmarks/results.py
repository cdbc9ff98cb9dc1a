"""What a benchmark found: a table of numbers in base units with a row for each contender, and aims. It is written as JSON.

The JSON also has the conditions of the run, so that a figure is never without its machine, versions, date and command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from benchmarks.harness import Figures, Spread, ratio

Cell = str | int | float | Spread | None
Row = Mapping[str, Cell]

TIMES: Mapping[str, str] = {"median": "µs", "p99": "µs", "CPU": "µs"}
RATIOS: Mapping[str, str] = {"ratio": "ratio", "CPU ratio": "ratio"}


class Aim(NamedTuple):
    """What was promised, and what came out."""

    promise: str
    measured: str
    met: bool


@dataclass(frozen=True)
class View:
    """How the rows are shown: a line for each combination of ``down``, and for each value of ``across`` these ``values``."""

    down: Sequence[str]
    across: str = ""
    values: Sequence[str] = field(default_factory=list)


@dataclass
class Report:
    """``notes`` say how it was measured; ``units`` the columns in order: "" for text, and µs and ms for what is in seconds.

    What else is in a row is in the JSON, and in no table.
    """

    title: str
    notes: list[str]
    units: Mapping[str, str]
    view: View
    rows: list[Row] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def add(self, *parts: Row) -> None:
        """A row."""
        self.rows.append({name: cell for part in parts for name, cell in part.items()})

    def aim_below(self, promise: str, found: Spread, most: float) -> None:
        """Promises a ratio of at most so much."""
        self.aims.append(Aim(f"{promise}: at most {most:g}", between(found), found.typical <= most))

    def aim_times(self, promise: str, found: Spread, least: float) -> None:
        """Promises to be so many times as fast."""
        self.aims.append(Aim(f"{promise}: at least {least:g} times as fast", between(found), found.typical >= least))

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        found = json.loads(path.read_text())
        rows: list[Row] = [{name: revived(cell) for name, cell in row.items()} for row in found.pop("rows")]
        aims, view = [Aim(*aim) for aim in found.pop("aims")], View(**found.pop("view"))
        return cls(**found, view=view, rows=rows, aims=aims)


def revived(cell: Any) -> Cell:
    """A cell as it was before it was JSON."""
    return Spread(*cell) if isinstance(cell, list) else cell


def between(found: Spread) -> str:
    """A ratio and its quartiles, for people."""
    if found.low == found.high:
        return number(found.typical)
    return f"{number(found.typical)} ({number(found.low)}–{number(found.high)})"


def number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def times(figures: Figures) -> Row:
    """The cells of TIMES."""
    return {"median": figures.typical, "p99": figures.slowest, "CPU": figures.typical_cpu}


def ratios(figures: Figures, base: Figures) -> Row:
    """The cells of RATIOS: what the one takes of the other's time."""
    return {"ratio": ratio(figures.rounds, base.rounds), "CPU ratio": figures.typical_cpu / (base.typical_cpu or 1e-9)}
