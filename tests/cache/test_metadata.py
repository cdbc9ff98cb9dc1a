"""Entry metadata: what tells of an entry without its value, and what changes how long it lives."""

import dataclasses
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.test import override_settings

from s3cache.engines.memory import MemoryEngine
from s3cache.metadata import EntryMetadata
from s3cache.runtime import finish
from tests.cache.outages import fallen
from tests.cache.support import Clock, cache_over, name_of
from tests.cache.test_races import at_once

NOW = datetime.fromtimestamp(Clock().now / 1000, UTC)
ENCRYPTION = {"ENCRYPTION_KEYS": "e" * 43, "NAME_KEY": "n" * 43}


@pytest.fixture(params=("memory", "local"))
def cache(request, make_engine, clock):
    return cache_over(make_engine(request.param), clock)


def damaged(cache):
    name = name_of(cache, "key")
    body = bytearray(cache.engine.get_object(name).body)
    body[90] ^= 1
    cache.engine.put_object(name, bytes(body))


ABSENT = {
    "missing": lambda cache, clock: cache.delete("key"),
    "expired": lambda cache, clock: clock.advance(100),
    "damaged": lambda cache, clock: damaged(cache),
    "foreign": lambda cache, clock: cache.engine.put_object(name_of(cache, "key"), b"not ours"),
    "signed elsewhere": lambda cache, clock: cache_over(cache.engine, clock, SIGNING_KEY="theirs").set("key", 1, 100),
    "of a serializer that is not accepted": lambda cache, clock: cache_over(cache.engine, clock, SERIALIZER="json").set(
        "key", 1, 100
    ),
}
"""What makes an entry count as absent."""


@pytest.fixture(params=ABSENT)
def absent(request, cache, clock):
    """The cache, where the entry of "key" counts as absent."""
    cache.set("key", 1, 100)
    ABSENT[request.param](cache, clock)
    return cache


# --- how long an entry has left ---------------------------------------------------------------------------------------------


def test_an_entry_without_expiry_has_no_time_to_live(call):
    call.set("key", 1, None)
    assert (call.ttl("key"), call.pttl("key")) == (None, None)


@pytest.mark.parametrize(
    ("timeout", "passed", "seconds", "milliseconds"),
    [
        (10, 0, 10, 10_000),
        (10, 9, 1, 1_000),
        (10, 9.999, 1, 1),
        (10, 8.5, 2, 1_500),
        (0.25, 0, 1, 250),
        (1.5, 0, 2, 1_500),
        (86_400 * 3650, 0, 86_400 * 3650, 86_400_000 * 3650),
    ],
)
def test_the_time_to_live_is_exact_and_whole_seconds_are_rounded_up(call, clock, timeout, passed, seconds, milliseconds):
    call.set("key", 1, timeout)
    clock.advance(passed)
    assert (call.ttl("key"), call.pttl("key")) == (seconds, milliseconds)


def test_it_is_zero_from_the_moment_of_expiry_on(call, clock):
    call.set("key", 1, 10)
    clock.advance(10)
    assert (call.ttl("key"), call.pttl("key")) == (0, 0)


def test_it_is_the_default_timeout_where_none_was_given(cache, as_mode, clock):
    over = cache_over(cache.engine, clock, params={"TIMEOUT": 77})
    over.set("key", 1)
    assert as_mode(over).ttl("key") == 77


def test_the_farthest_expiry_is_told(call):
    call.set("key", 1, 1e300)
    assert call.pttl("key") == 2**63 - 1 - Clock().now
    assert call.meta("key").expires == datetime.max.replace(tzinfo=UTC)


def test_an_absent_entry_has_none_left_and_nothing_to_tell(absent, as_mode):
    call = as_mode(absent)
    assert (call.ttl("key"), call.pttl("key"), call.meta("key")) == (0, 0, None)


# --- metadata ---------------------------------------------------------------------------------------------------------------


def test_metadata_tells_when_it_was_written_and_when_it_expires(call, clock):
    call.set("key", 1, 10)
    assert (call.meta("key").created, call.meta("key").expires) == (NOW, NOW + timedelta(seconds=10))
    clock.advance(4)
    call.touch("key", None)
    assert (call.meta("key").created, call.meta("key").expires) == (NOW + timedelta(seconds=4), None)


@pytest.mark.parametrize(("milliseconds", "microsecond"), [(1, 1_000), (999, 999_000), (7, 7_000)])
def test_its_moments_are_exact_to_the_millisecond(call, clock, milliseconds, microsecond):
    clock.now += milliseconds
    call.set("key", 1, 86_400 * 365 * 5000)
    meta = call.meta("key")
    assert (meta.created.microsecond, meta.expires.microsecond) == (microsecond, microsecond)


@pytest.mark.parametrize(("value", "serializer"), [(b"raw", "bytes"), ("text", "str"), ([1], "json")])
def test_it_names_the_serializer(cache, as_mode, clock, value, serializer):
    call = as_mode(cache_over(cache.engine, clock, SERIALIZER="json"))
    call.set("key", value)
    assert (call.meta("key").serializer, call.meta("key").compressor) == (serializer, "none")


@pytest.mark.parametrize("options", [{}, ENCRYPTION, {"SIGNING": False}], ids=["signed", "encrypted", "unsigned"])
@pytest.mark.parametrize("compressor", ["none", "zlib"])
@pytest.mark.parametrize(
    ("value", "size"),
    [(b"", 0), (b"x" * 1023, 1023), (b"x" * 5000, 5000), ("é" * 5000, 10_000), ("é" * 300_000, 600_000), ([0] * 2000, 4001)],
    ids=["nothing", "short", "bytes", "text", "much text", "serialized"],
)
def test_sizes_are_those_of_the_serialized_value_and_of_the_object(cache, as_mode, clock, options, compressor, value, size):
    over = cache_over(cache.engine, clock, SERIALIZER="json", COMPRESSOR=compressor, **options)
    call = as_mode(over)
    call.set("key", value)
    meta = call.meta("key")
    [info] = over.objects()
    compressed = compressor == "zlib" and size >= 1024
    assert (meta.size, meta.stored_size) == (size, info.size)
    assert meta.compressor == ("zlib" if compressed else "none")
    assert (meta.stored_size < meta.size) is compressed
    assert EntryMetadata(**dataclasses.asdict(meta)) == meta


@pytest.mark.parametrize(
    "change",
    [lambda call: call.touch("key", 9), lambda call: call.persist("key"), lambda call: call.expire_at("key", 5_000_000_000)],
    ids=["touch", "persist", "expire_at"],
)
def test_a_change_of_expiry_keeps_all_the_rest(cache, as_mode, clock, change):
    over = cache_over(cache.engine, clock, COMPRESSOR="zlib")
    call = as_mode(over)
    call.set("key", b"x" * 5000, 100)
    before = call.meta("key")
    assert change(call) is True
    after = call.meta("key")
    assert after.expires != before.expires and after.etag != before.etag
    assert dataclasses.replace(after, expires=None, etag=None) == dataclasses.replace(before, expires=None, etag=None)
    assert call.get("key") == b"x" * 5000


def test_a_move_to_another_version_keeps_the_size(cache, as_mode, clock):
    call = as_mode(cache_over(cache.engine, clock, COMPRESSOR="zlib"))
    call.set("key", b"x" * 5000, 100)
    call.incr_version("key")
    assert (call.meta("key"), call.meta("key", version=2).size, call.ttl("key", version=2)) == (None, 5000, 100)


def test_its_etag_and_size_are_those_of_the_listing(engine, as_mode, clock):
    cache = cache_over(engine, clock)
    cache.set("key", [1, 2, 3])
    [info] = cache.objects()
    meta = as_mode(cache).meta("key")
    assert (meta.etag, meta.stored_size) == (info.etag, info.size)
    assert meta.etag is not None


def test_a_damaged_value_behind_a_good_header_is_told_of(call, cache):
    call.set("key", b"value", 10)
    name = name_of(cache, "key")
    cache.engine.put_object(name, cache.engine.get_object(name).body[:-1] + b"!")
    assert (call.ttl("key"), call.meta("key").size, call.get("key")) == (10, 5, None)
    assert call.persist("key") is False


# --- expire -----------------------------------------------------------------------------------------------------------------


def test_expire_gives_a_new_timeout(call, clock):
    call.set("key", "value", None)
    assert call.expire("key", 10) is True
    assert call.ttl("key") == 10
    assert call.expire("key", 0.5) is True
    assert call.pttl("key") == 500
    clock.advance(0.5)
    assert call.get("key") is None


def test_expire_without_a_timeout_gives_the_default_one(cache, as_mode, clock):
    call = as_mode(cache_over(cache.engine, clock, params={"TIMEOUT": 77}))
    call.set("key", 1, None)
    assert call.expire("key") is True
    assert call.ttl("key") == 77


@pytest.mark.parametrize("method", ["expire", "touch"])
def test_a_timeout_of_none_takes_the_expiry_away_and_is_no_failure_where_there_is_none(call, method):
    call.set("key", 1, 10)
    assert getattr(call, method)("key", None) is True
    assert getattr(call, method)("key", None) is True
    assert call.ttl("key") is None


@pytest.mark.parametrize("timeout", [0, -1, -0.5])
def test_expire_by_zero_or_below_removes_the_entry(call, cache, timeout):
    call.set("key", 1)
    assert call.expire("key", timeout) is True
    assert list(cache.objects()) == []
    assert call.expire("key", timeout) is False


# --- expire_at --------------------------------------------------------------------------------------------------------------

IN_AN_HOUR = NOW + timedelta(hours=1)
NEW_YORK = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    ("when", "left"),
    [
        (IN_AN_HOUR, 3_600_000),
        (IN_AN_HOUR.astimezone(NEW_YORK), 3_600_000),
        (IN_AN_HOUR.timestamp(), 3_600_000),
        (int(IN_AN_HOUR.timestamp()), 3_600_000),
        (NOW.timestamp() + 0.25, 250),
        (NOW + timedelta(milliseconds=7, microseconds=900), 7),
        (datetime.max.replace(tzinfo=UTC), 253_402_300_799_999 - Clock().now),
        (float("inf"), 2**63 - 1 - Clock().now),
        (10**400, 2**63 - 1 - Clock().now),
    ],
)
def test_an_entry_expires_at_a_moment(call, when, left):
    call.set("key", 1, 10)
    assert call.expire_at("key", when) is True
    assert call.pttl("key") == left
    assert call.get("key") == 1


@pytest.mark.parametrize(("use_tz", "zone"), [(True, "America/New_York"), (False, "America/New_York"), (True, "UTC")])
def test_a_naive_datetime_is_in_django_s_time_zone(call, use_tz, zone):
    naive = IN_AN_HOUR.astimezone(NEW_YORK if zone != "UTC" else UTC).replace(tzinfo=None)
    call.set("key", 1)
    with override_settings(USE_TZ=use_tz, TIME_ZONE=zone):
        assert call.expire_at("key", naive) is True
    assert call.meta("key").expires == IN_AN_HOUR


@pytest.mark.parametrize(
    "when",
    [NOW, NOW - timedelta(days=1), NOW.timestamp(), 0, -5, -1.5, float("-inf"), -(10**400), datetime.min.replace(tzinfo=UTC)],
)
def test_a_moment_that_has_passed_removes_the_entry(call, cache, when):
    call.set("key", 1)
    assert call.expire_at("key", when) is True
    assert list(cache.objects()) == []
    assert call.expire_at("key", when) is False


@pytest.mark.parametrize("when", [True, "tomorrow", None, timedelta(seconds=1), NOW.date()])
def test_what_is_no_moment_is_refused(call, when):
    call.set("key", 1)
    with pytest.raises(TypeError, match=f"of type {type(when).__name__}; accepted: a datetime, or seconds since 1970"):
        call.expire_at("key", when)
    assert call.ttl("key") == 300


def test_nan_is_refused(call):
    with pytest.raises(ValueError, match="NaN; accepted: a datetime, or seconds since 1970"):
        call.expire_at("key", float("nan"))


# --- persist ----------------------------------------------------------------------------------------------------------------


def test_persist_takes_the_expiry_away_and_tells_whether_there_was_one(call, clock):
    call.set("key", "value", 10)
    assert call.persist("key") is True
    assert call.persist("key") is False
    assert call.ttl("key") is None
    clock.advance(1000)
    assert call.get("key") == "value"


# --- all of them ------------------------------------------------------------------------------------------------------------

CHANGES = {"persist": (), "expire": (500,), "expire_at": (Clock().now / 1000 + 500,)}
"""The methods that change an entry, with what they are given behind the key."""


@pytest.mark.parametrize("method", CHANGES)
def test_an_absent_entry_is_not_changed(absent, as_mode, method):
    before = [info.etag for info in absent.objects()]
    assert getattr(as_mode(absent), method)("key", *CHANGES[method]) is False
    assert [info.etag for info in absent.objects()] == before


def test_each_version_has_its_own(call):
    call.set("key", 1, 10)
    call.set("key", 1, 20, version=2)
    assert (call.ttl("key"), call.ttl("key", version=2), call.pttl("key", version=2), call.ttl("key", version=3)) == (
        10,
        20,
        20_000,
        0,
    )
    assert call.persist("key", version=2) and call.expire("key", 30, version=1)
    assert call.expire_at("key", 5e9, version=3) is False
    assert (call.meta("key", version=2).expires, call.ttl("key")) == (None, 30)


def test_the_key_prefix_counts(cache, as_mode, clock):
    call = as_mode(cache_over(cache.engine, clock, params={"KEY_PREFIX": "mine", "VERSION": 3}))
    call.set("key", 1, 10)
    assert (call.ttl("key"), as_mode(cache).ttl("key")) == (10, 0)
    assert call.expire("key", 20) and call.meta("key").expires == NOW + timedelta(seconds=20)


@pytest.mark.parametrize("method", ["persist", "expire", "expire_at"])
def test_changes_undo_no_set(engine, clock, method):
    caches = [cache_over(engine, clock) for _ in range(4)]
    caches[0].set("key", "old", 10)

    def turn(number):
        if number == 0:
            caches[0].set("key", "new", 10)
        else:
            getattr(caches[number], method)("key", *CHANGES[method])

    for _ in range(5):
        at_once(turn, len(caches))
        assert caches[0].get("key") == "new"
        caches[0].set("key", "old", 10)


class Rival(MemoryEngine):
    """Somebody else does something between the read and the write of a change."""

    deed = None

    def put_object(self, name, body, **conditions):
        deed, self.deed = self.deed, None
        if deed:
            deed()
        return super().put_object(name, body, **conditions)


@pytest.mark.parametrize("method", CHANGES)
def test_a_change_brings_back_no_deleted_entry(as_mode, clock, method):
    cache = cache_over(engine := Rival(), clock)
    cache.set("key", 1, 10)
    engine.deed = lambda: cache.delete("key")
    assert getattr(as_mode(cache), method)("key", *CHANGES[method]) is False
    assert list(cache.objects()) == []


@pytest.mark.parametrize("method", CHANGES)
def test_a_change_is_made_again_on_what_somebody_has_set_meanwhile(as_mode, clock, method):
    cache = cache_over(engine := Rival(), clock)
    cache.set("key", "old", 10)
    engine.deed = lambda: cache.set("key", "new", 20)
    assert getattr(as_mode(cache), method)("key", *CHANGES[method]) is True
    assert (cache.get("key"), cache.ttl("key")) == ("new", None if method == "persist" else 500)


def test_an_addition_keeps_what_is_known_of_how_the_value_was_computed(call, cache):
    payload = cache._operations.encode(5)
    cache.set("key", payload._replace(value=payload.value._replace(grace_ms=60_000, compute_ms=1234)), 10)
    assert call.incr("key") == 6
    assert call.persist("key") is True
    assert call.incr_version("key") == 2
    value = finish(cache._operations.describe(cache.make_key("key", version=2))).header.value
    assert (value.grace_ms, value.compute_ms) == (60_000, 1234)


# --- outages and caches that are not written --------------------------------------------------------------------------------


def test_the_fallback_tells_nothing_and_changes_its_own_entries(store, other, as_mode):
    call = as_mode(fallen(store, other))
    assert (call.ttl("key"), call.meta("key")) == (0, None)
    assert (call.expire("key", 10), call.persist("key"), call.expire_at("key", 5e9)) == (False, False, False)
    call.set("key", 1, 10)
    assert (call.expire("key", 10), call.persist("key"), call.expire_at("key", 5e9)) == (True, True, True)
    assert call.expire_at("key", 1) is True
    assert call.get("key") is None


def test_in_the_fallback_an_entry_expires_at_the_moment_too(store, other, as_mode):
    call = as_mode(fallen(store, other))
    call.set("key", 1)
    moment = int(time.time()) + 100
    assert call.expire_at("key", moment) is True
    [expires] = other.cache._expire_info.values()
    assert expires == pytest.approx(moment, abs=5)


@pytest.mark.parametrize("read_only", [True, "dry"])
def test_a_read_only_cache_tells_and_changes_nothing(cache, as_mode, clock, read_only):
    cache.set("key", 1, 10)
    cache.set("lasting", 1, None)
    over = cache_over(cache.engine, clock, READ_ONLY=read_only)
    call, dry = as_mode(over), read_only == "dry"
    assert (call.ttl("key"), call.meta("key").expires) == (10, NOW + timedelta(seconds=10))
    assert (call.expire("key", 5), call.expire_at("key", 5e9), call.persist("key")) == (dry, dry, dry)
    assert (call.persist("lasting"), call.persist("missing"), call.expire("missing", 5)) == (False, False, False)
    assert call.ttl("key") == 10
    assert over.stats()["dropped_writes"] == 6


def test_a_near_cache_is_not_asked_and_forgets_what_has_changed(cache, as_mode, clock):
    call = as_mode(cache_over(cache.engine, clock, NEAR_CACHE={"MAX_BYTES": 100_000, "TTL": 60}))
    call.set("key", 1, 10)
    call.get("key")
    cache.set("key", 2, 20)
    assert (call.get("key"), call.ttl("key")) == (1, 20)
    assert call.persist("key") is True
    assert call.get("key") == 2
