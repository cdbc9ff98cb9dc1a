"""cull(): under the limits now."""

import pytest

from s3cache.engines.memory import MemoryEngine
from s3cache.testing import CountingEngine
from tests.cache.support import cache_over, stored


def filled(engine, count, size=1):
    cache_over(engine, MAX_ENTRIES=None).set_many(dict.fromkeys(range(count), b"0" * size))
    return engine


def test_it_brings_the_cache_to_its_limit(engine, called, mode):
    filled(engine, 100)
    cache = cache_over(engine, MAX_ENTRIES=60)
    assert called(cache, mode).cull() == 40
    assert len(stored(engine)) == 60
    assert cache.stats()["culled"] == 40
    assert called(cache, mode).cull(tell=None) == 0


def test_it_brings_the_cache_under_its_bytes(called, mode):
    engine = filled(MemoryEngine(), 100, 10_000)
    assert called(cache_over(engine, MAX_ENTRIES=None, MAX_BYTES=500_000), mode).cull() >= 50
    assert 450_000 < sum(info.size for info in engine.list_objects()) <= 500_000


def test_the_oldest_go(called, mode):
    now = [0.0]
    engine = MemoryEngine(clock=lambda: now[0])
    writer = cache_over(engine, MAX_ENTRIES=None)
    for number in range(100):
        now[0] += 1
        writer.set(number, number)
    called(cache_over(engine, MAX_ENTRIES=60), mode).cull()
    assert list(writer.get_many(range(100))) == list(range(40, 100))


@pytest.mark.parametrize("limit", [None, 0])
def test_without_a_limit_it_asks_for_nothing(called, mode, limit):
    engine = CountingEngine(filled(MemoryEngine(), 10))
    assert called(cache_over(engine, MAX_ENTRIES=limit), mode).cull() == 0
    assert engine.requests == {}


def test_a_cache_within_its_limit_costs_one_listing(called, mode):
    engine = CountingEngine(filled(MemoryEngine(), 10))
    assert called(cache_over(engine, MAX_ENTRIES=10), mode).cull() == 0
    assert engine.requests == {"list_objects": 1}


def test_it_tells_how_far_it_is(called, mode):
    steps = []
    assert called(cache_over(filled(MemoryEngine(), 2500), MAX_ENTRIES=500), mode).cull(steps.append) == 2000
    assert [step.position for step in steps] == sorted(step.position for step in steps)
    assert (steps[-1].seen, steps[-1].removed, steps[-1].position) == (2500, 2000, 1.0)
    assert len(steps) >= 6


def test_what_the_looks_of_writers_remove_meanwhile_is_not_removed_again():
    engine = filled(MemoryEngine(), 6000)
    writer = cache_over(engine, MAX_ENTRIES=3000)

    def write(progress):
        if progress.position > 0.49 and writer.stats()["writes"] == 0:
            for number in range(4000):
                writer.set(f"new-{number}", 1)

    cache_over(engine, MAX_ENTRIES=3000).cull(write)
    assert writer.stats()["culled"] >= 4000
    assert 0.5 * 3000 <= len(stored(engine)) <= 3000


def test_what_is_no_entry_stays(called, mode):
    engine = filled(MemoryEngine(), 50)
    engine.put_object("80/not-ours.txt", b"")
    called(cache_over(engine, MAX_ENTRIES=1), mode).cull()
    assert [name for name in stored(engine) if not name.endswith(".s3c")] == ["80/not-ours.txt"]
    assert len(stored(engine)) == 2
