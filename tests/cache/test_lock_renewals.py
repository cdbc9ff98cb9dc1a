"""``auto_renew``: a lock is renewed while its holder is at work, by a thread or a task that ends with it.

The clock of the holder stands still unless a test moves it. How often a renewal comes, real time says; the tests wait for its
requests, and not for time.
"""

import asyncio
import gc
import logging
import os
import threading
import warnings

import pytest

from s3cache import ObjectStoreCache
from s3cache.callers import AwaitingCaller, BlockingCaller
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineUnavailable, LockError
from tests.cache.locking import Seconds, lock_name, lock_of
from tests.cache.support import RemoteEngine, cache_over

SHORT = 0.03
"""Seconds: a renewal each hundredth."""
LONG = 3600.0


class Heard(RemoteEngine):
    """An engine that lets a test wait for its writes."""

    def __init__(self, inner):
        super().__init__(inner)
        self.writes = threading.Semaphore(0)

    def put_object(self, name, body, **keywords):
        try:
            return super().put_object(name, body, **keywords)
        finally:
            self.writes.release()

    def asynchronous(self):
        return None

    def await_writes(self, count):
        for _ in range(count):
            assert self.writes.acquire(timeout=30)


@pytest.fixture
def engine():
    return Heard(MemoryEngine())


@pytest.fixture
def cache(engine):
    return cache_over(engine, BREAKER={"FAILURES": 1000})


def renewed(cache, clock=None, seconds=SHORT):
    return lock_of(cache, seconds, clock=clock, auto_renew=True, callers=(BlockingCaller(cache), AwaitingCaller(cache)))


def at_work():
    """What renews locks now."""
    return [thread for thread in threading.enumerate() if thread.name == "s3cache-renewal"]


def tasks_at_work():
    return [task for task in asyncio.all_tasks() if task.get_name() == "s3cache-renewal"]


def await_end(threads):
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_it_is_renewed_until_it_is_released(cache, engine):
    lock = renewed(cache)
    with lock:
        engine.await_writes(5)
        assert lock.token == 1
        [thread] = at_work()
        assert thread.daemon
    assert at_work() == []
    assert not lock.locked()


async def test_a_task_renews_it_for_an_asynchronous_holder(cache, engine):
    async with renewed(cache) as lock:
        await asyncio.to_thread(engine.await_writes, 5)
        assert lock.token == 1
        assert len(tasks_at_work()) == 1
        assert at_work() == []
    assert tasks_at_work() == []
    assert not await lock.alocked()


def test_others_do_not_get_it_meanwhile(cache, engine):
    clock = Seconds()
    waiter = lock_of(cache, clock=clock)
    with renewed(cache):
        for _ in range(3):
            assert not waiter.acquire(blocking=False)
            clock.advance(SHORT * 0.9)
            engine.await_writes(5)
            assert not waiter.acquire(blocking=False)


def test_an_error_under_the_lock_ends_it(cache):
    with pytest.raises(ZeroDivisionError), renewed(cache, seconds=LONG):
        1 / 0  # noqa: B018
    assert at_work() == []


async def test_a_cancelled_holder_ends_and_releases_it(cache):
    lock, entered = renewed(cache, seconds=LONG), asyncio.Event()

    async def work():
        async with lock:
            entered.set()
            await asyncio.sleep(60)

    holder = asyncio.create_task(work())
    await entered.wait()
    holder.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holder
    assert tasks_at_work() == []
    assert not await lock.alocked()


def test_who_loses_it_is_warned_and_told_at_release(cache, engine, caplog):
    lock = renewed(cache)
    lock.acquire()
    threads = at_work()
    engine.inner.delete_objects([lock_name(cache)])
    await_end(threads)
    assert not lock.held
    assert lock.token is None
    assert [(record.levelno, "is lost" in record.message) for record in caplog.records] == [(logging.WARNING, True)]
    with pytest.raises(LockError, match="not held"):
        lock.release()


def test_what_the_store_did_not_answer_is_tried_again(cache, engine):
    lock = renewed(cache)
    lock.acquire()
    engine.fail_next("put_object", EngineUnavailable("503 SlowDown"), times=5)
    engine.fail_next("get_object", EngineUnavailable("503 SlowDown"), times=3)
    engine.await_writes(10)
    assert lock.held
    lock.release()
    assert not lock.locked()


def test_renewals_whose_answers_were_lost_leave_it_to_its_holder(cache, engine):
    lock = renewed(cache)
    lock.acquire()
    engine.fail_next("put_object", EngineUnavailable("no answer"), applied=True, times=3)
    engine.fail_next("get_object", EngineUnavailable("no answer"), times=3)
    engine.await_writes(8)
    lock.release()
    assert not lock.locked()


def test_it_ends_when_the_time_is_over_and_the_store_still_away(cache, engine, caplog):
    clock = Seconds()
    lock = renewed(cache, clock)
    lock.acquire()
    threads = at_work()
    engine.be_away()
    clock.advance(1)
    await_end(threads)
    assert not lock.held
    assert "could not be renewed before its time was over" in caplog.text
    engine.be_back()
    lock.release()


def test_its_time_is_not_the_caller_s_to_choose(cache):
    with renewed(cache, seconds=LONG) as lock:
        lock.extend()
        with pytest.raises(ValueError, match="renewed by itself"):
            lock.extend(50)


def test_it_may_be_used_again(cache, engine):
    lock = renewed(cache)
    for token in (1, 2):
        with lock:
            engine.await_writes(3)
            assert lock.token == token
    assert at_work() == []


def test_a_forked_child_holds_nothing_and_renews_nothing(tmp_path):
    cache = ObjectStoreCache(str(tmp_path / "cache"), {"OPTIONS": {"ENGINE": "local"}})
    with cache.lock("a", LONG, auto_renew=True) as lock:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python itself warns of a fork beside threads
            child = os.fork()
        if not child:
            said = 1
            try:
                said = 2 * lock.held + 4 * (lock.token is not None) + 8 * len(at_work()) + 16 * (not refuses(lock))
            finally:
                os._exit(said)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert lock.held
        assert lock.locked()


def refuses(lock):
    """Whether neither of these does anything."""
    for method in (lock.release, lock.extend):
        try:
            method()
        except LockError:
            continue
        return False
    return lock.acquire(blocking=False) is False


def test_one_whose_loop_has_ended_can_be_released(cache):
    for release in ("release", "arelease"):
        lock = cache.lock("elsewhere", LONG, auto_renew=True)
        assert asyncio.run(lock.aacquire())
        assert lock.held
        if release == "release":
            lock.release()
        else:
            asyncio.run(lock.arelease())
        assert not cache.lock("elsewhere", LONG).locked()


async def test_a_blocking_release_beside_a_task_that_renews_is_refused(cache):
    lock = cache.lock("tasks", LONG, auto_renew=True)
    await lock.aacquire()
    with pytest.raises(LockError, match="release it with arelease"):
        lock.release()
    await lock.arelease()


# One that nobody refers to any more


def test_one_that_is_let_go_of_is_renewed_no_more(cache, engine):
    lock = renewed(cache)
    lock.acquire()
    threads = at_work()
    engine.await_writes(5)
    del lock
    gc.collect()
    await_end(threads)


async def test_nor_by_a_task(cache, engine):
    lock = renewed(cache)
    await lock.aacquire()
    tasks = tasks_at_work()
    await asyncio.to_thread(engine.await_writes, 5)
    del lock
    gc.collect()
    await asyncio.wait_for(asyncio.gather(*tasks), 30)


def test_with_refers_to_it(cache, engine):
    with renewed(cache):
        gc.collect()
        engine.await_writes(5)


async def test_so_does_async_with(cache, engine):
    async with renewed(cache):
        gc.collect()
        await asyncio.to_thread(engine.await_writes, 5)
