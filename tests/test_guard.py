"""The guard: what is repeated, what is not, and for how long, over an engine that fails on demand."""

import asyncio
import dataclasses
import time

import pytest

from s3cache import deadlines
from s3cache.breaker import Breaker
from s3cache.deadlines import Deadline, Limit
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import AccessDenied, CircuitOpen, EngineMisconfigured, EngineUnavailable, ObjectNotFound, PreconditionFailed
from s3cache.guard import Guard
from s3cache.runtime import Blocking, finish
from s3cache.statistics import Statistics
from s3cache.testing import CountingEngine, FlakyEngine
from s3cache.watched import Watched

AWAY = EngineUnavailable("503 SlowDown")


class Patient:
    """A runtime that notes how long it should have slept."""

    def __init__(self):
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)


class Fixture:
    def __init__(self, **features):
        self.counting = CountingEngine(MemoryEngine())
        self.flaky = FlakyEngine(self.counting)
        self.runtime, self.statistics = Patient(), Statistics()
        self.breaker = Breaker(5, 5.0)
        engine = Blocking(self.flaky)
        engine.features = dataclasses.replace(engine.features, **{"max_attempts": 3, **features})
        self.watched = Watched(engine, self.statistics)
        self.guard = self.make()

    def make(self, **options):
        return Guard(self.watched, self.runtime, self.breaker, 10.0, **options)

    def put(self, **conditions):
        return finish(self.guard.put_object("name", b"body", **conditions))

    def get(self):
        return finish(self.guard.get_object("name"))

    def sent(self):
        return {kind: count for kind, count in self.statistics.counts().items() if kind.startswith("requests") and count}


@pytest.fixture
def fixture():
    return Fixture()


def test_what_ended_without_an_answer_is_asked_again(fixture):
    fixture.put()
    fixture.flaky.fail_next("get_object", AWAY, times=2)
    assert fixture.get().body == b"body"
    assert fixture.sent() == {"requests_put": 1, "requests_get": 3}
    first, second = fixture.runtime.slept
    assert 0 <= first <= 0.1
    assert 0 <= second <= 0.2


def test_but_no_more_often_than_the_engine_says(fixture):
    fixture.flaky.fail_next("get_object", AWAY, times=3)
    with pytest.raises(EngineUnavailable) as caught:
        fixture.get()
    assert caught.value is AWAY
    assert fixture.sent() == {"requests_get": 3}


def test_plain_writes_and_deletes_are_repeated_too(fixture):
    fixture.flaky.fail_next("put_object", AWAY)
    fixture.put()
    fixture.flaky.fail_next("delete_objects", AWAY)
    finish(fixture.guard.delete_objects(["name"]))
    assert fixture.sent() == {"requests_put": 2, "requests_delete": 2}


@pytest.mark.parametrize("condition", [{"if_none_match": True}, {"if_match": '"etag"'}])
def test_a_conditional_write_is_sent_once(fixture, condition):
    fixture.flaky.fail_next("put_object", AWAY)
    with pytest.raises(EngineUnavailable):
        fixture.put(**condition)
    assert fixture.sent() == {"requests_put": 1}


@pytest.mark.parametrize("error", [ObjectNotFound("no"), EngineMisconfigured("no"), PreconditionFailed("no")])
def test_an_answer_is_an_answer(fixture, error):
    for _ in range(4):
        fixture.breaker.failed(AWAY)
    fixture.flaky.fail_next("get_object", error)
    with pytest.raises(type(error)):
        fixture.get()
    fixture.breaker.failed(AWAY)
    assert fixture.breaker.state == "closed"


def test_each_attempt_counts_for_the_breaker(fixture):
    fixture.flaky.fail_next("get_object", AWAY, times=6)
    with pytest.raises(EngineUnavailable):
        fixture.get()
    assert fixture.breaker.state == "closed"
    with pytest.raises(EngineUnavailable):
        fixture.get()
    assert fixture.breaker.state == "open"
    assert fixture.sent() == {"requests_get": 5}
    with pytest.raises(CircuitOpen):
        fixture.get()
    assert fixture.sent() == {"requests_get": 5}


def test_no_request_begins_after_the_calls_time(fixture):
    token = deadlines.current.set(Deadline(-1))
    try:
        with pytest.raises(EngineUnavailable, match="TOTAL_TIMEOUT"):
            fixture.get()
    finally:
        deadlines.current.reset(token)
    assert fixture.sent() == {}
    assert fixture.breaker.state == "closed"


def test_a_wait_that_would_last_longer_than_the_call_is_none(fixture):
    fixture.flaky.fail_next("get_object", AWAY, times=3)
    with Limit(0.000001), pytest.raises(EngineUnavailable):
        fixture.get()
    assert fixture.runtime.slept == []


def test_a_request_of_a_bulk_call_has_a_time_of_its_own(fixture):
    seen = []
    inner = fixture.watched.get_object
    fixture.watched.get_object = lambda name, **options: (seen.append(deadlines.left()), inner(name, **options))[1]
    fixture.put()
    fixture.get()
    fixture.get()
    assert [9 < left <= 10 for left in seen] == [True, True]
    assert deadlines.current.get() is None


def test_a_large_body_has_more_time(fixture):
    seen = []
    inner = fixture.watched.put_object
    fixture.watched.put_object = lambda *args, **options: (seen.append(deadlines.left()), inner(*args, **options))[1]
    finish(fixture.guard.put_object("large", bytes(5_000_000)))
    assert 14 < seen[0] <= 15


def test_one_request_that_took_all_the_time_opens_the_circuit(fixture, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    async def slow(name, **options):
        now[0] += 11
        raise AWAY

    fixture.watched.get_object = slow
    with pytest.raises(EngineUnavailable):
        fixture.get()
    assert fixture.breaker.state == "open"


def test_lost_races_that_took_all_the_time_do_not(fixture, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    async def slow(name, **options):
        now[0] += 2
        raise AWAY

    fixture.watched.get_object = slow
    with Limit(10):
        now[0] = 9.0
        with pytest.raises(EngineUnavailable):
            fixture.get()
    assert fixture.breaker.state == "closed"


def test_a_limit_within_another_ends_with_itself(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    with Limit(10):
        with Limit(2):
            assert deadlines.left() == 2
        assert deadlines.left() == 10
        with Limit(20):
            assert deadlines.left() == 10


def names(count):
    return [f"{number:04}" for number in range(count)]


def listed(guard, **options):
    async def gathered():
        return [info.name async for info in guard.list_objects(**options)]

    return finish(gathered())


class Breaking:
    """A listing that breaks off after ``after`` names, so many times."""

    def __init__(self, inner, after, times):
        self._inner, self._after, self._times = inner, after, times
        self.asked = []

    async def __call__(self, prefix="", start_after=None):
        self.asked.append(start_after)
        count = 0
        async for info in self._inner(prefix, start_after):
            if self._times and count == self._after:
                self._times -= 1
                raise AWAY
            count += 1
            yield info


def breaking(fixture, after, times):
    for name in names(20):
        finish(fixture.guard.put_object(name, b"x"))
    fixture.watched.list_objects = Breaking(fixture.watched.list_objects, after, times)
    return fixture.watched.list_objects


def test_a_listing_goes_on_after_the_last_name(fixture):
    listing = breaking(fixture, 7, 2)
    assert listed(fixture.guard) == names(20)
    assert listing.asked == [None, "0006", "0013"]


def test_a_listing_that_gets_nowhere_ends(fixture):
    listing = breaking(fixture, 0, 9)
    with pytest.raises(EngineUnavailable):
        listed(fixture.guard)
    assert len(listing.asked) == 3


def test_a_listing_in_no_order_is_begun_again_only_where_nothing_came(fixture):
    fixture = Fixture(ordered_listing=False, start_after=False)
    breaking(fixture, 0, 2)
    assert sorted(listed(fixture.guard)) == names(20)
    fixture = Fixture(ordered_listing=False, start_after=False)
    breaking(fixture, 7, 1)
    with pytest.raises(EngineUnavailable):
        listed(fixture.guard)


def test_a_name_of_a_page_that_came_before_is_no_answer(fixture):
    for name in names(20):
        finish(fixture.guard.put_object(name, b"x"))
    listing = fixture.guard.list_objects()
    assert finish(anext(listing)).name == "0000"
    fixture.breaker.failed(AWAY, spent=True)
    assert finish(anext(listing)).name == "0001"
    assert fixture.breaker.state == "open"
    finish(listing.aclose())


def test_a_store_that_serves_reads_and_refuses_writes_is_left_alone(fixture):
    fixture.put()
    fixture.flaky.fail_next("put_object", AWAY, times=5)
    for _ in range(5):
        fixture.get()
        with pytest.raises(EngineUnavailable):
            fixture.put(if_match='"etag"')
    with pytest.raises(CircuitOpen):
        fixture.put(if_match='"etag"')
    assert fixture.sent() == {"requests_get": 5, "requests_put": 6}


def test_forbidden_is_a_miss_where_that_was_asked_for(fixture):
    fixture.flaky.fail_next("get_object", AccessDenied("AccessDenied"), times=2)
    with pytest.raises(AccessDenied):
        fixture.get()
    fixture.guard = fixture.make(forbidden_is_miss=True)
    with pytest.raises(ObjectNotFound, match="FORBIDDEN_IS_MISS"):
        fixture.get()


def test_forbidden_writes_are_no_miss(fixture):
    fixture.guard = fixture.make(forbidden_is_miss=True)
    fixture.flaky.fail_next("put_object", AccessDenied("AccessDenied"))
    with pytest.raises(AccessDenied):
        fixture.put()


def test_a_write_on_an_open_circuit_is_told_to_near_caches(fixture):
    class Listener(list):
        def begin_write(self, names):
            self.append(("begin", *names))

        def end_write(self, names):
            self.append(("end", *names))

    listener = Listener()
    fixture.watched._listeners = [listener]
    fixture.breaker.failed(AWAY, spent=True)
    with pytest.raises(CircuitOpen):
        fixture.put()
    with pytest.raises(CircuitOpen):
        finish(fixture.guard.delete_objects(["a", "b"]))
    assert listener == [(what, name) for name in ("name", "a", "b") for what in ("begin", "end")]


def test_who_is_cancelled_while_he_tries_leaves_the_try_to_others(fixture):
    fixture.breaker.failed(AWAY, spent=True)
    fixture.breaker._until = 0

    async def never(name, **options):
        await asyncio.Event().wait()

    fixture.watched.get_object = never

    async def run():
        task = asyncio.create_task(fixture.guard.get_object("name"))
        await asyncio.sleep(0)
        assert fixture.breaker.state == "half open"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert fixture.breaker.is_due
