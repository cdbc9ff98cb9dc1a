"""``python -m integration atomicity``: its arguments, and the table of what came out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import integration.atomicity
from integration.atomicity.places import ENGINES, place_on, server_of
from integration.atomicity.run import Extent, run
from integration.commands import Row, parser_of, report

WITHOUT, KILLS, DROPS = (False, False), (True, False), (False, True)
COLUMNS = {
    "place": "place",
    "engine": "engine",
    "faults": "faults",
    "processes": "processes",
    "threads": "threads",
    "operations": "operations",
    "adds": "adds",
    "winners": "winners",
    "double_winners": "double winners",
    "sum": "sum",
    "acknowledged": "acknowledged",
    "attempted": "attempted",
    "unavailable": "unavailable",
    "kills": "kills",
    "cut": "calls cut",
    "reads": "reads",
    "torn": "torn",
    "brought_back": "brought back",
    "reader_errors": "readers' exceptions",
    "longest": "longest call, s",
    "problems": "problems",
}


def main(arguments: Sequence[str]) -> int:
    """0 if every rule was kept."""
    asked = parse(arguments)
    found = report(rows(asked), COLUMNS, asked.json, ("place", "engine", "faults"))
    return int(any(row["problems"] for row in found))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = parser_of("atomicity", integration.atomicity.__doc__)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--threads", type=int, default=8, help="of each process")
    parser.add_argument("--seconds", type=float, default=30, help="of each run")
    parser.add_argument("--kills", action="store_true", help="kill -9 of writers at random moments")
    parser.add_argument("--drops", action="store_true", help="a proxy loses one in ten of the answers to writes; not of local")
    parser.add_argument("--all", action="store_true", help="each place and engine without faults, with kills, with drops")
    parser.add_argument("--counter", action="store_true", help="only increments of one counter")
    return parser.parse_args(arguments)


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    """One for each place, engine and kind of faults, as it is done."""
    modes = [WITHOUT, KILLS, DROPS] if asked.all else [(asked.kills, asked.drops)]
    for place in asked.place or ENGINES:
        engines = [engine for engine in ENGINES[place] if not asked.engine or engine in asked.engine]
        with server_of(place) as server:
            for engine, (kills, drops) in [(engine, mode) for engine in engines for mode in modes]:
                if not (drops and server is None):  # between a directory and its writer nothing can be lost
                    extent = Extent(asked.processes, asked.threads, asked.seconds, kills, asked.counter)
                    with place_on(server, engine, drops=drops) as met:
                        verdict, killed = run(met, extent)
                    named = {"place": place, "engine": engine, "faults": faults(kills, drops)}
                    yield {**named, **asdict(extent), **asdict(verdict), "kills": killed}


def faults(kills: bool, drops: bool) -> str:
    return ", ".join(name for name, given in {"kills": kills, "drops": drops}.items() if given) or "none"
