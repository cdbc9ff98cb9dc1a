"""get and set through each S3 engine against its SDK, used by itself, all over the same server.

All contenders of all engines take turns, so that the engines can be compared with each other too, and a turn is one call: in a
process that serves pages, too, other code has run since the last one. Beside the times stand the requests of a call, as a tiny
server counts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec

from benchmarks import server
from benchmarks.endpoints import Bucket, bucket_for, cache_in
from benchmarks.harness import Call, Figures, Options, measure, ratio
from benchmarks.results import RATIOS, TIMES, Aim, Report, View, ratios, times
from benchmarks.sdks import SDKS, Sdk
from benchmarks.values import KB, MB, noise, sized
from s3cache import ObjectStoreCache

KEYS = 20
ROUNDS = {KB: 500, 64 * KB: 300, MB: 100, 16 * MB: 20, 64 * MB: 8}
"""By size."""
QUICK = {KB: 40, 64 * KB: 40, MB: 10, 16 * MB: 3, 64 * MB: 2}
SMOKE = {KB: 2}
SIGNING = {"signing off": False, "signing on": True}
SDK = "SDK"
ONE = {"get": "1 GET", "set": "1 PUT"}
AIMS = {
    ("get", KB): {"boto3": (0.90, 0.93), "minio": (1.06, 1.10), "obstore": (1.20, 1.30), "storages": (0.3, 0.3)},
    ("get", 64 * KB): {"boto3": (0.90, 0.96), "minio": (1.06, 1.15), "obstore": (1.30, 1.40)},
    ("set", KB): {"boto3": (0.85, 0.88), "minio": (1.06, 1.12), "obstore": (1.20, 1.30), "storages": (0.45, 0.45)},
    ("set", 64 * KB): {"boto3": (0.85, 0.88), "minio": (1.06, 1.12), "obstore": (1.20, 1.30)},
}
"""The most of the SDK's time, with signing off and on."""
NOTES = [
    "Each SDK is used as its documentation shows, with its default settings: benchmarks/sdks.py. It signs every request.",
    f"The same random bytes for all; up to {KEYS} keys take turns, and so do all calls of a size, in random order.",
    "s3cache adds its header, a digest, and with signing on a signature of the whole entry. It does not cull here.",
    "A ratio is the cache's to the SDK's: median and quartiles. A real store takes milliseconds more for each request.",
    "* is a request sent with Expect: 100-continue, which waits for one more round trip.",
]
UNITS = {"operation": "", "size": "", "engine": "", "what": "", **TIMES, **RATIOS, "requests": ""}
VIEW = View(["operation", "size", "engine"], "what", ["median", "p99", "ratio"])

Contest = Mapping[str, Call]
"""The same work, done by the SDK and by the caches."""


def run(options: Options) -> Report:
    wanted = options.engines or list(SDKS)
    installed = [engine for engine in wanted if find_spec(engine)]
    absent = [f"Left out, because it is not installed: {engine}." for engine in wanted if engine not in installed]
    with ExitStack() as stack:
        bucket = stack.enter_context(bucket_for(options.url))
        report = Report("cache.get and cache.set against the SDK under each engine", [bucket.note, *NOTES, *absent], UNITS, VIEW)
        contenders = {engine: opened(engine, bucket, stack) for engine in installed}
        requests = counted(installed)
        for size, rounds in options.of(ROUNDS, QUICK, SMOKE).items():
            contests = {engine: prepared(*contender, size) for engine, contender in contenders.items()}
            for verb in ("get", "set"):
                calls = {(engine, who): call for engine in contests for who, call in contests[engine][verb].items()}
                figures = measure({" ".join(names): call for names, call in calls.items()}, rounds, block=0)
                for engine in installed:
                    mine = {who: figures[f"{engine} {who}"] for who in contests[engine][verb]}
                    add(report, verb, size, engine, mine, requests)
    return report


def opened(engine: str, bucket: Bucket, stack: ExitStack) -> tuple[Sdk, dict[str, ObjectStoreCache]]:
    """They are closed with the stack."""
    sdk = stack.enter_context(SDKS[engine](bucket))
    return sdk, {
        name: stack.enter_context(cache_in(bucket, engine, f"{engine}-{name[8:]}", SIGNING=signing))
        for name, signing in SIGNING.items()
    }


def prepared(sdk: Sdk, caches: Mapping[str, ObjectStoreCache], size: int) -> dict[str, Contest]:
    """The contests by verb. All objects are there."""
    value = noise(size)
    keys = [f"{number:02}/{'5' * 58}" for number in range(KEYS if size <= MB else 2)]
    gets: dict[str, Call] = {SDK: lambda number: sdk.get(keys[number % len(keys)])}
    puts: dict[str, Call] = {SDK: lambda number: sdk.put(keys[number % len(keys)], value)}
    for name, cache in caches.items():
        gets[name] = lambda number, cache=cache: cache.get(keys[number % len(keys)])  # type: ignore[misc]
        puts[name] = lambda number, cache=cache: cache.set(keys[number % len(keys)], value)  # type: ignore[misc]
    for number in range(len(keys)):
        for name, put in puts.items():
            put(number)
            assert gets[name](number) == value
    return {"get": gets, "set": puts}


def add(report: Report, verb: str, size: int, engine: str, mine: Mapping[str, Figures], requests: Mapping[str, str]) -> None:
    """A row for each contender, and the aims."""
    for who, figures in mine.items():
        against = {} if who == SDK else ratios(figures, mine[SDK])
        asked = {"requests": requests[f"{engine} {verb} {who}"]} if size == KB else {}
        report.add({"operation": verb, "size": sized(size), "engine": engine, "what": who}, times(figures), against, asked)
    for who, most in zip(SIGNING, AIMS.get((verb, size), {}).get(engine, ()), strict=False):
        reached = ratio(mine[who].rounds, mine[SDK].rounds)
        report.aim_below(f"{engine}, {who}: cache.{verb} of {sized(size)} to the SDK's", reached, most)
    if size == KB:
        asked_for = {requests[f"{engine} {verb} {who}"] for who in SIGNING}
        report.aims.append(Aim(f"{engine}: cache.{verb} waits for one request", "; ".join(asked_for), asked_for == {ONE[verb]}))


def counted(engines: list[str]) -> dict[str, str]:
    """The requests of one call of each contender: "1 GET"."""
    found = {}
    with server.running() as tiny, ExitStack() as stack:
        bucket = Bucket(tiny.url)
        for engine in engines:
            for verb, contest in prepared(*opened(engine, bucket, stack), KB).items():
                for who, call in contest.items():
                    before = tiny.requests()
                    call(0)
                    asked = sorted((tiny.requests() - before).items())
                    found[f"{engine} {verb} {who}"] = ", ".join(f"{number} {method}" for method, number in asked)
    return found
