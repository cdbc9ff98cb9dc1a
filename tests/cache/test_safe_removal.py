"""Clearing and culling delete nothing whose name is not of exactly the form of an entry's, directly under LOCATION.

Over the memory engine, whose names may be any text. ``test_clear`` has the same for a list of look-alikes on every engine.
"""

import dataclasses
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache.breaker import Breaker
from s3cache.engines.base import ObjectInfo
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured
from s3cache.journal import Journal
from s3cache.naming import object_name, readable_name
from s3cache.recovery import Recovery
from s3cache.runtime import Blocking
from tests.cache.support import cache_over, callers
from tests.lookalikes import KEYS, LOOKALIKES, ODD, REAL, REMOVALS, has_form

PREFIXES = ("", "cache/", "cache/inside/", "ü b+c%20/", "00/", ".s3c/")
CHARACTERS = st.characters() | st.sampled_from("0aAfFgG/.s3cSC \n\0-")


class Store(MemoryEngine):
    """A memory engine under a prefix that remembers what it was told to delete."""

    def __init__(self, prefix="", *, ordered=True):
        super().__init__()
        self.prefix = prefix
        if not ordered:
            self.features = dataclasses.replace(self.features, ordered_listing=False, start_after=False)
        self.deleted = set()

    def delete_objects(self, names, *, etags=None):
        self.deleted.update(names)
        super().delete_objects(names, etags=etags)

    def etags(self):
        """All there is; an object that was deleted and written again, or overwritten, has another etag."""
        return {info.name: info.etag for info in self.list_objects()}


LAYOUTS = ("hashed", "readable")


@st.composite
def edited(draw, prefix):
    """The full name of an entry, with one character inserted, deleted or replaced, or none."""
    name = draw(st.sampled_from([object_name, readable_name]))(prefix, f":1:{draw(st.sampled_from(KEYS))}")
    start = draw(st.integers(0, len(name)))
    end = start + draw(st.booleans())
    return name[:start] + draw(st.just("") | CHARACTERS) + name[end:]


@st.composite
def places(draw):
    """A prefix, and names under and beside it that are no entries'."""
    prefix = draw(st.sampled_from(PREFIXES))
    foreign = edited(prefix).filter(lambda name: name and not has_form(prefix, name))
    return prefix, draw(st.lists(foreign, min_size=1, max_size=30, unique=True))


@pytest.mark.parametrize("mode", ("sync", "async"))
@pytest.mark.parametrize("ordered", (True, False))
@pytest.mark.parametrize("removal", REMOVALS, ids=lambda removal: removal.__name__)
@pytest.mark.parametrize("layout", LAYOUTS)
@given(place=places())
@settings(max_examples=20, deadline=None)
def test_names_one_character_away_from_an_entry_s_stay(layout, removal, ordered, mode, place):
    prefix, foreign = place
    engine = Store(prefix, ordered=ordered)
    for name in foreign:
        engine.put_object(name, b"not ours")
    before = engine.etags()
    with callers() as called:
        removal(called(cache_over(engine, MAX_ENTRIES=REMOVALS[removal], KEY_LAYOUT=layout), mode))
    left = engine.etags()
    assert {name: left.pop(name, None) for name in foreign} == before
    assert len(left) <= (REMOVALS[removal] or 0) and all(has_form(prefix, name) for name in left)
    assert engine.deleted and all(has_form(prefix, name) for name in engine.deleted)


@given(place=places(), start=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_looks_at_a_part_of_a_large_cache_spare_them(place, start):
    """Above 500 entries a look lists from a point of the ring on."""
    prefix, foreign = place
    engine = Store(prefix)
    for name in foreign:
        engine.put_object(name, b"not ours")
    before = engine.etags()
    cache = cache_over(engine, MAX_ENTRIES=501)
    for number in range(start, start + 1500):
        cache.set(number, 1)
    left = engine.etags()
    assert {name: left.get(name) for name in foreign} == before
    assert engine.deleted and all(has_form(prefix, name) for name in engine.deleted)


@pytest.mark.parametrize("removal", REMOVALS, ids=lambda removal: removal.__name__)
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("ordered", (True, False))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_look_alike_stays(layout, removal, prefix, ordered):
    engine = Store(prefix, ordered=ordered)
    for name in (LOOKALIKES | ODD).values():
        engine.put_object(prefix + name, b"not ours")
    for beside in ("cache2/", "cach/", "Cache/", "cache", "cache/inside2/", "other/", "0/", "000/", "ü b c /", "ü b+c /"):
        engine.put_object(beside + REAL, b"not ours")
    before = engine.etags()
    removal(cache_over(engine, MAX_ENTRIES=REMOVALS[removal], KEY_LAYOUT=layout))
    assert engine.deleted and all(has_form(prefix, name) for name in engine.deleted)
    assert before.items() <= engine.etags().items()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_a_fallback_leaves_to_delete_spares_every_look_alike(prefix):
    """When the store is back after a clear that it missed, every entry goes."""
    engine, journal = Store(prefix), Journal()
    for name in (LOOKALIKES | ODD).values():
        engine.put_object(prefix + name, b"not ours")
    before = engine.etags()
    cache_over(engine, MAX_ENTRIES=None).set_many(dict.fromkeys(KEYS, 1))
    journal.add_all()
    Recovery(Blocking(engine), journal, Breaker(), lambda: cache_over(MemoryEngine()), str, 10.0).run()
    assert journal.is_empty and engine.etags() == before
    assert len(engine.deleted) == len(KEYS) and all(has_form(prefix, name) for name in engine.deleted)


def listed(names):
    now = datetime.now(UTC)
    return [ObjectInfo(name, 1, now, "etag") for name in names]


@pytest.mark.parametrize("removal", ("clear", "cull", "set", "delete_pattern"))
@pytest.mark.parametrize("ordered", (True, False))
@pytest.mark.parametrize("layout", LAYOUTS)
@given(names=st.lists(edited("cache/") | st.text(max_size=80) | st.just("cache/" + REAL), max_size=30))
@settings(max_examples=60, deadline=None)
def test_whatever_a_store_lists_nothing_else_is_deleted(layout, removal, ordered, names):
    """A store may ignore the prefix, or the point to start after, and repeat itself."""

    class Lying(Store):
        def list_objects(self, prefix="", start_after=None):
            return iter(listed(names))

    engine = Lying("cache/", ordered=ordered)
    cache = cache_over(engine, MAX_ENTRIES=1, KEY_LAYOUT=layout)
    arguments = {"set": ("key", 1), "delete_pattern": ("*",)}
    with suppress(EngineMisconfigured):  # an order that cannot be
        getattr(cache, removal)(*arguments.get(removal, ()))
    assert all(has_form("cache/", name) for name in engine.deleted)


@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
@settings(deadline=None)
@pytest.mark.parametrize("layout", LAYOUTS)
@given(keys=st.lists(st.text(st.characters(), max_size=80) | st.sampled_from([*LOOKALIKES.values(), *ODD.values()]), max_size=20))
def test_no_key_makes_another_name(layout, keys):
    """Keys are hashed, or escaped: what looks like a path, or like an entry, is none."""
    engine = Store("cache/")
    cache = cache_over(engine, params={"KEY_FUNCTION": lambda key, prefix, version: key}, MAX_ENTRIES=None, KEY_LAYOUT=layout)
    cache.set_many(dict.fromkeys(keys, 1))
    assert all(has_form("cache/", name) for name in engine.etags())
    cache.delete_many(keys)
    assert all(has_form("cache/", name) for name in engine.deleted)
    assert engine.etags() == {}


def test_names_made_with_a_name_key_have_the_same_form():
    engine = Store("cache/")
    cache = cache_over(engine, MAX_ENTRIES=None, NAME_KEY="a secret of the tests, long enough")
    cache.set_many(dict.fromkeys(KEYS, 1))
    assert len(engine.etags()) == len(KEYS) and all(has_form("cache/", name) for name in engine.etags())
    cache.clear()
    assert engine.etags() == {}


def test_the_internal_folder_is_never_touched():
    engine = Store("cache/")
    internal = [f"cache/.s3c/{name}" for name in ("probe-0", "locks/one", "generation", REAL, "00/" + REAL)]
    for name in internal:
        engine.put_object(name, b"internal")
    before = engine.etags()
    for removal, limit in REMOVALS.items():
        removal(cache_over(engine, MAX_ENTRIES=limit))
    assert before.items() <= engine.etags().items()
    assert not engine.deleted.intersection(internal)


@pytest.mark.parametrize(("own", "other"), [LAYOUTS, LAYOUTS[::-1]])
def test_what_another_layout_left_is_no_entry_but_to_clear(own, other):
    engine = Store("cache/")
    cache_over(engine, KEY_LAYOUT=other).set_many(dict.fromkeys(KEYS, 1))
    before = engine.etags()
    for removal in REMOVALS:
        if removal.__name__ != "clear":
            removal(cache_over(engine, MAX_ENTRIES=REMOVALS[removal], KEY_LAYOUT=own))
    cache = cache_over(engine, MAX_ENTRIES=1, KEY_LAYOUT=own)
    assert cache.get_many(KEYS) == {} and cache.keys() == []
    assert before.items() <= engine.etags().items()
    cache.clear()
    assert engine.etags() == {}
