"""get_or_set with STAMPEDE: a value is computed once, and nobody waits who can be served.

Two caches over one engine are two processes: what threads and tasks of a process share, they do not.
"""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.exceptions import ImproperlyConfigured

from s3cache import ObjectStoreCache
from s3cache.computing import State
from s3cache.early import Early
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineMisconfigured, EngineUnavailable
from s3cache.runtime import finish
from s3cache.testing import FlakyEngine
from tests.cache.outages import with_fallback
from tests.cache.support import Clock, RemoteEngine, cache_over, name_of

LEASE, STALE, TIMEOUT = 20, 60, 10
STAMPEDE = {"LEASE": LEASE, "STALE": STALE, "EARLY": 0}
NEVER = Early(0)
PATIENCE = 30
"""Seconds after which a thread of a test that should have gone on has not."""


@pytest.fixture(params=("memory", "local"))
def engine(request, make_engine):
    return FlakyEngine(make_engine(request.param))


@pytest.fixture
def process(engine, clock):
    """``process()``: the cache of one more process."""
    return lambda **options: cache_over(engine, clock, **{"STAMPEDE": STAMPEDE, **options})


@pytest.fixture
def here(process):
    return process()


@pytest.fixture
def elsewhere(process):
    return process()


class Default:
    """Counts how often it is called. ``during`` is done each time."""

    def __init__(self, value="computed", during=lambda: None):
        self.value = value
        self.during = during
        self.calls = 0

    def __call__(self):
        self.calls += 1
        self.during()
        return self.value


class Gate:
    """A computation that has begun, and goes on when it is told."""

    def __init__(self):
        self.begun = threading.Event()
        self.open = threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.open.wait(PATIENCE)


@pytest.fixture
def pool():
    with ThreadPoolExecutor() as pool:
        yield pool


def unreachable():
    raise AssertionError("computed where it should not be")


def begin(cache, key="key", seconds=LEASE):
    """As a process does that computes, and may never end."""
    return finish(cache._operations.begin_computing(cache.make_key(key), seconds))


def turns(cache):
    """The objects that say somebody computes."""
    prefix = f"{cache.engine.prefix}.s3c/computing/"
    return [info.name for info in cache.engine.list_objects() if info.name.startswith(prefix)]


def requests(cache):
    return {kind: count for kind, count in cache.stats().items() if kind.startswith("requests_") and count}


def header(cache, key="key"):
    return finish(cache._operations.describe(cache.make_key(key))).header


def expired(cache, clock, value="old"):
    """An entry that has expired a moment ago."""
    cache.refresh("key", lambda: value, TIMEOUT)
    clock.advance(TIMEOUT)


# What is computed, and what is stored


def test_a_value_is_computed_and_from_then_on_served(here, as_mode):
    default = Default()
    for _ in range(3):
        assert as_mode(here).get_or_set("key", default, TIMEOUT) == "computed"
    assert default.calls == 1
    assert here.get("key") == "computed"
    assert turns(here) == []


@pytest.mark.parametrize("value", [None, 0, "", b"", {"a": [1]}])
def test_any_value_is_one(here, as_mode, value):
    as_mode(here).get_or_set("key", lambda: value)
    assert as_mode(here).get_or_set("key", unreachable) == value


def test_a_version_is_a_key_of_its_own(here, as_mode):
    as_mode(here).get_or_set("key", lambda: "second", version=2)
    assert as_mode(here).get_or_set("key", lambda: "first") == "first"
    assert here.get("key", version=2) == "second"


def test_nobody_can_change_what_others_get(here, as_mode):
    value = [1]
    assert as_mode(here).get_or_set("key", lambda: value) is value
    value.append(2)
    as_mode(here).get_or_set("key", unreachable).append(3)
    assert as_mode(here).get_or_set("key", unreachable) == [1]


def test_a_default_that_is_no_function_is_stored_as_without_the_option(here, as_mode):
    assert as_mode(here).get_or_set("key", "given") == "given"
    assert header(here).value.grace_ms == 0
    assert turns(here) == []


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_of_0_or_below_stores_nothing(here, as_mode, timeout):
    assert as_mode(here).get_or_set("key", lambda: "computed", timeout) == "computed"
    assert list(here.engine.list_objects()) == []


def test_the_entry_says_how_long_it_took_and_may_be_served(here, as_mode):
    as_mode(here).get_or_set("key", lambda: time.sleep(0.002), TIMEOUT)
    value = header(here).value
    assert value.grace_ms == STALE * 1000
    assert value.compute_ms >= 2
    here.touch("key", 2 * TIMEOUT)
    assert header(here).value == value


def test_an_entry_that_never_expires_says_nothing_of_it(here, as_mode):
    as_mode(here).get_or_set("key", lambda: time.sleep(0.002), None)
    assert (header(here).value.grace_ms, header(here).value.compute_ms) == (0, 0)


def test_an_awaitable_is_awaited():
    cache = cache_over(MemoryEngine(), STAMPEDE=STAMPEDE)

    async def compute():
        await asyncio.sleep(0)
        return "awaited"

    async def main():
        assert await cache.aget_or_set("key", compute) == "awaited"
        assert await cache.arefresh("other", lambda: compute()) == "awaited"
        return await cache.aget("key"), await cache.aget("other")

    assert asyncio.run(main()) == ("awaited", "awaited")


def test_what_is_expired_or_cannot_be_read_is_replaced(here, as_mode, clock):
    as_mode(here).get_or_set("key", lambda: "first", TIMEOUT)
    clock.advance(TIMEOUT + STALE)
    assert as_mode(here).get_or_set("key", lambda: "second", TIMEOUT) == "second"
    name = name_of(here, "key")
    for body in (b"not ours", here.engine.get_object(name).body + b"garbage"):
        here.engine.put_object(name, body)
        default = Default("healed")
        assert as_mode(here).get_or_set("key", default) == "healed"
        assert as_mode(here).get_or_set("key", default) == "healed"
        assert default.calls == 1


def test_a_computation_that_wants_its_own_value_computes_it(here, as_mode):
    """In place of waiting for itself."""
    inner = Default("inner")

    def outer():
        return f"outer of {here.get_or_set('key', inner)}"

    assert as_mode(here).get_or_set("key", outer) == "outer of inner"
    assert inner.calls == 1
    assert here.get("key") == "outer of inner"


def test_a_task_that_outlives_the_computation_that_began_it_joins_as_any_other():
    cache = cache_over(MemoryEngine(), STAMPEDE=STAMPEDE)

    async def main():
        later = []

        async def after():
            while await cache.aget("key") is None:
                await asyncio.sleep(0)
            return await cache.aget_or_set("key", unreachable)

        def compute():
            later.append(asyncio.create_task(after()))
            return "computed"

        await cache.aget_or_set("key", compute)
        return await later[0]

    assert asyncio.run(main()) == "computed"


# Stale values


def test_a_stale_value_is_for_get_or_set_alone(here, elsewhere, clock):
    expired(here, clock)
    begin(elsewhere)
    assert here.get_or_set("key", unreachable) == "old"
    assert here.get("key") is None
    assert here.get_many(["key"]) == {}
    assert not here.has_key("key")
    assert here.ttl("key") == 0
    assert not here.touch("key")
    with pytest.raises(ValueError, match="not found"):
        here.incr("key")


def test_who_computes_gets_the_fresh_value_and_the_others_the_stale_one(here, elsewhere, clock, as_mode):
    expired(here, clock)
    served = []
    default = Default("fresh", lambda: served.append((elsewhere.get_or_set("key", unreachable), elsewhere.get("key"))))
    assert as_mode(here).get_or_set("key", default, TIMEOUT) == "fresh"
    assert served == [("old", None)]
    assert elsewhere.get_or_set("key", unreachable) == "fresh"


def test_threads_of_one_process_get_the_stale_value_too(here, clock, pool):
    expired(here, clock)
    gate = Gate()
    first = pool.submit(here.get_or_set, "key", Default("fresh", gate), TIMEOUT)
    assert gate.begun.wait(PATIENCE)
    assert here.get_or_set("key", unreachable) == "old"
    gate.open.set()
    assert first.result(PATIENCE) == "fresh"


@pytest.mark.parametrize(("seconds", "state"), [(0, State.STALE), (STALE - 0.001, State.STALE), (STALE, State.ABSENT)])
def test_it_is_served_for_stale_seconds_and_no_longer(here, clock, seconds, state):
    expired(here, clock)
    clock.advance(seconds)
    assert finish(here._operations.look_up(here.make_key("key"), NEVER)).state is state


def test_what_set_has_stored_is_never_stale(here, clock):
    here.set("key", "set", TIMEOUT)
    clock.advance(TIMEOUT)
    assert finish(here._operations.look_up(here.make_key("key"), NEVER)).state is State.ABSENT


# Early ones


@pytest.fixture
def eager(process):
    """A process that computes long before the expiry."""
    return process(STAMPEDE={"LEASE": LEASE, "EARLY": 2**62})


def slow(value):
    return Default(value, lambda: time.sleep(0.002))


def test_a_value_is_computed_anew_before_it_expires_and_nobody_else_waits(eager, elsewhere, as_mode):
    eager.get_or_set("key", slow("first"), TIMEOUT)
    served = []
    default = Default("second", lambda: served.append(elsewhere.get_or_set("key", unreachable)))
    assert as_mode(eager).get_or_set("key", default, TIMEOUT) == "second"
    assert served == ["first"]


def test_one_computes_early_at_a_time(eager, elsewhere, as_mode):
    eager.get_or_set("key", slow("first"), TIMEOUT)
    begin(elsewhere)
    assert as_mode(eager).get_or_set("key", unreachable) == "first"


def test_who_was_early_and_finds_it_done_does_not_do_it_again(eager, process, as_mode):
    """Between his look and his turn another has come and gone."""
    eager.get_or_set("key", slow("first"), TIMEOUT)
    key, early = eager.make_key("key"), Early(2**62)
    found = finish(eager._operations.look_up(key, early))
    assert found.state is State.EARLY
    process().refresh("key", slow("second"), TIMEOUT)
    again = finish(eager._operations.look_again(key, found, early))
    assert (again.state, again.value) == (State.FRESH, "second")


@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_nobody_is_early_with_early_0_or_without_expiry(here, eager, as_mode, timeout):
    cache = eager if timeout is None else here
    cache.get_or_set("key", slow("first"), timeout)
    assert as_mode(cache).get_or_set("key", unreachable) == "first"


# Others who compute


def test_threads_and_tasks_join_one_computation(here, pool):
    gate = Gate()
    default = Default("computed", gate)

    async def tasks():
        return await asyncio.gather(*(here.aget_or_set("key", unreachable) for _ in range(5)))

    first = pool.submit(here.get_or_set, "key", default)
    assert gate.begun.wait(PATIENCE)
    threads = [pool.submit(here.get_or_set, "key", unreachable) for _ in range(3)]
    loop = pool.submit(asyncio.run, tasks())
    gate.open.set()
    assert [future.result(PATIENCE) for future in (first, *threads)] == ["computed"] * 4
    assert loop.result(PATIENCE) == ["computed"] * 5
    assert default.calls == 1


async def test_tasks_of_one_loop_join_one_computation(here):
    calls = []

    async def compute():
        calls.append(1)
        await asyncio.sleep(0.01)
        return [1]

    values = await asyncio.gather(*(here.aget_or_set("key", compute) for _ in range(9)))
    assert values == [[1]] * 9
    assert len(calls) == 1
    assert len({id(value) for value in values}) == 9, "each has his own"


def test_a_process_waits_for_another_where_there_is_no_value(here, elsewhere, pool, as_mode):
    gate = Gate()
    first = pool.submit(elsewhere.get_or_set, "key", Default("theirs", gate))
    assert gate.begun.wait(PATIENCE)
    threading.Timer(0.1, gate.open.set).start()
    assert as_mode(here).get_or_set("key", unreachable) == "theirs"
    assert first.result(PATIENCE) == "theirs"
    assert turns(here) == []


def test_an_exception_is_raised_and_frees_everybody(here, elsewhere, as_mode):
    def fail():
        raise LookupError("no such report")

    with pytest.raises(LookupError, match="no such report"):
        as_mode(here).get_or_set("key", fail)
    assert turns(here) == []
    assert as_mode(elsewhere).get_or_set("key", lambda: "computed") == "computed"


def stopping(error):
    """A default that raises it."""

    def compute():
        raise error

    return compute


@pytest.mark.parametrize("method", ["get_or_set", "refresh"])
def test_a_stop_iteration_is_raised_as_it_is(here, elsewhere, method):
    """Which no coroutine lets through."""
    error = StopIteration("no more")
    with pytest.raises(StopIteration) as raised:
        getattr(here, method)("key", stopping(error))
    assert raised.value is error
    assert elsewhere.get_or_set("key", lambda: "computed") == "computed"


def test_so_is_one_of_a_computation_within_a_computation(here, elsewhere):
    error = StopIteration("no more")
    with pytest.raises(StopIteration) as raised:
        here.get_or_set("outer", lambda: elsewhere.get_or_set("inner", stopping(error)))
    assert raised.value is error


def test_what_python_made_of_one_stays_so(here):
    def numbers():
        yield next(iter([]))

    with pytest.raises(RuntimeError, match="generator raised StopIteration"):
        here.get_or_set("key", lambda: [*numbers()])


async def test_for_asynchronous_callers_python_makes_a_runtime_error_of_it(here, engine):
    for cache in (here, cache_over(engine)):
        with pytest.raises(RuntimeError, match="raised StopIteration"):
            await cache.aget_or_set("key", stopping(StopIteration("no more")))


def test_who_waits_for_a_computation_that_fails_has_the_next_turn(here, elsewhere, pool):
    gate = Gate()

    def fail():
        gate()
        raise LookupError

    first = pool.submit(here.get_or_set, "key", fail)
    assert gate.begun.wait(PATIENCE)
    default = Default("after all")
    waiting = [pool.submit(cache.get_or_set, "key", default) for cache in (here, here, elsewhere)]
    gate.open.set()
    with pytest.raises(LookupError):
        first.result(PATIENCE)
    assert [one.result(PATIENCE) for one in waiting] == ["after all"] * 3
    assert default.calls == 1


async def test_who_waits_for_a_task_that_is_cancelled_has_the_next_turn(here, elsewhere):
    begun = asyncio.Event()

    async def forever():
        begun.set()
        await asyncio.sleep(PATIENCE)

    first = asyncio.create_task(here.aget_or_set("key", forever))
    await begun.wait()
    default = Default("after all")
    waiting = [asyncio.create_task(cache.aget_or_set("key", default)) for cache in (here, here, elsewhere)]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*waiting) == ["after all"] * 3
    assert first.cancelled()
    assert default.calls == 1
    assert turns(here) == []


async def test_a_turn_that_was_taken_for_a_task_that_is_cancelled_is_given_back(here, engine):
    """It is cancelled while the object is on its way, and never knows that it has its turn."""
    engine.delay_next("put_object", 0.2)
    task = asyncio.create_task(here.aget_or_set("key", unreachable))
    while here.stats()["requests_put"] < 1:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (here.stats()["requests_put"], here.stats()["requests_delete"]) == (1, 1)
    assert turns(here) == []
    assert await here.aget_or_set("key", lambda: "computed") == "computed"


@pytest.mark.parametrize("at", ["the end", "the end, and before"])
async def test_a_task_that_is_cancelled_while_it_ends_its_turn_ends_it(here, engine, at):
    engine.delay_next("delete_objects", 0.2)
    begun = asyncio.Event()

    async def compute():
        begun.set()
        await asyncio.sleep(PATIENCE if "before" in at else 0)

    task = asyncio.create_task(here.aget_or_set("key", compute))
    await begun.wait()
    if "before" in at:
        task.cancel()
    while here.stats()["requests_delete"] < 1:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert turns(here) == []


async def test_who_waits_and_is_cancelled_holds_up_nobody(here):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def compute():
        begun.set()
        await go_on.wait()
        return "computed"

    first = asyncio.create_task(here.aget_or_set("key", compute))
    await begun.wait()
    waiting = [asyncio.create_task(here.aget_or_set("key", unreachable)) for _ in range(2)]
    while here.stats()["misses"] < 3:
        await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(first, waiting[1]) == ["computed", "computed"]


def test_a_turn_that_was_never_ended_is_over_after_lease(here, elsewhere, clock, as_mode):
    """Its process was killed."""
    begin(elsewhere)
    clock.advance(LEASE)
    assert as_mode(here).get_or_set("key", lambda: "computed") == "computed"
    assert turns(here) == []


def test_a_turn_that_does_not_end_in_time_is_not_waited_for(process, elsewhere, as_mode):
    """Whatever the clock says that a turn ends by: here it stands still."""
    begin(elsewhere, seconds=1000)
    here = process(STAMPEDE={"LEASE": 0.2})
    assert as_mode(here).get_or_set("key", lambda: "computed") == "computed"
    assert here.get("key") == "computed"
    assert len(turns(here)) == 1, "it is not his to end"


def test_nor_is_a_computation_of_the_same_process(process, pool):
    here, gate = process(STAMPEDE={"LEASE": 0.2}), Gate()
    first = pool.submit(here.get_or_set, "key", Default("late", gate))
    assert gate.begun.wait(PATIENCE)
    assert here.get_or_set("key", lambda: "in time") == "in time"
    gate.open.set()
    assert first.result(PATIENCE) == "in time", "what was stored first stays"


def test_who_took_too_long_does_not_end_the_turn_of_the_next(here, elsewhere, clock):
    def compute():
        clock.advance(LEASE)
        begin(elsewhere)
        return "late"

    assert here.get_or_set("key", compute) == "late"
    assert len(turns(here)) == 1


def test_an_object_of_somebody_else_in_the_place_of_a_turn_is_replaced(here, elsewhere, as_mode):
    name = begin(elsewhere).name
    here.engine.put_object(name, b"not ours")
    assert as_mode(here).get_or_set("key", lambda: "computed") == "computed"


def test_turns_are_no_entries(here, elsewhere):
    begin(elsewhere)
    assert list(here.objects()) == []
    here.clear()
    assert len(turns(here)) == 1


# Others who write


def test_a_value_that_is_set_meanwhile_stays_and_is_returned(here, elsewhere, as_mode):
    default = Default("ours", lambda: elsewhere.set("key", "theirs"))
    assert as_mode(here).get_or_set("key", default) == "theirs"
    assert here.get("key") == "theirs"


def test_one_that_cannot_be_read_does_not(here, elsewhere, as_mode):
    default = Default("ours", lambda: here.engine.put_object(name_of(here, "key"), b"not ours"))
    assert as_mode(here).get_or_set("key", default) == "ours"
    assert here.get("key") == "ours"


@pytest.mark.parametrize("removed", [lambda cache: cache.engine.delete_objects([name_of(cache, "key")]), ObjectStoreCache.clear])
def test_what_is_removed_meanwhile_stays_removed(here, elsewhere, clock, as_mode, removed):
    """The value may have been computed of what was in force before."""
    expired(here, clock)
    assert as_mode(here).get_or_set("key", Default("outdated", lambda: removed(elsewhere))) == "outdated"
    assert here.get("key") is None


def test_delete_removes_a_stale_entry_too(here, elsewhere, clock):
    expired(here, clock)
    elsewhere.delete("key")
    begin(elsewhere)
    assert finish(here._operations.look_up(here.make_key("key"), NEVER)).state is State.ABSENT


# refresh


def test_refresh_stores_over_whatever_is_there(here, as_mode):
    here.set("key", "old")
    assert as_mode(here).refresh("key", lambda: "new", TIMEOUT) == "new"
    assert here.get("key") == "new"
    assert header(here).value.grace_ms == STALE * 1000


def test_refresh_with_a_timeout_of_0_removes(here, as_mode):
    here.set("key", "old")
    assert as_mode(here).refresh("key", lambda: "new", 0) == "new"
    assert here.get("key") is None


def test_refresh_needs_no_option(engine, clock, as_mode):
    cache = cache_over(engine, clock, MAX_ENTRIES=None)
    assert as_mode(cache).refresh("key", lambda: None, TIMEOUT) is None
    assert cache.get("key", "missing") is None
    assert requests(cache) == {"requests_put": 1, "requests_get": 1}


def test_a_refresh_that_fails_leaves_what_is_there(here, as_mode):
    here.set("key", "old")
    with pytest.raises(ZeroDivisionError):
        as_mode(here).refresh("key", lambda: 1 / 0)
    assert here.get("key") == "old"


# What it costs


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("nothing", {"requests_get": 3, "requests_put": 2, "requests_delete": 1}),
        ("a fresh entry", {"requests_get": 1}),
        ("a stale entry", {"requests_get": 3, "requests_put": 2, "requests_delete": 1}),
        ("a stale entry that somebody computes", {"requests_get": 2}),
        ("a turn that was never ended", {"requests_get": 3, "requests_put": 2, "requests_delete": 1}),
    ],
)
def test_what_it_costs(process, elsewhere, clock, as_mode, before, expected):
    if "entry" in before:
        elsewhere.refresh("key", lambda: "there", TIMEOUT)
    if "stale" in before:
        clock.advance(TIMEOUT)
    if "computes" in before or "turn" in before:
        begin(elsewhere)
    if "turn" in before:
        clock.advance(LEASE)
    here = process(MAX_ENTRIES=None)
    as_mode(here).get_or_set("key", lambda: "computed")
    assert requests(here) == expected


def test_without_the_option_it_costs_what_it_costs_in_django(engine, clock, as_mode):
    cache = cache_over(engine, clock, MAX_ENTRIES=None)
    as_mode(cache).get_or_set("key", lambda: 1)
    assert requests(cache) == {"requests_get": 1, "requests_put": 1}


# With a near cache


@pytest.fixture
def near(process):
    return process(NEAR_CACHE={"MAX_BYTES": 1_000_000, "TTL": 5})


@pytest.mark.parametrize("value", ["text", [1]])
def test_what_is_near_costs_nothing(near, as_mode, value):
    for _ in range(2):
        as_mode(near).get_or_set("key", lambda: value)
    before = requests(near)
    assert as_mode(near).get_or_set("key", unreachable) == value
    assert requests(near) == before


def test_what_is_near_and_has_not_changed_costs_one_request(near, clock, as_mode):
    near.refresh("key", lambda: "there", TIMEOUT)
    near.get("key")
    clock.advance(6)
    before = requests(near)["requests_get"]
    assert as_mode(near).get_or_set("key", unreachable) == "there"
    assert requests(near)["requests_get"] == before + 1
    assert near.stats()["near_refreshed"] == 1


def test_what_is_near_and_stale_is_served(near, elsewhere, clock, as_mode):
    near.refresh("key", lambda: "old", TIMEOUT)
    near.get("key")
    clock.advance(TIMEOUT)
    begin(elsewhere)
    assert as_mode(near).get_or_set("key", unreachable) == "old"


@pytest.mark.parametrize("value", ["text", [1]])
def test_one_is_early_with_what_is_near_too(process, as_mode, value):
    near = process(STAMPEDE={"LEASE": LEASE, "EARLY": 2**62}, NEAR_CACHE={"MAX_BYTES": 1_000_000, "TTL": 5})
    near.refresh("key", slow(value), TIMEOUT)
    assert near.get("key") == value
    before = requests(near)["requests_get"]
    assert as_mode(near).get_or_set("key", slow("second"), TIMEOUT) == "second"
    assert requests(near)["requests_get"] == before + 2, "for his turn, and to look again then"
    assert near.get("key") == "second"


def test_what_was_computed_meanwhile_takes_the_place_of_what_is_near(process, elsewhere):
    near = process(NEAR_CACHE={"MAX_BYTES": 1_000_000, "TTL": 5})
    elsewhere.refresh("key", slow("first"), TIMEOUT)
    assert near.get("key") == "first"
    key, early = near.make_key("key"), Early(2**62)
    found = finish(near._operations.look_up(key, early))
    assert found.state is State.EARLY
    elsewhere.refresh("key", slow("second"), TIMEOUT)
    assert finish(near._operations.look_again(key, found, early)).value == "second"
    assert near.get("key") == "second"


# When the store is away


@pytest.fixture
def remote(store, clock):
    return lambda **options: cache_over(store, clock, STAMPEDE=STAMPEDE, SIGNING_KEY="k", **options)


def test_in_an_outage_everybody_computes_for_himself_or_it_is_raised(store, remote, as_mode):
    store.be_away()
    assert as_mode(remote(ON_ERROR="miss")).get_or_set("key", lambda: "computed") == "computed"
    with pytest.raises(EngineUnavailable):
        as_mode(remote()).get_or_set("key", unreachable)


def test_an_outage_that_begins_with_the_turn(store, remote, as_mode):
    def away():
        for verb, times in (("put_object", 9), ("delete_objects", 9)):
            store.fail_next(verb, EngineUnavailable("503"), times=times)

    away()
    assert as_mode(remote(ON_ERROR="miss")).get_or_set("key", lambda: "computed") == "computed"
    store.be_back()
    away()
    with pytest.raises(EngineUnavailable):
        as_mode(remote()).get_or_set("key", unreachable)


def test_an_outage_while_it_is_computed(store, remote, as_mode):
    default = Default("computed", store.be_away)
    assert as_mode(remote(ON_ERROR="miss")).get_or_set("key", default) == "computed"
    store.be_back()
    with pytest.raises(EngineUnavailable):
        as_mode(remote()).get_or_set("other", default)


def test_only_reads_forgiven_it_is_raised_after_it_was_computed(store, remote, as_mode):
    """As without the option: what could not be stored must be known."""
    store.be_away()
    default = Default()
    with pytest.raises(EngineUnavailable):
        as_mode(remote(ON_ERROR={"read": "miss", "write": "raise"})).get_or_set("key", default)
    assert default.calls == 1


def test_an_end_that_the_store_does_not_answer_is_no_error(store, remote, as_mode):
    store.fail_next("delete_objects", EngineUnavailable("503"), times=9)
    cache = remote()
    assert as_mode(cache).get_or_set("key", lambda: "computed") == "computed"
    assert len(turns(cache)) == 1, "it is over after LEASE"


def test_credentials_that_may_not_write_raise(store, remote, as_mode):
    store.fail_next("put_object", EngineMisconfigured("403 AccessDenied"))
    with pytest.raises(EngineMisconfigured):
        as_mode(remote(ON_ERROR="miss")).get_or_set("key", unreachable)


def test_another_cache_stands_in(store, other, as_mode):
    cache = with_fallback(store, other, STAMPEDE=STAMPEDE)
    store.be_away()
    default = Default()
    for _ in range(2):
        assert as_mode(cache).get_or_set("key", default) == "computed"
    assert default.calls == 1


@pytest.mark.parametrize("read_only", [True, "dry"])
def test_a_cache_that_writes_nothing_computes_for_itself(process, here, as_mode, read_only):
    cache = process(READ_ONLY=read_only)
    assert as_mode(cache).get_or_set("key", lambda: "computed") == "computed"
    assert "requests_put" not in requests(cache)
    assert cache.stats()["dropped_writes"] == 1
    here.set("key", "there")
    assert as_mode(cache).get_or_set("key", unreachable) == "there"


# Options, and subclasses


@pytest.mark.parametrize(
    ("stampede", "message"),
    [
        ({}, r"has no 'LEASE'"),
        ({"LEASE": 0}, r"\['LEASE'\] is 0"),
        ({"LEASE": 20, "STALE": -1}, r"\['STALE'\] is -1"),
        ({"LEASE": 20, "EARLY": "1"}, r"\['EARLY'\] is '1'"),
        ({"LEASE": 20, "BETA": 1}, r"Known: EARLY, LEASE, STALE"),
        (20, r"accepted: a dictionary with LEASE, or None"),
    ],
)
def test_a_mistake_is_named(stampede, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        ObjectStoreCache("here", {"OPTIONS": {"ENGINE": "memory", "STAMPEDE": stampede}})


def test_a_lease_that_is_shorter_than_a_call_is_refused():
    remote = RemoteEngine(MemoryEngine())
    with pytest.raises(Exception, match=r"a LEASE of 9 seconds; accepted: at least TOTAL_TIMEOUT, which is 10"):
        cache_over(remote, STAMPEDE={"LEASE": 9})
    assert cache_over(remote, STAMPEDE={"LEASE": 10}).computes_once
    assert cache_over(remote, STAMPEDE={"LEASE": 9}, READ_ONLY=True).computes_once


def test_a_store_that_two_could_win_is_refused():
    with pytest.raises(Exception, match="no conditional writes that hold in a race"):
        cache_over(RemoteEngine(MemoryEngine(), conditional_writes=False), STAMPEDE=STAMPEDE)


@pytest.mark.parametrize("name", ["get", "add"])
def test_a_subclass_with_values_of_its_own_keeps_djangos_way(engine, clock, as_mode, name):
    asked = []

    def own(self, *args, **keywords):
        asked.append(name)
        return getattr(ObjectStoreCache, name)(self, *args, **keywords)

    cache = cache_over(engine, clock, kind=type("Own", (ObjectStoreCache,), {name: own}), STAMPEDE=STAMPEDE)
    assert not cache.computes_once
    assert as_mode(cache).get_or_set("key", lambda: 1) == 1
    assert asked == [name]


def test_a_subclass_that_overrides_something_else_computes_once(engine, clock):
    class Own(ObjectStoreCache):
        def set(self, *args, **keywords):
            unreachable()

    cache = cache_over(engine, clock, kind=Own, STAMPEDE=STAMPEDE)
    assert cache.computes_once
    assert cache.get_or_set("key", lambda: 1) == 1


def test_backends_of_one_configuration_share_their_computations(tmp_path, pool):
    """Django makes one for each thread."""
    made = [ObjectStoreCache(tmp_path, {"OPTIONS": {"STAMPEDE": STAMPEDE, "SIGNING_KEY": "k"}}) for _ in range(2)]
    gate = Gate()
    first = pool.submit(made[0].get_or_set, "key", Default("computed", gate))
    assert gate.begun.wait(PATIENCE)
    second = pool.submit(made[1].get_or_set, "key", unreachable)
    gate.open.set()
    assert (first.result(PATIENCE), second.result(PATIENCE)) == ("computed", "computed")
    assert isinstance(made[0].engine, LocalEngine)
    assert requests(made[0])["requests_put"] == 2


async def test_a_blocking_caller_does_not_wait_for_a_task_of_the_loop_that_he_blocks(here):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def compute():
        begun.set()
        await go_on.wait()
        return "the task's"

    task = asyncio.create_task(here.aget_or_set("key", compute, 60))
    await begun.wait()
    assert here.get_or_set("key", lambda: "the blocking caller's", 60) == "the blocking caller's"
    go_on.set()
    assert await task == "the task's"


async def test_two_who_need_one_thread_go_on_after_two_leases(process):
    """The thread of sync_to_async: one waits there for a task, which waits for the thread."""
    here, begun, asked = process(STAMPEDE={"LEASE": 0.1}), asyncio.Event(), asyncio.Event()

    async def compute():
        begun.set()
        await asked.wait()
        return await sync_to_async(lambda: "the task's")()

    task = asyncio.create_task(here.aget_or_set("key", compute))
    await begun.wait()
    waiting = asyncio.create_task(sync_to_async(here.get_or_set)("key", lambda: "the waiting one's"))
    while here.stats()["misses"] < 2:
        await asyncio.sleep(0)
    asked.set()
    assert await asyncio.gather(task, waiting) == ["the waiting one's"] * 2


async def test_with_a_thread_each_they_do_not_wait_so_long(here):
    begun = asyncio.Event()

    async def compute():
        begun.set()
        await asyncio.sleep(0.01)
        return await sync_to_async(lambda: "the task's")()

    async def computed():
        async with ThreadSensitiveContext():
            return await here.aget_or_set("key", compute)

    async def waited():
        async with ThreadSensitiveContext():
            await begun.wait()
            return await sync_to_async(here.get_or_set)("key", unreachable)

    assert await asyncio.gather(computed(), waited()) == ["the task's"] * 2


def test_an_early_computation_that_fails_leaves_the_value_that_is_there(process, as_mode, caplog):
    cache = process(STAMPEDE={"LEASE": LEASE, "EARLY": 2**62})
    cache.get_or_set("key", lambda: time.sleep(0.01) or "good", 60)
    assert as_mode(cache).get_or_set("key", lambda: 1 // 0, 60) == "good"
    assert "could not be computed early" in caplog.text


def test_an_early_computation_covers_up_no_misconfiguration(process, engine, as_mode):
    cache = process(STAMPEDE={"LEASE": LEASE, "EARLY": 2**62})
    cache.get_or_set("key", lambda: time.sleep(0.01) or "good", 60)
    engine.fail_next("put_object", EngineMisconfigured("403"))
    with pytest.raises(EngineMisconfigured):
        as_mode(cache).get_or_set("key", lambda: "computed", 60)


def test_where_nothing_can_be_stored_nobody_waits_twice(make_engine):
    """All who have waited for the first in vain compute at once, and not one after the other."""
    cache = cache_over(make_engine("memory"), STAMPEDE=STAMPEDE, READ_ONLY=True)
    first, others = threading.Event(), threading.Barrier(7)
    calls = []

    def compute():
        calls.append(1)
        if len(calls) == 1:
            first.set()
            time.sleep(0.2)  # so that the others wait for it
        else:
            others.wait(PATIENCE)
        return "computed"

    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(cache.get_or_set, "key", compute, 60)]
        assert first.wait(PATIENCE)
        waiting += [threads.submit(cache.get_or_set, "key", compute, 60) for _ in range(7)]
        assert [one.result(PATIENCE) for one in waiting] == ["computed"] * 8


def test_a_turn_from_a_clock_that_is_ahead_is_nobodys(engine, clock, process):
    ahead = Clock()
    ahead.advance(24 * 3600)
    wrong = cache_over(engine, ahead, STAMPEDE=STAMPEDE)
    assert finish(wrong._operations.begin_computing(wrong.make_key("key"), LEASE)) is not None
    assert process().get_or_set("key", lambda: "computed", 60) == "computed"
    assert process().get("key") == "computed"
