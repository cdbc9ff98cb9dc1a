"""``python -m integration stampede``: its arguments, and the table of what came out."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import integration.stampede
from integration.atomicity.command import shown
from integration.atomicity.places import ENGINES, place_on, server_of
from integration.stampede.run import SITUATIONS, run
from s3cache.engines import S3_ENGINES

Row = dict[str, Any]
COLUMNS = {
    "place": "place",
    "engine": "engine",
    "situation": "situation",
    "processes": "processes",
    "computed": "computed",
    "median": "median wait of the others, s",
    "longest": "longest, s",
    "beyond": "longest beyond what was promised, s",
    "problems": "problems",
}


def main(arguments: Sequence[str]) -> int:
    """0 if every rule was kept."""
    asked = parse(arguments)
    found = []
    for row in rows(asked):
        found.append(row)
        print(*row.values(), file=sys.stderr, flush=True)
    print(table(found))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(any(row["problems"] for row in found))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m integration stampede", description=integration.stampede.__doc__, formatter_class=formatter
    )
    parser.add_argument("--place", action="append", choices=ENGINES, help="default: all; may be given several times")
    parser.add_argument("--engine", action="append", choices=("local", *S3_ENGINES), help="default: all of the place")
    parser.add_argument("--situation", action="append", choices=SITUATIONS, help="default: all")
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--takes", type=float, default=2, help="seconds of the computation")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args(arguments)


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    """One for each place, engine and situation, as it is done."""
    for place in asked.place or ENGINES:
        engines = [engine for engine in ENGINES[place] if not asked.engine or engine in asked.engine]
        with server_of(place) as server:
            for engine, situation in [(engine, one) for engine in engines for one in asked.situation or SITUATIONS]:
                with place_on(server, engine) as met:
                    outcome = run(met, situation, asked.processes, asked.takes)
                yield {
                    **{"place": place, "engine": engine, "situation": situation, "processes": asked.processes},
                    **{"computed": len(outcome.computed), "median": statistics.median(outcome.waits)},
                    **{"longest": max(outcome.waits), "beyond": outcome.beyond, "problems": outcome.problems},
                }


def table(found: Sequence[Row]) -> str:
    """Of Markdown."""
    lines = [[shown(row[name]) for name in COLUMNS] for row in found]
    return "\n".join("| " + " | ".join(line) + " |" for line in [[*COLUMNS.values()], ["---"] * len(COLUMNS), *lines])
