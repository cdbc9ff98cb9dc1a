"""What the number of entries does to a set: nothing, it is hoped, up to a million.

Each set replaces a random one of the entries that are there, and now and then takes a look, as culling does.
"""

from __future__ import annotations

from benchmarks.harness import Call, Options, measure, ratio
from benchmarks.results import TIMES, Report, Row, View, times
from benchmarks.values import KB, html
from s3cache import ObjectStoreCache

FULL = (100, 10_000, 1_000_000)
MOST = 1.1
FILLING = "<p>An entry that is merely there.</p>"
STRIDE = 7919
"""A prime: the keys of successive sets have nothing in common."""
NOTES = [
    "The value is text of 1 KB, the entries that are merely there are shorter. MAX_ENTRIES is two million: nothing is culled.",
    "The median of a set says nothing of the one in 200 that takes a look; p99 and the mean of the CPU time do.",
]
UNITS = {"engine": "", "entries": "count", **TIMES, "mean CPU": "µs", "against the fewest": "ratio"}


def run(options: Options) -> Report:
    populations = options.of(FULL, (100, 10_000), (10, 100))
    view = View(["engine"], "entries", ["median", "p99", "mean CPU", "against the fewest"])
    report = Report(f"set among {populations[0]:,} to {populations[-1]:,} entries", NOTES, UNITS, view)
    for engine in ("memory", "local"):
        calls = {str(count): setting(engine, count, options.directory) for count in populations}
        found = measure(calls, rounds=options.of(200, 30, 2))
        base = found[str(populations[0])]
        for count in populations:
            figures = found[str(count)]
            more: Row = {"mean CPU": figures.mean_cpu, "against the fewest": ratio(figures.rounds, base.rounds)}
            report.add({"engine": engine, "entries": count}, times(figures), more)
        promise = f"{engine}: set among {populations[-1]:,} entries, to that among {populations[0]:,}"
        report.aim_below(promise, ratio(found[str(populations[-1])].rounds, base.rounds), MOST)
    return report


def setting(engine: str, population: int, directory: str) -> Call:
    """A call that sets one of so many entries."""
    location, options = f"{directory}/{population}", {"ENGINE": engine, "MAX_ENTRIES": 2_000_000}
    filler = ObjectStoreCache(location, {"OPTIONS": {**options, "MAX_ENTRIES": None}})
    filler.set_many({f"page-{number}": FILLING for number in range(population)})
    cache, value = ObjectStoreCache(location, {"OPTIONS": options}), html(KB)
    return lambda number: cache.set(f"page-{number * STRIDE % population}", value)
