"""What a look lists, over the memory engine."""

import dataclasses

import pytest

from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured
from s3cache.naming import directory, object_name, position
from s3cache.pages import page_of, remove
from s3cache.runtime import Blocking, finish
from s3cache.sampling import DIRECTORIES, Listed, Sample
from s3cache.testing import CountingEngine


@pytest.fixture
def engine():
    engine = CountingEngine(MemoryEngine())
    for number in range(3000):
        engine.inner.put_object(object_name("", str(number)), b"four")
    engine.inner.put_object("80/foreign", b"")
    return engine


def places(engine):
    return sorted(position("", info.name) for info in engine.inner.list_objects() if info.name != "80/foreign")


def page(engine, start, sample):
    return finish(page_of(Blocking(engine), start, sample))


def test_a_page_from_a_point_on(engine):
    seen = page(engine, 0.25, Sample(100))
    assert [entry.position for entry in seen.entries] == [place for place in places(engine) if place >= 0.25][:100]
    assert seen.truncated and seen.arc == seen.entries[-1].position - 0.25
    assert engine.requests == {"list_objects": 1}


def all_of_it(engine, prefix, start_after):
    return engine.list_objects(prefix)


def backwards(engine, prefix, start_after):
    return sorted(engine.list_objects(prefix, start_after), key=lambda info: info.name, reverse=True)


def without_an_order(engine, prefix, start_after):
    return sorted(engine.list_objects(prefix, start_after), key=lambda info: info.name[::-1])


def each_twice(engine, prefix, start_after):
    return (info for info in engine.list_objects(prefix, start_after) for _ in range(2))


class Lying(MemoryEngine):
    """Lists otherwise than its features say."""

    def __init__(self, inner, lie):
        super().__init__()
        self._inner, self._lie = inner, lie

    def list_objects(self, prefix="", start_after=None):
        return iter(self._lie(self._inner, prefix, start_after))


@pytest.mark.parametrize("lie", [all_of_it, backwards, without_an_order, each_twice])
def test_a_page_out_of_order_is_an_error_that_says_what_to_do(engine, lie):
    with pytest.raises(EngineMisconfigured, match=r"The store lists '.*' after '.*'\..* Set OPTIONS\['PROFILE'\]"):
        page(Lying(engine.inner, lie), 0.5, Sample(100))


def test_foreign_objects_may_come_in_any_order():
    class Foreign(MemoryEngine):
        def list_objects(self, prefix="", start_after=None):
            return iter(sorted(super().list_objects(prefix, start_after), key=lambda info: info.name.endswith(".s3c")))

    engine = Foreign()
    for name in ("90/foreign", "a0/foreign", object_name("", "1"), object_name("", "2")):
        engine.put_object(name, b"")
    assert len(page(engine, 0, Sample()).entries) == 2


def test_a_page_that_reaches_the_end_covers_all_the_rest(engine):
    seen = page(engine, 0.99, Sample())
    assert not seen.truncated and seen.arc == pytest.approx(0.01)


def test_an_entry_as_the_listing_tells_of_it(engine):
    [first, *_] = page(engine, 0, Sample()).entries
    [info, *_] = engine.inner.list_objects()
    assert first == Listed(info.name, position("", info.name), info.modified, 4, info.etag)


@pytest.mark.parametrize(("start", "count"), [(0, 1), (128, 3), (254, 4)])
def test_whole_directories_around_the_end_of_the_ring(engine, start, count):
    seen = page(engine, start / DIRECTORIES, Sample(12, count))
    wanted = {number % DIRECTORIES for number in range(start, start + count)}
    assert sorted(entry.position for entry in seen.entries) == [
        place for place in places(engine) if int(place * DIRECTORIES) in wanted
    ]
    assert seen.arc == count / DIRECTORIES and not seen.truncated
    assert engine.requests == {"list_objects": count}


def test_all_directories_are_one_listing(engine):
    seen = page(engine, 0.0, Sample(3000, DIRECTORIES))
    assert len(seen.entries) == 3000 and seen.arc == 1
    assert engine.requests == {"list_objects": 4}


def test_a_look_at_directories_ends_after_so_many_names(engine):
    assert len(page(engine, 0.0, Sample(3000, DIRECTORIES, most=50)).entries) == 50
    assert len(page(engine, 0.0, Sample(12, 4, most=20)).entries) <= 20


def test_the_folder_of_a_directory():
    assert directory("site/", 0) == "site/00/" and directory("", 255) == "ff/"


@pytest.mark.parametrize(("conditional", "left"), [(True, 1), (False, 0)])
def test_a_delete_goes_by_etag_where_the_engine_can(conditional, left):
    engine = MemoryEngine()
    engine.features = dataclasses.replace(engine.features, conditional_batch_delete=conditional)
    engine.put_object("one", b"old")
    seen = [Listed(info.name, 0.0, info.modified, info.size, info.etag) for info in engine.list_objects()]
    engine.put_object("one", b"new")
    finish(remove(Blocking(engine), seen))
    assert len(list(engine.list_objects())) == left
