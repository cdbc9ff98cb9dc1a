"""The memory engine: the contract, its listing among many names, and what it accepts."""

import random

import pytest

from s3cache.engines.memory import MemoryEngine
from s3cache.engines.sortednames import SortedNames
from s3cache.errors import OptionError
from s3cache.testing import EngineContract


class TestMemoryEngine(EngineContract):
    @pytest.fixture
    def engine(self):
        return MemoryEngine()


class SmallPieces(SortedNames):
    LONGEST = 4


@pytest.mark.parametrize("seed", range(5))
def test_sorted_names_stay_in_order_whatever_comes_and_goes(seed):
    draw = random.Random(seed)
    names, model = SmallPieces(), set()
    for _ in range(600):
        name = f"{draw.randrange(100):02}"
        if name in model:
            names.remove(name)
        else:
            names.add(name)
        model ^= {name}
        assert list(names.since("")) == sorted(model)
        assert list(names.since(name)) == sorted(other for other in model if other >= name)
        assert list(names.after(name)) == sorted(other for other in model if other > name)


def test_sorted_names_keep_their_pieces_short():
    names = SmallPieces()
    for number in range(1000):
        names.add(f"{number:04}")
    assert max(len(piece) for piece in names._pieces) <= SmallPieces.LONGEST
    for number in range(1000):
        names.remove(f"{number:04}")
    assert names._pieces == [[]]


def test_modified_is_the_clock_at_the_last_write():
    now = 1_000_000_000.0
    engine = MemoryEngine(clock=lambda: now)
    engine.put_object("name", b"body")
    now += 60
    engine.put_object("name", b"body")
    [info] = engine.list_objects()
    assert info.modified.timestamp() == now


def test_any_location_is_an_empty_store():
    for location in ("", "anything", "s3://what"):
        assert list(MemoryEngine.from_options(location, {}).list_objects()) == []


def test_an_option_is_refused():
    with pytest.raises(OptionError, match="region_name.*is not an option"):
        MemoryEngine.from_options("", {"region_name": "eu-west-1"})
