"""The engines around an engine: they keep the contract, count what passes through them, and fail when they are told to."""

import asyncio

import pytest

from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineUnavailable, ObjectNotFound, PreconditionFailed
from s3cache.testing import CountingEngine, EngineContract, FlakyEngine
from s3cache.testing.wrapping import WrappedAsyncEngine


class TestCountingEngine(EngineContract):
    @pytest.fixture
    def engine(self):
        return CountingEngine(MemoryEngine())


class TestFlakyEngineThatDoesNotFail(EngineContract):
    @pytest.fixture
    def engine(self):
        return FlakyEngine(MemoryEngine())


@pytest.fixture
def counting():
    return CountingEngine(MemoryEngine())


@pytest.fixture
def flaky():
    return FlakyEngine(MemoryEngine())


def lost():
    return EngineUnavailable("the answer was lost")


def test_each_call_is_a_request_also_one_that_fails(counting):
    counting.put_object("name", b"body")
    counting.get_object("name", first=1)
    counting.delete_objects(["name", "other"])
    with pytest.raises(ObjectNotFound):
        counting.get_object("name")
    assert counting.requests == {"put_object": 1, "get_object": 2, "delete_objects": 1}


@pytest.mark.parametrize(("names", "requests"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (2000, 2)])
def test_a_listing_is_a_request_per_started_thousand_names(counting, names, requests):
    for number in range(names):
        counting.inner.put_object(str(number), b"")
    assert len(list(counting.list_objects())) == names
    assert counting.requests == {"list_objects": requests}


def test_a_listing_that_is_left_counts_what_was_read(counting):
    for number in range(1500):
        counting.inner.put_object(str(number), b"")
    next(counting.list_objects())
    assert counting.requests == {"list_objects": 1}


def test_both_shapes_count_in_the_same_place(counting):
    async def main():
        store = counting.asynchronous()
        await store.put_object("name", b"body")
        await store.get_object("name")
        await store.delete_objects(["name"])
        return [info async for info in store.list_objects()]

    counting.put_object("name", b"body")
    asyncio.run(main())
    assert counting.requests == {"put_object": 2, "get_object": 1, "delete_objects": 1, "list_objects": 1}


def test_there_is_no_async_shape_around_an_engine_without_one(tmp_path):
    assert CountingEngine(LocalEngine(str(tmp_path))).asynchronous() is None


def test_a_doomed_request_is_not_applied(flaky):
    flaky.fail_next("put_object", lost())
    with pytest.raises(EngineUnavailable):
        flaky.put_object("name", b"body")
    with pytest.raises(ObjectNotFound):
        flaky.get_object("name")


def test_an_applied_request_loses_only_its_answer(flaky):
    flaky.fail_next("put_object", lost(), applied=True)
    with pytest.raises(EngineUnavailable):
        flaky.put_object("name", b"body")
    assert flaky.get_object("name").body == b"body"


def test_failures_queue_up_and_end(flaky):
    flaky.fail_next("get_object", lost(), times=2)
    flaky.fail_next("get_object", PreconditionFailed("another"))
    for kind in (EngineUnavailable, EngineUnavailable, PreconditionFailed, ObjectNotFound):
        with pytest.raises(kind):
            flaky.get_object("name")


def test_an_error_of_the_inner_engine_comes_before_the_loss(flaky):
    flaky.fail_next("get_object", lost(), applied=True)
    with pytest.raises(ObjectNotFound):
        flaky.get_object("name")


def test_a_listing_and_a_delete_can_fail_too(flaky):
    flaky.put_object("name", b"body")
    flaky.fail_next("list_objects", lost())
    flaky.fail_next("delete_objects", lost(), applied=True)
    with pytest.raises(EngineUnavailable):
        list(flaky.list_objects())
    with pytest.raises(EngineUnavailable):
        flaky.delete_objects(["name"])
    assert list(flaky.list_objects()) == []


def test_the_async_shape_fails_as_the_blocking_one_does(flaky):
    flaky.fail_next("put_object", lost(), applied=True)
    with pytest.raises(EngineUnavailable):
        asyncio.run(flaky.asynchronous().put_object("name", b"body"))
    assert flaky.get_object("name").body == b"body"


def test_an_unknown_verb_is_refused(flaky):
    with pytest.raises(ValueError, match="Known: get_object, put_object"):
        flaky.fail_next("get", lost())


@pytest.mark.parametrize("shape", ["blocking", "async"])
def test_a_body_is_cut_short_as_often_as_asked(flaky, shape):
    flaky.put_object("name", b"a body")
    flaky.truncate_next(3)

    def got():
        return (flaky.get_object("name") if shape == "blocking" else asyncio.run(flaky.asynchronous().get_object("name"))).body

    assert [got(), got()] == [b"a b", b"a body"]


def test_a_throttled_request_passes_when_it_is_repeated(flaky):
    flaky.fail_next("get_object", EngineUnavailable("503 SlowDown"), times=2)
    flaky.put_object("name", b"body")
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match="SlowDown"):
            flaky.get_object("name")
    assert flaky.get_object("name").body == b"body"


class Stopwatch:
    """A runtime that notes how long it was told to wait, and does not."""

    def __init__(self):
        self.waits = []

    async def sleep(self, seconds):
        self.waits.append(seconds)


def test_a_delayed_request_waits_as_its_shape_does(flaky):
    stopwatch = Stopwatch()
    shaped = WrappedAsyncEngine(flaky.inner.asynchronous(), flaky._pass, stopwatch)
    flaky.delay_next("put_object", 0.2, times=2)
    for name in ("one", "two", "three"):
        asyncio.run(shaped.put_object(name, b"body"))
    assert stopwatch.waits == [0.2, 0.2]
    assert flaky.get_object("two").body == b"body"


async def test_other_tasks_run_while_an_async_request_is_delayed(flaky):
    flaky.delay_next("put_object", 0.05)
    delayed = asyncio.ensure_future(flaky.asynchronous().put_object("slow", b"body"))
    await asyncio.sleep(0)
    await flaky.asynchronous().put_object("fast", b"body")
    assert not delayed.done()
    await delayed
