"""``python -m integration locks``: its arguments, and the table of what came out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import integration.locks
from integration.atomicity.places import ENGINES, place_on, server_of
from integration.locks.run import Extent, run
from s3cache.engines import S3_ENGINES

Row = dict[str, Any]
COLUMNS = {
    "place": "place",
    "engine": "engine",
    "processes": "processes",
    "seconds": "seconds",
    "lease": "lease, s",
    "acquisitions": "acquisitions",
    "writes": "writes",
    "kills": "kills",
    "stops": "stops",
    "take_overs": "take-overs",
    "mean_take_over": "on average after, s",
    "longest_take_over": "at most after, s",
    "fenced": "writes refused",
    "lost": "lost",
    "gave_up": "gave up",
    "unavailable": "unavailable",
    "problems": "problems",
}


def main(arguments: Sequence[str]) -> int:
    """0 if every rule was kept, and something was tried."""
    asked = parse(arguments)
    found = []
    for row in rows(asked):
        found.append(row)
        print(f"{row['place']} {row['engine']}: {len(row['problems'])} problems", file=sys.stderr, flush=True)
        print(*row["problems"][:10], sep="\n", end="\n" if row["problems"] else "", file=sys.stderr, flush=True)
    print(table(found))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(any(row["problems"] or not row["acquisitions"] for row in found))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m integration locks", description=integration.locks.__doc__, formatter_class=formatter
    )
    parser.add_argument("--place", action="append", choices=ENGINES, help="default: all; may be given several times")
    parser.add_argument("--engine", action="append", choices=("local", *S3_ENGINES), help="default: all of the place")
    parser.add_argument("--processes", type=int, default=Extent.processes)
    parser.add_argument("--locks", type=int, default=Extent.locks)
    parser.add_argument("--lease", type=float, default=Extent.lease, help="seconds")
    parser.add_argument("--seconds", type=float, default=Extent.seconds, help="of each run")
    parser.add_argument("--no-faults", action="store_true", help="nobody is killed or stopped")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args(arguments)


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    """One for each place and engine, as it is done."""
    extent = Extent(asked.processes, asked.locks, asked.lease, asked.seconds, not asked.no_faults)
    for place in asked.place or ENGINES:
        with server_of(place) as server:
            for engine in [engine for engine in ENGINES[place] if not asked.engine or engine in asked.engine]:
                with place_on(server, engine) as met:
                    verdict, faults = run(met, extent, remote=server is not None)
                yield {"place": place, "engine": engine, **asdict(extent), **asdict(verdict), **asdict(faults)}


def table(found: Sequence[Row]) -> str:
    """Of Markdown."""
    lines = [[shown(row[name]) for name in COLUMNS] for row in found]
    return "\n".join("| " + " | ".join(line) + " |" for line in [[*COLUMNS.values()], ["---"] * len(COLUMNS), *lines])


def shown(cell: Any) -> str:
    if isinstance(cell, list):
        return str(len(cell))
    return f"{cell:.2f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else str(cell)
