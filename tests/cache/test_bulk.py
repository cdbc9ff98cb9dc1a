"""get_many, set_many and delete_many."""

import pytest

from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured, EngineUnavailable
from s3cache.testing import FlakyEngine
from tests.cache.support import cache_over, stored


def test_get_many_gives_what_is_there_in_the_order_asked(call):
    call.set_many({"a": 1, "b": 2, "c": 3})
    assert list(call.get_many(["c", "missing", "a"]).items()) == [("c", 3), ("a", 1)]


def test_get_many_of_nothing(call):
    assert call.get_many([]) == {}


def test_set_many_gives_no_failed_keys(call):
    assert call.set_many({"a": 1, "b": 2}) == []
    assert call.get_many(["a", "b"]) == {"a": 1, "b": 2}


def test_set_many_of_nothing_gives_an_empty_list(call):
    assert call.set_many({}) == []


def test_delete_many_removes_what_is_there(call):
    call.set_many({"a": 1, "b": 2, "c": 3})
    assert call.delete_many(["a", "missing", "b"]) is None
    assert call.get_many(["a", "b", "c"]) == {"c": 3}


def test_delete_many_of_nothing(call):
    assert call.delete_many([]) is None


def test_iterators_are_accepted(call):
    call.set_many({"a": 1, "b": 2, "c": 3})
    assert call.get_many(iter(["a", "b"])) == {"a": 1, "b": 2}
    assert call.get_many(key for key in "bc") == {"b": 2, "c": 3}
    assert call.delete_many(iter(["a", "b"])) is None
    assert call.delete_many(key for key in "c") is None
    assert call.get_many({"a": 0, "b": 0, "c": 0}.keys()) == {}


def test_a_number_and_its_text_are_one_entry_and_both_come_back(call):
    call.set("1", "value")
    assert call.get_many([1, "1"]) == {1: "value", "1": "value"}
    assert call.set_many({1: "number"}) == []
    assert call.get("1") == "number"


def test_a_key_asked_twice_comes_back_once(call):
    call.set("key", 1)
    assert call.get_many(["key", "key"]) == {"key": 1}


def test_bulk_methods_take_a_version(call):
    call.set_many({"a": 1, "b": 2}, version=2)
    assert call.get_many(["a", "b"]) == {}
    assert call.get_many(["a", "b"], version=2) == {"a": 1, "b": 2}
    call.delete_many(["a"], version=2)
    assert call.get_many(["a", "b"], version=2) == {"b": 2}


def test_set_many_takes_a_timeout(call, clock):
    call.set_many({"a": 1, "b": 2}, 10)
    clock.advance(9)
    assert call.get_many(["a", "b"]) == {"a": 1, "b": 2}
    clock.advance(2)
    assert call.get_many(["a", "b"]) == {}


@pytest.mark.parametrize("timeout", (0, -1))
def test_set_many_with_a_timeout_of_zero_or_below_removes(call, cache, timeout):
    call.set_many({"a": 1, "b": 2, "c": 3})
    assert call.set_many({"a": 1, "b": 2}, timeout) == []
    assert call.get_many(["a", "b", "c"]) == {"c": 3}
    assert len(stored(cache.engine)) == 1


def test_more_keys_than_one_batch_and_than_asyncio_runs_at_once(mode, called):
    call = called(cache_over(MemoryEngine(), MAX_ENTRIES=None), mode)
    data = {number: number for number in range(2500)}
    assert call.set_many(data) == []
    assert list(call.get_many(data).items()) == list(data.items())
    call.delete_many(data)
    assert call.get_many(data) == {}


def test_set_many_gives_the_caller_s_keys_that_were_not_stored(mode, called, caplog):
    engine = FlakyEngine(MemoryEngine())
    call = called(cache_over(engine), mode)
    engine.fail_next("put_object", EngineUnavailable("no answer"))
    assert call.set_many({1: "a", "1": "b", 2: "c", "three": "d"}) == [1, "1"]
    assert call.get_many([1, 2, "three"]) == {2: "c", "three": "d"}
    assert "no answer" in caplog.text


def test_set_many_tries_no_more_after_two_writes_without_an_answer():
    engine = FlakyEngine(MemoryEngine())
    cache = cache_over(engine)
    engine.fail_next("put_object", EngineUnavailable("no answer"), times=2)
    assert cache.set_many(dict.fromkeys(range(10), "value")) == list(range(10))
    assert cache.get_many(range(10)) == {}
    assert cache.set_many(dict.fromkeys(range(10), "value")) == []


def test_set_many_hides_no_misconfiguration(mode, called):
    engine = FlakyEngine(MemoryEngine())
    engine.fail_next("put_object", EngineMisconfigured("access denied"))
    with pytest.raises(EngineMisconfigured, match="access denied"):
        called(cache_over(engine), mode).set_many({"a": 1, "b": 2})


@pytest.mark.parametrize("method", ("get_many", "delete_many"))
def test_an_outage_in_a_bulk_method_is_raised_as_it_is(mode, called, method):
    engine = FlakyEngine(MemoryEngine())
    call = called(cache_over(engine), mode)
    error = EngineUnavailable("no answer")
    engine.fail_next("get_object" if method == "get_many" else "delete_objects", error)
    with pytest.raises(EngineUnavailable) as caught:
        getattr(call, method)(["a", "b", "c"])
    assert caught.value is error
