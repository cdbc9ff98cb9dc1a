"""What the tests of the cache build on: a cache over an engine of their own, a clock, and the a-methods as blocking ones."""

import asyncio
import contextlib
import dataclasses
import inspect

from s3cache import ObjectStoreCache
from s3cache.assembly import build
from s3cache.errors import EngineUnavailable
from s3cache.foundation import TEXT_KINDS
from s3cache.naming import object_name
from s3cache.testing import FlakyEngine


class Clock:
    """Stands still unless it is advanced."""

    def __init__(self):
        self.now = 1_700_000_000_000

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += int(seconds * 1000)


def cache_over(engine, clock=None, *, params=None, kind=ObjectStoreCache, built=None, **options):
    """A cache over that engine; ``options`` are OPTIONS, ``params`` stands beside them in CACHES, ``built`` goes to ``build``."""
    cache = kind("under test", {**(params or {}), "OPTIONS": {"ENGINE": "memory", **options}})
    cache._assembly = build(cache.configuration, engine, cache._max_entries, TEXT_KINDS, clock or Clock(), **(built or {}))
    return cache


def name_of(cache, key, version=None):
    """The name of the object in which the cache keeps that key."""
    return object_name(cache.engine.prefix, cache.make_key(key, version=version))


def stored(engine):
    """The names of all objects."""
    return [info.name for info in engine.list_objects(engine.prefix)]


class Awaited:
    """A cache's asynchronous methods under the names of the blocking ones."""

    def __init__(self, cache, runner):
        self._cache = cache
        self._runner = runner

    def __getattr__(self, name):
        method = getattr(self._cache, f"a{name}")
        if inspect.isasyncgenfunction(method):
            return lambda *args, **keywords: self._runner.run(listed(method(*args, **keywords)))
        return lambda *args, **keywords: self._runner.run(method(*args, **keywords))


async def listed(items):
    return [item async for item in items]


@contextlib.contextmanager
def callers():
    """A function that gives a cache's methods, called as ``mode`` says: "sync" or "async"."""
    with asyncio.Runner() as runner:
        runner.get_loop().slow_callback_duration = 60  # a busy machine is no news, and tests look at what is logged
        yield lambda cache, mode: Awaited(cache, runner) if mode == "async" else cache


class RemoteEngine(FlakyEngine):
    """An engine across a network, as far as the guard can see: it repeats nothing, unless told, and it fails on demand."""

    def __init__(self, inner, **features):
        super().__init__(inner)
        self._features = dataclasses.replace(inner.features, **{"remote": True, **features})

    @property
    def features(self):
        return self._features

    def asynchronous(self):
        native = super().asynchronous()
        if native is not None:
            native.features = self._features
        return native

    def be_away(self, error=None):
        """No request is answered from now on."""
        for verb in ("get_object", "put_object", "delete_objects", "list_objects"):
            self.fail_next(verb, error or EngineUnavailable("503 SlowDown"), times=100_000)

    def be_back(self):
        for doomed in self._mishaps.values():
            doomed.clear()
