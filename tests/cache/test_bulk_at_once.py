"""Bulk methods make several requests at once: on threads for blocking engines, as tasks for native ones."""

import asyncio
import dataclasses
import itertools
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from s3cache import sharing
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured, EngineUnavailable
from s3cache.runtime import Blocking
from s3cache.testing import CountingEngine
from s3cache.testing.wrapping import WrappedEngine
from tests.cache.support import cache_over, stored

WIDTH = 4
ROOT = Path(__file__).parents[2]


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


class Calling:
    """Calls a function when it is loaded."""

    function = None

    def __reduce__(self):
        return called_on_loading, ()


def called_on_loading():
    return Calling.function()


def test_values_are_loaded_on_the_caller_s_thread(monkeypatch):
    monkeypatch.setattr(Calling, "function", threading.current_thread, raising=False)
    cache = cache_over(Wide(MemoryEngine()), MAX_ENTRIES=None)
    cache.set_many({number: Calling() for number in range(20)})
    assert set(cache.get_many(range(20)).values()) == {threading.current_thread()}


def test_a_value_may_use_the_cache_while_it_is_loaded(monkeypatch, called, mode):
    cache = cache_over(Wide(MemoryEngine()), MAX_ENTRIES=None)
    monkeypatch.setattr(Calling, "function", lambda: cache.get_many(["one", "two", *range(50, 60)]), raising=False)
    cache.set_many({number: Calling() for number in range(20)} | {"one": 1, "two": 2})
    assert called(cache, mode).get_many(range(20)) == {number: {"one": 1, "two": 2} for number in range(20)}


def test_an_engine_may_use_the_cache_in_its_requests():
    """Say, by a logging handler that reads the cache. All threads are busy with the outer requests by then."""
    cache = cache_over(Wide(MemoryEngine(), lambda verb: nested(cache)), MAX_ENTRIES=None)
    assert cache.get_many(range(40)) == {}


DEPTH = threading.local()


def nested(cache):
    """Once within each request, and not within those."""
    if not getattr(DEPTH, "within", False):
        DEPTH.within = True
        try:
            cache.get_many(range(10))
        finally:
            DEPTH.within = False


def test_keys_that_are_equal_are_one_entry_of_the_answer_whichever_is_there(called, mode):
    call = called(cache_over(Wide(MemoryEngine()), MAX_ENTRIES=None), mode)
    call.set(1, "one")
    assert call.get_many([1, True]) == call.get_many([True, 1]) == {1: "one"}


async def test_a_cancelled_bulk_call_makes_no_further_requests():
    """Each request waits for the test, which sees the call cancelled before it lets them go on."""
    go_on, requests = threading.Semaphore(0), []

    def seen(verb):
        requests.append(verb)
        go_on.acquire(timeout=30)

    cache = cache_over(Wide(MemoryEngine(), seen), MAX_ENTRIES=None)
    call = asyncio.create_task(cache.aget_many(range(1000)))
    while len(requests) < WIDTH:
        await asyncio.sleep(0.001)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go_on.release(2000)
    assert await cache.aget("another") is None  # on the threads for operations, of which the cancelled one has gone or will go
    await asyncio.to_thread(sharing.threads_for(cache.engine, WIDTH).shutdown)
    assert len(requests) <= WIDTH + 1


async def test_a_cancelled_clear_removes_no_more():
    engine = MemoryEngine()
    cache_over(engine, MAX_ENTRIES=None).set_many(dict.fromkeys(range(3500), 1))
    listing, go_on = threading.Event(), threading.Event()

    def seen(verb):
        listing.set()
        go_on.wait(30)

    cache = cache_over(Wide(engine, seen), MAX_ENTRIES=None)
    call = asyncio.create_task(cache.aclear())
    await asyncio.to_thread(listing.wait)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go_on.set()
    await asyncio.to_thread(sharing.executor_for(cache.engine).shutdown)
    assert len(stored(engine)) >= 2500


SHUTDOWN = """
import atexit, dataclasses
from django.conf import settings
settings.configure(SECRET_KEY="secret")
from s3cache.engines.memory import MemoryEngine
from tests.cache.support import cache_over
from tests.cache.test_bulk_at_once import Wide

cache = cache_over(Wide(MemoryEngine()))
atexit.register(lambda: print(cache.set_many(dict.fromkeys(range(8), 1)), len(cache.get_many(range(8)))))
"""


def test_bulk_methods_work_while_the_interpreter_ends():
    shown = subprocess.run([sys.executable, "-c", SHUTDOWN], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (shown.stdout, shown.stderr) == ("[] 8\n", "")


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


@pytest.mark.parametrize("value", [lambda: None, b"0" * 2000])
def test_a_value_that_cannot_be_stored_says_whose_it_is(called, mode, value):
    call = called(cache_over(MemoryEngine(), MAX_VALUE_BYTES=1000), mode)
    with pytest.raises(Exception) as caught:  # noqa: B017  # whatever pickle raises, by its version
        call.set_many({"good": 1, "bad": value})
    assert "for the key 'bad'" in "".join(caught.value.__notes__)
    assert call.get("good") is None


def test_an_outage_of_set_many_is_one_line_of_log(called, mode, caplog):
    cache = cache_over(failing("put_object", EngineUnavailable), MAX_ENTRIES=None)
    called(cache, mode).set_many(dict.fromkeys(range(100), 1))
    assert [record.getMessage() for record in caplog.records] == [
        "set_many could not store 100 of 100 values, the first that for 0: as asked for"
    ]
    assert cache.stats()["failed_writes"] == 100


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
