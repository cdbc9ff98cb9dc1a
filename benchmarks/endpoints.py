"""The bucket that a benchmark talks to: nginx where it is installed, for it is never the limit; else a tiny server in Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks import nginx, server
from s3cache import ObjectStoreCache

REGION = "us-east-1"
NAME = "benchmark"


@dataclass(frozen=True)
class Bucket:
    """Where it is, and what it takes to get in."""

    url: str
    """Of the server."""
    name: str = NAME
    access_key: str = "AKIDBENCHMARK"
    secret_key: str = "a secret of nobody"
    note: str = ""
    """What kind of server it is, for a report."""


@contextmanager
def fast_bucket(delay: float = 0.0) -> Iterator[Bucket]:
    """One on this machine that answers at once, or after ``delay`` seconds, and checks no signature."""
    after = f" It waits {delay * 1000:.0f} ms before it answers." if delay else ""
    if nginx.installed():
        with nginx.running(delay) as url:
            yield Bucket(url, note=f"The server is nginx with DAV and Lua on this machine; its files are in memory.{after}")
    else:
        with server.running(delay) as tiny:
            note = "nginx with Lua is not installed; the server is a dictionary in a Python process of its own, on this machine"
            yield Bucket(tiny.url, note=f"{note}.{after}")


def bucket_for(url: str | None) -> AbstractContextManager[Bucket]:
    """The bucket of that URL, else a fast one."""
    if url is None:
        return fast_bucket()
    parts = urlsplit(url)
    keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    note = f"The server is {parts.netloc}."
    return nullcontext(Bucket(f"{parts.scheme}://{parts.netloc}", parts.path.strip("/"), *keys, note=note))


@contextmanager
def cache_in(bucket: Bucket, engine: str, place: str = "", **options: object) -> Iterator[ObjectStoreCache]:
    """A cache under the engine's name in that bucket, or under another. It does not cull."""
    cache = ObjectStoreCache(f"s3://{bucket.name}/{place or engine}", {"OPTIONS": options_for(bucket, engine, **options)})
    with closing(cache.engine):
        yield cache


def options_for(bucket: Bucket, engine: str, **options: object) -> Mapping[str, object]:
    keys = {"access_key": bucket.access_key, "secret_key": bucket.secret_key}
    return {"ENGINE": engine, "MAX_ENTRIES": None, "endpoint_url": bucket.url, "region_name": REGION, **keys, **options}
