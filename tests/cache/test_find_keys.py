"""keys, iter_keys, count and delete_pattern: what is found, what is not, and what is left behind when one ends early."""

import asyncio
import dataclasses
import functools
import gc
import itertools
import logging
import threading
import tracemalloc

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache import NotSupported, ObjectStoreCache, searches, sharing
from s3cache.engines import S3_ENGINES
from s3cache.engines.base import ObjectInfo, StoredObject
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineUnavailable
from s3cache.naming import readable_name
from s3cache.patterns import escaped, glob
from s3cache.runtime import Blocking
from tests.cache.support import RemoteEngine, cache_over, name_of, stored

ODD_KEYS = [
    "",
    "a/b//../c",
    "../..",
    "naïve ключ 鍵",
    "\ud800",
    "\ud83d\ude00",
    "\U0001f600",
    "Key",
    "key",
    "KEY",
    "a\nb",
    "*",
    "a*",
]
ODD_KEYS += ["[a]", "a\\b", "1:x", ":", "k" * 900, "=61", "a=61", "\0", ".s3c", "?"]
SECRETS = {"ENCRYPTION_KEYS": "an encryption key of 32 bytes or more", "NAME_KEY": "a name key of the tests, long enough"}

pytestmark = pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")


HASHED = [(engine, "hashed") for engine in ("memory", "local", *S3_ENGINES)]
READABLE = [(engine, "readable") for engine in ("memory", "local", "boto3", "obstore")]
hashed = pytest.mark.parametrize("cache", HASHED, ids="-".join, indirect=True)
each_layout = pytest.mark.parametrize("layout", ("hashed", "readable"))


@pytest.fixture(params=HASHED + READABLE, ids="-".join)
def cache(request, make_engine, clock):
    engine, layout = request.param
    return cache_over(make_engine(engine), clock, MAX_ENTRIES=None, KEY_LAYOUT=layout)


def with_colons(key, prefix, version):
    return f"{prefix}::{version}::{key}"


def without_colons(full):
    return full.split("::", 2)[2]


PATTERNS = {
    "*": ["other", "user:1", "user:10", "user:2"],
    "user:*": ["user:1", "user:10", "user:2"],
    "user:1": ["user:1"],
    "user:1?": ["user:10"],
    "user:[12]": ["user:1", "user:2"],
    "user:[^1]": ["user:2"],
    "*:1*": ["user:1", "user:10"],
    "User:*": [],
    "": [],
}


def test_a_pattern_finds_the_keys_that_fit(call):
    call.set_many(dict.fromkeys(["user:1", "user:2", "user:10", "other"], 1))
    assert {pattern: sorted(call.keys(pattern)) for pattern in PATTERNS} == PATTERNS
    assert {pattern: sorted(call.iter_keys(pattern)) for pattern in PATTERNS} == PATTERNS
    assert {pattern: call.count(pattern) for pattern in PATTERNS} == {pattern: len(keys) for pattern, keys in PATTERNS.items()}


def test_without_a_pattern_all_keys_are_meant(call):
    call.set_many({"a": 1, "b": 2})
    assert sorted(call.keys()) == ["a", "b"]
    assert call.count() == 2


def test_an_empty_cache_has_no_keys(call):
    assert call.keys() == []
    assert call.count() == 0
    assert call.delete_pattern("*") == 0


def test_keys_come_back_as_they_were_written(call):
    call.set_many(dict.fromkeys(ODD_KEYS, 1))
    assert sorted(call.keys()) == sorted(ODD_KEYS)
    for key in ODD_KEYS:
        assert call.keys(escaped(key)) == [key]


@each_layout
@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(), max_size=50), max_size=20), st.text("ab*?", max_size=4), st.text("ab*?[", max_size=3))
def test_what_is_found_is_what_was_stored_and_fits(layout, keys, prefix, pattern):
    cache = cache_over(MemoryEngine(), params={"KEY_PREFIX": prefix}, MAX_ENTRIES=None, KEY_LAYOUT=layout)
    cache.set_many(dict.fromkeys(keys, 1))
    assert sorted(cache.keys()) == sorted(set(keys))
    assert sorted(cache.keys(pattern)) == sorted(filter(glob(pattern).matches, set(keys)))
    assert cache.delete_pattern(pattern) == len([*filter(glob(pattern).matches, set(keys))])
    assert cache.count() == len([key for key in set(keys) if not glob(pattern).matches(key)])


def test_keys_that_are_no_text_come_back_as_text(call):
    call.set_many({1: 1, None: 2, ("a", 1): 3})
    assert sorted(call.keys()) == ["('a', 1)", "1", "None"]


@each_layout
def test_versions_and_prefixes_that_begin_alike_are_apart(make_engine, as_mode, layout):
    engine = make_engine("memory")
    over = functools.partial(cache_over, engine, MAX_ENTRIES=None, KEY_LAYOUT=layout)
    for prefix, version in itertools.product(("", "site", "site2", "si*", "s?te"), (1, 11, 111)):
        as_mode(over(params={"KEY_PREFIX": prefix, "VERSION": version})).set(f"{prefix}-{version}", 1)
    for prefix, version in itertools.product(("", "site", "site2", "si*", "s?te"), (1, 11, 111)):
        call = as_mode(over(params={"KEY_PREFIX": prefix}))
        assert call.keys("*", version=version) == [f"{prefix}-{version}"]
        assert call.keys(version=version) == call.keys("*", version)
    call = as_mode(over(params={"KEY_PREFIX": "si*", "VERSION": 11}))
    assert call.delete_pattern("*", version=1) == 1
    assert call.keys() == ["si*-11"]
    assert len(stored(engine)) == 14


@hashed
def test_what_has_expired_is_left_out(call, clock):
    call.set("short", 1, 10)
    call.set("long", 1, 100)
    clock.advance(10)
    assert call.keys() == ["long"]
    assert call.count() == 1
    assert call.delete_pattern("*") == 1


@pytest.mark.parametrize("cache", READABLE, ids="-".join, indirect=True)
def test_readable_names_show_what_has_expired_until_it_is_culled(call, clock):
    call.set("short", 1, 10)
    call.set("S" * 1000, 1, 10)
    clock.advance(10)
    assert call.keys() == ["short"], "the long one is read"
    assert call.delete_pattern("s*") == 1
    assert call.keys() == []


@hashed
def test_what_is_foreign_damaged_or_moved_is_left_out_and_stays(call, cache, engine_put):
    call.set_many({"good": 1, "damaged": 2})
    damaged, elsewhere, foreign = (name_of(cache, key) for key in ("damaged", "elsewhere", "foreign"))
    header = bytearray(cache.engine.get_object(damaged).body)
    header[20] ^= 1
    engine_put(damaged, bytes(header))
    engine_put(elsewhere, bytes(cache.engine.get_object(name_of(cache, "good")).body))
    engine_put(foreign, b"not ours")
    assert call.keys() == ["good"]
    assert call.delete_pattern("*") == 1
    assert sorted(stored(cache.engine)) == sorted([damaged, elsewhere, foreign])


@pytest.fixture
def engine_put(cache):
    return cache.engine.put_object


def test_entries_of_a_serializer_that_is_not_accepted_are_left_out(make_engine):
    engine = make_engine("memory")
    cache_over(engine).set("pickled", [1])
    cache_over(engine, SERIALIZER="json").set("written as json", [1])
    assert cache_over(engine, SERIALIZER="json").keys() == ["written as json"]
    assert len(cache_over(engine, SERIALIZER="json", ACCEPT_SERIALIZERS=["pickle"]).keys()) == 2


SEALED = {"encrypted": SECRETS, "named": {"NAME_KEY": SECRETS["NAME_KEY"]}, "unsigned": {"SIGNING": False}}


@pytest.mark.parametrize("options", SEALED.values(), ids=SEALED)
def test_however_entries_are_sealed_their_keys_are_found(make_engine, as_mode, options):
    engine = make_engine("local")
    cache_over(engine).set("of a stranger", 1)
    call = as_mode(cache_over(engine, **options, **({"SIGNING_KEY": "another"} if "SIGNING" not in options else {})))
    call.set_many(dict.fromkeys(ODD_KEYS, 1))
    found = call.keys()
    assert set(ODD_KEYS) <= set(found)
    assert ("of a stranger" in found) is ("SIGNING" in options), "its key is known there, and its name is that of its key"


def test_with_another_name_key_nothing_is_found(make_engine):
    engine = make_engine("memory")
    cache_over(engine, NAME_KEY=SECRETS["NAME_KEY"]).set("key", 1)
    assert cache_over(engine).keys() == []
    assert cache_over(engine, **SECRETS).keys() == []


def test_a_key_of_which_there_is_but_a_digest_is_not_found_and_that_is_logged(call, caplog):
    call.set_many({"k" * 1100: 1, "short": 2})
    assert call.keys() == ["short"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "1 entries have keys above 1024 bytes" in caplog.text
    assert call.delete_pattern("k*") == 0
    assert call.delete_pattern("s*") == 1
    assert call.get("k" * 1100) == 1


def test_delete_pattern_removes_what_fits_and_nothing_else(call):
    call.set_many({f"user:{number}": number for number in range(30)} | {"other": 1})
    call.set("user:1", 1, version=2)
    assert call.delete_pattern("user:1*") == 11
    assert call.count("user:*") == 19
    assert call.get("other") == 1
    assert call.get("user:1", version=2) == 1
    assert call.delete_pattern("user:*", version=2) == 1


class Rewriting(MemoryEngine):
    """Somebody writes an entry again just before it is deleted."""

    meanwhile = staticmethod(lambda: None)

    def delete_objects(self, names, *, etags=None):
        self.meanwhile()
        super().delete_objects(names, etags=etags)


@each_layout
def test_an_entry_that_is_written_again_meanwhile_is_not_lost(as_mode, layout):
    engine = Rewriting()
    cache, rival = cache_over(engine, KEY_LAYOUT=layout), cache_over(engine, KEY_LAYOUT=layout)
    as_mode(cache).set_many({"key": "old", "other": 1})
    engine.meanwhile = lambda: rival.set("key", "new")
    as_mode(cache).delete_pattern("*")
    assert as_mode(cache).get_many(["key", "other"]) == {"key": "new"}


def test_a_near_cache_forgets_what_a_pattern_removes(make_engine, as_mode):
    call = as_mode(cache_over(make_engine("memory"), NEAR_CACHE={"MAX_BYTES": 100_000, "TTL": 60}))
    call.set("key", 1)
    assert call.get("key") == 1
    call.delete_pattern("k*")
    assert call.get("key") is None


def test_itersize_is_taken_for_the_sake_of_code_written_for_redis(call):
    call.set_many({"a": 1, "b": 2})
    assert sorted(call.iter_keys("*", itersize=10)) == ["a", "b"]
    assert call.delete_pattern("*", itersize=10) == 2


def test_a_key_function_needs_one_that_reverses_it(make_engine, as_mode):
    engine = make_engine("memory")
    call = as_mode(cache_over(engine, params={"KEY_FUNCTION": with_colons}))
    call.set_many({"a": 1, "b": 2})
    for method in (call.keys, call.iter_keys):
        with pytest.raises(NotSupported, match="REVERSE_KEY_FUNCTION"):
            method("*")
    assert call.count("a*") == 1
    assert call.delete_pattern("a*") == 1
    for reverse in (without_colons, "tests.cache.test_find_keys.without_colons"):
        both = {"KEY_FUNCTION": with_colons, "REVERSE_KEY_FUNCTION": reverse}
        assert as_mode(cache_over(engine, params=both)).keys() == ["b"]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (1, "REVERSE_KEY_FUNCTION is 1 .int.; accepted: a callable"),
        ("no.such.module", "REVERSE_KEY_FUNCTION is 'no.such.module', which cannot be imported"),
        ("tests.cache.test_find_keys.ODD_KEYS", "which is not callable"),
    ],
)
def test_a_bad_reverse_key_function_is_refused_at_construction(given, complaint):
    with pytest.raises(ImproperlyConfigured, match=complaint):
        ObjectStoreCache("somewhere", {"REVERSE_KEY_FUNCTION": given, "OPTIONS": {"ENGINE": "memory"}})


@each_layout
def test_a_group_has_its_own_keys(make_engine, as_mode, layout):
    cache = cache_over(make_engine("local"), KEY_LAYOUT=layout)
    as_mode(cache).set("key", 1)
    group = as_mode(cache.group("one"))
    group.set_many({"a": 1, "b": 2})
    assert sorted(group.keys()) == sorted(group.iter_keys("*")) == ["a", "b"]
    assert as_mode(cache).keys() == ["key"]
    assert group.delete_pattern("a*") == 1
    assert group.count() == 1


def test_a_subclass_that_lists_otherwise_is_followed(called):
    class Doubled(ObjectStoreCache):
        def iter_keys(self, pattern, version=None, tell=None, *, itersize=None):
            keys = super().iter_keys(pattern, version=version)
            return (key * 2 for key in keys)

    cache = cache_over(MemoryEngine(), kind=Doubled)
    cache.set_many({"a": 1, "b": 2})
    assert sorted(called(cache, "async").iter_keys("*")) == ["aa", "bb"]


def test_progress_is_told_after_each_thousand_and_at_the_end(make_engine, as_mode):
    call = as_mode(cache_over(make_engine("local"), MAX_ENTRIES=None))
    call.set_many(dict.fromkeys(range(1500), 1))
    told = []
    assert len([*call.iter_keys("1*", tell=told.append)]) == 611
    assert [progress.seen for progress in told] == [1000, 1500]
    assert told[0].matched < told[1].matched == 611
    assert told[0].position == pytest.approx(2 / 3, abs=0.1)
    assert told[1].position == 1
    told.clear()
    assert call.delete_pattern("1*", tell=told.append) == 611
    assert told[-1].matched == 611


def test_a_large_search_is_logged_once_with_its_cost(make_engine, as_mode, caplog, monkeypatch):
    monkeypatch.setattr(searches, "LARGE", 500)
    call = as_mode(cache_over(make_engine("memory"), params={"KEY_PREFIX": "site"}, MAX_ENTRIES=None).group("g"))
    call.set_many(dict.fromkeys(range(499), 1))
    call.count("*")
    assert caplog.text == ""
    call.set_many(dict.fromkeys(range(2000), 1))
    call.count("9*")
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    pattern, entries, pages = record.args
    assert pattern == "9*", "as it was written"
    assert 1700 < int(entries.removeprefix("about ").replace(",", "")) < 2300
    assert pages in ("2", "3")


def test_where_the_order_is_unknown_the_cost_is_a_lower_bound(caplog, monkeypatch):
    monkeypatch.setattr(searches, "LARGE", 500)
    engine = RemoteEngine(MemoryEngine(), ordered_listing=False, start_after=False)
    cache = cache_over(engine, MAX_ENTRIES=None)
    cache.set_many(dict.fromkeys(range(700), 1))
    told = []
    assert len([*cache.iter_keys("*", tell=told.append)]) == 700
    assert "headers of more than 500 entries" in caplog.text
    assert [progress.position for progress in told] == [1.0]


def test_readable_names_cost_a_listing_per_thousand_keys_and_no_read(make_engine, as_mode):
    cache = cache_over(make_engine("local"), MAX_ENTRIES=None, KEY_LAYOUT="readable")
    call = as_mode(cache)
    call.set_many({f"{kind}:{number}": 1 for kind in "ab" for number in range(600)})
    before = cache.stats()
    assert call.count("a:*") == 600
    assert call.delete_pattern("a:5??") == 100
    assert spent(cache, before) == {"requests_delete": 1, "requests_list": 4}
    before = cache.stats()
    assert call.count("*") == 1100
    assert spent(cache, before) == {"requests_list": 3}


def test_a_readable_search_that_finds_little_of_much_is_logged(caplog, monkeypatch):
    monkeypatch.setattr(searches, "LARGE", 500)
    cache = cache_over(MemoryEngine(), MAX_ENTRIES=None, KEY_LAYOUT="readable")
    cache.set_many(dict.fromkeys(range(1000), 1))
    assert cache.count("*") == 1000
    assert cache.count("1*") == 111
    assert caplog.text == ""
    assert cache.count("*9") == 100
    [record] = caplog.records
    assert record.levelno == logging.WARNING and "keys like '*9' lists" in record.getMessage()


LITERALS = {"user:1": ["user:1"], r"user\:\1": ["user:1"], "user:2": [], "": [], r"a\*": ["a*"], "k" * 1100: ["k" * 1100]}


@pytest.mark.parametrize(("pattern", "expected"), LITERALS.items())
def test_a_pattern_without_a_wildcard_is_one_key_and_costs_one_read(call, cache, pattern, expected):
    call.set_many(dict.fromkeys(["user:1", "user:10", "a*", "ab", "k" * 1100], 1))
    before, told = cache.stats(), []
    assert call.keys(pattern) == [*call.iter_keys(pattern, tell=told.append)] == expected
    assert call.count(pattern) == len(expected)
    assert told == [(len(expected), len(expected), 1.0)]
    assert spent(cache, before) == {"requests_get": 3}


def test_delete_pattern_without_a_wildcard_removes_one_key(call, cache):
    call.set_many(dict.fromkeys(["user:1", "user:10"], 1))
    before = cache.stats()
    assert [call.delete_pattern("user:1") for _ in range(2)] == [1, 0]
    assert spent(cache, before) == {"requests_get": 2, "requests_delete": 1}
    assert call.keys() == ["user:10"]


def test_a_single_key_is_not_found_where_it_has_expired_or_cannot_be_read(call, cache, clock, engine_put):
    call.set("short", 1, 10)
    clock.advance(10)
    engine_put(name_of(cache, "theirs"), b"not ours")
    assert call.keys("short") == call.keys("theirs") == []
    assert call.delete_pattern("theirs") == 0


def spent(cache, before):
    """The requests since then."""
    return {kind: count - before[kind] for kind, count in cache.stats().items() if "requests" in kind and count > before[kind]}


class Folders(MemoryEngine):
    """Like an S3 directory bucket: no order, and a listing begins at a folder."""

    features = dataclasses.replace(MemoryEngine.features, ordered_listing=False, start_after=False)

    def list_objects(self, prefix="", start_after=None):
        assert start_after is None and (not prefix or prefix.endswith("/"))
        return reversed([*super().list_objects(prefix)])


@each_layout
def test_a_store_without_an_order_is_listed_whole(as_mode, layout):
    cache = cache_over(Folders(), MAX_ENTRIES=None, KEY_LAYOUT=layout)
    as_mode(cache).set_many({f"{kind}:{number}": 1 for kind in "ab" for number in range(20)})
    assert as_mode(cache).count("a:1*") == 11
    assert as_mode(cache).delete_pattern("a:1*") == 11
    assert as_mode(cache).count() == 29


def test_a_pattern_longer_than_any_name_finds_what_it_must(make_engine):
    cache = cache_over(make_engine("local"), MAX_ENTRIES=None, KEY_LAYOUT="readable")
    cache.set_many({"K" * 500: 1, "K" * 501: 2, "K": 3})
    assert cache.keys("K" * 500) == ["K" * 500]
    assert sorted(cache.keys("K" * 499 + "*")) == ["K" * 500, "K" * 501]
    assert cache.keys("K" * 5000 + "*") == []


def test_what_a_stranger_names_like_a_key_is_among_readable_ones(make_engine):
    """A listing proves nothing: who may write to the bucket may name objects as he likes. They are no entries to anything else."""
    engine = make_engine("memory")
    cache = cache_over(engine, MAX_ENTRIES=None, KEY_LAYOUT="readable")
    engine.put_object(readable_name("", ":1:theirs"), b"not ours")
    assert cache.keys() == ["theirs"]
    assert cache.get("theirs") is None


def test_nothing_is_asked_before_the_first_key(make_engine):
    cache = cache_over(make_engine("memory"))
    keys = cache.iter_keys("*")
    assert cache.stats()["requests_list"] == 0
    assert [*keys] == []
    assert cache.stats()["requests_list"] == 1


class Endless(MemoryEngine):
    """Has entries without end, all alike; each is made when it is read, so it takes no memory. It knows what it was asked."""

    def __init__(self, cache, count):
        super().__init__()
        self.features = MemoryEngine.features
        self.reads = 0
        self._count = count
        self._keys = {}
        self._operations = cache._operations

    def list_objects(self, prefix="", start_after=None):
        for number in range(self._count):
            key = f":1:{number}"
            name = self._operations.name_of(key)
            self._keys[name] = key
            yield ObjectInfo(name, 100, None, "etag")

    def get_object(self, name, *, first=None, if_none_match=None, limit=None):
        self.reads += 1
        place = self._operations._place(self._keys.pop(name))
        return StoredObject(self._operations._sealed(place, 1, None).body, "etag")

    def delete_objects(self, names, *, etags=None):
        """Nothing stays."""


def endless(count, *, native=True, concurrency=1):
    """A cache of so many entries."""
    maker = cache_over(MemoryEngine(), SIGNING_KEY="k")
    engine = Endless(maker, count)
    engine.features = dataclasses.replace(MemoryEngine.features, concurrency=concurrency, ordered_listing=False)
    if not native:
        engine.asynchronous = lambda: None
    return cache_over(engine, SIGNING_KEY="k", MAX_ENTRIES=None)


SHAPES = [{"native": True}, {"native": False}, {"native": False, "concurrency": 8}]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=["native async", "blocking", "threads"])


@each_shape
def test_a_caller_who_has_enough_costs_no_more(shape):
    cache = endless(100_000, **shape)
    keys = cache.iter_keys("*")
    assert [*itertools.islice(keys, 10)] == [str(number) for number in range(10)]
    keys.close()
    assert cache.engine.reads <= 100


@each_shape
def test_an_asynchronous_caller_who_has_enough_costs_no_more_and_leaves_nothing(shape):
    cache = endless(100_000, **shape)

    async def some():
        before = asyncio.all_tasks()
        keys = cache.aiter_keys("*")
        found = []
        async for key in keys:
            found.append(key)
            if len(found) == 10:
                break
        await keys.aclose()
        assert asyncio.all_tasks() == before
        return found

    assert asyncio.run(some()) == [str(number) for number in range(10)]
    reads = cache.engine.reads
    assert reads <= 400
    assert_idle(cache)
    assert cache.engine.reads == reads


def assert_idle(cache):
    """The threads of s3cache have nothing to do any more: what is given to them now is done at once."""
    for executor in (sharing.executor_for(cache.engine, "bulk"), sharing.threads_for(cache.engine, 8)):
        assert executor._work_queue.empty()


@each_shape
def test_an_iterator_that_is_let_go_ends_as_well(shape):
    cache = endless(100_000, **shape)
    assert next(cache.iter_keys("*")) == "0"
    gc.collect()
    reads = cache.engine.reads
    assert reads <= 100
    assert_idle(cache)
    assert cache.engine.reads == reads


class Waiting(MemoryEngine):
    """A blocking engine whose reads wait until they may go on."""

    def __init__(self):
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def get_object(self, name, **conditions):
        self.reached.set()
        assert self.go_on.wait(30)
        return super().get_object(name, **conditions)

    def asynchronous(self):
        return None


@pytest.mark.parametrize("method", ["aiter_keys", "akeys", "adelete_pattern"])
def test_a_cancelled_caller_does_not_wait_and_nothing_more_is_asked(method):
    engine = Waiting()
    cache = cache_over(engine, MAX_ENTRIES=None)
    cache.set_many(dict.fromkeys(range(100), 1))

    async def consumed():
        if method == "aiter_keys":
            return [key async for key in cache.aiter_keys("*")]
        return await getattr(cache, method)("*")

    async def cancelled():
        before = asyncio.all_tasks()
        task = asyncio.create_task(consumed())
        assert await asyncio.to_thread(engine.reached.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == before

    asyncio.run(cancelled())
    engine.go_on.set()
    assert_all_done(cache)
    assert cache.stats()["requests_get"] == 1
    assert len(stored(engine)) == 100


def assert_all_done(cache):
    """Each of the threads takes a new job, so none is at an old one."""
    barrier = threading.Barrier(sharing.WORKERS)
    executor = sharing.executor_for(cache.engine, "bulk")
    for job in [executor.submit(barrier.wait, 30) for _ in range(sharing.WORKERS)]:
        job.result(30)


class Suspending(Blocking):
    """Native async that really waits."""

    async def get_object(self, name, **conditions):
        await asyncio.sleep(0)
        return await super().get_object(name, **conditions)


def test_a_cancelled_caller_of_native_async_leaves_no_task():
    engine = MemoryEngine()
    engine.asynchronous = lambda: Suspending(engine)
    cache = cache_over(engine, MAX_ENTRIES=None)
    cache.set_many(dict.fromkeys(range(500), 1))

    async def cancelled():
        before = asyncio.all_tasks()

        async def consume():
            async for _ in cache.aiter_keys("*"):
                consumed.set()

        consumed = asyncio.Event()
        task = asyncio.create_task(consume())
        await consumed.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0.05)  # the loop closes what nobody holds any more
        assert asyncio.all_tasks() == before

    asyncio.run(cancelled())


def peak(work):
    """The most memory that the work took at once."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("mode", ("sync", "async"))
@pytest.mark.parametrize("method", ("count", "delete_pattern"))
def test_memory_does_not_grow_with_the_number_of_entries(mode, method):
    """What a million takes is what these take: a few batches of names."""

    def work(count):
        cache = endless(count)
        if mode == "sync":
            assert getattr(cache, method)("*") == count
        else:  # asyncio's debug mode would keep a traceback for each task
            with asyncio.Runner(debug=False) as runner:
                assert runner.run(getattr(cache, f"a{method}")("*")) == count

    work(100)
    assert peak(lambda: work(5000)) < 1.3 * peak(lambda: work(2500)) + 100_000


@pytest.mark.parametrize("method", ["keys", "count", "delete_pattern"])
def test_during_an_outage_a_forgiving_cache_has_no_keys(store, as_mode, method):
    cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss")
    cache.set("key", 1)
    store.be_away()
    assert not getattr(as_mode(cache), method)("*")
    assert cache.stats()["unanswered"] == 1
    with pytest.raises(EngineUnavailable):
        [*as_mode(cache).iter_keys("*")]
    store.be_back()
    cache._assembly.breaker._until = 0
    assert getattr(as_mode(cache), method)("*") in (["key"], 1)


@pytest.mark.parametrize("method", ["keys", "count", "delete_pattern"])
def test_during_an_outage_another_cache_raises(store, as_mode, other, method):
    """FALLBACK's cache has no such methods."""
    for options in ({}, {"FALLBACK": "default", "built": {"cache_named": other}}):
        cache = cache_over(store, SIGNING_KEY="k", **options)
        store.be_away()
        with pytest.raises(EngineUnavailable):
            getattr(as_mode(cache), method)("*")
        store.be_back()


def test_a_cache_that_may_not_write_deletes_nothing(make_engine, as_mode):
    engine = make_engine("memory")
    cache_over(engine, SIGNING_KEY="k").set_many({"a": 1, "b": 2})
    read_only, dry = (as_mode(cache_over(engine, SIGNING_KEY="k", READ_ONLY=kind)) for kind in (True, "dry"))
    assert read_only.delete_pattern("*") == 0
    assert dry.delete_pattern("a*") == 1
    assert sorted(read_only.keys()) == sorted(dry.keys()) == ["a", "b"]
    assert dry.count() == 2


def test_a_store_that_breaks_off_ends_the_search_with_its_error(tmp_path, as_mode):
    engine = RemoteEngine(LocalEngine.from_options(str(tmp_path / "cache"), {}), concurrency=4)
    cache = cache_over(engine, SIGNING_KEY="k", MAX_ENTRIES=None)
    cache.set_many(dict.fromkeys(range(50), 1))
    engine.fail_next("get_object", EngineUnavailable("503"), times=100)
    with pytest.raises(EngineUnavailable):
        as_mode(cache).keys()
    assert_idle(cache)


@pytest.mark.parametrize("method", ("keys", "count", "iter_keys", "delete_pattern"))
@pytest.mark.parametrize(("given", "message"), [((["user:*"],), "type list"), ((b"*",), "type bytes"), ((None,), "NoneType")])
def test_what_is_no_pattern_is_refused(method, given, message):
    cache = cache_over(MemoryEngine())
    cache.set("u", 1)
    with pytest.raises(TypeError, match=f"The pattern is of .*{message}; accepted: a string"):
        list(getattr(cache, method)(*given) or ())
    assert cache.get("u") == 1


def test_what_is_no_version_is_refused():
    with pytest.raises(TypeError, match="The version is of type str"):
        cache_over(MemoryEngine()).keys("*", version="2")
