"""clear removes every entry under LOCATION, and nothing else."""

import pytest

from s3cache.engines import S3_ENGINES
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.naming import object_name
from s3cache.plugins import ENGINE, find
from tests.cache.support import cache_over, stored
from tests.lookalikes import LOOKALIKES, REMOVALS
from tests.servers import s3_options

NEIGHBOURS = ("", "cache", "cache2", "cache/inside", "00", "a+b c%20&<ü>", "a b c%20&<ü>")
"""LOCATIONs in one bucket: one inside the other, one the beginning of the other, one that is the other if it is decoded."""


@pytest.fixture
def sibling(engine, tmp_path, request):
    """An engine whose LOCATION begins like that of ``engine``: cache and cache2."""
    if isinstance(engine, LocalEngine):
        return LocalEngine.from_options(str(tmp_path / "cache2"), {})
    if isinstance(engine, MemoryEngine):
        return MemoryEngine.from_options("", {})
    return beside(engine, request.node.callspec.params["engine"], "cache2")


def beside(engine, name, prefix):
    """Another engine of that name in the same bucket, under another prefix."""
    bucket, _, url = engine.location.removeprefix("s3://").partition("/cache?endpoint=")
    return find(ENGINE, name).from_options(f"s3://{bucket}/{prefix}", s3_options(url))


def test_more_than_one_page_is_removed(make_engine, called, mode):
    engine = make_engine("local" if mode == "sync" else "memory")
    call = called(cache_over(engine, MAX_ENTRIES=None), mode)
    call.set_many(dict.fromkeys(range(2500), 1))
    call.clear()
    assert stored(engine) == []
    assert call.get_many(range(2500)) == {}


def test_more_than_one_page_is_removed_from_a_bucket(make_engine):
    engine = make_engine("boto3")
    for number in range(1003):
        engine.put_object(object_name(engine.prefix, str(number)), b"")
    cache_over(engine).clear()
    assert stored(engine) == []


def test_all_versions_prefixes_and_settings_are_removed(engine, called, mode):
    for number, params in enumerate(({}, {"KEY_PREFIX": "site"}, {"VERSION": 2}, {"KEY_FUNCTION": lambda *parts: "key"})):
        cache_over(engine, params=params, SERIALIZER=("pickle", "json")[number % 2]).set(f"key-{number}", 1)
    cache_over(engine, SIGNING_KEY="another").set("signed-otherwise", 1)
    assert len(stored(engine)) == 5
    called(cache_over(engine), mode).clear()
    assert stored(engine) == []


def test_expired_and_damaged_entries_are_removed(engine, clock):
    cache = cache_over(engine, clock)
    cache.set("key", 1, 10)
    clock.advance(11)
    engine.put_object(object_name(engine.prefix, "damaged"), b"whatever")
    cache.clear()
    assert stored(engine) == []


def test_what_only_resembles_an_entry_stays(engine, called, mode):
    for name in LOOKALIKES.values():
        engine.put_object(engine.prefix + name, b"not ours")
    before = {info.name: info.etag for info in engine.list_objects(engine.prefix)}
    for removal, limit in REMOVALS.items():
        removal(called(cache_over(engine, MAX_ENTRIES=limit), mode))
    cache_over(engine).clear()
    assert {info.name: info.etag for info in engine.list_objects(engine.prefix)} == before
    assert before.keys() == {engine.prefix + name for name in LOOKALIKES.values()}


def test_a_location_that_begins_alike_stays(engine, sibling, called, mode):
    cache_over(sibling).set("key", "stays")
    cache_over(engine).set("key", "goes")
    called(cache_over(engine), mode).clear()
    assert cache_over(sibling).get("key") == "stays"
    assert cache_over(engine).get("key") is None
    sibling.delete_objects(stored(sibling))
    sibling.close()


@pytest.mark.parametrize("name", S3_ENGINES)
def test_locations_in_one_bucket_do_not_touch_each_other(make_engine, name):
    engine = make_engine(name)
    engines = [beside(engine, name, prefix) for prefix in NEIGHBOURS]
    for one in engines:
        cache_over(one).set_many({"key": 1, "another": 2})
    everything = len(list(engine.list_objects()))
    assert everything == 2 * len(NEIGHBOURS)
    for number, one in enumerate(engines, 1):
        cache_over(one).clear()
        assert len(list(engine.list_objects())) == everything - 2 * number
        assert all(cache_over(other).get("another") == 2 for other in engines[number:])
        one.close()


def test_objects_tells_of_entries_only(engine):
    cache = cache_over(engine)
    cache.set("key", b"0" * 500)
    engine.put_object(f"{engine.prefix}readme.txt", b"not ours")
    [info] = cache.objects()
    assert info.name.endswith(".s3c")
    assert info.size > 500
    assert info.modified.tzinfo is not None
