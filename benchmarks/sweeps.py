"""What ``culling`` counts, of caches with readable names, whose looks hand on to each other.

``python -m benchmarks sweeps`` runs 1, 8 and 64 writers with limits from 1,000 to 100,000 entries; ``python -m benchmarks sweeps
10000`` only this limit. New keys come in four orders: each behind all others, each before them, in a place of its own, or 2,000
at a time in one place.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from random import Random

from benchmarks.culling import AVERAGED, BIG, JOBS, MODEL, NOTES, UNITS, WRITERS, configure
from benchmarks.culling_census import figures
from benchmarks.culling_writers import caches
from benchmarks.harness import Options
from benchmarks.plots import numeric
from benchmarks.results import Aim, Cell, Report, Row, View

LIMITS = (1000, 3000, 10_000, 100_000)
HIGHEST = 10**9
TOGETHER = 2000
FEW = 8


def mixed(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()[:12]


ORDERS: Mapping[str, Callable[[int], str]] = {
    "rising": lambda number: f"user:{number:09}",
    "falling": lambda number: f"user:{HIGHEST - number:09}",
    "mixed": lambda number: f"user:{mixed(number)}",
    "in clusters": lambda number: f"{mixed(number // TOGETHER)}:{mixed(number)}",
}
"""The key of the entry of that number."""


@dataclass(frozen=True)
class Case:
    """What is counted for one row."""

    max_entries: int
    writers: int
    order: str
    effort: str


def run(options: Options) -> Report:
    units = {"MAX_ENTRIES": "", "writers": "", "keys": "", "reads, writes": "of 1,000 sets"}
    units |= {name: unit for name, unit in UNITS.items() if name not in {*units, "what"}}
    title = "what culling costs and leaves with readable names, over the memory engine"
    report = Report(title, [*NOTES, MODEL], units, View([*units]))
    report.rows.extend(counted(cases(options)))
    report.aims.extend(aims([row for row in report.rows if numeric(row["MAX_ENTRIES"]) >= AVERAGED]))
    return report


def cases(options: Options) -> list[Case]:
    limits = [int(name) for name in options.engines] or LIMITS[: options.of(4, 3, 1)]
    writers = options.of(WRITERS, WRITERS, WRITERS[:1])
    return [Case(limit, crowd, order, options.effort) for limit in limits for crowd in writers for order in ORDERS]


def counted(cases: Sequence[Case]) -> list[dict[str, Cell]]:
    with ProcessPoolExecutor(JOBS, get_context("spawn"), configure, max_tasks_per_child=1) as pool:
        return [*pool.map(row, cases)]


def row(case: Case) -> dict[str, Cell]:
    gc.disable()
    writing = caches(case.max_entries, case.writers, Random(case.max_entries + case.writers), "readable", ORDERS[case.order])
    store = writing.store
    if case.max_entries >= BIG:
        writing.fill(case.max_entries * 7 // 10)
    writing.run(2 * case.max_entries if case.max_entries < BIG else case.max_entries // 2)
    store.census.forget()
    store.requests.clear()
    writing.run(max(case.max_entries, 30_000) if case.effort == "full" else 2 * case.max_entries)
    writing.close()
    found = figures(store.census, store.requests)
    own = 1000 * (store.requests["get"] + store.requests["put"]) / (store.census.writes - store.census.since)
    return {"MAX_ENTRIES": case.max_entries, "writers": case.writers, "keys": case.order, "reads, writes": own, **found}


def aims(rows: Sequence[Row]) -> list[Aim]:
    """Of the worst row each."""
    if not rows:
        return []
    requests, oldest = max(numeric(row["requests"]) for row in rows), min(numeric(row["oldest"]) for row in rows)
    few = [numeric(row["max"]) for row in rows if numeric(row["writers"]) <= FEW]
    who = f"from {AVERAGED:,} entries on"
    return [
        Aim(f"{who}: at most 25 requests of 1,000 sets", f"{requests:.1f}", requests <= 25),
        Aim(f"{who}, up to {FEW} writers: never above 1.25 of MAX_ENTRIES", f"{max(few):.2f}", max(few) <= 1.25),
        Aim(f"{who}: nine in ten victims are of the oldest third", f"{oldest:.2f}", oldest >= 0.9),
    ]
