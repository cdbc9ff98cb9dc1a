"""get and set through the engine ``boto3`` against the plain boto3 client with its default settings, over the same tiny server."""

from __future__ import annotations

import random
from contextlib import closing
from typing import Any

from benchmarks import server
from benchmarks.harness import Aim, Call, Figures, Report, measure, microseconds, ratio
from s3cache import ObjectStoreCache

AIM = 1.0
BUCKET = "benchmark"
KEYS = 20
SIZES = {"1 KB": 1024, "64 KB": 64 * 1024}
CREDENTIALS = {"access": "AKIDBENCHMARK", "secret": "a secret of nobody"}
NOTES = [
    "The client is boto3.client('s3') with default settings: get_object and reading the body, put_object.",
    "The server is a dictionary in a process of its own on this machine; it answers Expect: 100-continue, as real ones do.",
    f"The same random bytes for all; {KEYS} keys take turns. s3cache adds its header, a signature and a digest.",
    "MAX_ENTRIES is None: culling, which adds less than 0.01 requests to a set, is left out.",
    "In µs per call: the median of the elapsed time, and the median of the client's CPU time.",
]
COLUMNS = ["", "median", "CPU", "to the client", "CPU to the client"]


def run(quick: bool, directory: str) -> Report:
    report = Report("boto3: cache.get and cache.set against the plain boto3 client", NOTES, COLUMNS)
    with server.running() as url, closing(plain_client(url)) as client:
        cache = ObjectStoreCache(f"s3://{BUCKET}/cache", {"OPTIONS": {"ENGINE": "boto3", "MAX_ENTRIES": None, **options(url)}})
        with closing(cache.engine):
            for size, length in SIZES.items():
                for verb, contenders in contests(cache, client, random.Random(length).randbytes(length)).items():
                    figures = measure(contenders, rounds=20 if quick else 200)
                    add(report, f"{verb} {size}", figures)
    return report


def contests(cache: ObjectStoreCache, client: Any, value: bytes) -> dict[str, dict[str, Call]]:
    names = [f"{number:02}/{'5' * 58}" for number in range(KEYS)]
    objects = [f"{cache.engine.prefix}engine/{name}" for name in names]
    sealed = stored(cache, value)
    puts: dict[str, Call] = {
        "client": lambda number: client.put_object(Bucket=BUCKET, Key=names[number % KEYS], Body=value),
        "engine": lambda number: cache.engine.put_object(objects[number % KEYS], sealed),
        "cache": lambda number: cache.set(names[number % KEYS], value),
    }
    gets: dict[str, Call] = {
        "client": lambda number: client.get_object(Bucket=BUCKET, Key=names[number % KEYS])["Body"].read(),
        "engine": lambda number: cache.engine.get_object(objects[number % KEYS]).body,
        "cache": lambda number: cache.get(names[number % KEYS]),
    }
    for number in range(KEYS):
        for put in puts.values():
            put(number)
        assert gets["client"](number) == gets["cache"](number) == value
    return {"get": gets, "set": puts}


def stored(cache: ObjectStoreCache, value: bytes) -> bytes:
    """The entry as s3cache stores it."""
    from s3cache.naming import object_name

    cache.set("any", value)
    return cache.engine.get_object(object_name(cache.engine.prefix, cache.make_key("any"))).body


def add(report: Report, what: str, figures: dict[str, Figures]) -> None:
    plain = figures["client"]
    for name, found in figures.items():
        ratios = [ratio(found.typical, plain.typical), ratio(found.typical_cpu, plain.typical_cpu)]
        report.rows.append([f"{what}: {name}", microseconds(found.typical), microseconds(found.typical_cpu), *ratios])
    if what.endswith(" 1 KB"):
        reached = figures["cache"].typical / plain.typical
        promise = f"cache.{what} takes at most {AIM:.1f} of the plain client's time"
        report.aims.append(Aim(promise, f"{reached:.2f}", reached <= AIM))


def options(url: str) -> dict[str, Any]:
    keys = {"access_key": CREDENTIALS["access"], "secret_key": CREDENTIALS["secret"]}
    return {"endpoint_url": url, "region_name": "us-east-1", **keys}


def plain_client(url: str) -> Any:
    import boto3

    keys = {"aws_access_key_id": CREDENTIALS["access"], "aws_secret_access_key": CREDENTIALS["secret"]}
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
