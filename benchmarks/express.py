"""get through the engine boto3 against django-s3-express-cache, which reads what it gets in pieces of 24 bytes.

It takes no options for its client; the endpoint, region and keys come from the environment. The bucket is no directory bucket of
Amazon's, so its requests are signed as those of any other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

from benchmarks.endpoints import REGION, Bucket, cache_in, fast_bucket
from benchmarks.harness import Options, measure, ratio
from benchmarks.results import TIMES, Report, View, times
from benchmarks.values import KB, MB, noise, sized

ROUNDS = {KB: 300, 64 * KB: 100, MB: 20}
QUICK = {KB: 30, 64 * KB: 10, MB: 3}
SMOKE = {KB: 2, 64 * KB: 2}
LEAST = {64 * KB: 8, MB: 40}
"""How many times as fast the engine should be."""
KEY = "1-days:page"
NOTES = ["Random bytes, one key. The engine boto3 signs its entries, as it does by default. A turn is one call."]
UNITS = {"size": "", "cache": "", **TIMES, "times as fast": "times"}


def run(options: Options) -> Report:
    view = View(["size"], "cache", ["median", "p99", "CPU", "times as fast"])
    report = Report("cache.get against django-s3-express-cache", list(NOTES), UNITS, view)
    if not find_spec("django_s3_express_cache") or not find_spec("boto3"):
        report.notes.append("Left out, because it is not installed: django-s3-express-cache, which needs Python 3.13.")
        return report
    with ExitStack() as stack:
        bucket = stack.enter_context(fast_bucket())
        report.notes.insert(0, bucket.note)
        theirs = stack.enter_context(express(bucket))
        ours = stack.enter_context(cache_in(bucket, "boto3"))
        for size, rounds in options.of(ROUNDS, QUICK, SMOKE).items():
            add(report, ours, theirs, size, rounds)
    return report


def add(report: Report, ours: Any, theirs: Any, size: int, rounds: int) -> None:
    value = noise(size)
    for cache in (ours, theirs):
        cache.set(KEY, value)
        assert cache.get(KEY) == value
    calls = {"s3cache over boto3": lambda _: ours.get(KEY), "django-s3-express-cache": lambda _: theirs.get(KEY)}
    mine, other = (found := measure(calls, rounds, block=0)).values()
    gain = ratio(other.rounds, mine.rounds)
    for name, figures in found.items():
        report.add({"size": sized(size), "cache": name}, times(figures), {"times as fast": gain} if figures is mine else {})
    if size in LEAST:
        report.aim_times(f"get of {sized(size)}", gain, LEAST[size])


@contextmanager
def express(bucket: Bucket) -> Iterator[Any]:
    from django_s3_express_cache import S3ExpressCacheBackend

    environment = {
        "AWS_ENDPOINT_URL_S3": bucket.url,
        "AWS_ACCESS_KEY_ID": bucket.access_key,
        "AWS_SECRET_ACCESS_KEY": bucket.secret_key,
        "AWS_DEFAULT_REGION": REGION,
    }
    kept = dict(os.environ)
    os.environ.update(environment)
    try:
        cache = S3ExpressCacheBackend(bucket.name, {})
    finally:
        os.environ.clear()
        os.environ.update(kept)
    try:
        yield cache
    finally:
        cache.client.close()
