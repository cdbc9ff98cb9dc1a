"""Reports as tables: text for a terminal, Markdown, and cells for CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from benchmarks.harness import Spread
from benchmarks.results import Cell, Report, between, number

Table = tuple[list[str], list[list[str]]]
"""Its head and its lines."""

SCALES = {"µs": 1e6, "ms": 1e3}


def rows(report: Report) -> Table:
    """Every row, with all its columns."""
    units = report.units.items()
    return [headed(name, unit) for name, unit in units], [
        [shown(row.get(name), unit) for name, unit in units] for row in report.rows
    ]


def pivoted(report: Report) -> Table:
    """The report as its ``view`` wants it: what is to be compared stands side by side."""
    view, units = report.view, report.units
    if not view.across:
        return rows(report)
    others = list(dict.fromkeys(row[view.across] for row in report.rows))
    found = {(*(row[name] for name in view.down), row[view.across]): row for row in report.rows}
    lines = dict.fromkeys(tuple(row[name] for name in view.down) for row in report.rows)
    columns = [
        (other, value)
        for other, value in product(others, view.values)
        if any(found.get((*line, other), {}).get(value) is not None for line in lines)
    ]
    head = [*view.down, *(f"{other}: {headed(value, units[value])}" for other, value in columns)]
    return head, [
        [
            *(shown(cell, units[name]) for name, cell in zip(view.down, line, strict=True)),
            *(shown(found.get((*line, other), {}).get(value), units[value]) for other, value in columns),
        ]
        for line in lines
    ]


def aims(report: Report) -> Table:
    return ["aim", "measured", ""], [[aim.promise, aim.measured, "met" if aim.met else "NOT MET"] for aim in report.aims]


def headed(name: str, unit: str) -> str:
    return f"{name}, {unit}" if unit in ("µs", "ms", "MB") else name


def shown(cell: Cell, unit: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Spread):
        return between(cell)
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    if unit in ("ratio", "times"):
        return number(cell)
    scaled = cell * SCALES.get(unit, 1)
    return f"{scaled:,.1f}" if scaled < 1000 else f"{scaled:,.0f}"


def as_markdown(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    for row in (columns, ["---"] + ["---:"] * (len(columns) - 1), *lines):
        print(f"| {' | '.join(row)} |")
    print()


def as_text(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *lines, strict=True)]
    for row in (columns, *lines):
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())
    print()
