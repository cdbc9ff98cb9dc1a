"""KEY_LAYOUT "readable": names that show keys, what it is refused with, and how such a cache is kept at its limits."""

import dataclasses
import random
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache import ObjectStoreCache, ages
from s3cache.ages import Ages
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.layouts import Readable
from s3cache.naming import readable_key, readable_name
from s3cache.runtime import Blocking, BlockingRuntime, iterate
from s3cache.trimming import trim
from tests.cache.support import cache_over, stored

SECRET = "a secret of the tests, long enough for all"
LAYOUTS = ("hashed", "readable")

pytestmark = pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")


@pytest.fixture(params=["memory", "local", "boto3"])
def call(request, make_engine, as_mode):
    return as_mode(cache_over(make_engine(request.param), MAX_ENTRIES=None, KEY_LAYOUT="readable"))


def test_every_method_works_with_readable_names(call):
    call.set("Key/1", {"a": [1]})
    assert call.get("Key/1") == {"a": [1]}
    assert call.get("key/1") is None, "capitals count"
    assert call.add("Key/1", 2) is False and call.add("count", 5) is True
    assert call.incr("count", 2) == 7
    assert call.touch("count", 60) and 0 < call.ttl("count") <= 60
    assert call.incr_version("count") == 2 and call.get("count", version=2) == 7
    assert call.set_many({"a": 1, "b" * 1000: 2}) == []
    assert call.get_many(["a", "b" * 1000, "c"]) == {"a": 1, "b" * 1000: 2}
    assert call.delete("Key/1") is True and call.delete("Key/1") is False
    call.delete_many(["a"])
    assert sorted(call.keys()) == ["b" * 1000]
    call.clear()
    assert call.keys("*", version=2) == []


def test_the_names_are_those_of_the_docs():
    engine = MemoryEngine()
    cache = cache_over(engine, KEY_LAYOUT="readable")
    cache.set("user:1", 1)
    cache.set("L" * 400, 1)
    short, long = sorted(stored(engine), reverse=True)
    assert short == "k/=3a1=3auser=3a1.s3c"
    assert long.startswith("d/") and len(long) == 70


def test_a_directory_holds_the_longest_names(tmp_path):
    cache = cache_over(LocalEngine.from_options(str(tmp_path), {}), KEY_LAYOUT="readable", MAX_ENTRIES=None)
    for length in range(230, 260):
        cache.set("k" * length, length)
        assert cache.get("k" * length) == length
    assert sorted(cache.keys(), key=len) == ["k" * length for length in range(230, 260)]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"NAME_KEY": SECRET}, "'NAME_KEY'. is given, and OPTIONS.'KEY_LAYOUT'. is 'readable'"),
        ({"NAME_KEY": SECRET, "ENCRYPTION_KEYS": SECRET + "!"}, "'ENCRYPTION_KEYS'. is given"),
    ],
)
def test_what_readable_names_cannot_go_with_is_refused(options, complaint):
    with pytest.raises(ImproperlyConfigured, match=complaint):
        ObjectStoreCache("somewhere", {"OPTIONS": {"ENGINE": "memory", "KEY_LAYOUT": "readable", **options}})
    ObjectStoreCache("somewhere", {"OPTIONS": {"ENGINE": "memory", **options}})


@pytest.mark.parametrize("layout", ["plain", 1, None])
def test_another_layout_is_refused(layout):
    with pytest.raises(ImproperlyConfigured, match="'KEY_LAYOUT'.*accepted: one of 'hashed', 'readable'"):
        ObjectStoreCache("somewhere", {"OPTIONS": {"ENGINE": "memory", "KEY_LAYOUT": layout}})


def unordered(engine):
    engine.features = dataclasses.replace(engine.features, ordered_listing=False, start_after=False)
    return engine


@pytest.fixture(params=[MemoryEngine, lambda: unordered(MemoryEngine())], ids=["in order", "in no order"])
def empty(request):
    return request.param()


@pytest.mark.parametrize("frequency", [0, 1, 2, 3])
def test_a_small_cache_keeps_django_s_counts(empty, frequency):
    counts = {}
    for layout in LAYOUTS:
        engine = MemoryEngine()
        engine.features = empty.features
        cache = cache_over(engine, KEY_LAYOUT=layout, MAX_ENTRIES=30, CULL_FREQUENCY=frequency)
        counts[layout] = [cache.set(f"cull{number}", "value") or len(stored(engine)) for number in range(1, 80)]
    assert counts["readable"] == counts["hashed"]


def test_what_goes_first_is_what_was_written_first():
    seconds = iter(range(10**6))
    engine = MemoryEngine(clock=lambda: next(seconds))
    cache = cache_over(engine, KEY_LAYOUT="readable", MAX_ENTRIES=30)
    keys = [f"{random.randrange(10**9)}" for _ in range(100)]
    for key in keys:
        cache.set(key, 1)
    left = cache.keys()
    assert set(left) == set(keys[-len(left) :])


def test_bytes_are_kept_to_as_well():
    engine = MemoryEngine()
    cache = cache_over(engine, KEY_LAYOUT="readable", MAX_ENTRIES=500, MAX_BYTES=100_000)
    for number in range(300):
        cache.set(number, b"x" * 2000)
    assert sum(info.size for info in engine.list_objects()) < 130_000


def test_a_look_costs_two_listings_and_one_delete(empty):
    cache = cache_over(empty, KEY_LAYOUT="readable", MAX_ENTRIES=30)
    for number in range(200):
        before = cache.stats()
        cache.set(number, 1)
        after = cache.stats()
        assert after["requests_list"] - before["requests_list"] in (0, 2)
        assert after["requests_delete"] - before["requests_delete"] <= 1


def test_a_cache_whose_limit_was_lowered_comes_down_to_it(empty):
    cache_over(empty, KEY_LAYOUT="readable", MAX_ENTRIES=None).set_many(dict.fromkeys(range(3000), 1))
    cache = cache_over(empty, KEY_LAYOUT="readable", MAX_ENTRIES=300)
    for number in range(600):
        cache.set(f"new {number}", 1)
    assert len(stored(empty)) <= 330


def fill(engine, count, order):
    """Entries in the order of ``order(number)``, the first written first; every ninth has a long key."""
    for number in sorted(range(count), key=order):
        key = f":1:{number:05}" if number % 9 else f":1:{number:05}" + "L" * 400
        engine.put_object(readable_name(engine.prefix, key), bytes(1 + number % 3))


ORDERS = {"by name": lambda number: number, "the other way": lambda number: -number, "mixed": lambda number: number * 7919 % 10_007}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("limit", [0, 1, 1234, 2499, 2500])
def test_a_cull_leaves_exactly_the_newest(empty, order, limit):
    seconds = iter(range(10**6))
    empty._clock = lambda: next(seconds)
    fill(empty, 2500, order)
    before = sorted(empty.list_objects(), key=lambda info: info.modified)
    cache = cache_over(empty, KEY_LAYOUT="readable", MAX_ENTRIES=None)
    cache._limit = limit
    if limit:
        steps = [*iterate(trim(Blocking(empty), BlockingRuntime(), max_entries=limit, max_bytes=None, layout=Readable("")))]
        assert steps[-1] == (2500, 2500 - limit, 1.0)
        assert {info.name for info in empty.list_objects()} == {info.name for info in before[-limit:]}
    else:
        assert cache.cull() == 0 and len(stored(empty)) == 2500


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 50)), max_size=40), st.integers(1, 50), st.integers(1, 900))
def test_a_cull_keeps_both_limits_and_removes_no_more_than_it_must(entries, most, most_bytes):
    moments = [moment for moment, _ in entries]
    times = iter(moments)
    engine = MemoryEngine(clock=lambda: float(next(times)))
    for number, (_, size) in enumerate(entries):
        engine.put_object(readable_name("", str(number)), bytes(size))
    [*iterate(trim(Blocking(engine), BlockingRuntime(), max_entries=most, max_bytes=most_bytes, layout=Readable("")))]
    left = {int(readable_key("", info.name)): info.size for info in engine.list_objects()}
    gone = set(range(len(entries))) - left.keys()
    assert len(left) <= most and sum(left.values()) <= most_bytes
    assert not gone or max(moments[number] for number in gone) <= min([moments[number] for number in left], default=99)
    if gone:
        largest = max(entries[number][1] for number in gone)
        assert len(left) + 1 > most or sum(left.values()) + largest > most_bytes


def test_a_cull_over_the_cache_s_own_limit(empty, as_mode):
    fill(empty, 1500, ORDERS["mixed"])
    assert as_mode(cache_over(empty, KEY_LAYOUT="readable", MAX_ENTRIES=400)).cull() == 1100
    assert len(stored(empty)) == 400


def test_two_culls_at_once_end_at_the_limit():
    """But for what was written at the very moment on which the line falls: each takes its part of that."""
    seconds = iter(range(10**6))
    engine = MemoryEngine(clock=lambda: next(seconds))
    fill(engine, 2500, ORDERS["mixed"])
    steps = [
        iter(iterate(trim(Blocking(engine), BlockingRuntime(), max_entries=1000, max_bytes=None, layout=Readable(""))))
        for _ in range(2)
    ]
    while steps:
        steps = [one for one in steps if next(one, None)]
    assert 999 <= len(stored(engine)) <= 1000


def test_ages_need_no_more_than_so_many_buckets(monkeypatch):
    monkeypatch.setattr(ages, "MOST", 100)
    counted = Ages()
    for second in range(0, 10**7, 1009):
        counted.add(datetime.fromtimestamp(second, UTC), 2)
    assert len(counted.weights) <= 100
    last, rest = counted.line(10_000)
    older = sum(2 for second in range(0, 10**7, 1009) if counted.bucket(datetime.fromtimestamp(second, UTC)) < last)
    assert older < 10_000 and older + rest == 10_000
    with pytest.raises(ValueError, match="than was counted"):
        counted.line(10**6)
