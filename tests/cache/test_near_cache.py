"""The near cache behind a whole cache: what a get costs, what it may return, and what other processes see when."""

import asyncio
import copy
import os
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from contextlib import closing, suppress
from datetime import date

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.safestring import SafeString, mark_safe

from s3cache import ObjectStoreCache, sharing
from s3cache.assembly import build
from s3cache.engines import S3_ENGINES
from s3cache.engines.base import Features, StoredObject
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineUnavailable, NotModified
from s3cache.foundation import TEXT_KINDS
from s3cache.plugins import ENGINE, find
from s3cache.testing import CountingEngine, FlakyEngine
from s3cache.testing.wrapping import WrappedEngine
from tests.cache.support import cache_over, name_of
from tests.servers import s3_options

GET, PUT, DELETE = "get_object", "put_object", "delete_objects"
TTL = 5
NEAR = {"MAX_BYTES": 1_000_000, "TTL": TTL}


class Watching(CountingEngine):
    """Also remembers the condition of each read, and whether a body came."""

    def __init__(self, inner):
        super().__init__(inner)
        self.reads = []

    def get_object(self, name, *, if_none_match=None, **keywords):
        try:
            found = super().get_object(name, if_none_match=if_none_match, **keywords)
        except NotModified:
            self.reads.append((if_none_match, "not modified"))
            raise
        self.reads.append((if_none_match, "body"))
        return found

    def asynchronous(self):
        return None


def near_over(engine, clock, *, near=NEAR, **options):
    """One process' cache: what it keeps near is its own."""
    return cache_over(engine, clock, NEAR_CACHE=near, **options)


@pytest.fixture
def engine():
    return CountingEngine(MemoryEngine())


@pytest.fixture
def cache(engine, clock):
    return near_over(engine, clock)


@pytest.fixture
def stranger(engine, clock):
    """Another process over the same objects, whose requests are not counted."""
    return cache_over(engine.inner, clock)


def warmed(call, engine, value="value", timeout=300):
    """The key is set and kept near; counting begins."""
    call.set("key", value, timeout)
    call.get("key")
    engine.requests.clear()


# --- what a get costs -------------------------------------------------------------------------------------------------------


def test_it_is_off_by_default(called, mode, engine, clock):
    cache = cache_over(engine, clock)
    call = called(cache, mode)
    warmed(call, engine)
    assert call.get("key") == "value"
    assert engine.requests == {GET: 1}
    assert cache.stats()["near_hits"] == 0
    assert "near_entries" not in cache.stats()


@pytest.mark.parametrize(
    ("method", "arguments", "answer"),
    (
        ("get", ("key",), "value"),
        ("get_many", (["key"],), {"key": "value"}),
        ("get_or_set", ("key", "other"), "value"),
    ),
)
def test_a_hit_costs_no_request_within_the_ttl_and_one_after_it(call, engine, clock, method, arguments, answer):
    warmed(call, engine)
    clock.advance(TTL - 0.001)
    assert getattr(call, method)(*arguments) == answer
    assert engine.requests == {}
    clock.advance(0.001)
    assert getattr(call, method)(*arguments) == answer
    assert engine.requests == {GET: 1}


def test_after_the_ttl_the_store_is_asked_by_etag_and_sends_no_body(clock):
    engine = Watching(MemoryEngine())
    cache = near_over(engine, clock)
    warmed(cache, engine)
    etag = engine.get_object(name_of(cache, "key")).etag
    engine.reads.clear()
    clock.advance(TTL)
    assert cache.get("key") == "value"
    assert engine.reads == [(etag, "not modified")]
    assert cache.stats()["near_refreshed"] == 1
    clock.advance(TTL - 0.001)
    assert cache.get("key") == "value"
    assert len(engine.reads) == 1


def test_with_a_ttl_of_0_every_hit_asks_the_store_and_none_gets_a_body(clock):
    engine = Watching(MemoryEngine())
    cache = near_over(engine, clock, near={**NEAR, "TTL": 0})
    warmed(cache, engine)
    engine.reads.clear()
    assert [cache.get("key") for _ in range(3)] == ["value"] * 3
    assert [answer for _, answer in engine.reads] == ["not modified"] * 3


def test_the_ttl_counts_from_the_beginning_of_the_read(clock):
    def slow(verb, request, runtime):
        if verb == GET:
            clock.advance(TTL - 1)
        return request()

    engine = CountingEngine(WrappedEngine(MemoryEngine(), slow))
    cache = near_over(engine, clock)
    warmed(cache, engine)
    clock.advance(0.999)
    assert cache.get("key") == "value"
    assert engine.requests == {}
    clock.advance(0.001)
    assert cache.get("key") == "value"
    assert engine.requests == {GET: 1}


def test_get_many_asks_the_store_only_for_what_is_not_at_hand(call, engine):
    call.set_many({number: f"value {number}" for number in range(20)})
    call.get_many(range(0, 20, 2))
    engine.requests.clear()
    found = call.get_many(range(21))
    assert list(found.items()) == [(number, f"value {number}") for number in range(20)]
    assert engine.requests == {GET: 11}


def test_get_many_of_a_key_that_comes_twice_gives_it_once(call, stranger):
    stranger.set("there", 1)
    assert call.get_many(["there", "not", "there", "not"]) == {"there": 1}


def test_a_miss_is_not_kept(call, engine, stranger):
    assert call.get("key") is None
    stranger.set("key", "value")
    assert call.get("key") == "value"


@pytest.mark.parametrize("method", ("aget", "aget_many"))
async def test_a_hit_takes_no_thread_of_an_engine_that_blocks(tmp_path, clock, monkeypatch, method):
    cache = near_over(LocalEngine.from_options(str(tmp_path), {}), clock)
    await cache.aset_many(dict.fromkeys("abcdef", 1))
    await cache.aget_many("abcdef")
    monkeypatch.setattr(sharing, "threads_for", None)
    if method == "aget":
        monkeypatch.setattr(sharing, "executor_for", None)
        assert await cache.aget("a") == 1
    else:
        assert await cache.aget_many("abcdef") == dict.fromkeys("abcdef", 1)


# --- what a get may return --------------------------------------------------------------------------------------------------


def test_other_processes_see_a_write_after_the_ttl_and_not_before(called, mode, engine, clock):
    one, other = (called(near_over(engine, clock), mode) for _ in range(2))
    one.set("key", "old")
    assert [one.get("key"), other.get("key")] == ["old", "old"]
    one.set("key", "new")
    assert [one.get("key"), other.get("key")] == ["new", "old"]
    clock.advance(TTL - 0.001)
    assert other.get("key") == "old"
    clock.advance(0.001)
    assert other.get("key") == "new"


def test_other_processes_see_a_delete_after_the_ttl_and_not_before(called, mode, engine, clock):
    one, other = (called(near_over(engine, clock), mode) for _ in range(2))
    one.set("key", "old")
    other.get("key")
    one.delete("key")
    assert [one.get("key"), other.get("key")] == [None, "old"]
    clock.advance(TTL)
    assert other.get("key") is None


@pytest.mark.parametrize("timeout", (TTL - 1, TTL, TTL + 1, 3 * TTL))
def test_an_entry_never_outlives_its_expiry(call, engine, clock, timeout):
    warmed(call, engine, timeout=timeout)
    clock.advance(timeout - 0.001)
    assert call.get("key") == "value"
    clock.advance(0.001)
    assert call.get("key") is None


def test_an_entry_that_expired_while_the_store_was_asked_is_a_miss(engine, clock):
    def slow(verb, request, runtime):
        if slow.on:
            clock.advance(1)
        return request()

    slow.on = False
    cache = near_over(WrappedEngine(engine, slow), clock)
    warmed(cache, engine, timeout=TTL + 1)
    clock.advance(TTL)
    slow.on = True
    assert cache.get("key") is None
    assert cache.stats()["near_entries"] == 0


def test_a_clock_that_was_set_back_makes_no_entry_live_longer(cache, engine, clock):
    warmed(cache, engine, timeout=None)
    clock.advance(-3600)
    assert cache.get("key") == "value"
    assert engine.requests == {GET: 1}


@pytest.mark.parametrize("damage", (lambda body: b"garbage", lambda body: body[:-1], lambda body: b"", lambda body: body + b"x"))
def test_an_entry_that_is_damaged_by_the_time_it_is_asked_for_is_dropped(call, cache, engine, clock, damage):
    warmed(call, engine)
    name = name_of(cache, "key")
    engine.put_object(name, damage(engine.get_object(name).body))
    assert call.get("key") == "value"
    clock.advance(TTL)
    assert call.get("key") is None
    assert cache.stats()["near_entries"] == 0


def test_an_entry_of_others_is_not_kept(call, cache, engine, clock):
    cache_over(engine, clock, SIGNING=False).set("key", "unsigned")
    assert call.get("key") is None
    assert cache.stats()["near_entries"] == 0


def test_while_the_store_is_away_an_entry_serves_for_its_ttl_and_comes_back_with_the_store(called, mode, engine, clock):
    flaky = FlakyEngine(engine)
    cache = near_over(flaky, clock)
    call = called(cache, mode)
    warmed(call, engine)
    flaky.fail_next(GET, EngineUnavailable("503"))
    assert call.get("key") == "value"
    clock.advance(TTL)
    with pytest.raises(EngineUnavailable):
        call.get("key")
    engine.requests.clear()
    assert call.get("key") == "value"
    assert cache.stats()["near_refreshed"] == 1


def test_a_store_without_etags_is_asked_without_a_condition(clock):
    class NoEtags(WrappedEngine):
        features = Features(conditional_writes=False, delete_batch=1)

        async def through(self, verb, request, runtime):
            answer = await request()
            return answer._replace(etag=None) if isinstance(answer, StoredObject) else answer

        def __init__(self, inner):
            super().__init__(inner, self.through)

    engine = Watching(NoEtags(MemoryEngine()))
    cache = near_over(engine, clock)
    warmed(cache, engine)
    assert cache.get("key") == "value"
    clock.advance(TTL)
    engine.reads.clear()
    assert cache.get("key") == "value"
    assert engine.reads == [(None, "body")]


def test_an_answer_not_modified_to_a_read_without_a_condition_is_the_engine_s_error(engine, clock):
    flaky = FlakyEngine(engine)
    flaky.fail_next(GET, NotModified("304"))
    with pytest.raises(NotModified):
        near_over(flaky, clock).get("key")


# --- who does not ask it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "arguments", "answer"),
    (
        ("has_key", ("key",), False),
        ("add", ("key", 2), True),
        ("touch", ("key",), False),
        ("delete", ("key",), False),
    ),
)
def test_who_changes_an_entry_or_asks_whether_it_is_there_asks_the_store(call, engine, stranger, method, arguments, answer):
    warmed(call, engine)
    stranger.delete("key")
    assert call.get("key") == "value"
    assert getattr(call, method)(*arguments) is answer


def test_an_addition_is_made_to_what_is_stored(call, engine, stranger):
    warmed(call, engine, value=1)
    stranger.set("key", 10)
    assert call.incr("key") == 11


@pytest.mark.parametrize(
    ("method", "arguments"),
    (("delete", ("key",)), ("delete_many", (["key"],)), ("clear", ()), ("set", ("key", 1, 0)), ("touch", ("key", 0))),
)
def test_what_this_process_removes_is_gone_even_if_another_was_faster(call, engine, stranger, method, arguments):
    warmed(call, engine)
    stranger.delete("key")
    assert call.get("key") == "value"
    getattr(call, method)(*arguments)
    assert call.get("key") is None


@pytest.mark.parametrize("method", ("delete", "clear"))
def test_a_read_that_began_before_another_process_and_this_one_removed_the_entry_keeps_nothing(gate, clock, method):
    cache = near_over(gate, clock)
    cache.set("key", "value")
    gate.stops.append((GET, "after"))
    with Apart(gate, cache.get, "key"):
        cache_over(gate.inner, clock).delete("key")
        getattr(cache, method)(*["key"][: method == "delete"])
    assert cache.get("key") is None


def test_a_clear_that_failed_leaves_nothing_near(engine, clock):
    flaky = FlakyEngine(engine)
    cache = near_over(flaky, clock)
    warmed(cache, engine)
    flaky.fail_next("list_objects", EngineUnavailable("503"))
    with pytest.raises(EngineUnavailable):
        cache.clear()
    assert cache.stats()["near_entries"] == cache.stats()["near_bytes"] == 0
    assert cache.get("key") == "value"


# --- what this process writes -----------------------------------------------------------------------------------------------

CHANGES = (
    ("set", ("key", 2), 2),
    ("set", ("key", 2, 0), None),
    ("set_many", ({"key": 2},), 2),
    ("set_many", ({"key": 2}, 0), None),
    ("incr", ("key",), 2),
    ("decr", ("key",), 0),
    ("delete", ("key",), None),
    ("delete_many", (["key"],), None),
    ("touch", ("key", 0), None),
    ("incr_version", ("key",), None),
    ("clear", (), None),
)


@pytest.mark.parametrize(("method", "arguments", "after"), CHANGES)
def test_what_this_process_does_is_seen_at_once(call, engine, method, arguments, after):
    warmed(call, engine, value=1)
    assert call.get("key") == 1
    getattr(call, method)(*arguments)
    assert call.get("key") == after


@pytest.mark.parametrize(("method", "arguments", "after"), CHANGES)
def test_a_change_whose_answer_is_lost_may_have_been_made_and_is_seen(engine, clock, method, arguments, after):
    flaky = FlakyEngine(engine)
    cache = near_over(flaky, clock)
    warmed(cache, engine, value=1)
    for verb in (PUT, DELETE) if method != "incr_version" else (DELETE,):
        flaky.fail_next(verb, EngineUnavailable("lost"), applied=True)
    with suppress(EngineUnavailable):
        getattr(cache, method)(*arguments)
    engine.requests.clear()
    assert cache.get("key") == after
    assert engine.requests == {GET: 1}


def test_an_expired_entry_that_is_added_anew_is_seen_at_once(call, engine, clock):
    warmed(call, engine, timeout=2)
    clock.advance(2)
    assert call.add("key", "new")
    assert call.get("key") == "new"


def test_a_touched_entry_lives_as_long_as_it_was_told_now(call, engine, clock):
    warmed(call, engine, timeout=100)
    call.touch("key", 2)
    assert call.get("key") == "value"
    clock.advance(2)
    assert call.get("key") is None


def test_a_damaged_entry_that_is_mended_is_seen_at_once(call, cache, engine):
    call.set("key", "value")
    name = name_of(cache, "key")
    engine.put_object(name, engine.get_object(name).body + b"x")
    assert call.get_or_set("key", "new") == "new"
    assert call.get("key") == "new"


def test_what_culling_removes_is_gone_at_once(called, mode, engine, clock):
    cache = near_over(engine, clock, MAX_ENTRIES=20)
    call = called(cache, mode)
    for number in range(60):
        call.set(number, number)
        call.get(number)
        clock.advance(0.001)
    there = [number for number in range(60) if call.has_key(number)]
    assert len(there) <= 21
    assert [number for number in range(60) if call.get(number) is not None] == there


def test_a_write_through_any_alias_of_the_location_is_seen_at_once_by_all(called, mode):
    name = os.urandom(8).hex()
    near = {"NEAR_CACHE": {"MAX_BYTES": 100_000, "TTL": 3600}}
    aliases = [
        ObjectStoreCache(name, {"OPTIONS": {"ENGINE": "memory", **options}})
        for options in (near, {"COMPRESSOR": "zlib", **near}, {})
    ]
    calls = [called(cache, mode) for cache in aliases]
    for writer in calls:
        for method, arguments, after in CHANGES:
            calls[0].set("key", 1)
            assert [call.get("key") for call in calls] == [1, 1, 1]
            getattr(writer, method)(*arguments)
            assert [call.get("key") for call in calls] == [after, after, after]


def test_backend_objects_of_one_configuration_share_what_is_kept():
    name = os.urandom(8).hex()
    params = {"OPTIONS": {"ENGINE": "memory", "NEAR_CACHE": {"MAX_BYTES": 100_000, "TTL": 3600}}}
    one, other = ObjectStoreCache(name, copy.deepcopy(params)), ObjectStoreCache(name, copy.deepcopy(params))
    one.set("key", "value")
    one.get("key")
    assert other.get("key") == "value"
    assert other.stats()["near_hits"] == 1


def test_a_forked_child_begins_with_nothing(tmp_path):
    script = f"""
        import os
        from django.conf import settings
        settings.configure(SECRET_KEY="secret")
        from s3cache import ObjectStoreCache
        cache = ObjectStoreCache({str(tmp_path)!r}, {{"OPTIONS": {{"NEAR_CACHE": {{"MAX_BYTES": 100_000, "TTL": 3600}}}}}})
        cache.set("key", 1)
        cache.get("key")
        assert cache.stats()["near_entries"] == 1
        if not os.fork():
            fresh = cache.stats()["near_entries"] == 0 and cache.get("key") == 1 and cache.incr("key") == 2
            os._exit(0 if fresh and cache.get("key") == 2 else 1)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        assert cache.get("key") == 1  # the child is another process
    """
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(script)], check=True, timeout=60)


# --- reads and writes at one time -------------------------------------------------------------------------------------------


class Gate(WrappedEngine):
    """Holds requests: each that ``stops`` names waits before it is made or, with "after", before its answer is given."""

    def __init__(self, inner):
        super().__init__(inner, self.hold)
        self.stops = []
        self.reached = threading.Event()
        self.go = threading.Event()

    async def hold(self, verb, request, runtime):
        when = self.stops.pop(0)[1] if self.stops and self.stops[0][0] == verb else None
        if when == "before":
            await self.wait(runtime)
        try:
            return await request()
        finally:
            if when == "after":
                await self.wait(runtime)

    async def wait(self, runtime):
        self.reached.set()
        while not self.go.is_set():
            await runtime.sleep(0.001)


@pytest.fixture
def gate():
    gate = Gate(MemoryEngine())
    yield gate
    gate.go.set()


class Apart:
    """A call in a thread of its own, which has reached the gate."""

    def __init__(self, gate, function, *arguments):
        self.gate = gate
        self.thread = threading.Thread(target=function, args=arguments)

    def __enter__(self):
        self.thread.start()
        assert self.gate.reached.wait(30)

    def __exit__(self, *_):
        self.gate.go.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.mark.parametrize("method", ("get", "get_many"))
@pytest.mark.parametrize("change", ("set", "delete", "clear", "set_many", "incr"))
def test_a_read_that_a_write_overtakes_leaves_nothing_old_behind(gate, clock, method, change):
    cache = near_over(gate, clock)
    cache.set("key", 1)
    gate.stops.append((GET, "after"))
    changes = {method: (arguments, after) for method, arguments, after in reversed(CHANGES)}
    arguments, after = changes[change]
    with Apart(gate, getattr(cache, method), "key" if method == "get" else ["key"]):
        getattr(cache, change)(*arguments)
    assert cache.get("key") == after


@pytest.mark.parametrize("when", ("before", "after"))
def test_a_read_during_a_write_leaves_nothing_old_behind(gate, clock, when):
    cache = near_over(gate, clock)
    cache.set("key", "old")
    cache.get("key")
    gate.stops.append((PUT, when))
    with Apart(gate, cache.set, "key", "new"):
        assert cache.get("key") == ("old" if when == "before" else "new")
    assert cache.get("key") == "new"


def test_a_read_during_a_write_through_another_alias_leaves_nothing_old_behind(gate, clock):
    near_caches = []
    reader, writer = near_over(gate, clock), cache_over(gate, clock)
    for cache in (reader, writer):
        cache._assembly = build(cache.configuration, gate, 0, TEXT_KINDS, clock, near_caches)
    reader.set("key", "old")
    gate.stops.append((PUT, "before"))
    with Apart(gate, writer.set, "key", "new"):
        assert reader.get("key") == "old"
    assert reader.get("key") == "new"


def test_a_confirmation_that_a_write_overtakes_leaves_nothing_old_behind(gate, clock):
    cache = near_over(gate, clock)
    cache.set("key", "old")
    cache.get("key")
    clock.advance(TTL)
    gate.stops.append((GET, "after"))
    with Apart(gate, cache.get, "key"):
        cache.set("key", "new")
    assert cache.get("key") == "new"


def test_every_thread_sees_its_own_writes_and_what_others_had_written_before(clock):
    cache = near_over(MemoryEngine(), clock)
    begun = threading.Barrier(6)
    written, behind = [0], []

    def write():
        begun.wait(30)
        for number in range(1, 400):
            cache.set("key", number)
            written[0] = number
            if cache.get("key") != number:
                behind.append(number)

    def read():
        begun.wait(30)
        while written[0] < 399:
            before = written[0]
            if cache.get("key", 0) < before:
                behind.append(before)

    threads = [threading.Thread(target=target) for target in (write, *[read] * 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert behind == []
    assert cache.get("key") == cache.get("key") == 399
    assert cache.stats()["near_hits"] > 0


async def test_a_cancelled_read_keeps_nothing_and_is_in_nobody_s_way(gate, clock):
    cache = near_over(gate, clock)
    await cache.aset("key", "value")
    gate.stops.append((GET, "after"))
    reading = asyncio.create_task(cache.aget("key"))
    while not gate.reached.is_set():
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    near = cache._assembly.near
    assert near.gauges()["near_entries"] == 0
    assert near._reads == {}
    gate.go.set()
    assert await cache.aget("key") == "value"
    assert near.gauges()["near_entries"] == 1


async def test_a_cancelled_write_is_over(gate, clock):
    cache = near_over(gate, clock)
    gate.stops.append((PUT, "after"))
    writing = asyncio.create_task(cache.aset("key", "value"))
    while not gate.reached.is_set():
        await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    gate.go.set()
    assert await cache.aget("key") == "value"
    assert cache.stats()["near_entries"] == 1


async def test_tasks_that_read_while_one_writes_see_what_it_wrote(gate, clock):
    cache = near_over(gate, clock)
    await cache.aset("key", "old")
    gate.stops.append((GET, "after"))
    reading = asyncio.create_task(cache.aget("key"))
    while not gate.reached.is_set():
        await asyncio.sleep(0)
    await cache.aset("key", "new")
    gate.go.set()
    assert await reading == "old"
    assert await cache.aget("key") == "new"


# --- values -----------------------------------------------------------------------------------------------------------------


class Text(str):
    """Not exactly text: it may have attributes."""


@pytest.mark.parametrize(
    "value",
    ([1, [2]], {"a": {"b": 1}}, bytearray(b"ab"), {1, 2}, (1, [2]), Text("text"), date(2024, 2, 29)),
    ids=lambda value: type(value).__name__,
)
def test_each_caller_gets_a_value_of_his_own(call, engine, value):
    warmed(call, engine, value=value)
    first, second = call.get("key"), call.get("key")
    assert first == second == value and type(first) is type(second) is type(value)
    assert first is not second
    assert engine.requests == {}


def test_changing_what_get_returned_changes_nothing_for_the_next(call, engine):
    call.set("key", {"list": [1]})
    for _ in range(3):
        value = call.get("key")
        assert value == {"list": [1]}
        value["list"].append(2)
    assert call.get_many(["key"])["key"] == {"list": [1]}


def test_changing_what_was_set_changes_nothing(call, engine):
    value = [1]
    warmed(call, engine, value=value)
    value.append(2)
    assert call.get("key") == [1]


@pytest.mark.parametrize("value", (b"bytes" * 1000, "text" * 1000, mark_safe("<b>" * 1000)), ids=repr)
@pytest.mark.parametrize("compressor", ("none", "zlib"))
def test_a_value_that_nobody_can_change_is_kept_as_it_is(called, mode, engine, clock, value, compressor):
    call = called(near_over(engine, clock, COMPRESSOR=compressor), mode)
    warmed(call, engine, value=value)
    first, second = call.get("key", "default"), call.get("key", "default")
    assert first is second
    assert first == value and type(first) is type(value)
    assert engine.requests == {}


def test_safe_text_stays_safe(call, engine):
    warmed(call, engine, value=mark_safe("<b>"))
    assert type(call.get("key")) is SafeString


def test_a_value_that_loads_no_more_is_a_miss(cache, engine, monkeypatch):
    class Gone:
        pass

    Gone.__qualname__ = "Gone"
    monkeypatch.setattr(sys.modules[__name__], "Gone", Gone, raising=False)
    warmed(cache, engine, value=Gone())
    assert isinstance(cache.get("key"), Gone)
    monkeypatch.delattr(sys.modules[__name__], "Gone")
    assert cache.get("key") is None


# --- sizes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ("x" * 20_000, ["x" * 20_000]), ids=("text", "list"))
@pytest.mark.parametrize("compressor", ("none", "zlib"))
def test_an_entry_larger_than_max_entry_bytes_is_passed_through(called, mode, engine, clock, value, compressor):
    near = {"MAX_BYTES": 100_000, "MAX_ENTRY_BYTES": 20_000}
    cache = near_over(engine, clock, near=near, COMPRESSOR=compressor)
    call = called(cache, mode)
    warmed(call, engine, value=value)
    assert [call.get("key"), call.get("key")] == [value, value]
    assert engine.requests == {GET: 2}
    assert cache.stats()["near_entries"] == 0


def test_an_eighth_of_max_bytes_is_the_largest_entry_unless_it_is_given(engine, clock):
    cache = near_over(engine, clock, near={"MAX_BYTES": 80_000})
    cache.set_many({"small": "x" * 9000, "large": "x" * 10_000})
    cache.get_many(["small", "large"])
    assert cache.stats()["near_entries"] == 1


@pytest.mark.parametrize("value", (b"x" * 3_000_000, "x" * 3_000_000, ["x" * 3_000_000]), ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(("most", "cost"), ((4_000_000, 0), (2_000_000, 2)))
def test_values_that_travel_in_pieces_are_kept_or_passed_through(make_engine, clock, called, mode, value, most, cost):
    engine = CountingEngine(make_engine("boto3"))
    call = called(near_over(engine, clock, near={"MAX_BYTES": 8_000_000, "MAX_ENTRY_BYTES": most}), mode)
    warmed(call, engine, value=value)
    assert [call.get("key"), call.get("key")] == [value, value]
    assert engine.requests[GET] == cost


@pytest.mark.parametrize("compressor", ("none", "zlib"))
@pytest.mark.parametrize("value", (b"x" * 50_000, "x" * 50_000, ["x" * 50_000]), ids=lambda value: type(value).__name__)
def test_an_entry_counts_with_its_value_uncompressed(engine, clock, value, compressor):
    cache = near_over(engine, clock, COMPRESSOR=compressor)
    warmed(cache, engine, value=value)
    assert 50_000 < cache.stats()["near_bytes"] < 51_000


def test_passing_a_large_value_through_makes_no_copy_of_it(cache, engine):
    length = 8_000_000
    cache.set("key", "x" * length)
    tracemalloc.start()
    try:
        assert len(cache.get("key")) == length
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.3 * length


def test_it_never_takes_more_than_max_bytes(cache, engine, clock):
    cache = near_over(engine, clock, near={"MAX_BYTES": 100_000}, MAX_ENTRIES=None)
    for number in range(200):
        cache.set(number, "x" * (number * 50))
        cache.get(number)
        assert cache.stats()["near_bytes"] <= 100_000
    assert 0 < cache.stats()["near_entries"] < 20


# --- engines and options ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", S3_ENGINES)
def test_every_s3_engine_asks_by_etag_and_gets_304_without_a_body(proxy, bucket, called, mode, clock, name):
    with closing(find(ENGINE, name).from_options(f"s3://{bucket}/cache", s3_options(proxy.url))) as engine:
        call = called(near_over(engine, clock), mode)
        call.set("key", "x" * 5000)
        assert call.get("key") == "x" * 5000
        answers = []

        def remembered(request, forward):
            answers.append(forward(request))
            return answers[-1]

        proxy.forget()
        proxy.answer = remembered
        assert call.get("key") == "x" * 5000
        clock.advance(TTL)
        assert [call.get("key"), call.get("key")] == ["x" * 5000] * 2
        assert [(answer.status, answer.body) for answer in answers] == [(304, b"")]
        assert proxy.requests[0].headers["If-None-Match"]
        cache_over(engine, clock).set("key", "new")
        clock.advance(TTL)
        assert call.get("key") == "new"


def test_stats_tell_hits_refreshes_entries_and_bytes(call, cache, engine, clock):
    warmed(call, engine)
    call.get("key")
    call.get_many(["key"])
    clock.advance(TTL)
    call.get("key")
    stats = cache.stats()
    assert (stats["hits"], stats["near_hits"], stats["near_refreshed"], stats["near_entries"]) == (4, 2, 1, 1)
    assert 400 < stats["near_bytes"] < 1000


@pytest.mark.parametrize(
    ("near", "message"),
    (
        ({}, r"OPTIONS\['NEAR_CACHE'\] has no 'MAX_BYTES'; accepted: a whole number, 65536 or more"),
        (
            {"MAX_BYTES": 65_535},
            r"OPTIONS\['NEAR_CACHE'\]\['MAX_BYTES'\] is 65535 \(int\); accepted: a whole number, 65536 or more",
        ),
        ({"MAX_BYTES": 1e6}, r"\['MAX_BYTES'\] is 1000000.0 \(float\)"),
        ({"MAX_BYTES": True}, r"\['MAX_BYTES'\] is True \(bool\)"),
        ({"MAX_BYTE": 1_000_000}, r"\['NEAR_CACHE'\]\['MAX_BYTE'\] is not an option. Known: .*Did you mean 'MAX_BYTES'\?"),
        ({"max_bytes": 1_000_000}, r"\['max_bytes'\] is not an option.*Did you mean 'MAX_BYTES'\?"),
        ({**NEAR, "TTL": -1}, r"\['NEAR_CACHE'\]\['TTL'\] is -1 \(int\); accepted: a number of seconds, 0 or more"),
        ({**NEAR, "TTL": float("nan")}, r"\['TTL'\] is nan"),
        ({**NEAR, "TTL": float("inf")}, r"\['TTL'\] is inf"),
        ({**NEAR, "TTL": 10.0**306}, r"\['TTL'\] is 1e\+306"),
        ({**NEAR, "TTL": None}, r"\['TTL'\] is None"),
        ({**NEAR, "TTL": True}, r"\['TTL'\] is True"),
        ({**NEAR, "MAX_ENTRY_BYTES": 1023}, r"\['MAX_ENTRY_BYTES'\] is 1023 .*1024 or more, or None"),
        ({**NEAR, "MAX_ENTRY_BYTES": 1_000_001}, r"\['NEAR_CACHE'\] has a MAX_ENTRY_BYTES of 1000001; accepted: at most MAX_BYTES"),
        ({1: 2}, r"OPTIONS\['NEAR_CACHE'\] is of type dict; accepted: a dictionary with MAX_BYTES, or None"),
        ([], r"OPTIONS\['NEAR_CACHE'\] is of type list"),
        (1_000_000, r"OPTIONS\['NEAR_CACHE'\] is 1000000 \(int\)"),
        (True, r"OPTIONS\['NEAR_CACHE'\] is True"),
    ),
)
def test_a_mistake_in_near_cache_is_improperly_configured(near, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        ObjectStoreCache("place", {"OPTIONS": {"ENGINE": "memory", "NEAR_CACHE": near}})


@pytest.mark.parametrize("near", (None, {"MAX_BYTES": 65_536}, {**NEAR, "MAX_ENTRY_BYTES": None}, {**NEAR, "TTL": 0.5}))
def test_what_near_cache_accepts(near):
    cache = ObjectStoreCache("place", {"OPTIONS": {"ENGINE": "memory", "NEAR_CACHE": near}})
    cache.clear()
    cache.set("key", 1)
    assert cache.get("key") == 1
