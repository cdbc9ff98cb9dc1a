"""The store is away: what each method answers, what is logged and told, and how it goes on."""

import logging
import pickle

import pytest

from s3cache import signals
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import CircuitOpen, EngineMisconfigured, EngineUnavailable
from s3cache.fallback import LIFE
from tests.cache.outages import Poison, away, end_wait, fallen, recovered, with_fallback
from tests.cache.support import RemoteEngine, cache_over, callers, name_of, stored

READS = {
    "get": (lambda call: call.get("key", "default"), "default"),
    "has_key": (lambda call: call.has_key("key"), False),
    "ttl": (lambda call: call.ttl("key"), 0),
    "pttl": (lambda call: call.pttl("key"), 0),
    "meta": (lambda call: call.meta("key"), None),
    "get_many": (lambda call: call.get_many(["key", "other"]), {}),
}
WRITES = {
    "set": (lambda call: call.set("key", 1), None),
    "set with no time": (lambda call: call.set("key", 1, 0), None),
    "add": (lambda call: call.add("key", 1), False),
    "touch": (lambda call: call.touch("key", 9), False),
    "expire": (lambda call: call.expire("key", 9), False),
    "expire_at": (lambda call: call.expire_at("key", 5e9), False),
    "expire_at a moment that has passed": (lambda call: call.expire_at("key", 1), False),
    "persist": (lambda call: call.persist("key"), False),
    "delete": (lambda call: call.delete("key"), False),
    "set_many": (lambda call: call.set_many({"a": 1, "b": [2]}), ["a", "b"]),
    "delete_many": (lambda call: call.delete_many(["a", "b"]), None),
    "clear": (lambda call: call.clear(), None),
}
WITH_ERROR = {"incr": lambda call: call.incr("key"), "incr_version": lambda call: call.incr_version("key")}
BOTH = {"get_or_set": (lambda call: call.get_or_set("key", lambda: 7), 7)}


@pytest.mark.parametrize("method", {**READS, **WRITES, **BOTH})
def test_with_miss_it_is_an_empty_cache(store, as_mode, method):
    call, answer = {**READS, **WRITES, **BOTH}[method]
    cache = away(store, ON_ERROR="miss")
    for _ in range(10):  # before the circuit opens, and after
        assert call(as_mode(cache)) == answer
    assert cache.stats()["circuit_open"] == 1


@pytest.mark.parametrize("method", WITH_ERROR)
def test_a_number_that_is_not_there_is_djangos_error(store, as_mode, method):
    cache = away(store, ON_ERROR="miss")
    for _ in range(7):
        with pytest.raises(ValueError, match="not found"):
            WITH_ERROR[method](as_mode(cache))


def test_culling_on_demand_removes_nothing(store, as_mode):
    assert as_mode(away(store, ON_ERROR="miss")).cull() == 0


@pytest.mark.parametrize("method", {**READS, **WRITES})
@pytest.mark.parametrize("options", [{}, {"ON_ERROR": "raise"}, {"ON_ERROR": {}}])
def test_by_default_the_error_is_the_answer(store, as_mode, method, options):
    call, answer = {**READS, **WRITES}[method]
    call = as_mode(away(store, **options)), call
    for _ in range(7):
        if method == "set_many":
            assert sorted(call[1](call[0])) == answer
        else:
            with pytest.raises(EngineUnavailable):
                call[1](call[0])


@pytest.mark.parametrize("reads", ["miss", "raise"])
@pytest.mark.parametrize("method", {**READS, **WRITES})
def test_reads_and_writes_have_policies_of_their_own(store, as_mode, method, reads):
    call, answer = {**READS, **WRITES}[method]
    writes = "raise" if reads == "miss" else "miss"
    cache = away(store, ON_ERROR={"read": reads, "write": writes})
    store.be_away(CircuitOpen("away"))
    if (reads if method in READS else writes) == "miss" or method == "set_many":
        assert call(as_mode(cache)) == answer
    else:
        with pytest.raises(EngineUnavailable):
            call(as_mode(cache))


@pytest.mark.parametrize("method", {**READS, **WRITES})
def test_a_misconfigured_store_is_never_covered_up(store, as_mode, method):
    cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss")
    store.be_away(EngineMisconfigured("NoSuchBucket"))
    with pytest.raises(EngineMisconfigured):
        {**READS, **WRITES}[method][0](as_mode(cache))


def test_an_outage_is_one_line_of_log(store, as_mode, caplog):
    cache = away(store, ON_ERROR="miss")
    with caplog.at_level(logging.INFO, "s3cache"):
        for _ in range(50):
            as_mode(cache).get("key")
            as_mode(cache).set("key", 2)
        assert [record.levelname for record in caplog.records if record.name == "s3cache"] == ["WARNING"]
        assert "503 SlowDown" in caplog.text
        store.be_back()
        end_wait(cache)
        assert as_mode(cache).get("key") == 1
    assert "The store answers again. Meanwhile 100 calls were answered without it." in caplog.text


def test_with_raise_the_open_circuit_is_one_line_of_log(store, as_mode, caplog):
    cache = away(store)
    with caplog.at_level(logging.INFO, "s3cache"):
        for _ in range(50):
            with pytest.raises(EngineUnavailable):
                as_mode(cache).get("key")
    assert [record.levelname for record in caplog.records if record.name == "s3cache"] == ["WARNING"]


def test_calls_without_an_answer_are_counted(store, as_mode):
    cache = away(store, ON_ERROR="miss")
    for _ in range(9):
        as_mode(cache).get("key")
    counts = cache.stats()
    assert (counts["unanswered"], counts["circuit_opened"], counts["circuit_open"]) == (9, 1, 1)
    assert counts["requests_get"] == 5


@pytest.fixture
def heard():
    """The signals that were sent, in order."""
    received = []

    def receive(signal, **details):
        received.append(details)

    for signal in signals.SIGNALS.values():
        signal.connect(receive)
    yield received
    for signal in signals.SIGNALS.values():
        signal.disconnect(receive)


def test_signals_tell_of_calls_without_an_answer_and_of_the_circuit(store, as_mode, heard):
    cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss", built={"announce": signals.announce})
    store.be_away()
    for _ in range(5):
        as_mode(cache).set("key", 1)
    as_mode(cache).delete_many(["a", "b"])
    told = [(one.get("operation"), one.get("keys"), one.get("state")) for one in heard]
    assert told == [
        *[("set", [":1:key"], None)] * 4,
        (None, None, "open"),
        ("set", [":1:key"], None),
        ("delete_many", [":1:a", ":1:b"], None),
    ]
    assert {str(one["error"]) for one in heard[:-1]} == {"503 SlowDown"}


def test_a_receiver_that_fails_does_no_harm(store, as_mode, heard):
    def fail(**details):
        raise RuntimeError("a receiver's own")

    signals.store_unavailable.connect(fail)
    try:
        cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss", built={"announce": signals.announce})
        store.be_away()
        assert as_mode(cache).get("key") is None
    finally:
        signals.store_unavailable.disconnect(fail)


def test_a_session_that_cannot_be_made_says_so_soon(store):
    """SessionStore.create tries ten thousand keys where add says False, and asks for each whether it is there."""
    from django.contrib.sessions.backends.cache import SessionStore

    cache = away(store, ON_ERROR="miss")
    session = SessionStore()
    session._cache = cache
    before = cache.stats()
    with pytest.raises(RuntimeError, match="Unable to create a new session key"):
        session.create()
    after = cache.stats()
    assert after["unanswered"] - before["unanswered"] == 20_000
    assert after["requests_put"] - before["requests_put"] + after["requests_get"] - before["requests_get"] <= 12


def test_on_an_open_circuit_no_value_is_serialized(store, as_mode, monkeypatch):
    monkeypatch.setattr(Poison, "pickled", 0)
    cache = away(store, ON_ERROR="miss")
    cache._assembly.breaker.failed(EngineUnavailable("away"), spent=True)
    as_mode(cache).add("key", Poison())
    as_mode(cache).set("key", Poison())
    as_mode(cache).set_many({"key": Poison()})
    assert Poison.pickled == 0


def test_a_near_cache_answers_while_it_is_fresh_and_forgets_what_was_written_meanwhile(store, as_mode):
    cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss", NEAR_CACHE={"MAX_BYTES": 100_000, "TTL": 60})
    cache.set("key", 1)
    assert as_mode(cache).get("key") == 1
    store.be_away()
    cache._assembly.breaker.failed(EngineUnavailable("away"), spent=True)
    assert as_mode(cache).get("key") == 1
    as_mode(cache).set("key", 2)
    assert as_mode(cache).get("key") is None


def test_the_other_cache_serves_while_the_store_is_away(store, as_mode, other):
    call = as_mode(fallen(store, other))
    assert call.get("key") is None
    call.set("key", {"a": [1]})
    assert call.get("key") == {"a": [1]}
    assert call.has_key("key")
    assert call.add("lock", 1)
    assert not call.add("lock", 1)
    assert call.add("count", 5)
    assert call.incr("count", 2) == 7
    assert call.touch("count", 60)
    assert call.set_many({"a": 1, "b": 2}) == []
    assert call.get_many(["a", "b", "c"]) == {"a": 1, "b": 2}
    call.delete_many(["a"])
    assert call.delete("b")
    assert call.get_many(["a", "b"]) == {}
    assert call.get_or_set("made", lambda: 9) == 9
    assert call.get("made") == 9
    assert call.incr_version("made") == 2
    assert call.get("made", version=2) == 9
    with pytest.raises(ValueError, match="not found"):
        call.incr("absent")
    call.clear()
    assert call.get("key") is None


def test_what_was_written_meanwhile_is_deleted_in_the_store_before_it_serves_again(store, as_mode, other):
    cache = fallen(store, other)
    as_mode(cache).set("key", "new")
    as_mode(cache).delete("count")
    recovered(cache, store)
    assert cache.stats()["circuit_open"] == 0
    assert as_mode(cache).get("key") is None
    assert as_mode(cache).get("count") is None
    assert stored(store) == []
    assert other.cache._cache == {}


def test_what_was_only_read_stays(store, as_mode, other):
    cache = fallen(store, other)
    for _ in range(9):
        assert as_mode(cache).get("key") is None
    recovered(cache, store)
    assert as_mode(cache).get("key") == "old"


def test_one_write_that_went_elsewhere_opens_the_circuit_at_once(store, as_mode, other):
    cache = with_fallback(store, other)
    cache.set("key", "old")
    store.fail_next("put_object", EngineUnavailable("once"))
    as_mode(cache).set("key", "new")
    assert cache.stats()["circuit_open"] == 1
    recovered(cache, store)
    assert as_mode(cache).get("key") is None


def test_a_store_that_goes_away_while_it_is_mended_loses_nothing_of_the_journal(store, as_mode, other):
    cache = fallen(store, other)
    as_mode(cache).set("key", "new")
    store.be_back()
    store.fail_next("delete_objects", EngineUnavailable("again"))
    recovered(cache, RemoteEngine(MemoryEngine()))
    assert cache.stats()["circuit_open"] == 1
    assert as_mode(cache).get("key") == "new"
    recovered(cache, store)
    assert as_mode(cache).get("key") is None


def test_after_a_clear_everything_goes(store, as_mode, other):
    cache = fallen(store, other)
    as_mode(cache).clear()
    recovered(cache, store)
    assert stored(store) == []


def test_of_more_names_than_the_journal_holds_everything_goes(store, other):
    cache = with_fallback(store, other)
    cache.set("untouched", 1)
    store.be_away()
    cache._assembly.operations.substitute._journal._most = 10
    for number in range(11):
        cache.set(number, number)
    recovered(cache, store)
    assert stored(store) == []


def test_an_entry_lives_an_hour_at_most_in_the_other_cache(store, as_mode, other):
    timeouts = []
    set_there = other.cache.set
    other.cache.set = lambda key, value, timeout, *more: (timeouts.append(timeout), set_there(key, value, timeout, *more))
    cache = fallen(store, other)
    as_mode(cache).set("key", 1, None)
    as_mode(cache).set("key", 1, 60)
    assert timeouts == [LIFE, 60]


def test_where_the_other_cache_fails_too_on_error_answers(store, as_mode, other, caplog):
    class Broken:
        def __getattr__(self, name):
            raise RuntimeError("no redis either")

    cache = cache_over(store, SIGNING_KEY="k", FALLBACK="default", ON_ERROR="miss", built={"cache_named": lambda alias: Broken()})
    store.be_away()
    with caplog.at_level(logging.INFO, "s3cache"):
        for _ in range(9):
            assert as_mode(cache).get("key", 5) == 5
    assert caplog.text.count("no redis either") == 1


def test_caches_that_name_each_other_do_not_go_round_in_a_circle(store, as_mode):
    """Settings that do are refused; other code might get there."""
    caches = {}
    for alias in ("a", "b"):
        built = {"cache_named": lambda _, alias=alias: caches["b" if alias == "a" else "a"]}
        caches[alias] = cache_over(store, SIGNING_KEY="k", FALLBACK="default", ON_ERROR="miss", built=built)
    store.be_away()
    assert as_mode(caches["a"]).get("key", 5) == 5


NOTHING_DONE = {**WRITES, "get_or_set": BOTH["get_or_set"]}


@pytest.mark.parametrize("method", NOTHING_DONE)
def test_a_read_only_cache_writes_nothing_and_answers_as_one_that_cannot(store, as_mode, method):
    writer = cache_over(store, SIGNING_KEY="k")
    writer.set("other", "value")
    before = stored(store)
    cache = cache_over(store, SIGNING_KEY="k", READ_ONLY=True)
    call, answer = NOTHING_DONE[method]
    assert call(as_mode(cache)) == answer
    assert stored(store) == before
    assert as_mode(cache).get("other") == "value"
    counts = cache.stats()
    assert counts["dropped_writes"] > 0
    assert counts["requests_put"] == counts["requests_delete"] == 0


def test_a_dry_run_checks_values_and_answers_by_what_is_there(store, as_mode):
    cache_over(store, SIGNING_KEY="k").set_many({"key": 1, "text": "x"})
    before = stored(store)
    cache = cache_over(store, SIGNING_KEY="k", READ_ONLY="dry")
    call = as_mode(cache)
    call.set("new", 1)
    assert call.add("new", 1)
    assert not call.add("key", 1)
    assert call.incr("key", 4) == 5
    assert call.touch("key")
    assert not call.touch("new")
    assert call.delete("key")
    assert call.set_many({"a": 1}) == []
    assert call.incr_version("key") == 2
    call.clear()
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        call.set("lambda", lambda: None)
    assert stored(store) == before
    assert call.get("key") == 1


def test_forbidden_counts_as_a_miss_only_where_one_object_is_read(store, as_mode):
    from s3cache.errors import AccessDenied

    cache = cache_over(store, SIGNING_KEY="k", FORBIDDEN_IS_MISS=True)
    store.be_away(AccessDenied("AccessDenied"))
    call = as_mode(cache)
    assert call.get("key", 3) == 3
    assert not call.has_key("key")
    assert call.get_many(["key"]) == {}
    with pytest.raises(AccessDenied):
        call.set("key", 1)
    with pytest.raises(AccessDenied):
        call.clear()


def test_a_call_that_waits_for_a_thread_has_begun(store, monkeypatch):
    """Its time runs, though all threads of the store may be busy."""
    from s3cache import deadlines
    from s3cache.operations import Operations

    lefts = []
    original = Operations.has_key.__wrapped__

    async def has_key(self, key):
        lefts.append(deadlines.left())
        return await original(self, key)

    with callers() as methods:
        cache = cache_over(store, SIGNING_KEY="k", TOTAL_TIMEOUT=7)
        assert name_of(cache, "key")
        monkeypatch.setattr(Operations, "has_key", has_key)
        methods(cache, "async").has_key("key")
    if store.asynchronous() is None:
        assert 0 < lefts[0] <= 7


def test_get_or_set_has_one_time_for_all_its_requests_and_none_of_the_default_s(store, as_mode, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    lefts = []
    inner = type(store)._pass

    async def slow(self, verb, request, runtime):
        from s3cache import deadlines

        lefts.append(deadlines.left())
        now[0] += 3
        return await inner(self, verb, request, runtime)

    def default():
        now[0] += 60
        return 5

    store._requests._through = store._through = slow.__get__(store)
    cache = cache_over(store, SIGNING_KEY="k", TOTAL_TIMEOUT=10, MAX_ENTRIES=None)
    assert as_mode(cache).get_or_set("key", default) == 5
    assert lefts == [10, 7]
