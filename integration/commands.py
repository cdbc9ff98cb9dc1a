"""What the commands of this suite that try places and engines have in common: their first arguments, and how they report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from integration.atomicity.places import ENGINES
from s3cache.engines import S3_ENGINES

Row = dict[str, Any]
"""What came of one place and engine; "problems" are the rules that were broken."""


def parser_of(name: str, description: str | None) -> argparse.ArgumentParser:
    """With the arguments that all have."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(f"python -m integration {name}", description=description, formatter_class=formatter)
    parser.add_argument("--place", action="append", choices=ENGINES, help="default: all; may be given several times")
    parser.add_argument("--engine", action="append", choices=("local", *S3_ENGINES), help="default: all of the place")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser


def report(rows: Iterable[Row], columns: Mapping[str, str], file: Path | None, named: Sequence[str]) -> list[Row]:
    """Tells of each as it is done, by its values of those names, and of all in a table of those columns, by name."""
    found = []
    for row in rows:
        found.append(row)
        problems = row["problems"]
        print(*(row[name] for name in named), f"{len(problems)} problems", file=sys.stderr, flush=True)
        print(*problems[:10], sep="\n", end="\n" if problems else "", file=sys.stderr, flush=True)
    print(table(found, columns))
    if file:
        file.write_text(json.dumps(found, indent=1) + "\n")
    return found


def table(found: Sequence[Row], columns: Mapping[str, str]) -> str:
    """Of Markdown."""
    lines = [[shown(row[name]) for name in columns] for row in found]
    return "\n".join("| " + " | ".join(line) + " |" for line in [[*columns.values()], ["---"] * len(columns), *lines])


def shown(cell: Any) -> str:
    if isinstance(cell, list):
        return str(len(cell))
    return f"{cell:.2f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else str(cell)
