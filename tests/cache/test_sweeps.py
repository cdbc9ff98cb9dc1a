"""Culling of a large cache with readable names: sweeps, as a user of the cache and the store meet them."""

import dataclasses
import itertools
import random

import pytest

from s3cache import sweeping
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured, EngineUnavailable, OptionError
from s3cache.naming import internal_name
from s3cache.testing import CountingEngine, FlakyEngine
from s3cache.testing.wrapping import WrappedEngine
from tests.cache.support import cache_over, stored

STATE = internal_name("", "sweeps", "")
READABLE = {"KEY_LAYOUT": "readable"}

pytestmark = pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")


@pytest.fixture(autouse=True)
def draws_from_seeds(monkeypatch):
    """A cache's own draws are seeded by the system: they would vary."""
    seeds = itertools.count()
    monkeypatch.setattr(sweeping, "Random", lambda: random.Random(next(seeds)))


class Ticking(MemoryEngine):
    """Its clock goes on by a second with each write."""

    def __init__(self):
        super().__init__(clock=lambda: float(len(self.written)))
        self.written = []

    def put_object(self, name, body, **conditions):
        if not name.startswith(".s3c/"):
            self.written.append(name)
        return super().put_object(name, body, **conditions)


def entries(engine):
    return [name for name in stored(engine) if f"{engine.prefix}.s3c/" not in name]


ORDERS = {
    "rising": lambda number: f"{number:06}",
    "falling": lambda number: f"{10**6 - number:06}",
    "mixed": lambda number: f"{number * 7919 % 1_000_003:06}",
    "long": lambda number: "L" * 300 * (number % 2) + f"{number * 7919 % 1_000_003:06}",
}


@pytest.mark.parametrize("key", ORDERS.values(), ids=ORDERS)
def test_a_cache_stays_near_its_limit_and_the_oldest_go(key, called, mode):
    engine = Ticking()
    call = called(cache_over(engine, MAX_ENTRIES=1000, **READABLE), mode)
    most = 0
    for number in range(4000):
        call.set(key(number), number)
        most = max(most, len(engine._objects))
    assert most <= 1400
    left = entries(engine)
    assert 600 <= len(left) <= 1250
    oldest = engine.written.index(min(left, key=engine.written.index))
    assert len(left) >= 0.9 * (4000 - oldest), "what stays is what was written last"


@pytest.mark.parametrize(
    "limits", [{"MAX_ENTRIES": 501}, {"MAX_ENTRIES": None, "MAX_BYTES": 300_000}, {"MAX_ENTRIES": 600, "MAX_BYTES": 10**6}]
)
@pytest.mark.parametrize("kind", ["memory", "local"])
def test_every_kind_of_limit_is_kept(kind, make_engine, limits):
    engine = make_engine(kind)
    cache = cache_over(engine, **limits, **READABLE)
    for start in range(0, 1000, 50):
        cache.set_many({f"{number}": b"x" * 300 for number in range(start, start + 50)})
    most = {"MAX_BYTES": 10**9, **limits}
    found = [info for info in engine.list_objects(engine.prefix) if f"{engine.prefix}.s3c/" not in info.name]
    assert len(found) <= 1.4 * (limits["MAX_ENTRIES"] or 10**9)
    assert sum(info.size for info in found) <= 1.5 * most["MAX_BYTES"]
    assert len(found) >= 200


def test_a_bucket_is_culled_at_the_cost_that_the_docs_say(make_engine):
    cache = cache_over(make_engine("boto3"), MAX_ENTRIES=501, **READABLE)
    for start in range(0, 900, 30):
        cache.set_many(dict.fromkeys(map(str, range(start, start + 30)), 1))
    stats = cache.stats()
    assert stats["culled"] >= 200 and 900 / 75 <= stats["looks"] <= 1 + 900 / 25
    assert stats["requests_get"] == stats["looks"] == stats["requests_put"] - 900
    assert 2 * stats["looks"] <= stats["requests_list"] <= 4 * stats["looks"]
    assert 1 <= stats["requests_delete"] <= stats["looks"]
    assert len([*cache.objects()]) == 900 - stats["culled"] <= 700


def test_two_caches_cull_as_one():
    engine = Ticking()
    both = [cache_over(engine, MAX_ENTRIES=1000, **READABLE) for _ in range(2)]
    most = 0
    for number in range(5000):
        both[number % 2].set(f"{number * 7919 % 1_000_003}", number)
        most = max(most, len(engine._objects))
    assert 500 <= len(entries(engine)) <= most <= 1500
    assert {one.stats()["failed_looks"] for one in both} == {0}
    assert all(one.stats()["culled"] for one in both)
    assert [name for name in stored(engine) if name.startswith(".s3c/")] == [STATE]


def test_a_look_costs_what_the_docs_say(called, mode):
    """A GET, a PUT, at most eight listings, and a delete per thousand victims; with 501 entries once in 50 writes."""
    engine = CountingEngine(MemoryEngine())
    cache = cache_over(engine, MAX_ENTRIES=501, **READABLE)
    call = called(cache, mode)
    looks = 0
    for number in range(2000):
        before = engine.requests.copy()
        call.set(f"{number}", number)
        cost = engine.requests - before
        if cost != {"put_object": 1}:
            looks += 1
            assert (cost["get_object"], cost["put_object"]) == (1, 2)
            assert cost["list_objects"] <= 4 and cost["delete_objects"] <= 1
    assert 2000 / 75 <= looks <= 1 + 2000 / 25
    assert cache.stats()["looks"] == looks
    assert cache.stats()["writes"] == 2000, "what looks hand on is no entry"


def test_in_a_large_cache_a_look_passes_four_pages():
    engine = MemoryEngine()
    cache_over(engine, MAX_ENTRIES=None, **READABLE).set_many(dict.fromkeys(range(9000), 1))
    cache = cache_over(engine, MAX_ENTRIES=10**6, **READABLE)
    for number in range(3000):
        before = cache.stats()["requests_list"]
        cache.set(f"{number}", 1)
        assert cache.stats()["requests_list"] - before <= 4 + 4
    assert cache.stats()["looks"] >= 5 and cache.stats()["culled"] == 0


def test_a_limit_that_was_lowered_is_reached():
    engine = Ticking()
    cache_over(engine, MAX_ENTRIES=None, **READABLE).set_many(dict.fromkeys(range(9000), 1))
    cache = cache_over(engine, MAX_ENTRIES=1000, **READABLE)
    for number in range(1000):
        cache.set(f"new {number}", 1)
    assert len(entries(engine)) <= 1200
    assert len(cache.keys("new *")) >= 600


@pytest.mark.parametrize("damage", [b"", b"not a sweep", b"\x00" * 100_000])
def test_damaged_state_begins_a_sweep_anew(damage, caplog):
    engine = Ticking()
    cache = cache_over(engine, MAX_ENTRIES=501, **READABLE)
    for number in range(3000):
        if number % 500 == 0:
            engine.put_object(STATE, damage)
        cache.set(f"{number}", number)
    assert cache.stats()["failed_looks"] == 0 and cache.stats()["culled"] > 2000
    assert len(entries(engine)) <= 700


def test_lost_state_begins_a_sweep_anew():
    engine = Ticking()
    cache = cache_over(engine, MAX_ENTRIES=501, **READABLE)
    for number in range(3000):
        if number % 100 == 0:
            engine.delete_objects([STATE])
        cache.set(f"{number}", number)
    assert 200 <= len(entries(engine)) <= 800


FORGED = sweeping.Sweep({"entries": sweeping.Tally(10**6, 2**62, 10**6)})


def test_forged_state_removes_nothing(monkeypatch):
    """A state that dooms everything, put there by one who does not know the key."""
    engine, strange = MemoryEngine(), MemoryEngine()
    stranger = cache_over(strange, MAX_ENTRIES=501, SIGNING_KEY="the stranger's own key, long enough", **READABLE)
    monkeypatch.setattr(sweeping.Sweeper, "passes", lambda self, *rest: FORGED)
    stranger.set_many(dict.fromkeys(range(50), 1))
    forged = strange.get_object(STATE).body
    monkeypatch.undo()
    cache = cache_over(engine, MAX_ENTRIES=501, **READABLE)
    for number in range(400):
        engine.put_object(STATE, forged)
        cache.set(f"{number}", number)
    assert cache.stats()["looks"] >= 5 and cache.stats()["unusable"] >= 5
    assert len(entries(engine)) == 400


def test_an_earlier_state_is_genuine_and_removes_the_oldest():
    """Put back again and again, it may cost up to two thirds of the cache. Who can do that could as well overwrite all entries."""
    engine = Ticking()
    cache = cache_over(engine, MAX_ENTRIES=1000, **READABLE)
    states = []
    for number in range(3000):
        cache.set(f"{number}", number)
        if STATE in engine._objects:
            states.append(engine._objects[STATE][0].body)
    left = set(entries(engine))
    for early in random.Random(1).sample(states[:-1000], 50):
        engine.put_object(STATE, early)
        number += 1
        cache._assembly.operations._looks._sweeper._writes_left = 1
        cache.set(f"{number}", number)
    stayed = left & set(entries(engine))
    assert len(stayed) >= 0.3 * len(left)
    assert engine.written[-len(stayed) - 50 : -50] == sorted(stayed, key=engine.written.index), "what went was older"
    assert cache.stats()["failed_looks"] == 0


@pytest.mark.parametrize("verb", ["get_object", "list_objects", "delete_objects", "put_object"])
def test_a_store_that_does_not_answer_puts_the_look_off_and_the_write_stands(verb, called, mode, caplog):
    engine = FlakyEngine(Ticking())
    cache = cache_over(engine, MAX_ENTRIES=501, **READABLE)
    call = called(cache, mode)
    for number in range(2000):
        if verb != "put_object" and number % 2:
            engine.fail_next(verb, EngineUnavailable("no answer"))
        call.set(f"{number}", number)
        if number == 1000 and verb == "put_object":
            fail_state_writes(engine)
    assert cache.stats()["failed_looks"] >= 1
    assert "Culling was put off: no answer" in caplog.text
    assert cache.stats()["writes"] == 2000


def fail_state_writes(engine):
    inner = engine.inner
    put = inner.put_object

    def failing(name, body, **conditions):
        if name == STATE:
            raise EngineUnavailable("no answer")
        return put(name, body, **conditions)

    inner.put_object = failing


class Disordered(MemoryEngine):
    def list_objects(self, prefix="", start_after=None):
        return iter(sorted(super().list_objects(prefix, start_after), key=lambda info: info.name[::-1]))


def test_a_listing_in_disorder_costs_no_entry(caplog):
    engine = Disordered()
    cache = cache_over(engine, MAX_ENTRIES=501, **READABLE)
    for number in range(1000):
        cache.set(f"{number}", number)
    assert len(entries(engine)) == 1000
    assert cache.stats()["failed_looks"] >= 10 and cache.stats()["culled"] == 0
    assert "Set OPTIONS['PROFILE'] to what the store is" in caplog.text


class Rewriting(WrappedEngine):
    """A store in which another process writes all that is there again, just before the first delete."""

    def __init__(self, inner):
        super().__init__(inner, self.before)
        self.rewritten = set()

    async def before(self, verb, request, runtime):
        if verb == "delete_objects" and not self.rewritten:
            self.rewritten = set(entries(self.inner))
            for name in self.rewritten:
                self.inner.put_object(name, b"fresh")
        return await request()


def test_an_entry_that_is_rewritten_between_listing_and_delete_stays():
    engine = Rewriting(Ticking())
    cache = cache_over(engine, MAX_ENTRIES=501, **READABLE)
    number = 0
    while not engine.rewritten:
        cache.set(f"{number}", number)
        number += 1
    assert set(entries(engine.inner)) == engine.rewritten


def test_foreign_objects_are_neither_counted_nor_removed():
    engine = MemoryEngine()
    foreign = [f"{place}/{number:05}.txt" for place in ("d", "k", "e", "a") for number in range(1500)]
    for name in foreign:
        engine.put_object(name, b"not ours")
    cache = cache_over(engine, MAX_ENTRIES=600, **READABLE)
    for number in range(3000):
        cache.set(f"{number}", number)
    assert set(foreign) <= set(stored(engine))
    assert len(stored(engine)) - len(foreign) <= 1000


def test_where_deletes_are_single_one_set_makes_few_of_them():
    engine = MemoryEngine()
    engine.features = dataclasses.replace(engine.features, delete_batch=1, remote=True)
    counting = CountingEngine(engine)
    cache = cache_over(counting, MAX_ENTRIES=1000, **READABLE)
    for number in range(3000):
        before = counting.requests.copy()
        cache.set(f"{number}", number)
        assert (counting.requests - before)["delete_objects"] <= 100
    assert 500 <= len(entries(engine)) <= 1200


def test_clear_leaves_what_looks_hand_on_and_that_does_no_harm():
    engine = Ticking()
    cache = cache_over(engine, MAX_ENTRIES=600, **READABLE)
    for number in range(2000):
        cache.set(f"{number}", number)
    cache.clear()
    assert stored(engine) == [STATE]
    for number in range(300):
        cache.set(f"{number}", number)
    assert len(entries(engine)) == 300


def test_small_values_alone_are_allowed_and_state_is_handed_on_all_the_same():
    cache = cache_over(MemoryEngine(), MAX_ENTRIES=501, MAX_VALUE_BYTES=10, **READABLE)
    for number in range(2000):
        cache.set(f"{number}", b"x")
    assert cache.stats()["unusable"] == cache.stats()["failed_looks"] == 0 < cache.stats()["culled"]


@pytest.mark.parametrize("missing", ["ordered_listing", "start_after"])
@pytest.mark.parametrize("limits", [{"MAX_ENTRIES": 501}, {"MAX_ENTRIES": None, "MAX_BYTES": 10**6}])
def test_a_store_that_cannot_be_listed_from_a_name_on_refuses_a_large_limit(missing, limits):
    engine = MemoryEngine()
    engine.features = dataclasses.replace(engine.features, **{missing: False})
    with pytest.raises(OptionError, match="accepted here: at most 500, or None without MAX_BYTES"):
        cache_over(engine, **limits, **READABLE)
    cache_over(engine, MAX_ENTRIES=500, **READABLE)
    cache_over(engine, MAX_ENTRIES=None, **READABLE)


def test_a_role_that_may_not_read_the_state_writes_all_the_same(caplog):
    engine = FlakyEngine(MemoryEngine())
    engine.fail_next("get_object", EngineMisconfigured("may not read"), times=100)
    cache = cache_over(engine, MAX_ENTRIES=501, **READABLE)
    for number in range(300):
        cache.set(f"{number}", number)
    assert cache.stats()["failed_looks"] >= 3 and cache.stats()["writes"] == 300
    assert "may not read" in caplog.text
