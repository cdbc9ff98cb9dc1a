"""Waiting: one coroutine for blocking and asynchronous callers."""

import asyncio
import contextvars
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest

from s3cache.engines.memory import MemoryEngine
from s3cache.errors import ObjectNotFound
from s3cache.runtime import AsyncioRuntime, Blocking, BlockingRuntime, batched, finish, in_thread, iterate, jobs, supplied

who = contextvars.ContextVar("who", default="nobody")


async def value(result):
    return result


async def failure(error):
    raise error


async def waits():
    await asyncio.sleep(0)


# --- finish -----------------------------------------------------------------------------------------------------------------


def test_finish_gives_what_the_coroutine_returns():
    async def outer():
        return await value(1) + await value(2)

    assert finish(outer()) == 3
    assert finish(value(None)) is None


def test_finish_passes_errors_as_they_are():
    error = KeyError("key")
    with pytest.raises(KeyError) as raised:
        finish(failure(error))
    assert raised.value is error


def test_a_coroutine_that_waits_for_a_loop_is_refused_and_closed():
    closed = []

    async def suspends():
        try:
            await waits()
        finally:
            closed.append(True)

    with pytest.raises(RuntimeError, match="suspends.* waits for an event loop"):
        finish(suspends())
    assert closed == [True]


async def test_finish_works_within_a_running_loop():
    assert finish(value(1)) == 1


# --- each: many jobs --------------------------------------------------------------------------------------------------------


def as_jobs(job, count):
    return jobs(job, supplied(range(count)))


def results(runtime, job, count):
    return list(iterate(runtime.each(as_jobs(job, count))))


async def awaited(runtime, job, count):
    async with aclosing(runtime.each(as_jobs(job, count))) as found:
        return [result async for result in found]


@pytest.fixture
def pools():
    """Makes executors, and remembers them."""
    made = []

    def make():
        made.append(ThreadPoolExecutor(4, thread_name_prefix="pool"))
        return made[-1]

    make.made = made
    yield make
    for pool in made:
        pool.shutdown()


def test_without_threads_jobs_run_one_after_the_other_in_order():
    order = []

    async def job(number):
        order.append(number)
        return number * 10

    assert results(BlockingRuntime(), job, 5) == [0, 10, 20, 30, 40]
    assert order == list(range(5))


def test_without_threads_an_error_ends_the_rest_and_is_raised_as_it_is():
    error, started = ValueError("second"), []

    async def job(number):
        started.append(number)
        return await (failure(error) if number == 1 else value(number))

    with pytest.raises(ValueError) as raised:
        results(BlockingRuntime(), job, 5)
    assert raised.value is error and started == [0, 1]


@pytest.mark.parametrize("count", range(6))
def test_a_few_jobs_need_no_threads(pools, count):
    async def job(number):
        return threading.current_thread().name.startswith("pool")

    assert results(BlockingRuntime(4, pools), job, count) == [count > 3] * count
    assert len(pools.made) == (count > 3)


def test_as_many_jobs_as_are_allowed_run_on_threads_at_once(pools):
    barrier = threading.Barrier(4)

    async def job(number):
        barrier.wait(10)
        return number

    assert results(BlockingRuntime(4, pools), job, 40) == list(range(40))


def test_each_job_on_a_thread_has_a_copy_of_the_caller_s_context(pools):
    async def job(number):
        seen = who.get()
        who.set(f"job {number}")
        return seen

    token = who.set("the caller")
    try:
        assert results(BlockingRuntime(4, pools), job, 20) == ["the caller"] * 20
        assert who.get() == "the caller"
    finally:
        who.reset(token)


def test_jobs_for_threads_are_taken_as_their_turn_comes_near(pools):
    taken = []

    async def job(number):
        return number

    def numbers():
        for number in range(1_000_000):
            taken.append(number)
            yield number

    found = iterate(BlockingRuntime(4, pools).each(jobs(job, supplied(numbers()))))
    assert [next(found) for _ in range(100)] == list(range(100))
    assert len(taken) <= 100 + 2 * 4 + 1
    found.close()


def test_on_threads_the_first_error_ends_the_rest_waits_for_what_runs_and_is_raised_as_it_is(pools):
    error, running, ended = ValueError("first"), threading.Event(), []

    async def job(number):
        if number == 0:
            running.wait(10)
            raise error
        if number == 1:
            running.set()
            time.sleep(0.05)
        ended.append(number)

    with pytest.raises(ValueError) as raised:
        results(BlockingRuntime(4, pools), job, 1000)
    assert raised.value is error
    assert 1 in ended and len(ended) < 20
    count = len(ended)
    pools.made[0].shutdown()
    assert len(ended) == count, "what had not begun never did"


def test_on_threads_what_waits_behind_an_error_never_begins(pools):
    """All four threads are held until the error has been seen, so that the jobs behind them are still to begin."""
    seen, begun = threading.Event(), []

    async def job(number):
        begun.append(number)
        if number == 0:
            raise ValueError("first")
        seen.wait(10)

    found = iterate(BlockingRuntime(4, pools).each(as_jobs(job, 1000)))
    threading.Timer(0.1, seen.set).start()
    with pytest.raises(ValueError):
        next(found)
    pools.made[0].shutdown()
    assert set(begun) <= {0, 1, 2, 3, 4}


def test_who_leaves_early_leaves_no_job_behind(pools):
    started = []

    async def job(number):
        started.append(number)

    found = iterate(BlockingRuntime(4, pools).each(as_jobs(job, 1000)))
    next(found)
    found.close()
    count = len(started)
    pools.made[0].shutdown()
    assert len(started) == count < 20


class Gates:
    """Jobs that wait until they are let go; counts who runs."""

    def __init__(self, number):
        self.gates = [asyncio.Event() for _ in range(number)]
        self.running, self.most, self.started, self.ended, self.cancelled = 0, 0, [], [], []

    async def job(self, number):
        self.started.append(number)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gates[number].wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.running -= 1
        self.ended.append(number)
        return number


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_results_come_in_the_order_of_the_jobs_whichever_ends_first():
    gates = Gates(6)
    all_of_them = asyncio.ensure_future(awaited(AsyncioRuntime(width=3), gates.job, 6))
    for number in (2, 1, 3, 5, 4, 0):
        await settle()
        gates.gates[number].set()
    assert await all_of_them == [0, 1, 2, 3, 4, 5]
    assert gates.ended == [2, 1, 3, 5, 4, 0]


async def test_at_most_width_jobs_run_at_a_time():
    gates = Gates(20)
    all_of_them = asyncio.ensure_future(awaited(AsyncioRuntime(width=4), gates.job, 20))
    await settle()
    assert gates.started == [0, 1, 2, 3]
    for gate in gates.gates:
        gate.set()
    assert len(await all_of_them) == 20
    assert gates.most == 4


async def test_jobs_are_taken_only_when_their_turn_comes_near():
    taken = []
    gates = Gates(50)

    def numbers():
        for number in range(50):
            taken.append(number)
            yield number

    async def all_of_them():
        async with aclosing(AsyncioRuntime(width=5).each(jobs(gates.job, supplied(numbers())))) as found:
            return [result async for result in found]

    tasks_before = len(asyncio.all_tasks())
    waiting = asyncio.ensure_future(all_of_them())
    await settle()
    assert len(gates.started) == 5
    assert len(taken) == 2 * 5 + 1
    assert len(asyncio.all_tasks()) - tasks_before == 2 * 5 + 1 + 1
    for gate in gates.gates:
        gate.set()
    assert await waiting == list(range(50))


async def test_the_first_error_ends_the_rest_and_is_raised_as_it_is():
    error, gates = ValueError("second"), Gates(4)

    async def job(number):
        return await (failure(error) if number == 1 else gates.job(number))

    tasks_before = asyncio.all_tasks()
    gates.gates[0].set()
    with pytest.raises(ValueError) as raised:
        await asyncio.wait_for(awaited(AsyncioRuntime(width=2), job, 4), 10)
    assert raised.value is error
    assert gates.running == 0 and gates.ended == [0]
    assert asyncio.all_tasks() == tasks_before


async def test_an_error_waits_until_the_cancelled_jobs_have_ended():
    ended = []

    async def job(number):
        if number == 0:
            await asyncio.sleep(0)
            raise ValueError("first")
        try:
            await asyncio.Event().wait()
        finally:
            await settle()
            ended.append(number)

    with pytest.raises(ValueError):
        await awaited(AsyncioRuntime(width=3), job, 3)
    assert sorted(ended) == [1, 2]


async def test_of_two_errors_one_is_raised_and_the_other_is_not_left_unread():
    errors = [ValueError("one"), KeyError("two")]

    async def job(number):
        raise errors[number]

    with pytest.raises((ValueError, KeyError)) as raised:
        await awaited(AsyncioRuntime(), job, 2)
    assert raised.value in errors


async def test_cancelling_the_caller_cancels_every_job():
    gates = Gates(10)
    all_of_them = asyncio.ensure_future(awaited(AsyncioRuntime(width=3), gates.job, 10))
    await settle()
    all_of_them.cancel()
    with pytest.raises(asyncio.CancelledError):
        await all_of_them
    assert gates.started == sorted(gates.cancelled) == [0, 1, 2] and gates.running == 0


@pytest.mark.parametrize("runtime", [BlockingRuntime(), BlockingRuntime(4), AsyncioRuntime()])
async def test_no_jobs_give_no_results(runtime):
    assert await awaited(runtime, value, 0) == []


@pytest.mark.parametrize("runtime", [BlockingRuntime(), AsyncioRuntime()])
async def test_no_time_at_all_can_be_slept(runtime):
    assert await runtime.sleep(0) is None


def test_batches_are_full_but_for_the_last():
    assert list(iterate(batched(supplied(range(7)), 3))) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(iterate(batched(supplied([]), 3))) == []


# --- a blocking engine in the async shape -----------------------------------------------------------------------------------


def test_a_blocking_engine_s_verbs_never_suspend():
    engine = Blocking(MemoryEngine())
    etag = finish(engine.put_object("a", b"body", if_none_match=True))
    assert finish(engine.get_object("a", first=2)).body == b"bo"
    finish(engine.put_object("b", b"other"))
    finish(engine.put_object("a", b"new", if_match=etag))
    assert [info.name for info in iterate(engine.list_objects("", "a"))] == ["b"]
    finish(engine.delete_objects(["a", "b"]))
    with pytest.raises(ObjectNotFound):
        finish(engine.get_object("a"))
    assert engine.features == MemoryEngine().features and engine.prefix == ""


# --- threads ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2, thread_name_prefix="ours") as pool:
        yield pool


async def test_a_function_runs_on_the_given_executor(executor):
    assert (await in_thread(executor, lambda: threading.current_thread().name)).startswith("ours")


async def test_context_variables_are_seen_and_changes_stay_in_the_copy(executor):
    def work():
        seen = who.get()
        who.set("the worker")
        return seen

    token = who.set("the caller")
    try:
        assert await in_thread(executor, work) == "the caller"
        assert who.get() == "the caller"
    finally:
        who.reset(token)


async def test_errors_pass_from_the_thread_as_they_are(executor):
    error = ValueError("from the thread")
    with pytest.raises(ValueError) as raised:
        await in_thread(executor, lambda: finish(failure(error)))
    assert raised.value is error


async def test_a_caller_that_is_cancelled_stops_waiting(executor):
    begun, go_on = threading.Event(), threading.Event()
    done = []

    def work():
        begun.set()
        done.append(go_on.wait(10))

    waiting = asyncio.ensure_future(in_thread(executor, work))
    while not begun.is_set():
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == []
    go_on.set()
    executor.shutdown()
    assert done == [True]


# --- iterate ----------------------------------------------------------------------------------------------------------------


class Counted:
    """An asynchronous generator that tells how far it was read, and whether it was closed."""

    def __init__(self, end=None):
        self.read, self.closed, self.end = 0, False, end

    async def items(self):
        try:
            for number in itertools.count():
                if number == self.end:
                    return
                self.read += 1
                yield number
        finally:
            self.closed = True


def test_iterate_gives_all_items_and_closes():
    counted = Counted(end=3)
    generator = counted.items()  # held here, so that only iterate closes it
    assert list(iterate(generator)) == [0, 1, 2]
    assert counted.closed


def test_iterate_reads_no_further_than_asked():
    counted = Counted()
    generator = counted.items()  # held here, so that only iterate closes it
    items = iterate(generator)
    assert counted.read == 0
    assert [next(items), next(items)] == [0, 1]
    assert counted.read == 2 and not counted.closed
    items.close()
    assert counted.closed


def test_iterate_passes_errors_and_closes():
    closed = []

    async def items():
        try:
            yield 1
            raise ValueError("while listing")
        finally:
            closed.append(True)

    with pytest.raises(ValueError, match="while listing"):
        list(iterate(items()))
    assert closed == [True]


def test_an_item_may_be_none():
    async def items():
        yield None

    assert list(iterate(items())) == [None]


def test_a_generator_that_waits_for_a_loop_is_refused():
    async def items():
        await waits()
        yield 1

    with pytest.raises(RuntimeError):
        list(iterate(items()))
