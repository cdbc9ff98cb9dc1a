"""How full a cache gets, what culling costs in requests, and which entries go: counted on the real code, with many writers.

``python -m benchmarks culling`` runs writers over the memory engine, with limits from 300 to ten million entries; ``python -m
benchmarks culling 600 3000`` only these limits. With ``--processes 8`` the writers are processes that use the engine boto3, on a
moto server, or on the bucket of ``--url``.

Every set makes a new entry: no overwrites, no deletes, no expiry, which is the worst case. What is counted does not depend on the
speed of the machine, so several limits are counted at once.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random

from django.conf import settings

from benchmarks import culling_processes
from benchmarks.culling_census import figures
from benchmarks.culling_writers import Crowd, Store, caches, crowd
from benchmarks.harness import Options
from benchmarks.plots import numeric
from benchmarks.results import Aim, Cell, Report, Row, View

LIMITS = (300, 600, 1000, 3000, 10_000, 100_000, 1_000_000, 10_000_000)
WRITERS = (1, 8, 64)
JOBS = 2
"""Limits that are counted at once. Ten million entries take 3 GB."""
BIG = 100_000
"""From so many entries on, a cache is filled to 0.7 of its limit without looks; they would not remove anything up to there."""
AVERAGED = 10_000
"""From so many entries on chance averages out, and there are aims."""
UNITS = {
    "MAX_ENTRIES": "",
    "writers": "",
    "what": "",
    "listings": "of 1,000 sets",
    "deletes": "of 1,000 sets",
    "mean": "ratio",
    "p99": "ratio",
    "max": "ratio",
    "oldest": "ratio",
    "youngest": "ratio",
}
NOTES = [
    "Listings, deletes and requests of culling are those of 1,000 sets.",
    "mean, p99 and max: entries divided by MAX_ENTRIES, noted at each write before its look.",
    "oldest and youngest: which part of the victims is of the oldest, or youngest, third of all entries at that moment.",
    "Every set makes a new entry. CULL_FREQUENCY is 3.",
]
MODEL = (
    "In each round every writer makes its next request: a write, a listing or a delete. The store shows whole seconds, and takes "
    "100 writes in each, unless the row says otherwise."
)


@dataclass(frozen=True)
class Case:
    """What is counted for one row."""

    max_entries: int
    writers: int
    what: str = ""
    sets_per_second: float = 100.0
    whole_seconds: bool = True
    through_cache: bool = False

    def crowd(self) -> Crowd:
        random = Random(self.max_entries * 1000 + self.writers)
        if self.through_cache:
            return caches(self.max_entries, self.writers, random)
        return crowd(Store(self.max_entries, self.sets_per_second, self.whole_seconds), self.writers, random)


VARIANTS = [
    Case(300, 8, "through ObjectStoreCache", through_cache=True),
    Case(3000, 64, "through ObjectStoreCache", through_cache=True),
    Case(600, 64, "exact times", whole_seconds=False),
    Case(3000, 64, "exact times", whole_seconds=False),
    Case(10_000, 8, "exact times", whole_seconds=False),
    Case(600, 64, "1,000 sets per second", sets_per_second=1000),
    Case(3000, 64, "1,000 sets per second", sets_per_second=1000),
    Case(10_000, 8, "10,000 sets per second", sets_per_second=10_000),
]


def run(options: Options) -> Report:
    if options.processes:
        return culling_processes.run(options, NOTES, UNITS)
    report = Report("what culling costs and leaves, over the memory engine", [*NOTES, MODEL], UNITS, View([*UNITS]))
    report.rows.extend(counted(cases(options), options))
    report.aims.extend(aims([row for row in report.rows if not row["what"] and numeric(row["MAX_ENTRIES"]) >= AVERAGED]))
    return report


def cases(options: Options) -> list[Case]:
    limits = [int(name) for name in options.engines] or LIMITS[: options.of(8, 5, 1)]
    plain = [Case(limit, writers) for limit in limits for writers in options.of(WRITERS, WRITERS, WRITERS[:2])]
    return plain + options.of([case for case in VARIANTS if case.max_entries in limits], [], [])


def counted(cases: Sequence[Case], options: Options) -> list[dict[str, Cell]]:
    """A row for each case. The biggest begin first, so that none is left to the end, and each has a process of its own."""
    order = sorted(cases, key=lambda case: -case.max_entries)
    with ProcessPoolExecutor(JOBS, get_context("spawn"), configure, max_tasks_per_child=1) as pool:
        rows = dict(zip(order, pool.map(row, order, [options.effort] * len(order)), strict=True))
    return [rows[case] for case in cases]


def configure() -> None:
    """How each of those processes begins."""
    settings.configure(SECRET_KEY="a key for benchmarks")


def row(case: Case, effort: str) -> dict[str, Cell]:
    gc.disable()  # there are no cycles, and millions of objects to look through for them
    warm, sets = amounts(case.max_entries, effort)
    crowd = case.crowd()
    store = crowd.store
    if case.max_entries >= BIG:
        crowd.fill(case.max_entries * 7 // 10)
    crowd.run(warm)
    store.census.forget()
    store.requests.clear()
    crowd.run(sets)
    crowd.close()
    return {"MAX_ENTRIES": case.max_entries, "writers": case.writers, "what": case.what, **figures(store.census, store.requests)}


def amounts(max_entries: int, effort: str) -> tuple[int, int]:
    """How many sets before the counting begins, and how many are counted."""
    if effort != "full":
        return 2 * max_entries, max(3 * max_entries, 10_000)
    if max_entries >= BIG:
        return min(max_entries, 3_000_000), min(max(max_entries, 300_000), 2_000_000)
    return max(2 * max_entries, 20_000), max(3 * max_entries, 100_000)


def aims(rows: Sequence[Row]) -> list[Aim]:
    """Of the worst row each."""
    if not rows:
        return []
    requests, most = max(numeric(row["requests"]) for row in rows), max(numeric(row["max"]) for row in rows)
    oldest = min(numeric(row["oldest"]) for row in rows)
    who = f"from {AVERAGED:,} entries on"
    return [
        Aim(f"{who}: at most 10 requests of 1,000 sets", f"{requests:.1f}", requests <= 10),
        Aim(f"{who}: never above 1.1 of MAX_ENTRIES", f"{most:.2f}", most <= 1.1),
        Aim(f"{who}: nine in ten victims are of the oldest third", f"{oldest:.2f}", oldest >= 0.9),
    ]
