"""What the rounds came to, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from integration.faults.history import Call
from integration.faults.rounds import Cell

SHOWN = 5
"""How many mistakes of a cell are printed."""
COLUMNS = (
    *("fault", "engine", "calls", "per s", "unanswered", "outside policy", "wrong", "forgotten", "lost"),
    *("longest s", "of many s", "healed s", "recovered s"),
)
"""``row`` fills them; what they mean stands at the fields of ``rounds.Cell``."""


def show(cells: Sequence[Cell]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=160)
    table = Table(title="Faults under a mixed load")
    for heading in COLUMNS:
        named = heading in ("fault", "engine")
        table.add_column(heading, justify="left" if named else "right", no_wrap=named)
    for cell in cells:
        table.add_row(*row(cell))
    console.print(table)
    for cell in cells:
        for mistake in mistakes(cell)[:SHOWN]:
            console.print(f"{cell.fault}, {cell.engine}: {mistake}", markup=False)


def row(cell: Cell) -> list[str]:
    verdict = cell.verdict
    return [
        cell.fault,
        cell.engine,
        f"{cell.calls}",
        f"{cell.before:.0f}",
        f"{cell.unanswered}",
        f"{len(cell.outside)}",
        f"{len(verdict.wrong)} of {verdict.reads}",
        f"{verdict.forgotten}",
        f"{len(verdict.lost)} of {len(verdict.lost) + verdict.kept}",
        seconds(cell.longest),
        seconds(cell.longest_of_many),
        f"{cell.healing:.1f}",
        "never" if cell.recovered is None else f"{cell.recovered:.1f}",
    ]


def seconds(call: Call) -> str:
    return f"{call.ended - call.began:.1f}"


def mistakes(cell: Cell) -> list[str]:
    """What must not be."""
    wrong = [f"{wrong.why}: {wrong.read.key!r} read as {wrong.read.found}" for wrong in cell.verdict.wrong]
    return wrong + [f"outside the policy: {error}" for error in cell.outside]


def is_good(cells: Sequence[Cell]) -> bool:
    """No wrong value and no exception outside the policy. How long a recovery takes is a figure of the machine, too."""
    return not any(mistakes(cell) for cell in cells)


def write(cells: Sequence[Cell], path: Path) -> None:
    path.write_text(json.dumps([plain(cell) for cell in cells], indent=1) + "\n")


def plain(cell: Cell) -> dict[str, Any]:
    verdict = cell.verdict
    return {
        **asdict(cell),
        "verdict": {**verdict._asdict(), "wrong": [[wrong.why, *wrong.read] for wrong in verdict.wrong]},
        "longest": cell.longest._asdict(),
        "longest_of_many": cell.longest_of_many._asdict(),
    }
