"""The plot of the benchmark culling: how full the cache is, what culling costs, and whom it removes, by MAX_ENTRIES and writers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.plots import COLOURS, STYLE, WIDTH, numeric
from benchmarks.results import Report, Row

HEIGHT = 3.2
"""In inches."""
SOLID, DASHED, DOTTED = "-", "--", ":"
PANELS: dict[str, dict[str, str]] = {
    "entries / MAX_ENTRIES": {"mean": SOLID, "p99": DASHED, "max": DOTTED},
    "requests of 1,000 sets": {"requests": SOLID, "listings": DASHED},
    "part of the victims": {"oldest": SOLID, "youngest": DASHED},
}
"""What each panel shows, and how."""
CALLED = {"requests": "all", "oldest": "of the oldest third", "youngest": "of the youngest third"}


def draw(report: Report, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    rows = [row for row in report.rows if not row["what"]]
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(1, len(PANELS), figsize=(WIDTH, HEIGHT), layout="constrained")
        for axis, (title, values) in zip(axes, PANELS.items(), strict=True):
            draw_panel(axis, rows, values)
            axis.set_title(title, loc="left", fontsize="medium", fontweight="bold")
        axes[0].axhline(1, color="black", linewidth=0.8, zorder=0)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)


def draw_panel(axis: Any, rows: Sequence[Row], values: dict[str, str]) -> None:
    """A colour for each number of writers, a stroke for each value."""
    for colour, writers in zip(COLOURS, dict.fromkeys(row["writers"] for row in rows), strict=False):
        chosen = [row for row in rows if row["writers"] == writers]
        for value, stroke in values.items():
            heights = [numeric(row[value]) for row in chosen]
            (line,) = axis.plot([row["MAX_ENTRIES"] for row in chosen], heights, stroke, color=colour)
            if stroke == SOLID:
                line.set(marker="o", markersize=4, label=f"{writers} writer{'s' * (writers != 1)}")
    strokes = [axis.plot([], [], stroke, color="grey")[0] for stroke in values.values()]
    axis.legend(strokes, [CALLED.get(value, value) for value in values], frameon=False, fontsize="small")
    axis.set(xscale="log", xlabel="MAX_ENTRIES")
    axis.set_ylim(bottom=0)
