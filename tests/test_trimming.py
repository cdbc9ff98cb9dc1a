"""Bringing a cache under its limits now, over engines of both kinds and stores that list in order or not."""

import dataclasses
import itertools
import random

import pytest

from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured
from s3cache.naming import object_name
from s3cache.runtime import Blocking, BlockingRuntime, iterate
from s3cache.testing import CountingEngine
from s3cache.testing.wrapping import WrappedEngine
from s3cache.trimming import trim

pytestmark = pytest.mark.once


class Rewriting(WrappedEngine):
    """A store in which somebody writes those names again just before the first delete."""

    def __init__(self, inner, names):
        super().__init__(inner, self.before)
        self.names = names

    async def before(self, verb, request, runtime):
        if verb == "delete_objects":
            while self.names:
                self.inner.put_object(self.names.pop(), b"fresh")
        return await request()


def unordered(engine, **features):
    """The engine without the order of its listing, as a directory bucket has none."""
    engine.features = dataclasses.replace(engine.features, ordered_listing=False, start_after=False, **features)
    return engine


def fill(engine, count, size=lambda number: 1):
    for number in range(count):
        engine.put_object(object_name(engine.prefix, str(number)), bytes(size(number)))


def trimming(engine, max_entries=None, max_bytes=None):
    """A cull, page by page."""
    return iterate(trim(Blocking(engine), BlockingRuntime(), max_entries=max_entries, max_bytes=max_bytes))


def trimmed(engine, max_entries=None, max_bytes=None):
    """What a cull reports, page by page."""
    return list(trimming(engine, max_entries, max_bytes))


def listed(engine):
    return list(engine.list_objects(engine.prefix))


@pytest.fixture
def clock():
    """Goes on by a second whenever it is asked."""
    seconds = iter(range(10**9))
    return lambda: float(next(seconds))


@pytest.fixture(params=["in order", "by directories"])
def store(request, clock):
    engine = MemoryEngine(clock=clock)
    return engine if request.param == "in order" else unordered(engine)


@pytest.mark.parametrize("count", [400, 2000, 6000])
@pytest.mark.parametrize("limit", [1, 10, 300, 399])
def test_a_cache_over_its_limit_is_brought_to_it(store, count, limit):
    fill(store, count)
    last = trimmed(store, max_entries=limit)[-1]
    assert len(listed(store)) == limit
    assert last == (count, count - limit, 1.0)


@pytest.mark.parametrize("limit", [3000, 3001, 10_000])
def test_a_cache_within_its_limit_loses_nothing(store, limit):
    fill(store, 3000)
    assert trimmed(store, max_entries=limit)[-1].removed == 0
    assert len(listed(store)) == 3000


@pytest.mark.parametrize("limit", [1, 1000, 100_000])
def test_bytes_are_brought_to_their_limit_too(store, limit):
    fill(store, 3000, size=lambda number: 10 if number % 100 else 3000)
    trimmed(store, max_bytes=limit)
    kept = sum(info.size for info in listed(store))
    assert limit - 3000 <= kept <= limit


def test_a_value_that_takes_half_of_the_limit_does_not_cost_others_while_all_fit(store):
    fill(store, 3000, size=lambda number: 60_000 if number == 7 else 10)
    assert trimmed(store, max_bytes=100_000)[-1].removed == 0


def test_both_limits_hold_together(store):
    fill(store, 2000, size=lambda number: number % 20)
    trimmed(store, max_entries=1000, max_bytes=4000)
    assert len(listed(store)) <= 1000 and sum(info.size for info in listed(store)) <= 4000


def test_without_a_limit_nothing_is_removed(store):
    fill(store, 100)
    assert trimmed(store)[-1].removed == 0


def test_the_oldest_go(clock):
    engine = MemoryEngine(clock=clock)
    fill(engine, 500)
    trimmed(engine, max_entries=200)
    assert {info.name for info in listed(engine)} == {object_name("", str(number)) for number in range(300, 500)}


def test_most_that_go_are_of_the_oldest_half_of_a_large_cache(store):
    fill(store, 6000)
    trimmed(store, max_entries=3000)
    kept = {info.name for info in listed(store)}
    assert sum(object_name("", str(number)) in kept for number in range(3000)) <= 600


def test_progress_goes_from_0_to_1(store):
    fill(store, 5000)
    reports = trimmed(store, max_entries=2500)
    positions = [progress.position for progress in reports]
    assert positions == sorted(positions) and positions[0] > 0 and positions[-1] == 1
    assert [progress.removed for progress in reports if progress.position <= 0.5] == [0] * (len(reports) // 2)


@pytest.mark.parametrize(("limit", "listings", "deletes"), [(1000, 10, 5), (5000, 5, 0)])
def test_it_costs_two_listings_per_thousand_objects_and_a_delete_per_page(limit, listings, deletes):
    engine = CountingEngine(MemoryEngine())
    fill(engine.inner, 4999)
    trimmed(engine, max_entries=limit)
    assert engine.requests["list_objects"] in (listings, listings - 1)
    assert engine.requests["delete_objects"] == deletes


def test_what_is_written_meanwhile_comes_on_top():
    engine = MemoryEngine()
    fill(engine, 2000)
    cull = iterate(trim(Blocking(engine), BlockingRuntime(), max_entries=1000, max_bytes=None))
    next(cull)
    for number in range(100):
        engine.put_object(object_name("", f"new {number}"), b"")
    assert 1000 <= list(cull)[-1].removed <= 1100
    assert 1000 <= len(listed(engine)) <= 1100


def counting(culls):
    """The culls, each advanced until it has counted."""
    for cull in culls:
        next(step for step in cull if step.position > 0.49)
    return culls


def one_after_the_other(culls):
    """All have counted before the first removes."""
    for cull in counting(culls):
        yield from cull


def page_by_page(culls):
    """All have counted, and then remove in turn."""
    yield from itertools.chain(*itertools.zip_longest(*counting(culls)))


def one_within_the_other(culls):
    """Each begins when the one before has removed half of its part."""
    for cull in culls:
        yield next(step for step in cull if step.position >= 0.75)
    for cull in culls:
        yield from cull


def by_chance(seed):
    def interleaving(culls):
        draw, going = random.Random(seed), list(culls)
        while going:
            cull = draw.choice(going)
            for _ in range(draw.randint(1, 3)):
                if next(cull, None) is None:
                    going.remove(cull)
                    break
            yield

    return interleaving


INTERLEAVINGS = [one_after_the_other, page_by_page, one_within_the_other, *map(by_chance, range(4))]


@pytest.mark.parametrize("culls", [2, 3])
@pytest.mark.parametrize("interleaving", INTERLEAVINGS)
@pytest.mark.parametrize(("count", "limit"), [(3000, 300), (6000, 4000)])
def test_culls_at_once_remove_no_more_than_one_would(store, interleaving, culls, count, limit):
    fill(store, count)
    for _ in interleaving([trimming(store, max_entries=limit) for _ in range(culls)]):
        pass
    assert 0.9 * limit <= len(listed(store)) <= limit


@pytest.mark.parametrize("interleaving", INTERLEAVINGS)
def test_culls_at_once_keep_bytes_up_to_the_limit_too(store, interleaving):
    fill(store, 3000, size=lambda number: number % 50)
    for _ in interleaving([trimming(store, max_bytes=30_000) for _ in range(2)]):
        pass
    assert 0.9 * 30_000 <= sum(info.size for info in listed(store)) <= 30_000


class Disordered(MemoryEngine):
    """Lists in an order of its own, though its features promise another."""

    def list_objects(self, prefix="", start_after=None):
        return iter(sorted(super().list_objects(prefix, start_after), key=lambda info: info.name[::-1]))


def test_a_listing_in_disorder_is_an_error_and_costs_nothing():
    engine = Disordered()
    fill(engine, 3000)
    with pytest.raises(EngineMisconfigured, match="names in ascending order"):
        trimmed(engine, max_entries=1000)
    assert len(listed(engine)) == 3000


def test_where_deletes_are_single_each_victim_costs_one():
    memory = MemoryEngine()
    memory.features = dataclasses.replace(memory.features, delete_batch=1)
    engine = CountingEngine(memory)
    fill(memory, 300)
    trimmed(engine, max_entries=100)
    assert engine.requests["delete_objects"] == 200


def test_what_is_no_entry_is_neither_counted_nor_removed(store):
    fill(store, 100)
    foreign = [f"{number:02x}/readme.txt" for number in range(256)] + [f"other/{number}" for number in range(1500)]
    for name in foreign:
        store.put_object(name, b"not ours")
    assert trimmed(store, max_entries=100)[-1].removed == 0
    trimmed(store, max_entries=50)
    assert {info.name for info in listed(store)} >= set(foreign)
    assert len(listed(store)) <= len(foreign) + 50


def test_an_empty_cache_is_within_every_limit(store):
    assert all(progress.removed == 0 for progress in trimmed(store, max_entries=1, max_bytes=1))


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_an_entry_that_is_rewritten_before_the_delete_stays(kind, tmp_path):
    inner = MemoryEngine() if kind == "memory" else LocalEngine.from_options(str(tmp_path / "cache"), {})
    fill(inner, 100)
    fresh = [object_name("", str(number)) for number in range(10)]
    trimmed(Rewriting(inner, [*fresh]), max_entries=1)
    assert {info.name for info in listed(inner)} >= set(fresh)
    assert all(inner.get_object(name).body == b"fresh" for name in fresh)
    assert len(listed(inner)) <= 11
