"""Culling, as a user of the cache meets it: how many entries stay, and what it costs."""

import dataclasses

import pytest

from s3cache import ObjectStoreCache
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured, EngineUnavailable
from s3cache.sampling import INTERVAL
from s3cache.testing import CountingEngine, FlakyEngine
from s3cache.testing.wrapping import WrappedEngine
from tests.cache.support import cache_over, stored


@pytest.mark.parametrize(("frequency", "survivors"), ((3, 29), (0, 19)))
def test_small_limits_are_kept_exactly_as_django_keeps_them(engine, called, mode, frequency, survivors):
    call = called(cache_over(engine, MAX_ENTRIES=30, CULL_FREQUENCY=frequency), mode)
    for number in range(1, 50):
        call.set(f"key-{number}", number)
    assert len([number for number in range(1, 50) if call.has_key(f"key-{number}")]) == survivors
    assert len(stored(engine)) == survivors


@pytest.mark.parametrize("method", ("set", "add", "get_or_set", "set_many"))
@pytest.mark.parametrize("limit", (1, 2, 5, 30))
def test_what_was_just_written_survives(called, mode, method, limit):
    engine = MemoryEngine()
    call = called(cache_over(engine, MAX_ENTRIES=limit), mode)
    for number in range(100):
        if method == "set_many":
            call.set_many({number: number})
        else:
            getattr(call, method)(number, number)
        assert call.get(number) == number
    assert 1 <= len(stored(engine)) <= limit


def test_a_whole_set_many_is_culled_too(called, mode):
    engine = MemoryEngine()
    called(cache_over(engine, MAX_ENTRIES=30), mode).set_many(dict.fromkeys(range(200), 1))
    assert len(stored(engine)) <= 30


def test_incr_version_is_a_write_too(called, mode):
    engine = MemoryEngine()
    call = called(cache_over(engine, MAX_ENTRIES=1), mode)
    cache_over(engine, MAX_ENTRIES=None).set_many(dict.fromkeys(range(10), "value"))
    call.incr_version(0)
    assert len(stored(engine)) == 1
    assert call.get(0, version=2) == "value"


def test_the_oldest_go_first(called, mode):
    now = [0.0]
    engine = MemoryEngine(clock=lambda: now[0])
    call = called(cache_over(engine, MAX_ENTRIES=30), mode)
    for number in range(31):
        now[0] += 1
        call.set(number, number)
    assert list(call.get_many(range(31))) == list(range(10, 31))


@pytest.mark.parametrize("limit", (None, 0))
def test_without_a_limit_nothing_is_ever_listed(called, mode, limit):
    engine = CountingEngine(MemoryEngine())
    call = called(cache_over(engine, MAX_ENTRIES=limit), mode)
    for number in range(500):
        call.set(number, number)
    call.set_many(dict.fromkeys(range(500, 1000), 1))
    assert engine.requests == {"put_object": 1000}


def test_most_writes_list_nothing(called, mode):
    """After a look the next is due in INTERVAL / 4 writes at the earliest, and in 3 * INTERVAL / 2 at the latest."""
    engine = CountingEngine(MemoryEngine())
    call = called(cache_over(engine, MAX_ENTRIES=1000), mode)
    for number in range(2000):
        before = engine.requests.copy()
        call.set(number, number)
        cost = engine.requests - before
        assert cost["put_object"] == 1 and cost["list_objects"] <= 1 and cost["delete_objects"] <= 1
    looks = engine.requests["list_objects"]
    assert 2000 // (3 * INTERVAL // 2) <= looks <= 1 + 2000 // (INTERVAL // 4)
    assert engine.requests["delete_objects"] <= looks
    assert len(stored(engine)) < 1000 + 3 * INTERVAL // 2


def test_reads_and_changes_of_what_is_there_cull_nothing(called, mode):
    engine = CountingEngine(MemoryEngine())
    call = called(cache_over(engine, MAX_ENTRIES=1), mode)
    call.set("key", 1)
    engine.requests.clear()
    for _ in range(20):
        call.get("key")
        call.has_key("key")
        call.touch("key")
        call.incr("key")
        call.add("key", 2)
        call.get_or_set("key", 2)
    assert engine.requests["list_objects"] == engine.requests["delete_objects"] == 0


@pytest.mark.parametrize("verb", ("list_objects", "delete_objects"))
@pytest.mark.parametrize("method", ("set", "add", "set_many", "get_or_set"))
def test_a_store_that_does_not_answer_puts_culling_off_and_the_write_stands(called, mode, verb, method, caplog):
    engine = FlakyEngine(MemoryEngine())
    call = called(cache_over(engine, MAX_ENTRIES=1), mode)
    engine.fail_next(verb, EngineUnavailable("no answer"), times=100)
    for number in range(1, 6):
        if method == "set_many":
            assert call.set_many({number: number}) == []
        else:
            assert getattr(call, method)(number, number) is {"set": None, "add": True, "get_or_set": number}[method]
        assert call.get(number) == number
    assert "Culling was put off: no answer" in caplog.text


@pytest.mark.parametrize("write", ["set", "add"])
def test_a_write_stands_though_culling_may_not_list(called, mode, write, caplog):
    engine = FlakyEngine(MemoryEngine())
    cache = cache_over(engine, MAX_ENTRIES=1)
    call = called(cache, mode)
    engine.fail_next("list_objects", EngineMisconfigured("may not list"), times=5)
    answers = [getattr(call, write)(number, number) for number in range(1, 6)]
    assert answers == [None if write == "set" else True] * 5
    assert call.get_many(range(1, 6)) == {number: number for number in range(1, 6)}
    assert cache.stats()["failed_looks"] == 5
    assert [record.levelname for record in caplog.records if record.name == "s3cache"] == ["ERROR"]


def test_what_is_no_entry_is_neither_counted_nor_culled(engine, called, mode):
    for number in range(40):
        engine.put_object(f"{engine.prefix}other/{number:02}.txt", b"not ours")
    call = called(cache_over(engine, MAX_ENTRIES=30), mode)
    for number in range(20):
        call.set(number, number)
    assert len(stored(engine)) == 60
    for number in range(20, 60):
        call.set(number, number)
    assert len([name for name in stored(engine) if name.endswith(".txt")]) == 40


@pytest.mark.parametrize("limit", (-1, 1))
def test_a_limit_set_on_the_cache_holds_and_keeps_what_was_just_written(tmp_path, limit):
    cache = ObjectStoreCache(str(tmp_path / "cache"), {})
    cache._max_entries = limit
    for number in range(10):
        cache.set(number, number)
        assert cache.get(number) == number
    assert len(list(cache.objects())) == 1


def test_stats_count_looks_and_culled_entries():
    cache = cache_over(MemoryEngine(), MAX_ENTRIES=30)
    for number in range(31):
        cache.set(number, number)
    assert cache.stats()["culled"] == 10
    assert cache.stats()["looks"] >= 1


@pytest.mark.parametrize("foreign", ["!before/{:05}", "zz-behind/{:05}"])
@pytest.mark.parametrize("limit", [100, 600])
def test_thousands_of_foreign_objects_beside_the_entries_do_not_hinder_culling(foreign, limit):
    engine = MemoryEngine()
    for number in range(3000):
        engine.put_object(foreign.format(number), b"not ours")
    cache = cache_over(engine, MAX_ENTRIES=limit)
    for number in range(3000):
        cache.set(number, number)
    assert len(stored(engine)) - 3000 <= 2 * limit


@pytest.mark.parametrize("limit", [30, 300])
def test_a_store_that_cannot_be_listed_is_not_asked_at_every_write(limit):
    engine = CountingEngine(FlakyEngine(MemoryEngine()))
    engine.inner.fail_next("list_objects", EngineMisconfigured("may not list"), times=10_000)
    cache = cache_over(engine, MAX_ENTRIES=limit)
    for number in range(1000):
        cache.set(number, number)
    assert engine.requests["list_objects"] <= 1000 / (limit / 3) + 2


class Unstarted(MemoryEngine):
    """Lists from the beginning, wherever it is asked to start."""

    def list_objects(self, prefix="", start_after=None):
        return super().list_objects(prefix)


def test_a_listing_that_begins_elsewhere_costs_no_entry_and_is_reported(called, mode, caplog):
    engine = CountingEngine(Unstarted())
    cache = cache_over(engine, MAX_ENTRIES=1000)
    call = called(cache, mode)
    for number in range(2000):
        failed, deletes = cache.stats()["failed_looks"], engine.requests["delete_objects"]
        call.set(number, number)
        assert cache.stats()["failed_looks"] == failed or engine.requests["delete_objects"] == deletes
    assert cache.stats()["failed_looks"] >= 1
    assert "Set OPTIONS['PROFILE'] to what the store is" in caplog.text


class Rewriting(WrappedEngine):
    """A store in which another process writes all that is there again, just before the first delete."""

    def __init__(self, inner):
        super().__init__(inner, self.before)
        self.rewritten = set()

    async def before(self, verb, request, runtime):
        if verb == "delete_objects" and not self.rewritten:
            self.rewritten = set(stored(self.inner))
            for name in self.rewritten:
                self.inner.put_object(name, b"fresh")
        return await request()


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_an_entry_that_is_rewritten_between_listing_and_delete_stays(called, mode, kind, tmp_path):
    inner = MemoryEngine() if kind == "memory" else LocalEngine.from_options(str(tmp_path / "cache"), {})
    engine = Rewriting(inner)
    call = called(cache_over(engine, MAX_ENTRIES=30), mode)
    for number in range(31):
        call.set(number, number)
    assert len(engine.rewritten) == 31
    assert set(stored(inner)) == engine.rewritten


def without(engine, **features):
    """The engine, which can do less."""
    engine.features = dataclasses.replace(engine.features, **features)
    return engine


DIRECTORY_BUCKET = {"ordered_listing": False, "start_after": False}


class Folders(WrappedEngine):
    """Lists only what ends in a slash, as a directory bucket does, and in no order."""

    def __init__(self, inner):
        super().__init__(without(inner, **DIRECTORY_BUCKET), self.passed)

    async def passed(self, verb, request, runtime):
        return await request()

    def list_objects(self, prefix="", start_after=None):
        assert start_after is None and (prefix.endswith("/") or not prefix)
        return iter(sorted(self.inner.list_objects(prefix), key=lambda info: info.name[::-1]))

    def asynchronous(self):
        return None


@pytest.mark.parametrize(("limit", "writes"), [(100, 1000), (600, 2500), (12_000, 16_000)])
def test_a_store_that_cannot_be_listed_from_a_point_is_culled_by_directories(limit, writes):
    inner = MemoryEngine()
    engine = CountingEngine(Folders(inner))
    cache = cache_over(engine, MAX_ENTRIES=limit)
    most = 0
    for number in range(writes):
        before = engine.requests.copy()
        cache.set(number, number)
        cost = engine.requests - before
        assert cost["list_objects"] <= 16 and cost["delete_objects"] <= 2
        most = max(most, cache.stats()["writes"] - cache.stats()["culled"])
    assert limit // 2 <= len(stored(inner)) <= most <= limit * 1.6


@pytest.mark.parametrize("limit", [600, 5000])
def test_where_deletes_are_single_one_set_makes_few_of_them(limit):
    engine = CountingEngine(without(MemoryEngine(), delete_batch=1, remote=True))
    cache = cache_over(engine, MAX_ENTRIES=limit)
    for number in range(2 * limit):
        before = engine.requests.copy()
        cache.set(number, number)
        cost = engine.requests - before
        assert cost["list_objects"] <= 1 and cost["delete_objects"] <= 100
    assert limit // 2 <= len(stored(engine)) <= limit * 1.2


@pytest.mark.parametrize("limits", [{"MAX_ENTRIES": None}, {"MAX_ENTRIES": 100_000}, {"MAX_ENTRIES": 5000}, {}])
def test_max_bytes_bounds_the_bytes_that_are_stored(called, mode, limits):
    engine = MemoryEngine()
    call = called(cache_over(engine, **limits, MAX_BYTES=200_000), mode)
    for number in range(3000):
        call.set(number, "x" * 1000)
        assert number % 100 or call.get(number) == "x" * 1000
    sizes = [info.size for info in engine.list_objects()]
    assert sum(sizes) <= 300_000 and len(sizes) >= 50


def test_a_large_value_brings_a_look_sooner():
    engine = CountingEngine(MemoryEngine())
    cache = cache_over(engine, MAX_ENTRIES=None, MAX_BYTES=100_000)
    for number in range(20):
        cache.set(number, "x" * 50_000)
        assert engine.requests["list_objects"] == number + 1
    assert len(stored(engine)) <= 7  # of 20


@pytest.mark.parametrize("foreign", ["80-other/{:05}", "80/zz/{:05}"])
def test_foreign_objects_in_the_middle_of_the_ring_do_not_hinder_culling(foreign):
    engine = MemoryEngine()
    for number in range(5000):
        engine.put_object(foreign.format(number), b"not ours")
    cache = cache_over(engine, MAX_ENTRIES=1000)
    most = 0
    for number in range(6000):
        cache.set(number, number)
        most = max(most, cache.stats()["writes"] - cache.stats()["culled"])
    assert most <= 1480
