"""clear removes every entry under LOCATION, and nothing else."""

import pytest

from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.naming import object_name
from s3cache.plugins import ENGINE, find
from tests.cache.support import cache_over, stored
from tests.servers import s3_options

DIGITS = "0123456789abcdef"
FOREIGN = (
    "readme.txt",
    ".s3c/locks/one",
    ".s3c/" + object_name("", "key"),
    object_name("", "key") + ".bak",
    object_name("", "key").removesuffix(".s3c"),
    object_name("", "key").upper(),
    "nested/" + object_name("", "key"),
    "zz/" + DIGITS * 3 + DIGITS[:14] + ".s3c",
    "00/" + DIGITS + ".s3c",
)
"""Names that only resemble those of entries."""


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
    cache = cache_over(engine)
    for name in FOREIGN:
        engine.put_object(engine.prefix + name, b"not ours")
    cache.set_many(dict.fromkeys(range(5), 1))
    called(cache, mode).clear()
    assert sorted(stored(engine)) == sorted(engine.prefix + name for name in FOREIGN)


def test_a_location_that_begins_alike_stays(engine, sibling, called, mode):
    cache_over(sibling).set("key", "stays")
    cache_over(engine).set("key", "goes")
    called(cache_over(engine), mode).clear()
    assert cache_over(sibling).get("key") == "stays"
    assert cache_over(engine).get("key") is None
    sibling.delete_objects(stored(sibling))
    sibling.close()


def test_a_location_inside_stays(make_engine):
    engine = make_engine("boto3")
    inside = beside(engine, "boto3", "cache/inside")
    cache_over(inside).set("key", "stays")
    cache_over(engine).set("key", "goes")
    cache_over(engine).clear()
    assert cache_over(inside).get("key") == "stays"
    inside.close()


def test_objects_tells_of_entries_only(engine):
    cache = cache_over(engine)
    cache.set("key", b"0" * 500)
    engine.put_object(f"{engine.prefix}readme.txt", b"not ours")
    [info] = cache.objects()
    assert info.name.endswith(".s3c")
    assert info.size > 500
    assert info.modified.tzinfo is not None
