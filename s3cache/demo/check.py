"""``--check``: start the server on a free port, make the tour over HTTP, print the times, and say whether all was as it must be."""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from s3cache.demo import units
from s3cache.demo.labels import page_name
from s3cache.demo.server import Server, running
from s3cache.demo.store import store
from s3cache.demo.tour import Round, TourFailed, Visit, choose_paths, complaints, tour

COUNTS = ("hits", "misses", "writes")


@dataclass(frozen=True, slots=True)
class Tally:
    """What the cache says at a moment."""

    counts: dict[str, int]
    """Hits, misses and writes since the process began."""
    objects: int
    """Stored."""


def check(pages: int) -> int:
    """Gives 0 where every page was computed while the cache was empty, and came from the cache, unchanged, once it was not.

    Otherwise says what was wrong and gives 1.
    """
    console = Console(highlight=False)
    try:
        rounds, tallies = make_tour(choose_paths(pages), console)
    except TourFailed as error:
        complain(error)
        return 1
    console.print(pages_table(rounds[0].visits, rounds[1].visits))
    console.print(rounds_table(rounds, tallies))
    faults = list(complaints(rounds))
    for fault in faults:
        complain(fault)
    return 1 if faults else 0


def complain(fault: object) -> None:
    print(f"python -m s3cache demo --check: {fault}", file=sys.stderr)


def make_tour(paths: Sequence[str], console: Console) -> tuple[list[Round], list[Tally]]:
    """The rounds, and the cache before the first and after each."""
    rounds, tallies = [], [tally()]
    with running(Server("127.0.0.1", 0)) as url, console.status("Visiting ..."):
        for each in tour(url, paths):
            rounds.append(each)
            tallies.append(tally())
    return rounds, tallies


def tally() -> Tally:
    return Tally(store().stats(), sum(1 for _ in store().objects()))


def pages_table(cold: Sequence[Visit], warm: Sequence[Visit]) -> Table:
    table = Table("page", title="Computed against cached")
    for heading in ("size", "computed", "cached", "times faster"):
        table.add_column(heading, justify="right", no_wrap=True)
    for computed, cached in zip(cold, warm, strict=True):
        table.add_row(page_name(computed.path), units.size(computed.size), *compared(computed.ms, cached.ms))
    table.add_section()
    for name, combine in (("median", statistics.median), ("total", sum)):
        computed_ms, cached_ms = (combine(visit.ms for visit in visits) for visits in (cold, warm))
        table.add_row(name, units.size(combine(visit.size for visit in cold)), *compared(computed_ms, cached_ms))
    return table


def compared(computed_ms: float, cached_ms: float) -> tuple[str, str, str]:
    return units.milliseconds(computed_ms), units.milliseconds(cached_ms), units.times(computed_ms / cached_ms)


def rounds_table(rounds: Sequence[Round], tallies: Sequence[Tally]) -> Table:
    table = Table("round", title="Rounds")
    for heading in ("computed", "cached", "time", *COUNTS, "stored"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each, (before, after) in zip(rounds, itertools.pairwise(tallies), strict=True):
        pages = (units.count(each.of(source)) for source in ("computed", "cache"))
        time = units.milliseconds(sum(visit.ms for visit in each.visits))
        counts = (units.count(after.counts[name] - before.counts[name]) for name in COUNTS)
        table.add_row(each.name, *pages, time, *counts, units.count(after.objects))
    return table
