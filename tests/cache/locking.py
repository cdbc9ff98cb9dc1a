"""What the tests of locks build on: a clock that only tests move, callers whose sleep moves it, a store that tells the time."""

import dataclasses
import math
from datetime import UTC, datetime, timedelta

from s3cache.callers import AwaitingCaller, BlockingCaller
from s3cache.holders import KIND
from s3cache.locks import Lock
from s3cache.lockterms import Terms
from s3cache.naming import internal_name


class Seconds:
    """A clock of one machine, that nobody sets. It stands still unless it is advanced."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


class Sleepless:
    """A caller whose sleep is over at once, and moves the clock. ``then`` is called at the end of each with how many there were."""

    def __init__(self, caller, clock, then):
        self.call, self.take = caller.call, caller.take
        self.clock = clock
        self.then = then
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock.advance(seconds)
        self.then(len(self.slept))


def lock_of(
    cache, seconds=30.0, patience=math.inf, clock=None, *, name="report", auto_renew=False, then=lambda times: None, callers=None
):
    """A lock of that cache; ``then`` goes to its callers' sleep."""
    clock = clock or Seconds()
    callers = callers or tuple(Sleepless(kind(cache), clock, then) for kind in (BlockingCaller, AwaitingCaller))
    return Lock(cache, name, cache.make_key(name), Terms(seconds, patience, auto_renew, 0.0), clock=clock, callers=callers)


def lock_name(cache, name="report"):
    """The name of the lock's object."""
    return internal_name(cache.engine.prefix, KIND, cache.make_key(name))


class DatedEngine:
    """An engine that tells the time, of its own clock; its listing has whole seconds, as S3's."""

    def __init__(self, inner):
        self.inner = inner
        self.now = datetime(2026, 1, 1, 12, 0, 0, 700_000, tzinfo=UTC)
        self.features = dataclasses.replace(inner.features, server_date=True, native_async=False)
        self.written = {}
        self.listings = 0
        self.forbids = None

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def asynchronous(self):
        return None

    def advance(self, seconds):
        self.now += timedelta(seconds=seconds)

    def get_object(self, name, **keywords):
        return self.inner.get_object(name, **keywords)._replace(date=self.now.replace(microsecond=0))

    def put_object(self, name, body, **keywords):
        etag = self.inner.put_object(name, body, **keywords)
        self.written[name] = self.now.replace(microsecond=0)
        return etag

    def list_objects(self, prefix="", start_after=None):
        self.listings += 1
        if self.forbids:
            raise self.forbids
        for info in self.inner.list_objects(prefix, start_after):
            yield dataclasses.replace(info, modified=self.written[info.name])
