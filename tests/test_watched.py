"""The watched engine: requests are counted, and writes announced, whatever becomes of them."""

import pytest

from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineUnavailable, ObjectNotFound
from s3cache.runtime import Blocking, finish, iterate
from s3cache.statistics import Statistics
from s3cache.testing import FlakyEngine
from s3cache.watched import Watched


class Listener:
    """Remembers what it hears."""

    def __init__(self):
        self.heard = []

    def begin_write(self, names):
        self.heard.append(("begin", *names))

    def end_write(self, names):
        self.heard.append(("end", *names))


@pytest.fixture
def inner():
    return FlakyEngine(MemoryEngine())


@pytest.fixture
def statistics():
    return Statistics()


def counted(statistics):
    return {name.removeprefix("requests_"): count for name, count in statistics.counts().items() if count}


def test_each_verb_is_counted_by_its_kind(inner, statistics):
    engine = Watched(Blocking(inner), statistics)
    finish(engine.put_object("a", b"body"))
    finish(engine.get_object("a"))
    with pytest.raises(ObjectNotFound):
        finish(engine.get_object("b"))
    finish(engine.delete_objects(["a", "b"]))
    assert list(iterate(engine.list_objects())) == []
    assert counted(statistics) == {"put": 1, "get": 2, "delete": 1, "list": 1}


@pytest.mark.parametrize(("objects", "pages"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (2500, 3)])
def test_a_listing_counts_its_pages(inner, statistics, objects, pages):
    for number in range(objects):
        inner.put_object(f"{number:05}", b"")
    assert len(list(iterate(Watched(Blocking(inner), statistics).list_objects()))) == objects
    assert counted(statistics) == {"list": pages}


def test_a_listing_that_is_left_early_counts_what_was_read(inner, statistics):
    for number in range(2500):
        inner.put_object(f"{number:05}", b"")
    listing = iterate(Watched(Blocking(inner), statistics).list_objects())
    assert next(listing).name == "00000"
    listing.close()
    assert counted(statistics) == {"list": 1}


def test_writes_and_deletes_are_announced_before_and_after_and_reads_are_not(inner, statistics):
    listener = Listener()
    engine = Watched(Blocking(inner), statistics, [listener])
    finish(engine.put_object("a", b"body"))
    finish(engine.get_object("a"))
    finish(engine.delete_objects(["a", "b"]))
    assert listener.heard == [("begin", "a"), ("end", "a"), ("begin", "a", "b"), ("end", "a", "b")]


@pytest.mark.parametrize("verb", ["put_object", "delete_objects"])
def test_the_end_is_announced_of_what_failed_too(inner, statistics, verb):
    listener = Listener()
    engine = Watched(Blocking(inner), statistics, [listener])
    inner.fail_next(verb, EngineUnavailable("no answer"))
    with pytest.raises(EngineUnavailable):
        finish(engine.put_object("a", b"") if verb == "put_object" else engine.delete_objects(["a"]))
    assert listener.heard == [("begin", "a"), ("end", "a")]


def test_who_comes_during_a_write_does_not_hear_of_its_end_alone(inner, statistics):
    listeners = [Listener()]

    class Joined(MemoryEngine):
        def put_object(self, name, body, **conditions):
            listeners.append(Listener())
            return super().put_object(name, body, **conditions)

    finish(Watched(Blocking(Joined()), statistics, listeners).put_object("a", b""))
    assert [listener.heard for listener in listeners] == [[("begin", "a"), ("end", "a")], []]


def test_who_comes_later_hears_of_what_begins_later(inner, statistics):
    listeners = []
    engine = Watched(Blocking(inner), statistics, listeners)
    finish(engine.put_object("a", b""))
    listeners.append(Listener())
    finish(engine.put_object("b", b""))
    assert listeners[0].heard == [("begin", "b"), ("end", "b")]
