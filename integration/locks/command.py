"""``python -m integration locks``: its arguments, and the table of what came out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import integration.locks
from integration.atomicity.places import ENGINES, place_on, server_of
from integration.commands import Row, parser_of, report
from integration.locks.run import Extent, run

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
    found = report(rows(asked), COLUMNS, asked.json, ("place", "engine"))
    return int(any(row["problems"] or not row["acquisitions"] for row in found))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = parser_of("locks", integration.locks.__doc__)
    parser.add_argument("--processes", type=int, default=Extent.processes)
    parser.add_argument("--locks", type=int, default=Extent.locks)
    parser.add_argument("--lease", type=float, default=Extent.lease, help="seconds")
    parser.add_argument("--seconds", type=float, default=Extent.seconds, help="of each run")
    parser.add_argument("--no-faults", action="store_true", help="nobody is killed or stopped")
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
