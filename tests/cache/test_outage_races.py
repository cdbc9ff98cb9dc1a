"""An outage does not begin or end between two calls: what overlaps with it, and what fails besides the store."""

import asyncio
import threading

import pytest
from django.contrib.sessions.backends.cache import SessionStore

from s3cache import signals
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import AccessDenied, CircuitOpen, Conflict, Contended, EngineUnavailable
from s3cache.fallback import key_for
from s3cache.journal import Journal
from s3cache.outage import Outage
from s3cache.plugins import ENGINE, find
from tests.cache.outages import Poison, await_recovery, away, end_wait, fallen, recovered, with_fallback
from tests.cache.support import RemoteEngine, cache_over, name_of, stored

AWAY = EngineUnavailable("503 SlowDown")


def levels(caplog):
    """Of all that was logged."""
    return [record.levelname for record in caplog.records if record.name == "s3cache"]


def half_open(cache):
    """Somebody tries, and has not heard from the store yet."""
    breaker = cache._assembly.breaker
    breaker.failed(AWAY, spent=True)
    end_wait(cache)
    breaker.check()
    assert breaker.state == "half open"
    return cache


def on_another_thread(work, *args):
    thread = threading.Thread(target=work, args=args)
    thread.start()
    thread.join()


def test_a_late_answer_does_not_let_readers_see_what_is_out_of_date(store, as_mode, other):
    cache = fallen(store, other)
    as_mode(cache).set("key", "new")
    store.be_back()
    cache._assembly.breaker.answered()
    assert cache.stats()["circuit_open"] == 1
    as_mode(cache).get("key")
    await_recovery()
    assert cache.stats()["circuit_open"] == 0
    assert as_mode(cache).get("key") is None


def test_a_write_that_goes_elsewhere_while_somebody_tries_is_made_good(store, as_mode, other):
    cache = half_open(fallen(store, other))
    as_mode(cache).set("key", "new")
    store.be_back()
    cache._assembly.breaker.answered()
    as_mode(cache).get("key")
    await_recovery()
    assert cache.stats()["circuit_open"] == 0
    assert as_mode(cache).get("key") is None


def test_a_write_that_goes_elsewhere_while_the_recovery_ends_is_made_good(store, as_mode, other, monkeypatch):
    cache = fallen(store, other)
    as_mode(cache).set("key", "new")
    breaker = cache._assembly.breaker
    answered = breaker.answered

    def write_first():
        monkeypatch.setattr(breaker, "answered", answered)
        on_another_thread(cache.set, "count", 99)
        answered()

    monkeypatch.setattr(breaker, "answered", write_first)
    recovered(cache, store)
    assert cache.stats()["circuit_open"] == 1
    recovered(cache, store)
    assert cache.stats()["circuit_open"] == 0
    assert as_mode(cache).get("count") is None


def test_another_cache_that_fails_does_not_keep_a_good_store_away(store, as_mode, other, caplog):
    def fail(*args):
        raise RuntimeError("no redis either")

    cache = fallen(store, other)
    as_mode(cache).set("key", "new")
    other.cache.delete_many = fail
    recovered(cache, store)
    assert cache.stats()["circuit_open"] == 0
    assert "no redis either" in caplog.text


def test_without_a_thread_for_the_recovery_a_later_caller_begins_it(store, other, monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    cache = fallen(store, other)
    cache.set("key", "new")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        recovered(cache, store)
    assert cache.get("key") == "new"
    recovered(cache, store)
    assert cache.stats()["circuit_open"] == 0


def test_where_deletes_are_forbidden_the_circuit_closes_and_says_what_stays(store, other, caplog):
    cache = fallen(store, other)
    cache.clear()
    caplog.clear()
    store.be_back()
    store.fail_next("list_objects", AccessDenied("no ListBucket"), times=100)
    end_wait(cache)
    cache.get("anything")
    await_recovery()
    assert cache.stats()["circuit_open"] == 0
    assert levels(caplog).count("ERROR") == 1
    assert "no ListBucket" in caplog.text


def test_a_recovery_through_another_cache_of_ours_leaves_nothing_in_its_journal(store, other):
    second = RemoteEngine(MemoryEngine())
    behind = with_fallback(second, other)
    cache = fallen(store, lambda alias: behind, ON_ERROR="miss")
    cache.set("key", "new")
    assert behind.stats()["requests_put"] == 1
    second.be_away()
    recovered(cache, store)
    assert cache.stats()["circuit_open"] == 0
    assert not behind._assembly.breaker.recovery.remains
    assert behind.stats()["circuit_open"] == 0


def test_a_journal_holds_no_more_names_than_it_may_and_knows_of_others():
    journal = Journal(10)
    journal.add(*map(str, range(10)))
    journal.add("0")
    names, everything = journal.take()
    assert (len(names), everything) == (10, False)
    journal.add(*map(str, range(1000)))
    names, everything = journal.take()
    assert (len(names), everything) == (10, True)
    assert journal.is_empty


def test_a_dry_run_deletes_nothing_after_an_outage(store, as_mode, other):
    cache_over(store, SIGNING_KEY="k").set("key", 1)
    before = stored(store)
    cache = with_fallback(store, other, READ_ONLY="dry", ON_ERROR="miss")
    store.be_away()
    as_mode(cache).add("key", 2)
    as_mode(cache).delete("key")
    recovered(cache, store)
    assert stored(store) == before


def test_lost_races_are_no_outage(store, other, monkeypatch):
    monkeypatch.setattr("s3cache.retries.PATIENCE", -1)
    cache = with_fallback(store, other)
    cache.set("hits", 5)
    store.fail_next("put_object", Conflict("a race"), times=3)
    with pytest.raises(Contended):
        cache.incr("hits")
    assert cache.stats()["circuit_opened"] == 0
    assert cache.get("hits") == 5


def test_a_store_that_serves_reads_and_refuses_writes_is_left_alone_by_new_sessions(store):
    cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss")
    cache._assembly.breaker._clock = lambda: 0.0
    store.fail_next("put_object", AWAY, times=100_000)
    session = SessionStore()
    session._cache = cache
    with pytest.raises(RuntimeError, match="Unable to create a new session key"):
        session.create()
    counts = cache.stats()
    assert counts["requests_put"] == 5
    assert counts["requests_get"] <= 10
    assert counts["circuit_open"] == 1


PLACES = {
    "directories": ("local", "{0}/one", "{0}/two"),
    "buckets": ("boto3", "s3://one/cache", "s3://two/cache"),
    "prefixes": ("boto3", "s3://one/cache", "s3://one/other"),
}


@pytest.mark.parametrize("places", PLACES)
def test_caches_of_different_places_do_not_see_each_others_values_in_one_fallback(places, as_mode, other, tmp_path):
    name, *locations = PLACES[places]
    stores = [RemoteEngine(find(ENGINE, name).from_options(location.format(tmp_path), {})) for location in locations]
    first, second = (with_fallback(store, other) for store in stores)
    for store in stores:
        store.be_away()
    as_mode(first).set("key", "of the first")
    assert as_mode(second).get("key") is None
    assert as_mode(second).add("key", "of the second")
    assert as_mode(first).get("key") == "of the first"
    for store in stores:
        store.close()


def test_keys_in_the_other_cache_differ_by_place_namespace_and_name():
    parts = [("a", "b", "c"), ("x", "b", "c"), ("a", "x", "c"), ("a", "b", "x"), ("ab", "", "c"), ("", "ab", "c"), ("a", "bc", "")]
    assert len({key_for(*one) for one in parts}) == len(parts)


def test_the_other_cache_is_awaited_on_the_loop_of_the_caller(store, other):
    loops = []

    async def aget(key, default=None):
        loops.append(asyncio.get_running_loop())
        return "from the other cache"

    async def run():
        assert await cache.aget("key") == "from the other cache"
        assert loops == [asyncio.get_running_loop()]

    cache = fallen(store, other)
    other.cache.aget = aget
    asyncio.run(run())


def test_moving_to_the_same_version_in_the_other_cache_keeps_the_entry(store, as_mode, other):
    cache = fallen(store, other)
    as_mode(cache).set("key", "new")
    assert as_mode(cache).incr_version("key", 0) == 1
    assert as_mode(cache).get("key") == "new"


@pytest.mark.parametrize("on_error", ["miss", "raise"])
def test_set_many_with_no_time_gives_its_keys_back(store, as_mode, on_error):
    cache = cache_over(store, SIGNING_KEY="k", ON_ERROR=on_error)
    store.be_away()
    assert as_mode(cache).set_many({"a": 1, "b": 2}, 0) == ["a", "b"]


def test_a_near_cache_forgets_what_could_not_be_deleted(store, as_mode):
    cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss", NEAR_CACHE={"MAX_BYTES": 100_000, "TTL": 60})
    cache.set("key", 1)
    assert as_mode(cache).get("key") == 1
    store.be_away()
    as_mode(cache).delete("key")
    assert as_mode(cache).get("key") is None


def test_while_somebody_tries_no_value_is_serialized(store, as_mode, monkeypatch):
    monkeypatch.setattr(Poison, "pickled", 0)
    cache = half_open(away(store, ON_ERROR="miss"))
    as_mode(cache).set("key", Poison())
    as_mode(cache).add("key", Poison())
    as_mode(cache).set_many({"key": Poison()})
    assert Poison.pickled == 0


def test_a_read_only_cache_serializes_nothing(store, as_mode, monkeypatch):
    monkeypatch.setattr(Poison, "pickled", 0)
    cache = cache_over(store, SIGNING_KEY="k", READ_ONLY=True)
    as_mode(cache).set("key", Poison())
    assert cache.stats()["dropped_writes"] == 1
    assert Poison.pickled == 0


def test_many_threads_log_one_line(store, caplog):
    cache = away(store, ON_ERROR="miss")
    barrier = threading.Barrier(32)

    def use():
        barrier.wait()
        cache.get("key")
        cache.set_many(dict.fromkeys("abcdefghi", 1))

    threads = [threading.Thread(target=use) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert levels(caplog) == ["WARNING"]


def test_looks_that_fail_log_one_line(store, as_mode, caplog):
    cache = cache_over(store, SIGNING_KEY="k", MAX_ENTRIES=1)
    store.fail_next("list_objects", AWAY, times=4)
    for number in range(4):
        as_mode(cache).set(f"key-{number}", 1)
    assert cache.stats()["failed_looks"] == 4
    assert levels(caplog) == ["WARNING"]


def test_a_mishap_of_yesterday_does_not_hide_an_outage(caplog):
    now = [0.0]
    outage = Outage(lambda: now[0])
    outage.went_on(AWAY)
    caplog.clear()
    now[0] = 86400
    outage.changed("open", AWAY)
    outage.went_on(AWAY)
    assert levels(caplog) == ["WARNING"]


def test_an_asynchronous_receiver_does_no_harm(store, as_mode):
    async def receive(**details):
        pass

    for signal in signals.SIGNALS.values():
        signal.connect(receive)
    try:
        cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss", built={"announce": signals.announce})
        store.be_away()
        for _ in range(7):
            assert as_mode(cache).get("key") is None
    finally:
        for signal in signals.SIGNALS.values():
            signal.disconnect(receive)
    assert cache.stats()["circuit_open"] == 1


def test_calls_on_one_entry_do_not_wait_for_the_threads_of_bulk_calls(tmp_path, monkeypatch):
    monkeypatch.setattr("s3cache.sharing.WORKERS", 1)
    engine = LocalEngine.from_options(str(tmp_path / "cache"), {})
    cache = cache_over(engine, SIGNING_KEY="k")
    cache.set_many({"one": 1, "many": 2})
    busy, done = threading.Event(), threading.Event()
    get_object = engine.get_object

    def slow(name, **options):
        if name == name_of(cache, "many"):
            busy.set()
            assert done.wait(60)
        return get_object(name, **options)

    engine.get_object = slow

    async def run():
        bulk = asyncio.create_task(cache.aget_many(["many"]))
        try:
            await asyncio.to_thread(busy.wait, 60)
            assert await asyncio.wait_for(cache.aget("one"), 30) == 1
        finally:
            done.set()
            assert await bulk == {"many": 2}

    asyncio.run(run())


def test_a_refusal_that_is_told_after_the_end_is_no_new_outage(caplog):
    now = [0.0]
    outage = Outage(lambda: now[0])
    for _ in range(2):
        outage.changed("open", AWAY)
        outage.changed("closed", None)
        outage.went_on(CircuitOpen("left alone"))
        now[0] += 10
    assert [record.levelname for record in caplog.records if record.name == "s3cache"] == ["WARNING", "WARNING"]
