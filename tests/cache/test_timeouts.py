"""How long entries live."""

import pytest

from s3cache.engines.memory import MemoryEngine
from tests.cache.support import cache_over, stored

DAY = 24 * 3600


def lives(call, clock, seconds):
    """Whether the entry "key" lives that long, and no millisecond longer."""
    clock.advance(seconds - 0.001)
    before = call.has_key("key")
    clock.advance(0.001)
    return before and not call.has_key("key")


@pytest.mark.parametrize("timeout", (1, 10, 0.25, 31 * DAY, 400 * DAY), ids=str)
def test_an_entry_lives_for_its_timeout(call, clock, timeout):
    call.set("key", 1, timeout)
    assert call.get("key") == 1
    assert lives(call, clock, timeout)
    assert call.get("key") is None
    assert call.get_many(["key"]) == {}


def test_without_a_timeout_an_entry_lives_for_django_s_default(call, clock):
    call.set("key", 1)
    assert lives(call, clock, 300)


@pytest.mark.parametrize("timeout", (None, 10**30, float("inf")), ids=str)
def test_an_entry_can_live_for_ever(call, clock, timeout):
    call.set("key", 1, timeout)
    clock.advance(10_000 * 365 * DAY)
    assert call.get("key") == 1


def test_none_replaces_a_timeout(call, clock):
    call.set("key", 1, 10)
    call.set("key", 2, None)
    clock.advance(11)
    assert call.get("key") == 2


@pytest.mark.parametrize("timeout", (0, -1, -0.5, -(10**30)), ids=str)
def test_set_with_a_timeout_of_zero_or_below_removes(call, cache, timeout):
    call.set("key", 1)
    call.set("key", 2, timeout)
    assert call.get("key") is None
    assert stored(cache.engine) == []


@pytest.mark.parametrize("timeout", (0, -1))
def test_add_with_a_timeout_of_zero_or_below_leaves_nothing(call, cache, timeout):
    assert call.add("key", 1, timeout) is True
    assert stored(cache.engine) == []


@pytest.mark.parametrize("timeout", (0, -1))
def test_add_with_a_timeout_of_zero_or_below_leaves_what_is_there(call, timeout):
    call.set("key", 1)
    assert call.add("key", 2, timeout) is False
    assert call.get("key") == 1


@pytest.mark.parametrize("timeout", (0, -1))
def test_get_or_set_with_a_timeout_of_zero_or_below_gives_the_default_and_leaves_nothing(call, cache, timeout):
    assert call.get_or_set("key", 1, timeout) == 1
    assert stored(cache.engine) == []


def test_add_takes_a_timeout(call, clock):
    call.add("key", 1, 10)
    assert lives(call, clock, 10)


def test_add_replaces_an_expired_entry(call, clock):
    call.set("key", "old", 10)
    clock.advance(11)
    assert call.add("key", "new") is True
    assert call.get("key") == "new"


def test_touch_gives_a_new_timeout_and_leaves_the_value(call, clock):
    call.set("key", ["value"], 10)
    assert call.touch("key", 100) is True
    assert call.get("key") == ["value"]
    assert lives(call, clock, 100)


def test_touch_without_a_timeout_gives_the_default(call, clock):
    call.set("key", 1, 10)
    assert call.touch("key") is True
    assert lives(call, clock, 300)


def test_touch_with_none_gives_eternal_life(call, clock):
    call.set("key", 1, 10)
    assert call.touch("key", None) is True
    clock.advance(1000 * DAY)
    assert call.get("key") == 1


def test_touch_can_shorten_a_life(call, clock):
    call.set("key", 1, None)
    assert call.touch("key", 0.5) is True
    assert lives(call, clock, 0.5)


@pytest.mark.parametrize("timeout", (0, -1))
def test_touch_with_a_timeout_of_zero_or_below_removes(call, cache, timeout):
    call.set("key", 1)
    assert call.touch("key", timeout) is True
    assert stored(cache.engine) == []
    assert call.touch("key", timeout) is False


@pytest.mark.parametrize("timeout", (10, None, 0))
def test_touch_of_a_missing_key_is_false_and_makes_nothing(call, cache, timeout):
    assert call.touch("key", timeout) is False
    assert stored(cache.engine) == []


@pytest.mark.parametrize("timeout", (10, None, 0))
def test_touch_of_an_expired_key_is_false_and_does_not_revive_it(call, clock, timeout):
    call.set("key", 1, 10)
    clock.advance(11)
    assert call.touch("key", timeout) is False
    assert call.get("key") is None


def test_incr_and_decr_keep_the_timeout(call, clock):
    call.set("key", 1, 10)
    clock.advance(4)
    call.incr("key")
    call.decr("key")
    assert lives(call, clock, 6)


def test_incr_keeps_eternal_life(call, clock):
    call.set("key", 1, None)
    call.incr("key")
    clock.advance(1000 * DAY)
    assert call.get("key") == 2


@pytest.mark.parametrize(("method", "version"), (("incr_version", 2), ("decr_version", 0)))
def test_changing_the_version_keeps_the_timeout(call, clock, method, version):
    call.set("key", 1, 10)
    clock.advance(4)
    assert getattr(call, method)("key") == version
    clock.advance(5.999)
    assert call.get("key", version=version) == 1
    clock.advance(0.001)
    assert call.get("key", version=version) is None


@pytest.mark.parametrize("method", ("incr", "incr_version"))
def test_an_expired_entry_cannot_be_changed(call, clock, method):
    call.set("key", 1, 10)
    clock.advance(11)
    with pytest.raises(ValueError, match="not found"):
        getattr(call, method)("key")


@pytest.mark.parametrize("given", (20, 0.5, 31 * DAY))
def test_timeout_in_settings_is_the_default(mode, called, clock, given):
    call = called(cache_over(MemoryEngine(), clock, params={"TIMEOUT": given}), mode)
    call.set("key", 1)
    assert lives(call, clock, given)
    call.add("key", 1)
    assert lives(call, clock, given)
    call.set_many({"key": 1})
    assert lives(call, clock, given)


def test_a_timeout_of_none_in_settings_is_eternal_life(mode, called, clock):
    call = called(cache_over(MemoryEngine(), clock, params={"TIMEOUT": None}), mode)
    call.set("key", 1)
    clock.advance(1000 * DAY)
    assert call.get("key") == 1


def test_a_timeout_of_zero_in_settings_stores_nothing(mode, called):
    engine = MemoryEngine()
    call = called(cache_over(engine, params={"TIMEOUT": 0}), mode)
    call.set("key", 1)
    assert stored(engine) == []


@pytest.mark.parametrize(("timeout", "error"), (("60", TypeError), (float("nan"), ValueError)))
@pytest.mark.parametrize("method", ("set", "add"))
def test_a_timeout_that_is_no_number_is_refused_before_any_write(call, cache, method, timeout, error):
    with pytest.raises(error):
        getattr(call, method)("key", 1, timeout)
    assert stored(cache.engine) == []
