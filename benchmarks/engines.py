"""get and set through each S3 engine against its SDK, used by itself, all over the same tiny server.

All contenders of all engines take turns, so that the engines can be compared with each other too, and a turn is one call: in a
process that serves pages, too, other code has run since the last one. Beside the times stand the requests of a call, as the server
counts them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks import sdks
from benchmarks.harness import Aim, Call, Options, Report, measure, microseconds, share
from benchmarks.sdks import BUCKET, Sdk
from benchmarks.server import Server, running
from s3cache import ObjectStoreCache
from s3cache.naming import object_name

KEYS = 20
SIZES = {"1 KB": 1024, "64 KB": 64 * 1024}
NOTES = [
    "Each SDK is used as its documentation shows, with its default settings: benchmarks/sdks.py. Every request is signed.",
    "The server is a dictionary in a process of its own on this machine; it answers Expect: 100-continue, as real ones do.",
    f"The same random bytes for all; {KEYS} keys take turns, and so do all calls of a size, in random order.",
    "s3cache adds its header, a signature and a digest.",
    "MAX_ENTRIES is None: culling, which adds less than 0.01 requests to a set, is left out.",
    "In µs per call: the median of the elapsed time, and the median of the client's CPU time.",
    "A ratio is the cache's to the SDK's, in the median of the rounds. A real store takes milliseconds more for each request.",
]
COLUMNS = ["", "SDK", "engine", "cache", "ratio", "SDK CPU", "cache CPU", "CPU ratio", "SDK's requests", "cache's requests"]


@dataclass(frozen=True)
class Rival:
    """What an engine is measured against, and the ratios to it that are aimed for at 1 KB."""

    opened: Callable[[str], AbstractContextManager[Sdk]]
    get: float
    set: float


RIVALS = {
    "boto3": Rival(sdks.boto3_client, get=1.0, set=1.0),
    "minio": Rival(sdks.minio_client, get=1.15, set=1.15),
    "storages": Rival(sdks.s3_storage, get=0.3, set=0.45),
    "obstore": Rival(sdks.obstore_store, get=1.35, set=1.35),
}
"""By engine. The packages have the same names."""

Contest = Mapping[str, Call]
"""The same work, done by the SDK, the engine and the cache."""


def run(options: Options) -> Report:
    wanted = options.engines or list(RIVALS)
    installed = [engine for engine in wanted if find_spec(engine)]
    absent = [f"Left out, because it is not installed: {engine}." for engine in wanted if engine not in installed]
    report = Report("engines: cache.get and cache.set against the SDK under each engine", [*NOTES, *absent], COLUMNS)
    with running() as server, ExitStack() as stack:
        pairs = {engine: opened(engine, server.url, stack) for engine in installed}
        for size, length in SIZES.items():
            value = random.Random(length).randbytes(length)
            contests = {engine: prepared(cache, sdk, value) for engine, (cache, sdk) in pairs.items()}
            for verb in ("get", "set"):
                one = {engine: contest[verb] for engine, contest in contests.items()}
                add(report, f"{verb} {size}", one, server, rounds=20 if options.quick else 500)
    return report


def opened(engine: str, url: str, stack: ExitStack) -> tuple[ObjectStoreCache, Sdk]:
    """They are closed with the stack."""
    keys = {"access_key": sdks.ACCESS_KEY, "secret_key": sdks.SECRET_KEY}
    options = {"ENGINE": engine, "MAX_ENTRIES": None, "endpoint_url": url, "region_name": sdks.REGION, **keys}
    cache = ObjectStoreCache(f"s3://{BUCKET}/{engine}", {"OPTIONS": options})
    stack.enter_context(closing(cache.engine))
    return cache, stack.enter_context(RIVALS[engine].opened(url))


def prepared(cache: ObjectStoreCache, sdk: Sdk, value: bytes) -> dict[str, Contest]:
    """The contests by verb. All objects are there."""
    engine = cache.engine
    keys = [f"{number:02}/{'5' * 58}" for number in range(KEYS)]
    names = [f"{engine.prefix}engine/{key}" for key in keys]
    sealed = stored(cache, value)
    puts: Contest = {
        "SDK": lambda number: sdk.put(keys[number % KEYS], value),
        "engine": lambda number: engine.put_object(names[number % KEYS], sealed),
        "cache": lambda number: cache.set(keys[number % KEYS], value),
    }
    gets: Contest = {
        "SDK": lambda number: sdk.get(keys[number % KEYS]),
        "engine": lambda number: engine.get_object(names[number % KEYS]).body,
        "cache": lambda number: cache.get(keys[number % KEYS]),
    }
    for number in range(KEYS):
        for put in puts.values():
            put(number)
        assert gets["SDK"](number) == gets["cache"](number) == value
    return {"get": gets, "set": puts}


def stored(cache: ObjectStoreCache, value: bytes) -> bytes:
    """The entry as s3cache stores it."""
    cache.set("any", value)
    return cache.engine.get_object(object_name(cache.engine.prefix, cache.make_key("any"))).body


def add(report: Report, what: str, contests: Mapping[str, Contest], server: Server, rounds: int) -> None:
    """A row for each engine, and at 1 KB an aim."""
    calls = {f"{engine} {who}": call for engine, contest in contests.items() for who, call in contest.items()}
    figures = measure(calls, rounds, block=0)
    for engine, contest in contests.items():
        sdk, adapter, cache = (figures[f"{engine} {who}"] for who in contest)
        times = [microseconds(one.typical) for one in (sdk, adapter, cache)]
        cpu = [microseconds(one.typical_cpu) for one in (sdk, cache)]
        ratio, cpu_ratio = share(cache.wall, sdk.wall), share(cache.cpu, sdk.cpu)
        requests = [counted(server, contest[who]) for who in ("SDK", "cache")]
        report.rows.append([f"{what}: {engine}", *times, f"{ratio:.2f}", *cpu, f"{cpu_ratio:.2f}", *requests])
        if what.endswith(" 1 KB"):
            report.aims.append(aim(what, engine, ratio))


def aim(what: str, engine: str, reached: float) -> Aim:
    most: float = getattr(RIVALS[engine], what[:3])
    return Aim(f"{engine}: cache.{what} takes at most {most:.2f} of the SDK's time", f"{reached:.2f}", reached <= most)


def counted(server: Server, call: Call) -> str:
    """The requests of one call: "1 GET"."""
    before = server.requests()
    call(0)
    return ", ".join(f"{number} {method}" for method, number in sorted((server.requests() - before).items()))
