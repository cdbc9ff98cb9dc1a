"""What each method of the cache does, in every combination of engine, serializer and sync or async."""

import pytest
from django.core.cache import InvalidCacheBackendError, caches
from django.test import override_settings


def test_what_was_set_is_got(call):
    assert call.set("key", ["value", 1]) is None
    assert call.get("key") == ["value", 1]


def test_a_missing_key_is_none_or_the_default(call):
    assert call.get("key") is None
    assert call.get("key", "default") == "default"
    assert call.get("key", default=0) == 0


def test_set_replaces(call):
    call.set("key", "old")
    call.set("key", {"new": True})
    assert call.get("key") == {"new": True}


def test_a_stored_none_is_a_hit(call):
    call.set("key", None)
    assert call.get("key", "default") is None
    assert call.has_key("key") is True
    assert call.get_many(["key"]) == {"key": None}
    assert call.add("key", 1) is False


def test_add_stores_only_where_nothing_is(call):
    assert call.add("key", "first") is True
    assert call.add("key", "second") is False
    assert call.get("key") == "first"


def test_has_key(call):
    assert call.has_key("key") is False
    call.set("key", 1)
    assert call.has_key("key") is True


def test_in(cache):
    assert "key" not in cache
    cache.set("key", 1)
    assert "key" in cache


def test_delete_tells_whether_there_was_an_entry(call):
    call.set("key", 1)
    assert call.delete("key") is True
    assert call.delete("key") is False
    assert call.get("key") is None


def test_incr_and_decr_give_the_new_value(call):
    call.set("key", 40)
    assert call.incr("key") == 41
    assert call.incr("key", 10) == 51
    assert call.decr("key") == 50
    assert call.decr("key", 25) == 25
    assert call.incr("key", -5) == 20
    assert call.get("key") == 20


def test_incr_can_reach_and_leave_zero(call):
    call.set("key", 1)
    assert call.decr("key") == 0
    assert call.incr("key", 0) == 0
    assert call.decr("key") == -1


def test_incr_carries_numbers_of_any_size_and_kind(call):
    call.set("key", 2**70)
    assert call.incr("key") == 2**70 + 1
    call.set("key", 0.5)
    assert call.incr("key") == 1.5


@pytest.mark.parametrize("method", ("incr", "decr", "incr_version", "decr_version"))
def test_changing_a_missing_key_is_a_value_error(call, method):
    with pytest.raises(ValueError, match="Key 'key' not found"):
        getattr(call, method)("key")
    assert call.has_key("key") is False


@pytest.mark.parametrize("value", (None, "text", b"bytes", ["list"]), ids=repr)
def test_incr_of_no_number_is_a_type_error_and_leaves_it(call, value):
    call.set("key", value)
    with pytest.raises(TypeError):
        call.incr("key")
    assert call.get("key") == value


def test_incr_version_moves_the_entry(call):
    call.set("key", "value")
    assert call.incr_version("key") == 2
    assert call.get("key") is None
    assert call.get("key", version=2) == "value"
    assert call.incr_version("key", delta=3, version=2) == 5
    assert call.get("key", version=5) == "value"


def test_decr_version_moves_it_back_and_below_one(call):
    call.set("key", "value", version=2)
    assert call.decr_version("key", version=2) == 1
    assert call.get("key") == "value"
    assert call.decr_version("key") == 0
    assert call.decr_version("key", version=0) == -1
    assert call.get("key", version=-1) == "value"


def test_incr_version_by_nothing_leaves_the_entry(call):
    call.set("key", "value")
    assert call.incr_version("key", delta=0) == 1
    assert call.get("key") == "value"


def test_incr_version_replaces_what_the_new_version_held(call):
    call.set("key", "new")
    call.set("key", "old", version=2)
    call.incr_version("key")
    assert call.get("key", version=2) == "new"


def test_get_or_set_stores_the_default_once(call):
    assert call.get_or_set("key", "first") == "first"
    assert call.get_or_set("key", "second") == "first"
    assert call.get("key") == "first"


def test_get_or_set_calls_a_callable_default_only_on_a_miss(call):
    calls = []

    def default():
        calls.append(1)
        return "computed"

    assert call.get_or_set("key", default) == "computed"
    assert call.get_or_set("key", default) == "computed"
    assert calls == [1]


def test_get_or_set_stores_none(call):
    assert call.get_or_set("key", None) is None
    assert call.get_or_set("key", "other") is None
    assert call.get_or_set("callable", lambda: None) is None
    assert call.has_key("callable") is True


def test_get_or_set_takes_timeout_and_version(call, clock):
    assert call.get_or_set("key", 1, timeout=10, version=7) == 1
    assert call.get("key") is None
    assert call.get("key", version=7) == 1
    clock.advance(11)
    assert call.get("key", version=7) is None


def test_clear_removes_all_versions(call):
    call.set("key", 1)
    call.set("key", 2, version=2)
    assert call.clear() is None
    assert call.get("key") is None
    assert call.get("key", version=2) is None


def test_clear_of_nothing_is_no_error(call):
    assert call.clear() is None


def test_the_cache_works_after_close(call):
    call.set("key", 1)
    assert call.close() is None
    assert call.close(signal=None) is None
    assert call.get("key") == 1


def test_arguments_have_django_s_names(call):
    call.set(key="key", value=1, timeout=10, version=2)
    assert call.add(key="key", value=2, timeout=10, version=2) is False
    assert call.get(key="key", default=None, version=2) == 1
    assert call.touch(key="key", timeout=10, version=2) is True
    assert call.has_key(key="key", version=2) is True
    assert call.incr(key="key", delta=1, version=2) == 2
    assert call.decr(key="key", delta=1, version=2) == 1
    assert call.get_or_set(key="key", default=5, timeout=10, version=2) == 1
    assert call.set_many(data={"key": 3}, timeout=10, version=2) == []
    assert call.get_many(keys=["key"], version=2) == {"key": 3}
    assert call.incr_version(key="key", delta=1, version=2) == 3
    assert call.decr_version(key="key", delta=1, version=3) == 2
    assert call.delete_many(keys=["key"], version=2) is None
    assert call.delete(key="key", version=2) is False


def test_django_builds_the_cache_from_settings(tmp_path):
    entry = {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": tmp_path / "cache"}
    with override_settings(CACHES={"default": entry}):
        caches["default"].set("key", 1)
        assert caches["default"].get("key") == 1
        with pytest.raises(InvalidCacheBackendError):
            caches["other"]
