"""The engine ``local`` against Django's FileBasedCache: the same values on the same file system.

FileBasedCache lists its directory in each set, so what a set costs grows with what is there. Four values take turns; a ratio is of
the mixture, and beside it stands the kind of value at which s3cache gains least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.filebased import FileBasedCache

from benchmarks.harness import Call, Figures, Options, Spread, measure, percentile_99, ratio
from benchmarks.results import Aim, Report, View, number
from benchmarks.values import KB, MB, html, noise, rows, sized
from s3cache import ObjectStoreCache

SIZES = (KB, 64 * KB, MB)
SMALL = (KB,)
FULL = {100: 40, 10_000: 40, 100_000: 10}
"""Rounds, by the number of entries."""
QUICK = {100: 8, 10_000: 8}
SMOKE = {20: 2, 50: 2}
FASTER_SET = 500
FILLING = "<p>An entry that is merely there.</p>" * 28
KINDS = ("page", "rows", "other-page", "image")
OURS, THEIRS = "s3cache local", "FileBasedCache"
NOTES = [
    "Of four values two are HTML text, one is a list of dictionaries, one is bytes that do not compress, as of an image.",
    "FileBasedCache pickles and compresses with zlib; s3cache does not compress by default, and signs each entry.",
    "The entries that are merely there have 1 KB. MAX_ENTRIES is a million for both; neither culls anything.",
    "Times are of one value: the mean of the four medians, and the mean CPU time, which has the looks of s3cache's culling in it.",
]
UNITS = {
    "operation": "",
    "size": "",
    "entries": "count",
    "cache": "",
    **{"median": "µs", "p99": "µs", "CPU": "µs", "times as fast": "times", "least": "times", "least for": ""},
}
VIEW = View(["operation", "size", "entries"], "cache", ["median", "p99", "times as fast", "least", "least for"])


class Unculled(FileBasedCache):
    """For filling a directory in a reasonable time."""

    def _cull(self) -> None:
        pass


def run(options: Options) -> Report:
    report = Report("the engine local against Django's FileBasedCache", NOTES, UNITS, VIEW)
    slower: list[str] = []
    asked = options.of(FULL, QUICK, SMOKE)
    for population, rounds in asked.items():
        caches = filled(f"{options.directory}/{population}", population)
        for size in options.of(SIZES, SIZES, SMALL):
            values = mixture(size)
            for verb, calls in contests(caches, values).items():
                found = measure(calls, rounds)
                gains = {kind: ratio(found[f"{THEIRS} {kind}"].rounds, found[f"{OURS} {kind}"].rounds) for kind in KINDS}
                gain = add(report, (verb, sized(size), population), found, gains)
                if gain.typical <= 1:
                    slower.append(f"{verb} {sized(size)} among {population:,}: {number(gain.typical)}")
                if verb == "set" and population == max(asked):
                    report.aim_times(f"set {sized(size)} among {population:,} entries", gain, FASTER_SET)
    report.aims.insert(0, Aim("faster than FileBasedCache everywhere", "; ".join(slower) or "yes", not slower))
    return report


def filled(directory: str, population: int) -> dict[str, BaseCache]:
    """Both caches, with so many entries in each."""
    options: dict[str, Any] = {"MAX_ENTRIES": 1_000_000}
    ours = ObjectStoreCache(f"{directory}/s3cache", {"OPTIONS": {**options, "ENGINE": "local"}})
    ours.set_many({f"there-{number}": FILLING for number in range(population)})
    Unculled(f"{directory}/filebased", {}).set_many({f"there-{number}": FILLING for number in range(population)})
    return {OURS: ours, THEIRS: FileBasedCache(f"{directory}/filebased", {"OPTIONS": options})}


def contests(caches: Mapping[str, BaseCache], values: Mapping[str, object]) -> dict[str, dict[str, Call]]:
    """By verb: for each cache and kind of value the call that reads or stores it."""
    gets: dict[str, Call] = {}
    sets: dict[str, Call] = {}
    for name, cache in caches.items():
        for kind, value in values.items():
            gets[f"{name} {kind}"] = lambda _, cache=cache, kind=kind: cache.get(kind)  # type: ignore[misc]
            sets[f"{name} {kind}"] = lambda _, cache=cache, kind=kind, value=value: cache.set(kind, value)  # type: ignore[misc]
            cache.set(kind, value)
            assert cache.get(kind) == value
    return {"get": gets, "set": sets}


def add(report: Report, what: tuple[str, str, int], found: Mapping[str, Figures], gains: Mapping[str, Spread]) -> Spread:
    """A row for each cache. Gives how many times as fast s3cache is, over the mixture."""
    kinds = {cache: [found[f"{cache} {kind}"] for kind in KINDS] for cache in (OURS, THEIRS)}
    gain = ratio(*(mixed(kinds[cache]) for cache in (THEIRS, OURS)))
    least = min(gains, key=lambda kind: gains[kind].typical)
    for cache, figures in kinds.items():
        report.add(
            dict(zip(("operation", "size", "entries"), what, strict=True)),
            {"cache": cache, "median": fmean(one.typical for one in figures), "CPU": fmean(one.mean_cpu for one in figures)},
            {"p99": percentile_99([call for one in figures for call in one.calls])},
            {"times as fast": gain, "least": gains[least], "least for": least} if cache == OURS else {},
        )
    return gain


def mixed(kinds: Sequence[Figures]) -> list[float]:
    """Round by round, what the values took in the mean."""
    return [fmean(turns) for turns in zip(*(one.rounds for one in kinds), strict=True)]


def mixture(length: int) -> dict[str, object]:
    """Four values of about that many bytes, the same in every run."""
    return dict(zip(KINDS, (html(length), rows(length), html(length, seed=1), noise(length)), strict=True))
