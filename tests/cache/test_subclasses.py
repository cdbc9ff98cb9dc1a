"""A subclass that overrides only a blocking method has the asynchronous one follow; one that overrides both keeps both."""

import inspect
import threading

import pytest
from asgiref.sync import sync_to_async

from s3cache import ObjectStoreCache
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from tests.cache.support import cache_over

ARGUMENTS = {
    "add": ("key", 1),
    "clear": (),
    "close": (),
    "count": ("*",),
    "cull": (),
    "decr": ("key",),
    "decr_version": ("key",),
    "delete": ("key",),
    "delete_many": (["key"],),
    "delete_pattern": ("*",),
    "expire": ("key",),
    "expire_at": ("key", 1),
    "get": ("key",),
    "get_many": (["key"],),
    "get_or_set": ("key", 1),
    "has_key": ("key",),
    "incr": ("key",),
    "incr_version": ("key",),
    "keys": ("*",),
    "meta": ("key",),
    "persist": ("key",),
    "pttl": ("key",),
    "refresh": ("key", int),
    "set": ("key", 1),
    "set_many": ({"key": 1},),
    "touch": ("key",),
    "ttl": ("key",),
}


def overriding(*names, answer="overridden"):
    return {name: lambda self, *args, **keywords: answer for name in names}


@pytest.fixture(params=(MemoryEngine, LocalEngine), ids=("native async", "blocking"))
def engine(request, tmp_path):
    return request.param.from_options(str(tmp_path / "cache"), {})


def test_the_table_above_is_complete():
    methods = {name for name, _ in inspect.getmembers(ObjectStoreCache, callable) if hasattr(ObjectStoreCache, f"a{name}")}
    assert set(ARGUMENTS) == methods - {"iter_keys"}  # which is for ``async for``


async def test_an_asynchronous_iterator_follows_too(engine):
    kind = type("Overriding", (ObjectStoreCache,), overriding("iter_keys", answer=iter(["one", "two"])))
    assert [key async for key in cache_over(engine, kind=kind).aiter_keys("*")] == ["one", "two"]


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_the_asynchronous_method_follows(engine, name):
    kind = type("Overriding", (ObjectStoreCache,), overriding(name))
    cache = cache_over(engine, kind=kind)
    assert await getattr(cache, f"a{name}")(*ARGUMENTS[name]) == "overridden"


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_it_follows_a_mixin_too(engine, name):
    mixin = type("Mixin", (), overriding(name))
    cache = cache_over(engine, kind=type("Mixed", (mixin, ObjectStoreCache), {}))
    assert await getattr(cache, f"a{name}")(*ARGUMENTS[name]) == "overridden"


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_an_asynchronous_override_is_kept(engine, name):
    async def own(self, *args, **keywords):
        return "asynchronous"

    kind = type("Both", (ObjectStoreCache,), {**overriding(name), f"a{name}": own})
    cache = cache_over(engine, kind=kind)
    assert await getattr(cache, f"a{name}")(*ARGUMENTS[name]) == "asynchronous"
    assert getattr(cache, name)(*ARGUMENTS[name]) == "overridden"
    heir = cache_over(engine, kind=type("Heir", (kind,), {}))
    assert await getattr(heir, f"a{name}")(*ARGUMENTS[name]) == "asynchronous"


async def test_the_youngest_override_counts(engine):
    parent = type("Parent", (ObjectStoreCache,), overriding("get", answer="parent"))
    child = type("Child", (parent,), overriding("get", answer="child"))
    mixed = type("Mixed", (type("Mixin", (), overriding("get", answer="mixin")), child), {})
    for kind, answer in ((parent, "parent"), (child, "child"), (mixed, "mixin")):
        assert await cache_over(engine, kind=kind).aget("key") == answer


async def test_methods_that_are_not_overridden_stay_native():
    kind = type("Overriding", (ObjectStoreCache,), overriding("get"))
    assert kind.aset is ObjectStoreCache.aset
    assert ObjectStoreCache.aget is not kind.aget


async def test_the_override_may_call_the_original(engine):
    class Counting(ObjectStoreCache):
        threads = []

        def add(self, *args, **keywords):
            self.threads.append(threading.current_thread().name)
            return super().add(*args, **keywords)

    cache = cache_over(engine, kind=Counting)
    assert await cache.aadd("key", 1) is True
    assert await cache.aadd("key", 2) is False
    assert Counting.threads == [await sync_to_async(lambda: threading.current_thread().name)()] * 2


@pytest.mark.parametrize("name", ("add", "aadd"))
async def test_get_or_set_goes_through_add(engine, name):
    calls = []

    class Watching(ObjectStoreCache):
        def add(self, key, value, timeout=None, version=None):
            calls.append((key, value, timeout, version))
            return super().add(key, value, timeout, version)

    cache = cache_over(engine, kind=Watching)
    if name == "add":
        assert cache.get_or_set("key", "value", 10, 2) == "value"
    else:
        assert await cache.aget_or_set("key", "value", 10, 2) == "value"
    assert calls == [("key", "value", 10, 2)]
    assert cache.get("key", version=2) == "value"


async def test_get_or_set_goes_through_get(engine):
    kind = type("Overriding", (ObjectStoreCache,), overriding("get"))
    cache = cache_over(engine, kind=kind)
    assert cache.get_or_set("key", "value") == "overridden"
    assert await cache.aget_or_set("key", "value") == "overridden"


async def test_decr_goes_through_incr_and_in_through_has_key(engine):
    kind = type("Overriding", (ObjectStoreCache,), overriding("incr", "incr_version", "has_key", answer=7))
    cache = cache_over(engine, kind=kind)
    assert cache.decr("key") == await cache.adecr("key") == 7
    assert cache.decr_version("key") == await cache.adecr_version("key") == 7
    assert "key" in cache


async def test_make_key_and_validate_key_can_be_overridden(engine):
    class Shouting(ObjectStoreCache):
        def make_key(self, key, version=None):
            return super().make_key(key.upper(), version)

        def validate_key(self, key):
            if "SPACE " in key:
                raise ValueError("no spaces here")

    cache = cache_over(engine, kind=Shouting)
    await cache.aset("key", 1)
    assert cache.get("KEY") == 1
    with pytest.raises(ValueError, match="no spaces"):
        await cache.aget_many(["space "])
