"""Groups: entries that are dropped together, by one write; what that costs, and who sees it when."""

import asyncio
import math
import pickle
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import CacheKeyWarning
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from s3cache import ObjectStoreCache, cached, deadlines
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured, EngineUnavailable
from s3cache.generations import KEPT_BYTES
from s3cache.naming import is_cleared, is_entry_name
from s3cache.testing import CountingEngine
from tests.cache.outages import away, fallen, recovered, with_fallback
from tests.cache.support import Clock, RemoteEngine, cache_over, callers, stored
from tests.cache.test_outage import BOTH, READS, WITH_ERROR, WRITES
from tests.cache.test_races import at_once

GET, PUT, LIST, DELETE = "get_object", "put_object", "list_objects", "delete_objects"


@pytest.fixture(params=("memory", "local", "boto3", "obstore"))
def engine(request, make_engine):
    return make_engine(request.param)


@pytest.fixture
def cache(engine, clock):
    return cache_over(engine, clock)


@pytest.fixture
def group(cache, as_mode):
    return as_mode(cache.group("product:42"))


@pytest.fixture
def counting():
    return CountingEngine(MemoryEngine())


def groups_in(engine):
    return [name for name in stored(engine) if is_cleared(engine.prefix, name) and not is_entry_name(engine.prefix, name)]


# What a group is


def test_invalidate_drops_all_entries_of_the_group_and_no_others(cache, group):
    group.set_many({"page": 1, "price": 2})
    cache.set("page", "the cache's")
    cache.group("another").set("page", "another's")
    assert group.get_many(["page", "price"]) == {"page": 1, "price": 2}
    group.invalidate()
    assert group.get_many(["page", "price"]) == {}
    assert cache.get("page") == "the cache's"
    assert cache.group("another").get("page") == "another's"


def test_what_is_set_after_invalidate_is_there(group):
    group.set("page", "old")
    group.invalidate()
    group.set("page", "new")
    assert group.get("page") == "new"


def test_invalidate_drops_entries_of_all_versions(group):
    group.set("page", 1)
    group.set("page", 2, version=2)
    group.invalidate()
    assert (group.get("page"), group.get("page", version=2)) == (None, None)


def test_clear_of_a_group_is_invalidate(cache, group):
    group.set("page", 1)
    cache.set("page", 2)
    group.clear()
    assert group.get("page") is None
    assert cache.get("page") == 2


def test_a_group_that_was_never_used_may_be_invalidated(group):
    group.invalidate()
    assert group.get("page") is None


def test_another_view_of_the_same_name_is_the_same_group(cache, group):
    group.set("page", 1)
    assert cache.group("product:42").get("page") == 1
    cache.group("product:42").invalidate()
    assert group.get("page") is None


DEEDS = {
    "add": lambda call: (call.add("a", 1), call.add("new", [2]), call.get("new")),
    "counting": lambda call: (call.incr("n"), call.decr("n", 5), call.get("n")),
    "versions": lambda call: (call.incr_version("a"), call.get("a"), call.get("a", version=2), call.decr_version("a", version=2)),
    "many": lambda call: (
        call.set_many({"x": 1, "y": {2}}),
        call.get_many(["x", "y", "z"]),
        call.delete_many(["x"]),
        call.get("x"),
    ),
    "get_or_set": lambda call: (call.get_or_set("a", 9), call.get_or_set("new", lambda: 9), call.get("new")),
    "deleting": lambda call: (call.delete("a"), call.delete("a"), call.has_key("a")),
    "ending": lambda call: (call.touch("a", 100), call.ttl("a"), call.pttl("a"), call.persist("a"), call.ttl("a")),
    "expire": lambda call: (call.expire("a", 50), call.ttl("a"), call.expire("missing", 50), call.expire_at("a", 1), call.get("a")),
    "meta": lambda call: (call.meta("a").serializer, call.meta("missing")),
    "keys": lambda call: (sorted(call.keys("*")), call.count("a*"), call.delete_pattern("a*"), call.keys("*")),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_every_method_answers_as_the_caches_own(make_engine, clock, as_mode, deed):
    answers = []
    for engine, take in ((make_engine("memory"), lambda cache: cache), (make_engine("memory"), lambda cache: cache.group("g"))):
        cache = take(cache_over(engine, clock))
        cache.set_many({"a": "value", "n": 10})
        answers.append(DEEDS[deed](as_mode(cache)))
    assert answers[0] == answers[1]


def test_every_method_of_a_cache_is_a_groups(cache):
    for name in dir(ObjectStoreCache):
        assert hasattr(cache.group("g"), name)
    assert isinstance(cache.group("g"), ObjectStoreCache)
    assert cache.group("g").get.__doc__ == cache.get.__doc__


def test_in_looks_into_the_group(cache):
    cache.set("outside", 1)
    group = cache.group("g")
    group.set("inside", 1)
    assert "inside" in group
    assert "outside" not in group
    assert "inside" not in cache


def test_keys_are_those_of_the_group_alone(cache, group):
    cache.set_many({"a": 1, "b": 2})
    group.set_many({"b": 3, "c": 4})
    assert sorted(group.keys("*")) == ["b", "c"]
    assert sorted(cache.keys("*")) == ["a", "b"]
    group.invalidate()
    assert group.keys("*") == []
    assert group.count("*") == 0


def test_keys_of_a_group_come_one_by_one_too(cache):
    group = cache.group("g")
    group.set_many({"b": 3, "c": 4})
    assert sorted(group.iter_keys("*")) == ["b", "c"]

    async def found():
        return sorted([key async for key in group.aiter_keys("*")])

    assert asyncio.run(found()) == ["b", "c"]


def test_delete_pattern_stays_within_the_group(cache, group):
    cache.set("a", 1)
    group.set("a", 2)
    assert group.delete_pattern("*") == 1
    assert cache.get("a") == 1


def test_what_is_about_the_whole_cache_is_the_caches(cache):
    group = cache.group("g")
    group.set("a", 1)
    cache.set("a", 1)
    assert len(list(group.objects())) == len(list(cache.objects())) == 2
    assert group.stats() == cache.stats()
    assert group.engine is cache.engine
    group.close()


def test_a_lock_of_a_group_is_the_caches(cache):
    assert cache.group("g").lock("name", 60).acquire(blocking_timeout=0)
    assert not cache.lock("name", 60).acquire(blocking_timeout=0)
    cache.group("g").invalidate()
    assert not cache.lock("name", 60).acquire(blocking_timeout=0)


# Names


@pytest.mark.parametrize("name", ["a", "ü/../x", "a:b", "\ud800", " ", "\0", "n" * 5000])
def test_any_text_is_a_name(cache, group, name):
    one = cache.group(name)
    one.set("key", 1)
    group.set("key", 2)
    assert one.get("key") == 1
    one.invalidate()
    assert one.get("key") is None
    assert group.get("key") == 2


@pytest.mark.parametrize("name", [None, 42, b"name", ["a"]])
def test_what_is_no_text_is_refused(cache, name):
    with pytest.raises(TypeError, match=f"is of type {type(name).__name__}; accepted: a string"):
        cache.group(name)


def test_an_empty_name_is_refused(cache):
    with pytest.raises(ValueError, match="is empty; accepted"):
        cache.group("")


def test_a_name_is_made_with_the_key_prefix(engine, clock):
    one, other = (cache_over(engine, clock, params={"KEY_PREFIX": prefix}).group("g") for prefix in ("one", "other"))
    one.set("key", 1)
    other.set("key", 2)
    one.invalidate()
    assert (one.get("key"), other.get("key")) == (None, 2)


def test_the_version_of_the_cache_is_nothing_to_the_group(engine, clock):
    one, other = (cache_over(engine, clock, params={"VERSION": version}) for version in (1, 2))
    one.group("g").set("key", 1)
    assert other.group("g").get("key", version=1) == 1
    other.group("g").invalidate()
    clock.advance(1)
    assert one.group("g").get("key") is None


def test_a_key_function_makes_the_name(engine, clock):
    tenant = ["one"]
    cache = cache_over(engine, clock, params={"KEY_FUNCTION": lambda key, prefix, version: f"{tenant[0]}/{version}/{key}"})
    group = cache.group("g")
    group.set("key", 1)
    tenant[0] = "other"
    group.set("key", 2)
    group.invalidate()
    assert group.get("key") is None
    tenant[0] = "one"
    assert group.get("key") == 1


def test_keys_are_warned_of_as_without_a_group(cache):
    group = cache.group("g" * 300)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        group.set("k" * 240, 1)
    with pytest.warns(CacheKeyWarning, match="longer than 250"):
        group.get("k" * 250)
    with pytest.warns(CacheKeyWarning, match="characters that will cause errors"):
        group.get("a key")


def test_a_group_is_not_pickled(cache):
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pickle.dumps(cache.group("g"))


# Groups within groups


def test_a_group_within_a_group_goes_with_it(cache, as_mode):
    outer = cache.group("shop")
    inner = outer.group("prices")
    as_mode(inner).set("key", "inner")
    outer.set("key", "outer")
    as_mode(inner).invalidate()
    assert as_mode(inner).get("key") is None
    assert outer.get("key") == "outer"
    as_mode(inner).set("key", "inner")
    as_mode(outer).invalidate()
    assert as_mode(inner).get("key") is None


def test_it_is_other_than_the_group_of_that_name_elsewhere(cache):
    groups = [
        cache.group("a").group("b"),
        cache.group("b"),
        cache.group("b").group("a"),
        cache.group("a").group("b").group("b"),
        cache.group("ab"),
    ]
    for number, group in enumerate(groups):
        group.set("key", number)
    for number, group in enumerate(groups):
        assert group.get("key") == number
    groups[1].invalidate()
    assert [group.get("key") for group in groups] == [0, None, None, 3, 4]


def test_names_within_each_other_are_told_from_long_ones(cache):
    first, second = cache.group("a1:b"), cache.group("a").group("b")
    first.set("key", 1)
    second.set("key", 2)
    second.invalidate()
    assert first.get("key") == 1


# What it costs


def asked(engine, deed):
    engine.requests.clear()
    deed()
    return dict(engine.requests)


def test_the_generation_is_read_once_in_a_while(counting, clock, as_mode):
    group = as_mode(cache_over(counting, clock).group("g"))
    assert asked(counting, lambda: group.get("key")) == {GET: 2, PUT: 1}
    assert asked(counting, lambda: group.get("key")) == {GET: 2}
    assert asked(counting, lambda: group.get("key")) == {GET: 1}
    clock.advance(0.999)
    assert asked(counting, lambda: group.set("key", 1)) == {PUT: 1}
    clock.advance(0.001)
    assert asked(counting, lambda: group.get_many(["a", "b", "c"])) == {GET: 4}
    assert asked(counting, lambda: group.invalidate()) == {PUT: 1}
    assert asked(counting, lambda: group.get("key")) == {GET: 2}


def test_with_a_group_ttl_of_nothing_each_call_reads_it(counting, clock, as_mode):
    group = as_mode(cache_over(counting, clock, GROUP_TTL=0).group("g"))
    group.get("key")
    for _ in range(3):
        assert asked(counting, lambda: group.get("key")) == {GET: 2}
    assert asked(counting, lambda: group.get_many(["a", "b", "c"])) == {GET: 4}


def test_making_a_view_costs_nothing(counting, clock):
    assert asked(counting, lambda: cache_over(counting, clock).group("g").group("h")) == {}


def test_a_clock_that_was_set_back_makes_nothing_young(counting, clock, as_mode):
    group = as_mode(cache_over(counting, clock).group("g"))
    group.get("key")
    group.get("key")
    clock.advance(-3600)
    assert asked(counting, lambda: group.get("key")) == {GET: 2}


def test_what_is_known_of_groups_is_bounded(clock):
    near_caches = []
    cache = cache_over(MemoryEngine(), clock, GROUP_TTL=60, built={"near_caches": near_caches})
    for _ in range(2):
        for number in range(4000):
            cache.group(f"group-{number}").get("key")
    [known] = near_caches
    gauges = known.gauges()
    assert 1000 < gauges["near_entries"] < 4000
    assert gauges["near_bytes"] <= KEPT_BYTES


def test_a_cache_without_groups_tells_nobody_of_its_writes(clock):
    near_caches = []
    cache_over(MemoryEngine(), clock, built={"near_caches": near_caches}).set("key", 1)
    assert near_caches == []


class Timed(RemoteEngine):
    """Remembers which deadline each read had."""

    def __init__(self, inner):
        super().__init__(inner)
        self.deadlines = []

    def get_object(self, name, **keywords):
        self.deadlines.append(deadlines.current.get())
        return super().get_object(name, **keywords)

    def asynchronous(self):
        return None


@pytest.mark.parametrize("method", ["get", "has_key", "delete", "ttl"])
def test_a_call_on_one_key_has_its_time_for_the_generation_too(clock, as_mode, method):
    store = Timed(MemoryEngine())
    group = as_mode(cache_over(store, clock, GROUP_TTL=0).group("g").group("h"))
    group.set("key", 1)
    store.deadlines.clear()
    getattr(group, method)("key")
    assert len(store.deadlines) == 3
    assert len({*map(id, store.deadlines)}) == 1


def test_computing_is_none_of_that_time(clock, as_mode):
    store, within = Timed(MemoryEngine()), []
    group = as_mode(cache_over(store, clock).group("g"))
    for method in ("get_or_set", "refresh"):
        getattr(group, method)(method, lambda: within.append(deadlines.left()))
    assert within == [math.inf, math.inf]


# Who sees it when


@pytest.fixture
def processes(clock):
    """Two caches over one store that know nothing of each other, as those of two processes."""
    engine = MemoryEngine()
    return [cache_over(engine, clock) for _ in range(2)]


def test_another_process_sees_it_after_the_group_ttl(processes, clock, as_mode):
    ours, theirs = (as_mode(cache.group("g")) for cache in processes)
    ours.set("key", "old")
    assert theirs.get("key") == "old"
    ours.invalidate()
    assert ours.get("key") is None
    clock.advance(0.999)
    assert theirs.get("key") == "old"
    clock.advance(0.001)
    assert theirs.get("key") is None


def test_what_another_process_writes_within_the_group_ttl_is_lost(processes, clock, as_mode):
    ours, theirs = (as_mode(cache.group("g")) for cache in processes)
    theirs.get("key")
    theirs.get("key")
    ours.invalidate()
    theirs.set("key", "late")
    assert ours.get("key") is None
    assert theirs.get("key") == "late"
    clock.advance(1)
    assert theirs.get("key") is None


def test_with_a_group_ttl_of_nothing_it_is_seen_at_once(clock, as_mode):
    engine = MemoryEngine()
    ours, theirs = (as_mode(cache_over(engine, clock, GROUP_TTL=0).group("g")) for _ in range(2))
    theirs.set("key", "old")
    ours.invalidate()
    assert theirs.get("key") is None


def test_aliases_and_threads_of_one_process_see_it_at_once(tmp_path, as_mode):
    aliases = [
        ObjectStoreCache(str(tmp_path), {"OPTIONS": {"SIGNING_KEY": "k", "COMPRESSOR": name, "GROUP_TTL": 3600}})
        for name in ("none", "zlib", "gzip")
    ]
    groups = [as_mode(alias.group("g")) for alias in aliases]
    for turn in range(3):
        groups[0].set("key", turn)
        assert [group.get("key") for group in groups] == [turn] * 3
        thread = threading.Thread(target=aliases[turn].group("g").invalidate)
        thread.start()
        thread.join()
        assert [group.get("key") for group in groups] == [None] * 3


PROGRAM = """
import sys
from django.conf import settings
settings.configure(SECRET_KEY="secret")
from s3cache import ObjectStoreCache

group = ObjectStoreCache(sys.argv[1], {"OPTIONS": {"GROUP_TTL": float(sys.argv[2])}}).group("g")
for line in sys.stdin:
    print(eval(line), flush=True)
"""


class Process:
    """Another one, which evaluates what it is told."""

    def __init__(self, location, ttl):
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(location), str(ttl)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._process:
            self._process.stdin.close()

    def evaluate(self, line):
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()


def test_processes_on_one_directory_see_it_at_once_with_a_group_ttl_of_nothing(tmp_path):
    with Process(tmp_path, 0) as ours, Process(tmp_path, 0) as theirs:
        for turn in range(5):
            ours.evaluate(f"group.set('key', {turn})")
            assert theirs.evaluate("group.get('key')") == str(turn)
            theirs.evaluate("group.invalidate()")
            assert ours.evaluate("group.get('key')") == "None"


def test_processes_on_one_directory_see_it_in_the_end(tmp_path):
    with Process(tmp_path, 0.05) as ours, Process(tmp_path, 0.05) as theirs:
        ours.evaluate("group.set('key', 'old')")
        assert theirs.evaluate("group.get('key')") == "old"
        ours.evaluate("group.invalidate()")
        assert ours.evaluate("group.get('key')") == "None"
        while theirs.evaluate("group.get('key')") != "None":
            pass
        for _ in range(20):
            assert theirs.evaluate("group.get('key')") == "None"


# Races


def test_all_who_create_a_group_at_a_time_agree(engine, clock):
    caches = [cache_over(engine, clock) for _ in range(8)]
    for turn in range(3):
        generations = at_once(lambda number, turn=turn: caches[number].group(f"group-{turn}").pinned()._scope, 8)
        assert len({*generations}) == 1


def test_without_conditional_writes_they_agree_after_the_group_ttl(clock):
    engine = RemoteEngine(MemoryEngine(), conditional_writes=False, remote=False)
    caches = [cache_over(engine, clock) for _ in range(8)]
    at_once(lambda number: caches[number].group("g").get("key"), 8)
    clock.advance(1)
    assert len({cache.group("g").pinned()._scope for cache in caches}) == 1


def test_without_conditional_writes_nothing_comes_back(clock, as_mode):
    engine = RemoteEngine(MemoryEngine(), conditional_writes=False, remote=False)
    cache = cache_over(engine, clock)
    group = as_mode(cache.group("g"))
    group.set("key", 1)
    assert group.get("key") == 1
    for drop in (group.invalidate, as_mode(cache).clear, lambda: engine.delete_objects(groups_in(engine))):
        group.set("key", 1)
        drop()
        clock.advance(1)
        assert group.get("key") is None


class Interrupting(CountingEngine):
    """Calls ``meanwhile`` once, between the next read of an object and its answer."""

    meanwhile = None

    def get_object(self, name, **keywords):
        found = super().get_object(name, **keywords)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return found

    def asynchronous(self):
        return None


def test_a_read_that_began_before_does_not_bring_the_old_generation_back(clock, as_mode):
    engine = Interrupting(MemoryEngine())
    cache = cache_over(engine, clock, GROUP_TTL=60)
    group = as_mode(cache.group("g"))
    group.set("key", "old")
    group.invalidate()
    group.set("key", "old again")
    clock.advance(60)
    engine.meanwhile = cache.group("g").invalidate
    group.get("key")
    assert group.get("key") is None


def test_what_was_computed_from_old_data_is_not_shown_after_the_group_was_dropped(cache, as_mode):
    group = cache.group("g")

    def computed():
        group.invalidate()
        return "old"

    assert as_mode(group).get_or_set("key", computed) == "old"
    assert as_mode(group).get("key") is None


def test_nor_is_it_with_steps_of_ones_own(cache):
    pinned = cache.group("g").pinned()
    assert pinned.get("key") is None
    cache.group("g").invalidate()
    pinned.set("key", "old")
    assert pinned.get("key") == "old"
    assert cache.group("g").get("key") is None


async def test_nor_is_it_with_awaited_steps_of_ones_own(cache):
    pinned = await cache.group("outer").group("g").apinned()
    await cache.group("outer").ainvalidate()
    await pinned.aset("key", "old")
    assert await cache.group("outer").group("g").aget("key") is None


def test_readers_and_writers_beside_invalidations_never_see_what_is_older_than_the_last_one(engine, clock):
    """Each value says how many invalidations had begun when it was computed: the last of these may have been made by then."""
    caches = [cache_over(engine, clock, GROUP_TTL=0) for _ in range(4)]
    begun, over, stale = [0], [0], []

    def use(number):
        group = caches[number].group("g")
        for turn in range(15):
            if number == 0:
                begun[0] += 1
                group.invalidate()
                over[0] += 1
                continue
            before = over[0]
            value = group.get_or_set(f"key-{turn % 2}", lambda: begun[0])
            if value < before:
                stale.append((value, before))

    at_once(use, 4)
    assert stale == []


# clear


def test_clear_drops_every_group(cache, as_mode, clock):
    groups = [cache.group("a"), cache.group("b"), cache.group("a").group("c")]
    for group in groups:
        group.set("key", 1)
    as_mode(cache).clear()
    assert [group.get("key") for group in groups] == [None] * 3


def test_clear_leaves_nothing_behind(engine, cache, as_mode):
    cache.group("a").set("key", 1)
    as_mode(cache).clear()
    assert stored(engine) == []


def test_what_others_write_while_clear_runs_is_gone_with_it(processes, clock, as_mode):
    ours, theirs = processes
    theirs.group("g").set("key", "old")
    assert theirs.group("g").get("key") == "old"
    as_mode(ours).clear()
    theirs.group("g").set("key", "late")
    clock.advance(1)
    assert as_mode(theirs.group("g")).get("key") is None
    assert as_mode(ours.group("g")).get("key") is None


def test_clear_and_cull_leave_all_else_that_is_internal(engine, cache, as_mode):
    digits = "0f" * 32
    others = [
        f"{engine.prefix}.s3c/{rest}"
        for rest in (
            f"locks/{digits}",
            f"groups/{digits[:-1]}",
            f"groups/{digits}0",
            f"groups/{digits[:-1]}F",
            f"groups/{digits}.bak",
        )
    ]
    others += [f"{engine.prefix}s3c/groups/{digits}", f"{engine.prefix}x/.s3c/groups/{digits}"]
    for name in others:
        engine.put_object(name, b"not ours")
    with cache.lock("name", 60):
        as_mode(cache).clear()
        lock = [name for name in stored(engine) if name not in others]
        assert len(lock) == 1
    assert {*stored(engine)} == {*others, *lock}


def test_culling_leaves_generations_alone(make_engine, clock, as_mode):
    engine = make_engine("memory")
    cache = cache_over(engine, clock, MAX_ENTRIES=5)
    as_mode(cache.group("g")).set_many(dict.fromkeys(range(50), 1))
    as_mode(cache).cull()
    assert len(list(cache.objects())) <= 5
    assert len(groups_in(engine)) == 1


# Damage


@pytest.mark.parametrize("body", [b"", b"not ours", None], ids=["empty", "foreign", "gone"])
def test_a_generation_that_cannot_be_read_is_replaced_and_nothing_comes_back(engine, cache, group, clock, body):
    group.set("key", 1)
    [name] = groups_in(engine)
    if body is None:
        engine.delete_objects([name])
    else:
        engine.put_object(name, body)
    clock.advance(1)
    assert group.get("key") is None
    group.set("key", 2)
    assert group.get("key") == 2


def test_a_generation_of_another_site_is_replaced(engine, clock, as_mode):
    ours, theirs = (cache_over(engine, clock, SIGNING_KEY=key) for key in ("ours", "theirs"))
    theirs.group("g").set("key", 1)
    group = as_mode(ours.group("g"))
    group.set("key", 2)
    assert group.get("key") == 2


def test_what_is_no_generation_is_replaced(engine, clock, cache, group):
    group.get("key")
    [name] = groups_in(engine)
    operations = cache._operations
    place = operations._group_place(cache.group("product:42")._group_key)
    for value in (b"short", "0" * 32, 16):
        sealed = operations._sealed(place, value, None)
        engine.put_object(name, sealed.body)
        clock.advance(1)
        group.set("key", 1)
        assert group.get("key") == 1


def test_an_earlier_generation_is_genuine(engine, clock, group):
    """As every earlier entry is: who may write can put it back."""
    group.set("key", 1)
    [name] = groups_in(engine)
    earlier = engine.get_object(name).body
    group.invalidate()
    engine.put_object(name, earlier)
    assert group.get("key") == 1


# A store that is away


@pytest.mark.parametrize(
    "policy", ["raise", "miss", {"read": "miss", "write": "raise"}, {"read": "raise", "write": "miss"}], ids=str
)
@pytest.mark.parametrize("method", {**READS, **WRITES, **BOTH, **WITH_ERROR})
def test_a_group_answers_as_its_cache_would(store, as_mode, policy, method):
    cache = away(store, ON_ERROR=policy)
    deed = {**READS, **WRITES, **BOTH}.get(method, (WITH_ERROR.get(method),))[0]
    answers = [outcome(deed, as_mode(one)) for one in (cache, cache.group("g"), cache.group("g").group("h"))]
    assert answers[0] == answers[1] == answers[2]


def outcome(deed, call):
    try:
        answer = deed(call)
        return sorted(answer) if isinstance(answer, list) else answer
    except (EngineUnavailable, ValueError) as error:
        return EngineUnavailable if isinstance(error, EngineUnavailable) else ValueError


def test_a_group_that_is_known_answers_so_too(store, as_mode):
    cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss")
    group = as_mode(cache.group("g"))
    group.set("key", 1)
    assert group.get("key") == 1
    store.be_away()
    assert group.get("key", "default") == "default"
    assert group.add("key", 1) is False


def test_invalidate_is_a_write_to_the_policy(store, as_mode):
    as_mode(away(store, ON_ERROR="miss").group("g")).invalidate()
    store.be_back()
    with pytest.raises(EngineUnavailable):
        as_mode(away(store, ON_ERROR={"read": "miss"}).group("g")).invalidate()


def test_a_misconfigured_store_is_never_covered_up(store, as_mode):
    cache = cache_over(store, SIGNING_KEY="k", ON_ERROR="miss")
    store.be_away(EngineMisconfigured("NoSuchBucket"))
    for deed in (lambda group: group.get("key"), lambda group: group.invalidate()):
        with pytest.raises(EngineMisconfigured):
            deed(as_mode(cache.group("g")))


def test_a_cache_that_may_not_write_finds_what_is_there_and_makes_nothing(engine, clock, as_mode):
    writer, reader = cache_over(engine, clock), cache_over(engine, clock, READ_ONLY=True)
    group = as_mode(reader.group("g"))
    assert group.get("key") is None
    group.set("key", 1)
    group.invalidate()
    assert stored(engine) == []
    writer.group("g").set("key", 2)
    assert group.get("key") == 2
    group.invalidate()
    assert group.get("key") == 2


def test_what_it_makes_up_is_nothing_to_a_writer_of_the_same_process(clock, as_mode):
    engine, shared = MemoryEngine(), {"near_caches": []}
    reader = cache_over(engine, clock, READ_ONLY=True, built=shared)
    writer, other = cache_over(engine, clock, built=shared), cache_over(engine, clock)
    as_mode(reader.group("g")).get("key")
    as_mode(writer.group("g")).set("key", 1)
    assert other.group("g").get("key") == 1


def test_with_a_fallback_groups_go_on(store, other, as_mode):
    cache = fallen(store, other)
    group = as_mode(cache.group("g"))
    group.set("key", 1)
    assert group.get("key") == 1
    assert group.get_many(["key", "missing"]) == {"key": 1}
    group.invalidate()
    assert group.get("key") is None


def test_a_group_that_was_used_in_an_outage_is_dropped_after_it(store, other, as_mode, clock):
    cache = with_fallback(store, other, GROUP_TTL=0)
    group = as_mode(cache.group("g"))
    group.set("key", "old")
    store.be_away()
    group.set("key", "new")
    recovered(cache, store)
    assert group.get("key") is None


def test_a_group_that_was_dropped_in_an_outage_is_dropped(store, other, as_mode):
    cache = with_fallback(store, other)
    group = as_mode(cache.group("g"))
    group.set("key", "old")
    assert group.get("key") == "old"
    store.be_away()
    group.invalidate()
    recovered(cache, store)
    assert group.get("key") is None


# Beside other things


def test_a_near_cache_keeps_nothing_of_a_group_that_was_dropped(engine, clock, as_mode):
    group = as_mode(cache_over(engine, clock, NEAR_CACHE={"MAX_BYTES": 1_000_000, "TTL": 3600}, GROUP_TTL=3600).group("g"))
    group.set("key", "old")
    assert [group.get("key") for _ in range(3)] == ["old"] * 3
    group.invalidate()
    assert group.get("key") is None


STAMPEDE = {"LEASE": 20, "STALE": 60, "EARLY": 0}


def test_a_value_computed_once_is_computed_again_after_the_group_was_dropped(engine, clock, as_mode):
    group = as_mode(cache_over(engine, clock, STAMPEDE=STAMPEDE).group("g"))
    numbers = iter(range(9))
    assert [group.get_or_set("key", lambda: next(numbers)) for _ in range(3)] == [0, 0, 0]
    group.invalidate()
    assert [group.get_or_set("key", lambda: next(numbers)) for _ in range(3)] == [1, 1, 1]


def test_it_is_computed_while_the_store_is_away_too(store, as_mode):
    cache = away(store, ON_ERROR="miss", STAMPEDE=STAMPEDE)
    assert as_mode(cache.group("g")).get_or_set("key", lambda: 7) == 7


def test_results_of_a_function_may_be_kept_in_a_group(engine, clock):
    group, calls = cache_over(engine, clock).group("g"), []

    @cached(60, key="double:{number}", cache=group)
    def double(number):
        calls.append(number)
        return 2 * number

    assert [double(2), double(2)] == [4, 4]
    group.invalidate()
    assert double(2) == 4
    assert calls == [2, 2]


WAYS = [
    {"SERIALIZER": "json"},
    {"SIGNING": False},
    {"KEY_LAYOUT": "readable"},
    {"ENCRYPTION_KEYS": "k" * 32, "NAME_KEY": "n" * 32},
]


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_groups_work_with_every_way_to_store(engine, clock, as_mode, options):
    group = as_mode(cache_over(engine, clock, **options).group("g"))
    group.set("key", [1])
    assert group.get("key") == [1]
    assert group.keys("k*") == ["key"]
    group.invalidate()
    assert group.get("key") is None
    assert group.keys("*") == []


class Noted(ObjectStoreCache):
    """A subclass with an override, and a method of its own."""

    def get(self, key, default=None, version=None):
        return super().get(f"noted-{key}", default, version)

    def set_noted(self, key, value):
        self.set(f"noted-{key}", value)


def test_a_subclass_keeps_its_ways_in_a_group(engine, clock, as_mode):
    cache = cache_over(engine, clock, kind=Noted)
    group = cache.group("outer").group("g")
    group.set_noted("key", 1)
    assert as_mode(group).get("key") == 1
    assert isinstance(group, Noted)
    assert type(group) is type(cache.group("another"))
    group.invalidate()
    assert as_mode(group).get("key") is None


# Beside a model of it

GROUPS = (("a",), ("b",), ("a", "b"), ())


class Model(RuleBasedStateMachine):
    """A dictionary for each group. ``ours`` and ``theirs`` are two processes."""

    called = None
    names = st.sampled_from(GROUPS)
    keys = st.sampled_from(("k", "l"))
    sides = st.sampled_from((0, 1))
    modes = st.sampled_from(("sync", "async"))

    def __init__(self):
        super().__init__()
        engine, clock = MemoryEngine(), Clock()
        self.caches = [cache_over(engine, clock, GROUP_TTL=0, MAX_ENTRIES=None) for _ in range(2)]
        self.held = {}

    def view(self, names, side, mode):
        cache = self.caches[side]
        for name in names:
            cache = cache.group(name)
        return self.called(cache, mode)

    def drop(self, names):
        self.held = {(path, key): value for (path, key), value in self.held.items() if path[: len(names)] != names}

    @rule(names=names, key=keys, value=st.integers(), side=sides, mode=modes)
    def set(self, names, key, value, side, mode):
        self.view(names, side, mode).set(key, value)
        self.held[names, key] = value

    @rule(names=names, key=keys, value=st.integers(), side=sides, mode=modes)
    def add(self, names, key, value, side, mode):
        assert self.view(names, side, mode).add(key, value) is ((names, key) not in self.held)
        self.held.setdefault((names, key), value)

    @rule(names=names, key=keys, side=sides, mode=modes)
    def delete(self, names, key, side, mode):
        assert self.view(names, side, mode).delete(key) is ((names, key) in self.held)
        self.held.pop((names, key), None)

    @rule(names=names, side=sides, mode=modes)
    def delete_pattern(self, names, side, mode):
        self.view(names, side, mode).delete_pattern("*")
        self.held = {(path, key): value for (path, key), value in self.held.items() if path != names}

    @rule(names=names, side=sides, mode=modes)
    def clear(self, names, side, mode):
        """Of the cache itself where there is no name."""
        self.view(names, side, mode).clear()
        self.drop(names)

    @invariant()
    def both_see_the_same(self):
        for names in GROUPS:
            expected = {key: value for (path, key), value in self.held.items() if path == names}
            for side in (0, 1):
                view = self.view(names, side, "sync")
                assert view.get_many(["k", "l"]) == expected
                assert sorted(view.keys("*")) == sorted(expected)


def test_groups_behave_as_dictionaries():
    with callers() as called:
        Model.called = staticmethod(called)
        run_state_machine_as_test(Model, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))


class Halting(RemoteEngine):
    """Halts at a group's object: before it is written, and when it was read."""

    def __init__(self, inner, putting, put, reading, read):
        super().__init__(inner)
        self.putting, self.put, self.reading, self.read = putting, put, reading, read

    def asynchronous(self):
        return None

    def put_object(self, name, body, **keywords):
        if ".s3c/groups/" in name:
            self.putting.set()
            self.put.wait(30)
        return super().put_object(name, body, **keywords)

    def get_object(self, name, **keywords):
        stored = super().get_object(name, **keywords)
        if ".s3c/groups/" in name:
            self.reading.set()
            self.read.wait(30)
        return stored


def test_an_invalidation_that_begins_before_the_first_read_of_a_process_is_heard_by_it(clock):
    """The read has the old generation in its hands when the new one is written."""
    inner = MemoryEngine()
    cache_over(inner, clock).group("g").set("key", "old")
    putting, put, reading, read = (threading.Event() for _ in range(4))

    cache = cache_over(Halting(inner, putting, put, reading, read), clock)
    with ThreadPoolExecutor(2) as threads:
        dropping = threads.submit(cache.group("g").invalidate)
        assert putting.wait(30)
        getting = threads.submit(cache.group("g").get, "key")
        assert reading.wait(30)
        put.set()
        dropping.result(30)
        read.set()
        getting.result(30)
    assert cache.group("g").get("key") is None
