"""What each operation costs: the exact number of requests, for blocking and asynchronous callers alike."""

import pytest

from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.statistics import COUNTS
from s3cache.testing import CountingEngine
from tests.cache.support import Clock, cache_over, name_of

GET, PUT, DELETE, LIST = "get_object", "put_object", "delete_objects", "list_objects"


class Measured(CountingEngine):
    """Also remembers the lengths of what was read."""

    def __init__(self, inner):
        super().__init__(inner)
        self.lengths = []

    def get_object(self, name, **keywords):
        found = super().get_object(name, **keywords)
        self.lengths.append(len(found.body))
        return found


def present(call, clock):
    call.set("key", 1)


def expired(call, clock):
    call.set("key", 1, 10)
    clock.advance(10)


def nothing(call, clock):
    """No object at all."""


@pytest.mark.parametrize(
    ("before", "method", "arguments", "cost"),
    (
        (present, "get", ("key",), {GET: 1}),
        (nothing, "get", ("key",), {GET: 1}),
        (expired, "get", ("key",), {GET: 1}),
        (present, "has_key", ("key",), {GET: 1}),
        (nothing, "has_key", ("key",), {GET: 1}),
        (expired, "has_key", ("key",), {GET: 1}),
        (nothing, "set", ("key", 1), {PUT: 1}),
        (present, "set", ("key", 1), {PUT: 1}),
        (present, "set", ("key", 1, 0), {DELETE: 1}),
        (nothing, "set", ("key", 1, -1), {DELETE: 1}),
        (nothing, "add", ("key", 1), {PUT: 1}),
        (present, "add", ("key", 1), {PUT: 1, GET: 1}),
        (expired, "add", ("key", 1), {PUT: 2, GET: 1}),
        (nothing, "add", ("key", 1, 0), {GET: 1}),
        (present, "touch", ("key",), {GET: 1, PUT: 1}),
        (nothing, "touch", ("key",), {GET: 1}),
        (expired, "touch", ("key",), {GET: 1}),
        (present, "touch", ("key", 0), {GET: 1, DELETE: 1}),
        (present, "ttl", ("key",), {GET: 1}),
        (present, "pttl", ("key",), {GET: 1}),
        (present, "meta", ("key",), {GET: 1}),
        (expired, "meta", ("key",), {GET: 1}),
        (present, "expire", ("key", 9), {GET: 1, PUT: 1}),
        (present, "expire_at", ("key", 5e9), {GET: 1, PUT: 1}),
        (present, "expire_at", ("key", 1), {GET: 1, DELETE: 1}),
        (present, "persist", ("key",), {GET: 1, PUT: 1}),
        (nothing, "persist", ("key",), {GET: 1}),
        (present, "incr", ("key",), {GET: 1, PUT: 1}),
        (present, "decr", ("key",), {GET: 1, PUT: 1}),
        (present, "incr_version", ("key",), {GET: 1, PUT: 1, DELETE: 1}),
        (present, "decr_version", ("key",), {GET: 1, PUT: 1, DELETE: 1}),
        (present, "delete", ("key",), {GET: 1, DELETE: 1}),
        (expired, "delete", ("key",), {GET: 1, DELETE: 1}),
        (nothing, "delete", ("key",), {GET: 1}),
        (present, "get_or_set", ("key", 1), {GET: 1}),
        (nothing, "get_or_set", ("key", 1), {GET: 1, PUT: 1}),
        (expired, "get_or_set", ("key", 1), {GET: 2, PUT: 2}),
        (nothing, "get_many", ([*range(7)],), {GET: 7}),
        (nothing, "get_many", ([],), {}),
        (nothing, "set_many", (dict.fromkeys(range(7), 1),), {PUT: 7}),
        (nothing, "set_many", ({},), {}),
        (nothing, "set_many", (dict.fromkeys(range(1001), 1), 0), {DELETE: 2}),
        (nothing, "delete_many", ([*range(7)],), {DELETE: 1}),
        (nothing, "delete_many", ([*range(1000)],), {DELETE: 1}),
        (nothing, "delete_many", ([*range(1001)],), {DELETE: 2}),
        (nothing, "delete_many", ([],), {}),
        (nothing, "clear", (), {LIST: 1}),
        (present, "clear", (), {LIST: 1, DELETE: 1}),
        (present, "close", (), {}),
    ),
    ids=lambda value: value.__name__ if callable(value) else repr(value)[:20],
)
def test_cost(called, mode, before, method, arguments, cost):
    clock, engine = Clock(), CountingEngine(MemoryEngine())
    call = called(cache_over(engine, clock, MAX_ENTRIES=None), mode)
    before(call, clock)
    engine.requests.clear()
    try:
        getattr(call, method)(*arguments)
    finally:
        assert dict(engine.requests) == cost


@pytest.mark.parametrize("method", ("incr", "incr_version"))
def test_finding_nothing_to_change_costs_one_read(called, mode, method):
    engine = CountingEngine(MemoryEngine())
    with pytest.raises(ValueError, match="not found"):
        getattr(called(cache_over(engine), mode), method)("key")
    assert engine.requests == {GET: 1}


@pytest.mark.parametrize(("count", "pages"), ((1, 1), (999, 1), (1000, 1), (1001, 2), (2500, 3)))
def test_clear_costs_one_listing_and_one_delete_per_thousand_entries(called, mode, count, pages):
    engine = CountingEngine(MemoryEngine())
    call = called(cache_over(engine, MAX_ENTRIES=None), mode)
    call.set_many(dict.fromkeys(range(count), 1))
    engine.requests.clear()
    call.clear()
    assert engine.requests == {LIST: pages, DELETE: pages}


def test_losing_the_race_of_get_or_set_costs_four(called, mode):
    engine = CountingEngine(MemoryEngine())
    cache = cache_over(engine)

    def default():
        cache_over(engine.inner).set("key", "theirs")
        return "ours"

    assert called(cache, mode).get_or_set("key", default) == "theirs"
    assert engine.requests == {GET: 3, PUT: 1}


def test_healing_a_damaged_payload_costs_five(called, mode):
    engine = CountingEngine(MemoryEngine())
    cache = cache_over(engine)
    cache.set("key", "value")
    name = name_of(cache, "key")
    engine.put_object(name, engine.get_object(name).body + b"garbage")
    engine.requests.clear()
    assert called(cache, mode).get_or_set("key", "new") == "new"
    assert engine.requests == {GET: 3, PUT: 2}


def test_objects_cost_one_listing_per_thousand():
    engine = CountingEngine(MemoryEngine())
    cache = cache_over(engine, MAX_ENTRIES=None)
    cache.set_many(dict.fromkeys(range(1500), 1))
    engine.requests.clear()
    objects = cache.objects()
    assert engine.requests == {}
    next(objects)
    assert engine.requests == {LIST: 1}
    assert len(list(objects)) == 1499
    assert engine.requests == {LIST: 2}


@pytest.mark.parametrize(
    ("method", "arguments"),
    (
        *(("has_key", ()), ("ttl", ()), ("pttl", ()), ("meta", ())),
        *(("delete", ()), ("add", (1,)), ("add", (1, 0)), ("touch", (0,)), ("expire_at", (1,))),
    ),
)
def test_the_header_alone_is_read_where_the_value_is_not_needed(tmp_path, called, mode, method, arguments):
    engine = Measured(LocalEngine.from_options(str(tmp_path), {}))
    call = called(cache_over(engine), mode)
    call.set("key", b"0" * 1_000_000)
    getattr(call, method)("key", *arguments)
    assert engine.lengths == [2048]


def test_stats_cost_nothing_and_count(called, mode):
    engine = CountingEngine(MemoryEngine())
    cache = cache_over(engine, MAX_ENTRIES=None)
    call = called(cache, mode)
    call.set("key", 1)
    call.get("key")
    call.get_many(["key", "missing"])
    engine.requests.clear()
    counts = {"hits": 2, "misses": 1, "writes": 1, "requests_get": 3, "requests_put": 1}
    assert cache.stats() == dict.fromkeys(COUNTS, 0) | counts
    assert engine.requests == {}
