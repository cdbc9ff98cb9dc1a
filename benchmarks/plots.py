"""Reports as plots: SVG, drawn by matplotlib (``pip install --group benchmarks``). What is drawn of which benchmark is a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import Spread
from benchmarks.results import Cell, Report, Row
from benchmarks.tables import SCALES, headed

COLOURS = ("#1f4e79", "#e08214", "#5aae61", "#9970ab", "#878787", "#c51b7d")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
"""Text stays text, and the same figures give the same file."""
WIDTH = 9.0
"""In inches, as all measures here."""


@dataclass(frozen=True)
class Plot:
    """A panel for each combination of ``panels``; in it for each value of ``series`` bars, or a line, of ``value`` by ``by``."""

    by: str
    value: str
    series: str = ""
    panels: Sequence[str] = ()
    lines: bool = False
    log: bool = False
    mark: float | None = None
    """A value to draw a line at."""
    without: Mapping[str, str] = field(default_factory=dict)
    """Rows that are left out."""


PLOTS = {
    "layer": Plot("part", "median"),
    "engines": Plot("engine", "ratio", "what", ("operation", "size"), mark=1.0, without={"what": "SDK"}),
    "rivals": Plot("cache", "median", "size", ("operation",), log=True),
    "express": Plot("cache", "median", "", ("size",), log=True),
    "local": Plot("entries", "median", "cache", ("operation", "size"), lines=True, log=True),
    "population": Plot("entries", "median", "engine", lines=True, log=True),
    "concurrency": Plot("way", "median", "", ("engine",), log=True),
    "startup": Plot("process", "added"),
    "memory": Plot("engine", "extra", "kind", ("operation",), mark=1.0),
}


def draw(plot: Plot, report: Report, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    rows = [row for row in report.rows if row.get(plot.value) is not None and not plot.without.items() & row.items()]
    panels = grouped(rows, plot.panels)
    columns = min(3 if plot.lines else 2, len(panels))
    lines = -(-len(panels) // columns)
    height = 2.6 if plot.lines else 0.7 + 0.19 * max(map(len, panels.values()))
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(lines, columns, squeeze=False, figsize=(WIDTH, height * lines + 0.5), layout="constrained")
        for axis, (name, chosen) in zip(axes.flat, panels.items(), strict=False):
            draw_panel(axis, chosen, plot, report.units[plot.value])
            axis.set_title(name, loc="left", fontweight="bold")
        for axis in [*axes.flat][len(panels) :]:
            axis.set_visible(False)
        if plot.series:
            figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)


def draw_panel(axis: Any, rows: Sequence[Row], plot: Plot, unit: str) -> None:
    draw_series = draw_lines if plot.lines else draw_bars
    draw_series(axis, grouped(rows, [plot.series] if plot.series else ()), plot, SCALES.get(unit, 1.0))
    label = headed(plot.value, unit)
    if plot.lines:
        axis.set(xlabel=plot.by, ylabel=label, xscale="log", yscale="log" if plot.log else "linear")
    else:
        axis.set(xlabel=label, xscale="log" if plot.log else "linear")
        axis.invert_yaxis()
        if plot.mark is not None:
            axis.axvline(plot.mark, color="black", linewidth=0.8)


def draw_lines(axis: Any, series: Mapping[str, Sequence[Row]], plot: Plot, scale: float) -> None:
    for colour, (name, rows) in zip(COLOURS, series.items(), strict=False):
        places, heights = [row[plot.by] for row in rows], [numeric(row[plot.value]) * scale for row in rows]
        axis.plot(places, heights, marker="o", color=colour, label=name)
    axis.margins(y=0.3)


def draw_bars(axis: Any, series: Mapping[str, Sequence[Row]], plot: Plot, scale: float) -> None:
    names = list(dict.fromkeys(row[plot.by] for rows in series.values() for row in rows))
    thickness = 0.8 / len(series)
    for number, (name, rows) in enumerate(series.items()):
        places = [names.index(row[plot.by]) + (number + 0.5) * thickness - 0.4 for row in rows]
        lengths = [numeric(row[plot.value]) * scale for row in rows]
        bars = axis.barh(places, lengths, thickness, color=COLOURS[number % len(COLOURS)], label=name)
        axis.bar_label(bars, [short(length) for length in lengths], padding=2, fontsize=7)
    axis.set_yticks(range(len(names)), names)
    axis.margins(x=0.15)


def grouped(rows: Sequence[Row], columns: Sequence[str]) -> dict[str, list[Row]]:
    """The rows by what stands in these columns, in their order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(" ".join(str(row[column]) for column in columns), []).append(row)
    return groups


def numeric(cell: Cell) -> float:
    if isinstance(cell, Spread):
        return cell.typical
    assert isinstance(cell, int | float)
    return cell


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
