"""The engine ``local`` against Django's FileBasedCache: the same values on the same file system.

FileBasedCache lists its directory in each set, so what a set costs grows with what is there.
"""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.filebased import FileBasedCache

from benchmarks.harness import Aim, Call, Figures, Options, Report, measure, microseconds, ratio
from s3cache import ObjectStoreCache

SIZES = {"1 KB": 1024, "64 KB": 64 * 1024, "1 MB": 1024 * 1024}
POPULATIONS = (100, 10_000)
FASTER_SET = 50
FILLING = "<p>An entry that is merely there.</p>" * 28
TEXT = """the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you
were cache object store header bucket entry request answer value version template render article author heading paragraph"""
WORDS = TEXT.split()
TAGS = ("p", "li", "h2", "td", "em", "span class='note'")
NOTES = [
    "Of four values two are HTML text, one is a list of dictionaries, one is bytes that do not compress, as of an image.",
    "FileBasedCache pickles and compresses with zlib; s3cache does not compress by default, and signs each entry.",
    "The entries that are merely there have 1 KB. MAX_ENTRIES is a million for both; neither culls anything.",
    "In µs per call: the median of the elapsed time, and the mean of the CPU time, which has the looks of s3cache's culling in it.",
]
COLUMNS = ["", "entries", "s3cache", "FileBased", "times as fast", "s3cache CPU", "FileBased CPU", "times less CPU"]


class Unculled(FileBasedCache):
    """For filling a directory in a reasonable time."""

    def _cull(self) -> None:
        pass


def run(options: Options) -> Report:
    report = Report("local: the engine local against Django's FileBasedCache", NOTES, COLUMNS)
    slower, slow_sets = [], []
    for population in POPULATIONS:
        ours, theirs = filled(f"{options.directory}/{population}", population)
        for size, length in SIZES.items():
            for verb, pair in contests(ours, theirs, mixture(length)).items():
                figures = measure(pair, rounds=8 if options.quick else 40)
                what = f"{verb} {size}"
                report.rows.append(row(what, population, figures["s3cache"], figures["FileBased"]))
                gain = figures["FileBased"].typical / figures["s3cache"].typical
                if gain <= 1:
                    slower.append(f"{what} among {population:,}: {gain:.2f}")
                if verb == "set" and population == max(POPULATIONS):
                    slow_sets.append((what, gain))
    report.aims.append(Aim("faster than FileBasedCache everywhere", "; ".join(slower) or "yes", not slower))
    for what, gain in slow_sets:
        promise = f"{what} among {max(POPULATIONS):,} entries: at least {FASTER_SET} times as fast"
        report.aims.append(Aim(promise, f"{gain:.0f} times", gain >= FASTER_SET))
    return report


def filled(directory: str, population: int) -> tuple[BaseCache, BaseCache]:
    """Both caches, with so many entries in each."""
    options: dict[str, Any] = {"MAX_ENTRIES": 1_000_000}
    ours = ObjectStoreCache(f"{directory}/s3cache", {"OPTIONS": {**options, "ENGINE": "local"}})
    ours.set_many({f"there-{number}": FILLING for number in range(population)})
    Unculled(f"{directory}/filebased", {}).set_many({f"there-{number}": FILLING for number in range(population)})
    return ours, FileBasedCache(f"{directory}/filebased", {"OPTIONS": options})


def contests(ours: BaseCache, theirs: BaseCache, values: list[object]) -> dict[str, dict[str, Call]]:
    """Each call reads or stores the whole mixture."""
    caches = {"s3cache": ours, "FileBased": theirs}
    for cache in caches.values():
        set_each(cache, values)
        assert get_each(cache, len(values)) == values
    return {
        "get": {name: partial(lambda cache, _: get_each(cache, len(values)), cache) for name, cache in caches.items()},
        "set": {name: partial(lambda cache, _: set_each(cache, values), cache) for name, cache in caches.items()},
    }


def set_each(cache: BaseCache, values: list[object]) -> None:
    for number, value in enumerate(values):
        cache.set(f"value-{number}", value)


def get_each(cache: BaseCache, count: int) -> list[object]:
    return [cache.get(f"value-{number}") for number in range(count)]


def row(what: str, population: int, ours: Figures, theirs: Figures) -> list[str]:
    wall = [microseconds(ours.typical / 4), microseconds(theirs.typical / 4), ratio(theirs.typical, ours.typical)]
    cpu = [microseconds(ours.mean_cpu / 4), microseconds(theirs.mean_cpu / 4), ratio(theirs.mean_cpu, ours.mean_cpu)]
    return [what, f"{population:,}", *wall, *cpu]


def mixture(length: int) -> list[object]:
    """Four values of about that many bytes, the same in every run."""
    draw = random.Random(length)
    return [html(draw, length), rows(draw, length), html(draw, length), draw.randbytes(length)]


def html(draw: random.Random, length: int) -> str:
    text = ""
    while len(text) < length:
        tag = draw.choice(TAGS)
        text += f"<{tag}>{' '.join(draw.choices(WORDS, k=draw.randint(3, 30)))} {draw.random():.4f}</{tag.split()[0]}>\n"
    return text[:length]


def rows(draw: random.Random, length: int) -> list[dict[str, object]]:
    """As from ``QuerySet.values``: some 80 bytes each once pickled."""
    return [
        {"id": draw.getrandbits(31), "title": " ".join(draw.choices(WORDS, k=6)), "price": draw.random(), "public": True}
        for _ in range(max(1, length // 80))
    ]
