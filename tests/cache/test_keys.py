"""Keys: versions, prefixes, key functions, and Django's warnings."""

import threading
import warnings

import pytest
from django.core.cache.backends.base import CacheKeyWarning

from s3cache.engines.memory import MemoryEngine
from tests.cache.support import cache_over, stored

METHODS = {
    "get": (),
    "set": (1,),
    "add": (1,),
    "touch": (),
    "delete": (),
    "has_key": (),
    "ttl": (),
    "pttl": (),
    "meta": (),
    "expire": (),
    "expire_at": (5e9,),
    "persist": (),
    "get_or_set": (1,),
    "incr": (),
    "decr": (),
    "incr_version": (),
    "decr_version": (),
}


def with_colons(key, prefix, version):
    return f"{prefix}::{version}::{key}"


@pytest.fixture
def engine():
    return MemoryEngine()


@pytest.fixture
def over(engine, called, mode):
    """A cache over one and the same engine, of other parameters."""
    return lambda **params: called(cache_over(engine, params=params), mode)


@pytest.mark.parametrize(
    "key", ("", "k" * 1000, "k" * 100_000, "naïve ключ 鍵", "a/b//../c", "\ud800", 0, None, ("tuple", 1)), ids=ascii
)
@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
def test_anything_is_a_key(call, key):
    call.set(key, "value")
    assert call.get(key) == "value"
    assert call.get_many([key]) == {key: "value"}
    assert call.delete(key) is True


def test_keys_differ_in_case_and_in_every_character(call):
    keys = ["key", "Key", "key ", "ke", "key/", "k/ey", "кey"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheKeyWarning)
        call.set_many({key: key for key in keys})
        assert call.get_many(keys) == {key: key for key in keys}


def test_versions_are_apart(call):
    call.set("key", 1)
    call.set("key", 2, version=2)
    assert call.get("key") == 1
    assert call.get("key", version=1) == 1
    assert call.get("key", version=2) == 2
    assert call.delete("key", version=2) is True
    assert call.has_key("key") is True
    assert call.has_key("key", version=2) is False


def test_version_in_settings_is_the_default(over):
    second, first = over(VERSION=2), over()
    second.set("key", "value")
    assert first.get("key") is None
    assert first.get("key", version=2) == "value"
    assert second.incr_version("key") == 3
    assert second.get("key", version=3) == "value"


def test_key_prefixes_are_apart(over):
    one, other = over(KEY_PREFIX="one"), over(KEY_PREFIX="other")
    one.set("key", 1)
    assert other.get("key") is None
    assert other.add("key", 2) is True
    assert one.get("key") == 1


@pytest.mark.parametrize("function", (with_colons, "tests.cache.test_keys.with_colons"))
def test_key_function_makes_the_key(over, function):
    over(KEY_FUNCTION=function, KEY_PREFIX="site").set("key", "value")
    assert over(KEY_FUNCTION=lambda key, prefix, version: "site::1::key").get("whatever") == "value"
    assert over(KEY_PREFIX="site").get("key") is None


def test_a_key_function_set_on_the_cache_is_used_from_then_on(engine):
    cache = cache_over(engine)
    cache.set("key", "value")
    cache.key_func = with_colons
    assert cache.get("key") is None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("key", "complaint"), (("with space", "contains characters"), ("k" * 251, "longer than 250")))
def test_every_method_warns_of_a_key_that_memcached_would_refuse(over, method, key, complaint):
    call = over()
    with pytest.warns(CacheKeyWarning, match=complaint) as caught:
        call.set(key, 1)
        getattr(call, method)(key, *METHODS[method])
    assert len(caught) >= 2
    assert any(f":1:{key}" in str(warning.message) for warning in caught[1:])


@pytest.mark.parametrize("method", ("get_many", "set_many", "delete_many"))
def test_bulk_methods_warn_of_each_such_key(over, method):
    with pytest.warns(CacheKeyWarning) as caught:
        getattr(over(), method)({"with space": 1, "good": 2, "another one": 3})
    assert len(caught) == 2


def test_such_a_key_is_used_all_the_same(over):
    with pytest.warns(CacheKeyWarning):
        over().set("with space", "value")
        assert over().get("with space") == "value"


@pytest.mark.parametrize("method", ("get_many", "delete_many"))
def test_an_iterator_of_keys_is_consumed_on_the_caller_s_thread(call, method):
    threads = []

    def keys():
        threads.append(threading.current_thread())
        yield "key"

    getattr(call, method)(keys())
    assert threads == [threading.current_thread()]


def test_the_objects_names_say_nothing_of_the_keys(call, cache):
    call.set("secret-key-of-a-user", 1)
    [name] = stored(cache.engine)
    assert "secret" not in name
