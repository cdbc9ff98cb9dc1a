"""A write was applied, but its answer was lost; or it was not applied. Either way it counts once.

Every write carries an id of its own, by which a writer whose answer was lost recognises it when he reads again.
"""

import pytest

from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import Conflict, EngineMisconfigured, EngineUnavailable, PreconditionFailed
from s3cache.testing import CountingEngine, FlakyEngine
from tests.cache.support import cache_over, name_of
from tests.servers import Answer, s3_options

UNANSWERED = EngineUnavailable("no answer")

METHODS = {
    "add": (("new", 5), True, 5),
    "incr": (("key", 2), 12, 12),
    "decr": (("key", 2), 8, 8),
    "touch": (("key", None), True, 10),
}
"""Arguments, result, and the value that is there afterwards. "key" holds 10 before."""

methods = pytest.mark.parametrize("method", METHODS)


def check(call, method, clock):
    """Calls the method and checks that all is as if nothing had happened on the way."""
    (key, argument), result, value = METHODS[method]
    assert getattr(call, method)(key, argument) == result
    assert call.get(key) == value
    if method == "touch":
        clock.advance(10**9)
        assert call.get(key) == value


class Interfering:
    """An engine where somebody else comes in between: ``then`` runs once, after the next conditional write was applied."""

    def __init__(self, inner, then, error=UNANSWERED):
        self.inner, self.then, self.error = inner, then, error

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def asynchronous(self):
        return None

    def put_object(self, name, body, *, if_match=None, if_none_match=False):
        etag = self.inner.put_object(name, body, if_match=if_match, if_none_match=if_none_match)
        if (if_match or if_none_match) and self.then:
            then, self.then = self.then, None
            then(name)
            raise self.error
        return etag


class Racing(Interfering):
    """An engine where ``then`` runs once, just before the next compare-and-swap arrives."""

    def put_object(self, name, body, *, if_match=None, if_none_match=False):
        if if_match and self.then:
            then, self.then = self.then, None
            then()
        return self.inner.put_object(name, body, if_match=if_match, if_none_match=if_none_match)


def spoil(cache, engine):
    """Leaves an entry under "key" whose header is good and whose payload is damaged."""
    cache.set("key", "old")
    name = name_of(cache, "key")
    body = engine.get_object(name).body
    engine.put_object(name, body[:-1] + bytes([body[-1] ^ 1]))


@pytest.fixture
def flaky(make_engine):
    """Over a directory for sync, over memory for async."""
    return lambda mode: FlakyEngine(make_engine("local" if mode == "sync" else "memory"))


@pytest.fixture
def bench(flaky, clock, called, mode):
    engine = flaky(mode)
    cache = cache_over(engine, clock)
    cache.set("key", 10, 100)
    return engine, called(cache, mode)


@methods
@pytest.mark.parametrize("applied", (True, False), ids=("applied", "not applied"))
@pytest.mark.parametrize("times", (1, 2))
def test_a_write_without_an_answer_counts_once(bench, clock, method, applied, times):
    engine, call = bench
    engine.fail_next("put_object", UNANSWERED, applied=applied)
    engine.fail_next("put_object", UNANSWERED, times=times - 1)
    check(call, method, clock)


@methods
def test_a_conflict_is_read_again_and_tried_again(bench, clock, method):
    engine, call = bench
    engine.fail_next("put_object", Conflict("409"), times=5)
    check(call, method, clock)


@methods
def test_a_conflict_that_was_a_success_counts_once(bench, clock, method):
    engine, call = bench
    engine.fail_next("put_object", Conflict("409"), applied=True)
    check(call, method, clock)


@methods
def test_a_failed_condition_that_was_the_own_first_attempt_counts_once(bench, clock, method):
    engine, call = bench
    engine.fail_next("put_object", PreconditionFailed("412"), applied=True)
    check(call, method, clock)


@methods
def test_a_store_that_stays_silent_is_an_outage_after_three_attempts(flaky, called, mode, method):
    engine = flaky(mode)
    counting = CountingEngine(engine)
    cache = cache_over(counting)
    cache.set("key", 10)
    counting.requests.clear()
    engine.fail_next("put_object", UNANSWERED, times=100)
    (key, argument), *_ = METHODS[method]
    with pytest.raises(EngineUnavailable) as caught:
        getattr(called(cache, mode), method)(key, argument)
    assert caught.value is UNANSWERED
    assert counting.requests["put_object"] == 3


@methods
def test_a_store_that_does_not_even_answer_reads_is_an_outage(bench, method):
    engine, call = bench
    engine.fail_next("put_object", UNANSWERED)
    engine.fail_next("get_object", EngineUnavailable("no answer either"), times=2)
    (key, argument), *_ = METHODS[method]
    with pytest.raises(EngineUnavailable, match="no answer"):
        getattr(call, method)(key, argument)


@pytest.mark.parametrize("change", ("set", "delete", "incr"))
@pytest.mark.parametrize("method", ("incr", "decr"))
def test_a_lost_addition_that_somebody_wrote_over_is_not_repeated(make_engine, clock, called, mode, method, change):
    engine = make_engine("memory")
    other = cache_over(engine, clock)
    other.set("key", 10)
    meddle = {"set": lambda _: other.set("key", 100), "delete": lambda _: other.delete("key"), "incr": lambda _: other.incr("key")}
    call = called(cache_over(Interfering(engine, meddle[change]), clock), mode)
    with pytest.raises(EngineUnavailable, match="may have been applied") as caught:
        getattr(call, method)("key", 5)
    assert caught.value.__cause__ is UNANSWERED
    added = 5 if method == "incr" else -5
    assert other.get("key") == {"set": 100, "delete": None, "incr": 10 + added + 1}[change]


def test_a_lost_addition_in_a_race_that_only_one_could_win_is_not_repeated_either(make_engine, clock, called, mode):
    """No answer, then a conflict: the first attempt may still be the one that was applied and written over."""
    engine = make_engine("memory")
    other = cache_over(engine, clock)
    other.set("key", 10)
    flaky = FlakyEngine(Interfering(engine, lambda _: other.set("key", 100), Conflict("409")))
    flaky.fail_next("put_object", UNANSWERED)
    with pytest.raises(EngineUnavailable, match="may have been applied"):
        called(cache_over(flaky, clock), mode).incr("key")
    assert other.get("key") == 100


def test_a_lost_touch_that_somebody_wrote_over_is_done_again(make_engine, clock, called, mode):
    engine = make_engine("memory")
    other = cache_over(engine, clock)
    other.set("key", "old", 10)
    call = called(cache_over(Interfering(engine, lambda _: other.set("key", "new", 10)), clock), mode)
    assert call.touch("key", None) is True
    clock.advance(11)
    assert call.get("key") == "new"


def test_a_lost_touch_of_what_somebody_deleted_is_false(make_engine, clock, called, mode):
    engine = make_engine("memory")
    other = cache_over(engine, clock)
    other.set("key", "old", 10)
    assert called(cache_over(Interfering(engine, lambda _: other.delete("key")), clock), mode).touch("key", None) is False
    assert other.get("key") is None


def test_a_lost_add_that_somebody_wrote_over_leaves_theirs(make_engine, clock, called, mode):
    engine = make_engine("memory")
    other = cache_over(engine, clock)
    assert called(cache_over(Interfering(engine, lambda _: other.set("key", "theirs")), clock), mode).add("key", "ours") is False
    assert other.get("key") == "theirs"


def test_a_race_lost_over_and_over_is_an_outage_in_the_end(make_engine, clock, called, mode, monkeypatch):
    monkeypatch.setattr("s3cache.retries.LONGEST_WAIT", 0)
    monkeypatch.setattr("s3cache.retries.PATIENCE", 0.01)
    engine = FlakyEngine(make_engine("memory"))
    cache = cache_over(engine, clock)
    cache.set("key", 1)
    engine.fail_next("put_object", Conflict("409"), times=100_000)
    with pytest.raises(EngineUnavailable, match="races for one entry were lost"):
        called(cache, mode).incr("key")


def test_get_or_set_recognises_its_own_lost_write(bench):
    engine, call = bench
    engine.fail_next("put_object", UNANSWERED, applied=True)
    assert call.get_or_set("new", "value") == "value"
    assert call.get("new") == "value"


def test_get_or_set_recognises_its_own_lost_mending(make_engine, clock, called, mode):
    engine = FlakyEngine(make_engine("memory"))
    cache = cache_over(engine, clock)
    spoil(cache, engine)
    engine.fail_next("put_object", Conflict("409"))  # add's own attempt, which meets the damaged entry
    engine.fail_next("put_object", UNANSWERED, applied=True)
    assert called(cache, mode).get_or_set("key", "mended") == "mended"
    assert cache.get("key") == "mended"


def test_get_or_set_gives_the_value_of_whoever_mended_first(make_engine, clock, called, mode):
    engine = make_engine("memory")
    other = cache_over(engine, clock)
    spoil(other, engine)
    raced = Racing(engine, lambda: other.set("key", "theirs"))
    assert called(cache_over(raced, clock), mode).get_or_set("key", "ours") == "theirs"
    assert other.get("key") == "theirs"


def test_set_does_not_repeat_what_the_engine_gave_up(bench):
    engine, call = bench
    engine.fail_next("put_object", UNANSWERED)
    with pytest.raises(EngineUnavailable):
        call.set("key", 1)
    assert call.get("key") == 10


# The same through a real SDK, with a server that applies a write and hangs up


@pytest.fixture
def behind_proxy(proxy, bucket):
    engine = Boto3Engine.from_options(f"s3://{bucket}", s3_options(proxy.url))
    yield engine
    engine.close()


def once(proxy, method, answer):
    """Lets ``answer`` decide what the next such request is told."""

    def decide(request, forward):
        if request.method != method:
            return forward(request)
        proxy.answer = lambda request, forward: forward(request)
        return answer(request, forward)

    proxy.answer = decide


def apply_and_hang_up(request, forward):
    assert forward(request).status == 200


def hang_up(request, forward):
    """Not applied."""


def conflict(request, forward):
    return Answer.error(409, "ConditionalRequestConflict")


@methods
def test_boto3_counts_once_whatever_the_client_was_told(behind_proxy, proxy, clock, method):
    cache = cache_over(behind_proxy, clock)
    for answer in (apply_and_hang_up, hang_up, conflict):
        cache.clear()
        cache.set("key", 10, 100)
        once(proxy, "PUT", answer)
        proxy.forget()
        check(cache, method, clock)
        writes = proxy.kinds()["PUT object"]
        assert writes == (1 if answer is apply_and_hang_up else 2)


def test_boto3_does_not_repeat_a_lost_addition_that_somebody_wrote_over(behind_proxy, proxy, clock):
    cache = cache_over(behind_proxy, clock)
    cache.set("key", 10)
    other = cache_over(behind_proxy, clock)

    def apply_and_meddle(request, forward):
        forward(request)
        other.set("key", 100)

    once(proxy, "PUT", apply_and_meddle)
    with pytest.raises(EngineUnavailable, match="may have been applied"):
        cache.incr("key")
    assert cache.get("key") == 100


def test_a_retry_costs_one_read_and_one_write(clock):
    counting = CountingEngine(MemoryEngine())
    engine = FlakyEngine(counting)
    cache = cache_over(engine, clock)
    cache.set("key", 1)
    counting.requests.clear()
    engine.fail_next("put_object", UNANSWERED)
    cache.incr("key")
    assert counting.requests == {"get_object": 2, "put_object": 1}


class Contrary(Interfering):
    """A store that refuses every condition."""

    def put_object(self, name, body, *, if_match=None, if_none_match=False):
        if if_match or if_none_match:
            raise PreconditionFailed("412")
        return self.inner.put_object(name, body)


@pytest.mark.parametrize("method", METHODS)
def test_a_store_that_refuses_conditions_that_hold_is_misconfigured(make_engine, clock, called, mode, method, monkeypatch):
    monkeypatch.setattr("s3cache.retries.LONGEST_WAIT", 0)
    engine = make_engine("memory")
    cache = cache_over(Contrary(engine, None), clock)
    cache.set("key", 10)
    (key, argument), _, _ = METHODS[method]
    with pytest.raises(EngineMisconfigured, match="refuses conditional writes"):
        getattr(called(cache, mode), method)(key, argument)
