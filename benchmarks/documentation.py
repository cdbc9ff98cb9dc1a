"""The tables and plots of docs/explanation/performance.rst, made of the JSON that the benchmarks wrote."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import culling_plot, tables
from benchmarks.plots import PLOTS, draw
from benchmarks.results import Report

DRAW: Mapping[str, Callable[[Report, Path], None]] = {
    **{name: partial(draw, plot) for name, plot in PLOTS.items()},
    "culling": culling_plot.draw,
}


def write(results: Path, docs: Path) -> None:
    """Reads all of ``results``; a benchmark without a file there keeps the tables and the plot that it has."""
    reports = {path.stem: Report.read(path) for path in sorted(results.glob("*.json"))}
    if not reports:
        raise SystemExit(f"There are no results in {results}. Write some: python -m benchmarks all --json {results}")
    target, drawing = docs / "explanation" / "performance", find_spec("matplotlib") is not None
    for name, report in reports.items():
        write_table(target / f"{name}.csv", *tables.pivoted(report))
        if name in DRAW and report.rows and drawing:
            DRAW[name](report, docs / "_static" / f"benchmark-{name}.svg")
    write_table(target / "aims.csv", ["benchmark", "aim", "measured", ""], aims(reports))
    write_table(target / "runs.csv", ["benchmark", "began", "command", "load average, start", "end"], runs(reports))
    write_table(target / "machine.csv", ["what", "which"], surroundings(reports))
    plots = "their plots" if drawing else "no plots, because matplotlib is not installed"
    print(f"Wrote the tables of {', '.join(reports)} to {target}, and {plots}.")


def write_table(path: Path, head: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *lines])


def aims(reports: Mapping[str, Report]) -> list[list[str]]:
    return [[name, *line] for name, report in reports.items() for line in tables.aims(report)[1]]


def runs(reports: Mapping[str, Report]) -> list[list[str]]:
    found = []
    for name, report in reports.items():
        done: Mapping[str, Any] = report.conditions
        found.append([name, done["started"], f"``{done['command']}``", *(f"{load:.1f}" for load in done["load"])])
    return found


def surroundings(reports: Mapping[str, Report]) -> list[list[str]]:
    """Machine and versions; all that were met, where the runs differ."""
    met: dict[str, dict[str, None]] = {}
    for report in reports.values():
        for what, which in {**report.conditions["machine"], **report.conditions["versions"]}.items():
            met.setdefault(what, {})[str(which)] = None
    return [[what, "; ".join(which)] for what, which in met.items()]
