"""Bulk methods make several requests at once: on threads for blocking engines, as tasks for native ones."""

import asyncio
import dataclasses
import itertools
import threading
import tracemalloc

import pytest

from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured, EngineUnavailable
from s3cache.runtime import Blocking
from s3cache.testing import CountingEngine
from s3cache.testing.wrapping import WrappedEngine
from tests.cache.support import cache_over, stored

WIDTH = 4


class Wide(WrappedEngine):
    """An engine of four requests at once, and none of its own way to wait. ``seen(verb)`` is told of each, where it is made."""

    def __init__(self, inner, seen=lambda verb: None):
        super().__init__(inner, self.told)
        self.seen = seen

    @property
    def features(self):
        return dataclasses.replace(self.inner.features, concurrency=WIDTH, native_async=False)

    async def told(self, verb, request, runtime):
        self.seen(verb)
        return await request()

    def asynchronous(self):
        return None


CALLS = {
    "get_many": lambda call, count: call.get_many(range(count)),
    "set_many": lambda call, count: call.set_many(dict.fromkeys(range(count), 1)),
}


@pytest.mark.parametrize("method", CALLS)
def test_as_many_requests_as_the_engine_likes_go_out_at_once(called, mode, method):
    barrier = threading.Barrier(WIDTH)
    cache = cache_over(Wide(MemoryEngine(), lambda verb: barrier.wait(30)), MAX_ENTRIES=None)
    CALLS[method](called(cache, mode), 5 * WIDTH)


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_for_a_few_keys_there_are_no_threads(method, count):
    threads = set()
    cache = cache_over(Wide(MemoryEngine(), lambda verb: threads.add(threading.current_thread())), MAX_ENTRIES=None)
    CALLS[method](cache, count)
    assert threads == {threading.current_thread()}


def test_batches_are_deleted_at_once(called, mode):
    engine = MemoryEngine()
    cache_over(engine, MAX_ENTRIES=None).set_many(dict.fromkeys(range(4 * 1000), 1))
    barrier = threading.Barrier(WIDTH)
    wide = Wide(engine, lambda verb: verb == "delete_objects" and barrier.wait(30))
    called(cache_over(wide, MAX_ENTRIES=None), mode).delete_many(range(4 * 1000))
    assert stored(engine) == []


def test_clear_deletes_batches_at_once(called, mode):
    engine = MemoryEngine()
    cache_over(engine, MAX_ENTRIES=None).set_many(dict.fromkeys(range(4 * 1000), 1))
    barrier = threading.Barrier(WIDTH)
    wide = Wide(engine, lambda verb: verb == "delete_objects" and barrier.wait(30))
    called(cache_over(wide, MAX_ENTRIES=None), mode).clear()
    assert stored(engine) == []


def test_what_is_found_comes_in_the_order_asked(called, mode):
    others = threading.Semaphore(0)
    turns = itertools.count()

    def first_waits(verb):
        """The first request ends after three others."""
        if next(turns) == 0:
            for _ in range(3):
                assert others.acquire(timeout=30)
        else:
            others.release()

    engine = MemoryEngine()
    cache_over(engine, MAX_ENTRIES=None).set_many({number: number for number in range(40)})
    call = called(cache_over(Wide(engine, first_waits), MAX_ENTRIES=None), mode)
    assert list(call.get_many(range(40)).items()) == [(number, number) for number in range(40)]


def test_asynchronous_callers_of_many_bulk_methods_do_not_wait_for_each_other_s_threads():
    """An operation on one of the threads for operations waits for the threads for requests, and never for one of its own kind."""
    cache = cache_over(Wide(MemoryEngine()), MAX_ENTRIES=None)

    async def many():
        async with asyncio.timeout(60):
            return await asyncio.gather(*(cache.aget_many(range(10)) for _ in range(100)))

    assert asyncio.run(many()) == [{}] * 100


def test_a_set_many_that_culls_on_threads_keeps_to_the_limit(called, mode):
    engine = MemoryEngine()
    called(cache_over(Wide(engine), MAX_ENTRIES=30), mode).set_many(dict.fromkeys(range(500), 1))
    assert len(stored(engine)) <= 30 + 2 * WIDTH


# --- errors -----------------------------------------------------------------------------------------------------------------


def failing(verb, error, passing=0):
    """An engine whose requests of that kind fail, after so many that pass."""
    requests = itertools.count()

    def seen(which):
        if which == verb and next(requests) >= passing:
            raise error("as asked for")

    return Wide(MemoryEngine(), seen)


def test_an_error_of_get_many_names_the_key(called, mode):
    call = called(cache_over(failing("get_object", EngineUnavailable), MAX_ENTRIES=None), mode)
    with pytest.raises(EngineUnavailable) as caught:
        call.get_many([7, *range(100, 200)])
    assert caught.value.keys == (7,)
    assert "the key 7;" in "".join(caught.value.__notes__)


def test_an_error_of_set_many_names_the_keys_as_the_caller_wrote_them(called, mode):
    call = called(cache_over(failing("put_object", EngineMisconfigured), MAX_ENTRIES=None), mode)
    with pytest.raises(EngineMisconfigured) as caught:
        call.set_many({1: "number", "1": "text"})
    assert caught.value.keys == (1, "1")


def test_an_error_of_delete_many_names_the_keys_of_its_batch(called, mode):
    call = called(cache_over(failing("delete_objects", EngineUnavailable), MAX_ENTRIES=None), mode)
    with pytest.raises(EngineUnavailable) as caught:
        call.delete_many(range(1, 2501))
    assert caught.value.keys == tuple(range(1, 1001))
    assert "the key 1 and 999 more;" in "".join(caught.value.__notes__)


def test_after_an_error_nothing_more_is_asked_for(called, mode):
    engine = CountingEngine(failing("get_object", EngineUnavailable, passing=10))
    call = called(cache_over(engine, MAX_ENTRIES=None), mode)
    with pytest.raises(EngineUnavailable):
        call.get_many(range(10_000))
    assert engine.requests["get_object"] <= 10 + 3 * WIDTH


def test_in_an_outage_set_many_on_threads_gives_up_soon_and_gives_every_key_back(called, mode):
    engine = CountingEngine(failing("put_object", EngineUnavailable))
    call = called(cache_over(engine, MAX_ENTRIES=None), mode)
    assert call.set_many(dict.fromkeys(range(1000), 1)) == list(range(1000))
    assert engine.requests["put_object"] <= 2 + WIDTH


# --- memory -----------------------------------------------------------------------------------------------------------------


class Taken:
    """Keys that know how many of them were taken."""

    def __init__(self, count):
        self.count = count
        self.taken = 0

    def __iter__(self):
        for number in range(1, self.count + 1):
            self.taken = number
            yield number


@pytest.mark.parametrize("kind", [MemoryEngine, Wide])
@pytest.mark.parametrize("method", ["get_many", "delete_many"])
def test_an_iterator_of_many_keys_is_taken_as_it_is_needed(called, mode, kind, method):
    keys = Taken(15_000)
    ahead, answered = [], itertools.count(1)

    def seen(verb):
        ahead.append(keys.taken - next(answered) * (1000 if verb == "delete_objects" else 1))

    class Seen(WrappedEngine):
        def __init__(self, inner):
            super().__init__(inner, self.told)

        async def told(self, verb, request, runtime):
            seen(verb)
            return await request()

    engine = Seen(MemoryEngine()) if kind is MemoryEngine else Wide(MemoryEngine(), seen)
    assert not getattr(called(cache_over(engine, MAX_ENTRIES=None), mode), method)(keys)
    assert keys.taken == 15_000
    assert max(ahead) <= 10_000 + 1000, "no more than one portion of an asynchronous call, and some batches"


def test_many_keys_are_not_held():
    """A hundred thousand keys, their full keys and their names would take some 30 MB."""
    cache = cache_over(Wide(MemoryEngine()), MAX_ENTRIES=None)
    tracemalloc.start()
    try:
        cache.delete_many(Taken(100_000))
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


async def test_native_requests_go_out_at_once():
    waiting, gate = [], asyncio.Event()

    class Slow(Blocking):
        async def get_object(self, name, **keywords):
            waiting.append(name)
            if len(waiting) == 64:
                gate.set()
            await gate.wait()
            return await super().get_object(name, **keywords)

    class Engine(MemoryEngine):
        def asynchronous(self):
            return Slow(self)

    async with asyncio.timeout(30):
        assert await cache_over(Engine()).aget_many(range(200)) == {}
