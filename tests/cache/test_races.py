"""Many writers at once, in threads, tasks and processes: one add wins, and no addition is lost."""

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3cache import ObjectStoreCache
from tests.cache import worker
from tests.cache.support import cache_over
from tests.servers import s3_options

THREADS = 6


def at_once(function, count=THREADS):
    """The results of ``function(number)`` in as many threads, let go together."""
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait(30)
        return function(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.fixture
def caches(engine, clock):
    """One backend object per writer over one engine, as Django makes them."""
    return [cache_over(engine, clock) for _ in range(THREADS)]


def test_one_of_many_adders_wins(caches):
    won = at_once(lambda number: [caches[number].add(f"key-{turn}", number) for turn in range(5)])
    for turn in range(5):
        [winner] = [number for number in range(THREADS) if won[number][turn]]
        assert caches[0].get(f"key-{turn}") == winner


def test_one_of_many_adders_replaces_what_expired(caches, clock):
    caches[0].set("key", "old", 10)
    clock.advance(11)
    won = at_once(lambda number: caches[number].add("key", number))
    assert won.count(True) == 1
    assert caches[0].get("key") == won.index(True)


def test_no_addition_is_lost(caches):
    caches[0].set("key", 100)
    seen = at_once(lambda number: [caches[number].incr("key", 2) if turn % 2 else caches[number].decr("key") for turn in range(4)])
    assert caches[0].get("key") == 100 + THREADS * 2
    assert all(len(values) == 4 for values in seen)


def test_every_adder_up_sees_another_number(caches):
    caches[0].set("key", 0)
    seen = at_once(lambda number: [caches[number].incr("key") for _ in range(3)])
    assert sorted(sum(seen, [])) == list(range(1, 3 * THREADS + 1))


def test_a_touch_undoes_no_addition(caches, clock):
    caches[0].set("key", 0, 10)
    at_once(lambda number: [caches[number].incr("key") if number % 2 else caches[number].touch("key", 1000) for _ in range(3)])
    assert caches[0].get("key") == 3 * THREADS // 2
    clock.advance(11)
    assert caches[0].get("key") == 3 * THREADS // 2


def test_additions_keep_the_expiry_while_they_race(caches, clock):
    caches[0].set("key", 0, 10)
    at_once(lambda number: [caches[number].incr("key") for _ in range(2)])
    clock.advance(9)
    assert caches[0].get("key") == 2 * THREADS
    clock.advance(2)
    assert caches[0].get("key") is None


def test_a_touch_racing_a_set_brings_no_old_value_back(caches):
    for turn in range(5):
        caches[0].set("key", "old")
        at_once(lambda number, turn=turn: caches[number].touch("key", 1000) if number else caches[0].set("key", turn))
        assert caches[0].get("key") == turn


def test_a_touch_racing_a_delete_revives_nothing(caches):
    for turn in range(5):
        caches[0].set("key", turn)
        told = at_once(lambda number: caches[number].touch("key", 1000) if number else caches[0].delete("key"))
        assert told[0] is True
        assert caches[0].get("key") is None


def test_get_or_set_gives_every_caller_the_winner_s_value(caches):
    values = at_once(lambda number: caches[number].get_or_set("key", lambda: number))
    assert set(values) == {caches[0].get("key")}


def test_get_or_set_heals_for_many_callers_at_once(caches, clock):
    caches[0].set("key", "old", 10)
    clock.advance(11)
    values = at_once(lambda number: caches[number].get_or_set("key", lambda: number))
    assert set(values) == {caches[0].get("key")}


async def test_tasks_race_as_threads_do(engine, clock):
    cache = cache_over(engine, clock)
    won = await asyncio.gather(*(cache.aadd("key", 0) for _ in range(THREADS)))
    assert won.count(True) == 1
    seen = await asyncio.gather(*(cache.aincr("key") for _ in range(THREADS)))
    assert sorted(seen) == list(range(1, THREADS + 1))
    assert all(await asyncio.gather(*(cache.atouch("key", 1000) for _ in range(THREADS))))
    assert await cache.aget("key") == THREADS


@pytest.fixture(params=("local", "boto3"))
def configuration(request, tmp_path):
    if request.param == "local":
        return {"ENGINE": "local"}, str(tmp_path / "cache")
    moto, bucket = request.getfixturevalue("moto"), request.getfixturevalue("bucket")
    return {"ENGINE": "boto3", **s3_options(moto)}, f"s3://{bucket}/cache"


@contextlib.contextmanager
def workers(options, location, count=3):
    """Processes that wait for a line to begin with."""
    command = [sys.executable, "-W", "error", worker.__file__, json.dumps(options), json.dumps(location)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(count)]
        for one in started:
            stack.callback(one.kill)
        for one in started:
            assert one.stdout.readline() == "ready\n", one.communicate()
        yield started


def test_processes_race_as_threads_do(configuration):
    options, location = configuration
    cache = ObjectStoreCache(location, {"OPTIONS": {**options, "SIGNING_KEY": "the workers' secret key"}})
    cache.set("count", 1000)
    with workers(options, location) as started:
        for one in started:
            one.stdin.write("go\n")
            one.stdin.flush()
        answers = [one.communicate(timeout=100) for one in started]
    assert [one.returncode for one in started] == [0, 0, 0], answers
    told = [json.loads(out) for out, _ in answers]
    assert sorted(sum((one["won"] for one in told), [])) == list(range(worker.ADDS))
    assert cache.get("count") == 1000 - len(started) * worker.INCRS
    assert sum(one["touched"] for one in told) == len(started) * worker.INCRS
    cache.engine.close()
