"""How the asynchronous methods wait: on s3cache's own threads where an engine blocks, at once and not in turn."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.cache import caches
from django.test import override_settings
from django.utils.asyncio import async_unsafe

from s3cache import ObjectStoreCache
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineUnavailable
from s3cache.runtime import Blocking
from s3cache.testing.wrapping import WrappedEngine
from tests.cache.support import cache_over, name_of, stored

CALLER = contextvars.ContextVar("caller", default="nobody")
CALLERS = 12


class Watched(WrappedEngine):
    """Tells ``seen`` of every request, on the thread that makes it."""

    def __init__(self, inner, seen):
        super().__init__(inner, self.told)
        self.seen = seen

    async def told(self, verb, request, runtime):
        self.seen(verb)
        return await request()


@pytest.fixture
def directory(tmp_path):
    return LocalEngine.from_options(str(tmp_path / "cache"), {})


OPERATIONS = (
    ("get", ("key",)),
    ("get_many", (["key"],)),
    ("has_key", ("key",)),
    ("ttl", ("key",)),
    ("meta", ("key",)),
    ("expire_at", ("key", 5e9)),
    ("persist", ("key",)),
    ("set", ("key", 1)),
    ("set_many", ({"key": 1},)),
    ("add", ("key", 1)),
    ("touch", ("key",)),
    ("delete", ("key",)),
    ("delete_many", (["key"],)),
    ("get_or_set", ("key", 1)),
    ("clear", ()),
)


@pytest.mark.parametrize(("method", "arguments"), OPERATIONS, ids=[method for method, _ in OPERATIONS])
async def test_on_a_blocking_engine_they_run_on_threads_of_s3cache(directory, method, arguments):
    threads = set()
    cache = cache_over(Watched(directory, lambda verb: threads.add(threading.current_thread().name)))
    await getattr(cache, f"a{method}")(*arguments)
    assert threads
    assert all(name.startswith("s3cache") for name in threads)


async def test_on_a_native_engine_they_run_on_the_loop():
    threads = set()
    cache = cache_over(Watched(MemoryEngine(), lambda verb: threads.add(threading.current_thread())))
    await cache.aset("key", 1)
    await cache.aget_many(["key", "other"])
    assert threads == {threading.current_thread()}


async def test_they_do_not_use_the_loop_s_default_executor(directory):
    class Forbidden(ThreadPoolExecutor):
        def submit(self, *args, **keywords):
            raise AssertionError("the default executor belongs to the application")

    asyncio.get_running_loop().set_default_executor(Forbidden())
    cache = cache_over(directory)
    await cache.aset("key", 1)
    assert await cache.aget("key") == 1


async def test_they_run_at_the_same_time_and_not_in_turn(directory):
    barrier = threading.Barrier(CALLERS)
    cache = cache_over(Watched(directory, lambda verb: barrier.wait(30)))
    assert await asyncio.gather(*(cache.aget(f"key-{number}") for number in range(CALLERS))) == [None] * CALLERS


async def test_the_loop_runs_while_they_wait(directory):
    gate = threading.Event()
    cache = cache_over(Watched(directory, lambda verb: gate.wait(30)))
    waiting = asyncio.ensure_future(cache.aget("key"))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    assert await waiting is None


async def test_context_variables_are_seen_on_the_threads(directory):
    seen = []
    cache = cache_over(Watched(directory, lambda verb: seen.append(CALLER.get())))

    async def ask(name):
        CALLER.set(name)
        await cache.aget("key")

    await asyncio.gather(ask("one"), ask("two"))
    assert sorted(seen) == ["one", "two"]
    assert CALLER.get() == "nobody"


async def test_errors_reach_the_caller_as_they_are(directory):
    error = EngineUnavailable("no answer")

    def fail(verb):
        raise error

    cache = cache_over(Watched(directory, fail))
    for method, arguments in OPERATIONS[:-1]:
        if method != "set_many":
            with pytest.raises(EngineUnavailable) as caught:
                await getattr(cache, f"a{method}")(*arguments)
            assert caught.value is error


async def test_a_cancelled_caller_stops_waiting(directory):
    gate = threading.Event()
    started = threading.Event()

    def wait(verb):
        started.set()
        gate.wait(30)

    waiting = asyncio.ensure_future(cache_over(Watched(directory, wait)).aset("key", 1))
    while not started.is_set():
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()


async def test_many_tasks_share_one_engine_and_one_count(tmp_path):
    """Under ASGI each request is a task with a backend object of its own."""
    entry = {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": str(tmp_path / "cache"), "OPTIONS": {"MAX_ENTRIES": None}}
    with override_settings(CACHES={"default": entry}):

        async def request(number):
            cache = caches["default"]
            await cache.aset(f"key-{number}", number)
            caches.close_all()
            return cache

        backends = await asyncio.gather(*(request(number) for number in range(CALLERS)))
        assert len({id(backend) for backend in backends}) == CALLERS
        assert len({id(backend.engine) for backend in backends}) == 1
        assert backends[0].stats()["writes"] == CALLERS
        assert await backends[0].aget_many(f"key-{number}" for number in range(CALLERS)) == {
            f"key-{number}": number for number in range(CALLERS)
        }


def test_threads_share_one_engine_too(tmp_path):
    entry = {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": str(tmp_path / "cache")}
    with override_settings(CACHES={"default": entry}), ThreadPoolExecutor(4) as pool:
        barrier = threading.Barrier(4)

        def request(_):
            barrier.wait(30)
            return caches["default"]

        backends = list(pool.map(request, range(4)))
    assert len({id(backend) for backend in backends}) == 4
    assert len({id(backend.engine) for backend in backends}) == 1


async def test_the_first_error_of_a_bulk_method_ends_its_other_requests():
    class Failing(Blocking):
        async def get_object(self, name, **keywords):
            await asyncio.sleep(0)
            if name != first:
                await asyncio.Event().wait()
            raise EngineUnavailable("no answer")

    class Engine(MemoryEngine):
        def asynchronous(self):
            return Failing(self)

    cache = cache_over(Engine())
    first, before = name_of(cache, 0), asyncio.all_tasks()
    async with asyncio.timeout(30):
        with pytest.raises(EngineUnavailable, match="no answer"):
            await cache.aget_many(range(500))
    assert asyncio.all_tasks() == before


async def test_clear_while_others_write(directory):
    cache = cache_over(directory, MAX_ENTRIES=None)
    await asyncio.gather(*(cache.aset(f"key-{number}", number) for number in range(100)), cache.aclear())
    await cache.aclear()
    assert stored(directory) == []


class OnItsThread:
    """A value that knows in which thread it was pickled, as a lazy queryset is evaluated there."""

    def __reduce__(self):
        return str, (threading.current_thread().name,)


@pytest.mark.parametrize("method", ["aset", "aadd", "aget_or_set", "aset_many"])
async def test_a_value_is_serialized_where_django_runs_synchronous_code(engine, method):
    cache = cache_over(engine)
    here = await sync_to_async(lambda: threading.current_thread().name)()
    await (cache.aset_many({"key": OnItsThread()}) if method == "aset_many" else getattr(cache, method)("key", OnItsThread()))
    assert await cache.aget("key") == here


async def test_each_engine_has_threads_of_its_own(tmp_path):
    waiting, go_on = threading.Semaphore(0), threading.Event()

    class Silent(LocalEngine):
        def get_object(self, name, **keywords):
            waiting.release()
            go_on.wait(60)
            return super().get_object(name, **keywords)

    silent, healthy = cache_over(Silent(str(tmp_path / "silent"))), cache_over(LocalEngine(str(tmp_path / "healthy")))
    stuck = [asyncio.ensure_future(silent.aget(number)) for number in range(100)]
    try:
        await asyncio.to_thread(waiting.acquire)
        async with asyncio.timeout(30):
            assert await healthy.aget("key", "default") == "default"
    finally:
        go_on.set()
        await asyncio.gather(*stuck)


class Nested(ObjectStoreCache):
    """Overrides what it likes, as an application may, and calls asynchronous code from there."""

    def get(self, key, default=None, version=None):
        return super().get(key, default, version)

    def get_or_set(self, key, default, timeout=None, version=None):
        return super().get_or_set(key, default, timeout, version)


async def test_overrides_that_call_asynchronous_methods_do_not_wait_for_each_other(tmp_path):
    inner = cache_over(LocalEngine(str(tmp_path / "inner")), kind=Nested)
    outer = cache_over(LocalEngine(str(tmp_path / "outer")), kind=Nested)
    async with asyncio.timeout(60):
        got = await asyncio.gather(
            *(outer.aget_or_set(number, lambda: async_to_sync(inner.aget)("missing", "inner")) for number in range(100))
        )
    assert got == ["inner"] * 100


async def test_an_override_s_value_is_serialized_on_the_request_s_thread_too(engine):
    class Overriding(ObjectStoreCache):
        def set(self, key, value, timeout=None, version=None):
            super().set(key, value, timeout, version)

    cache = cache_over(engine, kind=Overriding)
    await cache.aset("key", OnItsThread())
    assert await cache.aget("key") == await sync_to_async(lambda: threading.current_thread().name)()


class FromTheDatabase:
    """A value whose loading Django refuses on an event loop."""

    def __reduce__(self):
        return from_the_database, ()


@async_unsafe
def from_the_database():
    return "loaded"


@pytest.mark.parametrize("near", [None, {"MAX_BYTES": 1_000_000, "TTL": 60}])
async def test_a_value_that_may_not_be_loaded_on_the_loop_is_loaded_where_django_runs_synchronous_code(engine, near):
    cache = cache_over(engine, NEAR_CACHE=near)
    await cache.aset_many(dict.fromkeys(range(6), FromTheDatabase()))
    for _ in range(2):
        assert await cache.aget(0) == "loaded"
        assert await cache.aget_many(range(6)) == dict.fromkeys(range(6), "loaded")
    assert cache.stats()["unusable"] == 0
