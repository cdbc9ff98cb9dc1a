"""What the tests of outages build on: a cache whose store is away, the other cache that FALLBACK names, and the end of it."""

import threading

from django.core.cache.backends.locmem import LocMemCache

from tests.cache.support import cache_over


class Other:
    """What FALLBACK names. It stands in for ``caches``, and is called with the alias."""

    def __init__(self):
        self.cache = LocMemCache("fallback", {})
        self.cache.clear()

    def __call__(self, alias):
        assert alias == "default"
        return self.cache


class Poison:
    """Counts how often it is serialized."""

    pickled = 0

    def __reduce__(self):
        type(self).pickled += 1
        return (int, ())


def away(store, **options):
    """A cache with an entry, whose store is away now."""
    cache = cache_over(store, SIGNING_KEY="k", **options)
    cache.set("key", 1)
    store.be_away()
    return cache


def with_fallback(store, other, **options):
    """A cache that ``other`` stands in for."""
    return cache_over(store, SIGNING_KEY="k", FALLBACK="default", built={"cache_named": other}, **options)


def fallen(store, other, **options):
    """The same with two entries, whose store is away now."""
    cache = with_fallback(store, other, **options)
    cache.set("key", "old")
    cache.set("count", 1)
    store.be_away()
    return cache


def end_wait(cache):
    """The seconds for which an open circuit leaves the store alone are over."""
    cache._assembly.breaker._until = 0


def await_recovery():
    for thread in threading.enumerate():
        if thread.name == "s3cache-recovery":
            thread.join()


def recovered(cache, store):
    """After the store is back, and one call has noticed."""
    store.be_back()
    end_wait(cache)
    cache.get("anything")
    await_recovery()
    return cache
