"""``python -m integration stampede``: its arguments, and the table of what came out."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence

import integration.stampede
from integration.atomicity.places import ENGINES, place_on, server_of
from integration.commands import Row, parser_of, report
from integration.stampede.run import SITUATIONS, run

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
    found = report(rows(asked), COLUMNS, asked.json, ("place", "engine", "situation"))
    return int(any(row["problems"] for row in found))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = parser_of("stampede", integration.stampede.__doc__)
    parser.add_argument("--situation", action="append", choices=SITUATIONS, help="default: all")
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--takes", type=float, default=2, help="seconds of the computation")
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
