"""The caches that a user would pick instead of s3cache, and s3cache's own, each opened as its documentation shows.

``contestants`` opens all that are installed. MAX_ENTRIES is a million wherever there is one, so that nothing is culled.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import fields
from importlib.util import find_spec

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from django.db import connection

from benchmarks import redisserver
from benchmarks.endpoints import Bucket, cache_in
from s3cache import ObjectStoreCache
from s3cache.options import Options as CacheOptions

NEAR = "s3cache obstore, near cache"
DJANGO_REDIS = "django-redis"
LIMITS = {"OPTIONS": {"MAX_ENTRIES": 1_000_000}}
NEAR_CACHE = {"MAX_BYTES": 256 << 20, "TTL": 600}
TABLE = """CREATE TABLE cache (cache_key varchar(255) NOT NULL PRIMARY KEY, value text NOT NULL, expires datetime NOT NULL)"""
INDEX = "CREATE INDEX cache_expires ON cache (expires)"

Opened = dict[str, BaseCache]


def contestants(bucket: Bucket, directory: str, stack: ExitStack) -> tuple[Opened, list[str]]:
    """The caches by name, closed with the stack, and notes on what is missing."""
    found, missing = dict[str, BaseCache](), list[str]()
    for group, (reason, opened) in GROUPS.items():
        if reason():
            missing.append(f"Left out, because {reason()}: {group}.")
        else:
            found |= opened(bucket, directory, stack)
    return found, missing


def ours(_: Bucket, directory: str, stack: ExitStack) -> Opened:
    def opened(engine: str) -> ObjectStoreCache:
        return ObjectStoreCache(f"{directory}/s3cache", {"OPTIONS": {"ENGINE": engine, "MAX_ENTRIES": 1_000_000}})

    return {f"s3cache {engine}": opened(engine) for engine in ("local", "memory")}


def over_obstore(bucket: Bucket, _: str, stack: ExitStack) -> Opened:
    return {"s3cache obstore": stack.enter_context(cache_in(bucket, "obstore"))}


def with_near_cache(bucket: Bucket, _: str, stack: ExitStack) -> Opened:
    return {NEAR: stack.enter_context(cache_in(bucket, "obstore", "near", NEAR_CACHE=NEAR_CACHE))}


def djangos(_: Bucket, directory: str, stack: ExitStack) -> Opened:
    with connection.cursor() as cursor:  # as manage.py createcachetable does
        cursor.execute(TABLE)
        cursor.execute(INDEX)
    stack.callback(connection.close)
    return {
        "LocMemCache": LocMemCache("benchmark", LIMITS),
        "FileBasedCache": FileBasedCache(f"{directory}/filebased", LIMITS),
        "DatabaseCache, SQLite": DatabaseCache("cache", LIMITS),
    }


def redis(_: Bucket, directory: str, stack: ExitStack) -> Opened:
    """Django's cache and django-redis, on one server."""
    from django_redis.cache import RedisCache as DjangoRedis

    url = stack.enter_context(redisserver.running(directory))
    found = {"RedisCache": RedisCache(url, {}), DJANGO_REDIS: DjangoRedis(url, {})}
    stack.callback(found["RedisCache"]._cache.get_client().close)
    stack.callback(found[DJANGO_REDIS].client.get_client().connection_pool.disconnect)
    return found


def disk(_: Bucket, directory: str, stack: ExitStack) -> Opened:
    from diskcache import DjangoCache

    return {"diskcache": stack.enter_context(closing(DjangoCache(f"{directory}/diskcache", {})))}


def needs(*packages: str) -> Callable[[], str]:
    """Says which of them are not installed."""

    def reason() -> str:
        missing = [package for package in packages if not find_spec(package)]
        return f"{', '.join(missing)} is not installed" if missing else ""

    return reason


def no_redis() -> str:
    return needs("django_redis", "redis")() if redisserver.installed() else "redis-server is not installed"


def no_near_cache() -> str:
    has_it = "near_cache" in {one.name for one in fields(CacheOptions)}
    return needs("obstore")() if has_it else "this version has no NEAR_CACHE"


GROUPS: dict[str, tuple[Callable[[], str], Callable[[Bucket, str, ExitStack], Opened]]] = {
    "s3cache local and memory": (needs(), ours),
    "s3cache obstore": (needs("obstore"), over_obstore),
    NEAR: (no_near_cache, with_near_cache),
    "Django's LocMemCache, FileBasedCache and DatabaseCache": (needs(), djangos),
    "RedisCache and django-redis": (no_redis, redis),
    "diskcache": (needs("diskcache"), disk),
}
"""Why one cannot take part, "" if it can; and how it is opened."""
