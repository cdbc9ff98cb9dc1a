"""Locks: one holder at a time, taken over only when his time is over for certain, with tokens that only grow.

Each holder has a clock of his own that nobody sets; nothing here sleeps.
"""

import asyncio
import threading
from datetime import timedelta

import pytest

from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.engines.storages import StoragesEngine
from s3cache.errors import EngineMisconfigured, EngineUnavailable, LockError, NotSupported
from s3cache.testing import CountingEngine, FlakyEngine
from s3cache.watching import GRAIN, SKEW
from tests.cache.locking import DatedEngine, Seconds, lock_name, lock_of
from tests.cache.outages import with_fallback
from tests.cache.support import RemoteEngine, cache_over, stored
from tests.cache.test_lost_answers import Interfering

HOUR = 3600.0


@pytest.fixture
def any_cache(engine, clock):
    """Over every engine."""
    return cache_over(engine, clock)


@pytest.fixture
def cache(clock):
    return cache_over(MemoryEngine(), clock)


@pytest.fixture
def do(called, mode):
    """``do(lock)``: its methods, called as the mode says."""
    return lambda lock: called(lock, mode)


def taken(cache, do, seconds=30.0, clock=None):
    lock = lock_of(cache, seconds, clock=clock)
    assert do(lock).acquire()
    return lock


def tried(lock, do):
    return do(lock).acquire(blocking=False)


# One holder at a time


def test_of_two_one_gets_it_and_the_other_when_it_is_released(any_cache, do):
    first, second = lock_of(any_cache), lock_of(any_cache)
    assert tried(first, do)
    assert not tried(second, do)
    assert (first.held, second.held) == (True, False)
    do(first).release()
    assert not first.held
    assert tried(second, do)
    assert second.held


def test_anybody_can_ask_whether_it_is_held(any_cache, do):
    asking = lock_of(any_cache)
    assert not do(asking).locked()
    first = taken(any_cache, do)
    assert do(asking).locked()
    do(first).release()
    assert not do(asking).locked()


def test_locks_of_other_names_and_versions_are_others(cache):
    with cache.lock("a", 30), cache.lock("b", 30, 0), cache.lock("a", 30, 0, version=2):
        assert not cache.lock("a", 30, 0).acquire()


def test_with_gives_the_lock_and_releases_it(cache):
    with cache.lock("a", 30) as lock:
        assert lock.held
        assert lock.token == 1
    assert not lock.held
    assert not lock.locked()


async def test_async_with_gives_the_lock_and_releases_it(cache):
    async with cache.lock("a", 30) as lock:
        assert lock.held
        assert lock.token == 1
    assert not lock.held
    assert not await lock.alocked()


async def test_entering_raises_where_it_was_not_to_be_had(cache):
    lock_of(cache).acquire()
    with pytest.raises(LockError, match=r"'report' was not to be had within 0 seconds"), lock_of(cache, patience=0):
        pytest.fail("two have it")
    with pytest.raises(LockError, match=r"within 0 seconds"):
        async with lock_of(cache, patience=0):
            pytest.fail("two have it")


async def test_an_error_under_the_lock_releases_it_and_goes_on(cache):
    with pytest.raises(ZeroDivisionError), cache.lock("a", 30):
        1 / 0  # noqa: B018
    with pytest.raises(ZeroDivisionError):
        async with cache.lock("a", 30, 0):
            1 / 0  # noqa: B018
    assert not cache.lock("a", 30).locked()


def test_an_error_under_the_lock_comes_before_that_of_its_release(cache, caplog):
    with pytest.raises(ZeroDivisionError), cache.lock("a", 30) as lock:
        cache.engine.delete_objects([lock_name(cache, "a")])
        1 / 0  # noqa: B018
    assert "'a' was not released" in caplog.text
    assert not lock.held


def test_it_is_not_re_entrant(cache, do):
    lock = taken(cache, do)
    with pytest.raises(LockError, match="not re-entrant"):
        do(lock).acquire()
    assert lock.held
    do(lock).release()
    assert do(lock).acquire()


@pytest.mark.parametrize("method", ["release", "extend"])
def test_what_is_not_held_cannot_be_released_or_extended(cache, do, method):
    lock = lock_of(cache)
    with pytest.raises(LockError, match="'report' is not held"):
        getattr(do(lock), method)()
    do(lock).acquire()
    do(lock).release()
    with pytest.raises(LockError, match="'report' is not held"):
        getattr(do(lock), method)()


def test_of_racing_threads_exactly_one_gets_it(engine):
    cache = cache_over(engine)
    locks = [lock_of(cache) for _ in range(8)]
    together = threading.Barrier(len(locks))
    won = []

    def race(lock):
        together.wait(30)
        if lock.acquire(blocking=False):
            won.append(lock)

    threads = [threading.Thread(target=race, args=(lock,)) for lock in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert [lock.held for lock in locks].count(True) == 1


# Taking over


def test_it_is_taken_over_when_it_was_seen_for_its_whole_time(any_cache, do):
    taken(any_cache, do, 30)
    clock = Seconds()
    waiter = lock_of(any_cache, clock=clock)
    assert not tried(waiter, do)
    for seconds in (10, 10, 9.99):
        clock.advance(seconds)
        assert not tried(waiter, do)
        assert do(waiter).locked()
    clock.advance(0.01)
    assert not do(waiter).locked()
    assert tried(waiter, do)


def test_how_long_it_was_held_before_one_came_does_not_count(cache, do):
    clock = Seconds()
    taken(cache, do, 30, clock)
    clock.advance(HOUR)
    waiter = lock_of(cache, clock=clock)
    assert not tried(waiter, do)
    clock.advance(29.9)
    assert not tried(waiter, do)
    clock.advance(0.1)
    assert tried(waiter, do)


def test_it_is_the_holder_s_time_that_counts(cache, do):
    taken(cache, do, 100)
    clock = Seconds()
    waiter = lock_of(cache, 5, clock=clock)
    assert not tried(waiter, do)
    clock.advance(99)
    assert not tried(waiter, do)


@pytest.mark.parametrize("again", ["extend", "release, acquire"])
def test_a_write_of_the_holder_s_begins_it_anew(any_cache, do, again):
    holder, clock = taken(any_cache, do, 30), Seconds()
    waiter = lock_of(any_cache, clock=clock)
    assert not tried(waiter, do)
    clock.advance(29)
    for method in again.split(", "):
        getattr(do(holder), method)()
    clock.advance(2)
    assert not tried(waiter, do)
    clock.advance(29)
    assert not tried(waiter, do)
    clock.advance(1)
    assert tried(waiter, do)


def test_a_waiter_who_was_stopped_himself_takes_nothing_that_was_renewed_meanwhile(clock, do):
    """He read the lock, came to a halt, and believes that its time is over."""
    engine = MemoryEngine()
    holder = taken(cache_over(engine, clock), do, 30)
    halting, seconds = Halting(engine), Seconds()
    waiter = lock_of(cache_over(halting, clock), clock=seconds)
    assert not tried(waiter, do)

    def halt():
        seconds.advance(HOUR)
        holder.extend()

    halting.then = halt
    assert not tried(waiter, do)
    assert holder.held
    holder.release()


class Halting:
    """An engine whose caller comes to a halt after a read: ``then`` runs once."""

    def __init__(self, inner):
        self.inner, self.then = inner, None

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def asynchronous(self):
        return None

    def get_object(self, name, **keywords):
        stored = self.inner.get_object(name, **keywords)
        then, self.then = self.then, None
        if then:
            then()
        return stored


def test_a_lock_whose_time_is_over_before_its_holder_hears_of_it_is_not_held(do):
    seconds = Seconds()
    engine = Halting(MemoryEngine())
    engine.put_object = lambda *args, **keywords: (seconds.advance(31), engine.inner.put_object(*args, **keywords))[1]
    lock = lock_of(cache_over(engine), 30, clock=seconds)
    assert not tried(lock, do)
    assert not lock.held
    assert lock.token is None


def test_wall_clocks_make_no_difference(do, clock):
    engine, late = MemoryEngine(), type(clock)()
    late.advance(-5 * HOUR)
    holder = taken(cache_over(engine, clock), do, 30)
    seconds = Seconds()
    waiter = lock_of(cache_over(engine, late), clock=seconds)
    assert not tried(waiter, do)
    clock.advance(10 * HOUR)
    late.advance(20 * HOUR)
    assert not tried(waiter, do)
    assert holder.held
    seconds.advance(30)
    assert tried(waiter, do)


# Where the store tells the time


@pytest.fixture
def dated():
    return DatedEngine(MemoryEngine())


def test_where_the_store_tells_the_time_one_need_not_have_watched(dated, do):
    cache = cache_over(dated)
    taken(cache, do, 30)
    dated.advance(30 + SKEW + GRAIN - 1)
    assert not tried(lock_of(cache), do)
    dated.advance(1)
    assert not do(lock_of(cache)).locked()
    assert tried(lock_of(cache), do)


def test_a_renewal_counts_by_the_store_s_time_too(dated, do):
    cache = cache_over(dated)
    holder = taken(cache, do, 30)
    dated.advance(25)
    do(holder).extend()
    dated.advance(30)
    assert not tried(lock_of(cache), do)


def test_one_s_own_clock_is_enough_there_too(dated, do):
    cache, clock = cache_over(dated), Seconds()
    taken(cache, do, 30)
    waiter = lock_of(cache, clock=clock)
    assert not tried(waiter, do)
    clock.advance(30)
    assert tried(waiter, do)


def test_it_lists_once_for_a_lock_that_it_did_not_watch(dated, do):
    cache, clock = cache_over(dated), Seconds()
    holder = taken(cache, do, 30)
    waiter = lock_of(cache, clock=clock)
    for seconds in (0, 1, SKEW, SKEW):
        clock.advance(seconds)
        assert not tried(waiter, do)
        do(holder).extend()
    assert dated.listings == 1
    clock.advance(SKEW + 1)
    assert not tried(waiter, do)
    assert dated.listings == 2


def test_who_may_not_list_waits(dated, do):
    cache, clock = cache_over(dated), Seconds()
    taken(cache, do, 30)
    dated.forbids = EngineMisconfigured("403 AccessDenied")
    dated.advance(HOUR)
    waiter = lock_of(cache, clock=clock)
    assert not tried(waiter, do)
    clock.advance(30)
    assert tried(waiter, do)


def test_a_listing_that_fails_leaves_nothing_of_an_earlier_one(dated, do):
    """What is known of one write says nothing of the next."""
    cache, clock = cache_over(dated), Seconds()
    holder = taken(cache, do, 30)
    waiter = lock_of(cache, clock=clock)
    assert not tried(waiter, do)
    dated.advance(40)
    clock.advance(20)
    do(holder).extend()
    dated.forbids = EngineUnavailable("503 SlowDown")
    with pytest.raises(EngineUnavailable):
        tried(waiter, do)
    dated.forbids = None
    assert not tried(waiter, do)
    clock.advance(29)
    assert not tried(waiter, do)


def test_a_listing_of_another_write_does_not_count(dated, do):
    cache = cache_over(dated)
    holder = taken(cache, do, 30)
    dated.advance(60)
    waiting, listing = lock_of(cache), dated.list_objects

    def renewed_meanwhile(prefix="", start_after=None):
        holder.extend()
        dated.written[prefix] -= timedelta(seconds=60)
        return listing(prefix, start_after)

    dated.list_objects = renewed_meanwhile
    assert not tried(waiting, do)


# Tokens


def test_tokens_grow_with_each_holder(any_cache, do):
    tokens, clock = [], Seconds()
    waiter = lock_of(any_cache, clock=clock)
    for _ in range(2):
        lock = taken(any_cache, do, 30)
        tokens.append(lock.token)
        do(lock).release()
        assert lock.token is None
    tokens.append(taken(any_cache, do, 30).token)
    assert not tried(waiter, do)
    clock.advance(30)
    assert tried(waiter, do)
    tokens.append(waiter.token)
    assert tokens == [1, 2, 3, 4]


def test_another_cache_over_the_same_objects_goes_on_counting(tmp_path, do):
    def cache():
        return cache_over(LocalEngine.from_options(str(tmp_path), {}))

    do(taken(cache(), do)).release()
    assert taken(cache(), do).token == 2


def test_an_extension_keeps_the_token(cache, do):
    lock = taken(cache, do)
    do(lock).extend(60)
    assert lock.token == 1


def test_its_time_begins_anew_when_it_is_extended(cache, do):
    clock = Seconds()
    lock = taken(cache, do, 30, clock)
    clock.advance(29)
    do(lock).extend()
    clock.advance(29)
    assert lock.held
    do(lock).extend(5)
    clock.advance(5)
    assert not lock.held


UNUSABLE = {
    "damaged": lambda body, cache: body[:-1] + bytes([body[-1] ^ 1]),
    "foreign": lambda body, cache: b"not ours",
    "empty": lambda body, cache: b"",
    "unsigned": lambda body, cache: written_by(cache, SIGNING=False),
    "signed with another key": lambda body, cache: written_by(cache, SIGNING_KEY="another key"),
    "no record": lambda body, cache: written_by(cache, value=b"[1, 2]"),
    "a record without its token": lambda body, cache: written_by(cache, value=b'{"seconds": 5}'),
}


def written_by(cache, value=None, **options):
    """The lock's object as another configuration has it, or one with another value."""
    engine = MemoryEngine()
    other = cache_over(engine, **{"SIGNING_KEY": "the key", **options})
    lock_of(other).acquire()
    if value is not None:
        operations = other._operations
        place = operations._lease_place("locks", other.make_key("report"))
        return operations._entries.sealed(place, operations.encode(value), 0).body
    return engine.get_object(lock_name(other)).body


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_cannot_be_read_is_an_error_and_stays(do, what):
    engine = MemoryEngine()
    cache = cache_over(engine, SIGNING_KEY="the key")
    do(taken(cache, do)).release()
    name = lock_name(cache)
    planted = UNUSABLE[what](engine.get_object(name).body, cache)
    engine.put_object(name, planted)
    for method in ("acquire", "locked"):
        with pytest.raises(LockError, match="cannot be read"):
            getattr(do(lock_of(cache)), method)()
    assert engine.get_object(name).body == planted


def test_a_key_that_was_rotated_out_is_still_read_where_it_is_given(do):
    engine = MemoryEngine()
    taken(cache_over(engine, SIGNING_KEY="old"), do)
    rotated = cache_over(engine, SIGNING_KEY=["new", "old"])
    assert do(lock_of(rotated)).locked()
    with pytest.raises(LockError, match="cannot be read"):
        do(lock_of(cache_over(engine, SIGNING_KEY="new"))).locked()


def test_an_earlier_state_of_a_lock_is_genuine(do):
    """Who can write to the store can bring a token back."""
    engine = MemoryEngine()
    cache = cache_over(engine)
    do(taken(cache, do)).release()
    earlier = engine.get_object(lock_name(cache)).body
    do(taken(cache, do)).release()
    engine.put_object(lock_name(cache), earlier)
    assert taken(cache, do).token == 2


# The lost


def overtaken(cache, do):
    """A holder who came to a halt, and who has it now."""
    clock, waiting = Seconds(), Seconds()
    paused, waiter = taken(cache, do, 30, clock), lock_of(cache, clock=waiting)
    assert not tried(waiter, do)
    clock.advance(HOUR)
    waiting.advance(30)
    assert tried(waiter, do)
    return paused, waiter


@pytest.mark.parametrize("method", ["release", "extend"])
def test_who_was_overtaken_is_told_and_frees_nothing(any_cache, do, method):
    paused, holder = overtaken(any_cache, do)
    assert not paused.held
    assert paused.token is None
    with pytest.raises(LockError, match=r"with the token 1 is lost"):
        getattr(do(paused), method)()
    assert not tried(lock_of(any_cache), do)
    assert holder.held
    do(holder).extend()
    do(holder).release()


def test_who_overslept_and_was_not_overtaken_has_it_again(cache, do):
    clock = Seconds()
    lock = taken(cache, do, 30, clock)
    clock.advance(HOUR)
    assert not lock.held
    do(lock).extend()
    assert lock.held
    clock.advance(HOUR)
    do(lock).release()


def test_who_overslept_may_acquire_anew(cache, do):
    clock = Seconds()
    lock = taken(cache, do, 30, clock)
    clock.advance(HOUR)
    assert not tried(lock, do)
    clock.advance(30)
    assert tried(lock, do)
    assert lock.token == 2


def test_a_lock_whose_object_was_removed_is_lost(cache, do):
    lock = taken(cache, do)
    cache.engine.delete_objects([lock_name(cache)])
    with pytest.raises(LockError, match="is lost"):
        do(lock).extend()
    assert not lock.held
    assert stored(cache.engine) == []


# Lost answers


@pytest.fixture
def flaky():
    return RemoteEngine(MemoryEngine())


UNANSWERED = EngineUnavailable("no answer")


@pytest.mark.parametrize("applied", [True, False])
def test_an_acquisition_without_an_answer_is_recognised(flaky, do, applied):
    cache = cache_over(flaky)
    flaky.fail_next("put_object", UNANSWERED, applied=applied)
    lock = taken(cache, do)
    assert lock.token == 1
    do(lock).release()


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("method", ["release", "extend"])
def test_a_change_without_an_answer_counts_once(flaky, do, method, applied):
    lock = taken(cache_over(flaky), do)
    flaky.fail_next("put_object", UNANSWERED, applied=applied)
    getattr(do(lock), method)()
    assert do(lock).locked() is lock.held is (method == "extend")


@pytest.mark.parametrize("applied", [True, False])
def test_after_an_extension_of_unknown_outcome_it_is_still_the_holder_s(flaky, do, applied):
    lock = taken(cache_over(flaky, BREAKER={"FAILURES": 1000}), do)
    flaky.fail_next("put_object", UNANSWERED, applied=applied)
    flaky.fail_next("get_object", UNANSWERED)
    with pytest.raises(EngineUnavailable):
        do(lock).extend()
    assert lock.held
    do(lock).extend()
    do(lock).release()
    assert not do(lock).locked()


@pytest.mark.parametrize("applied", [True, False])
def test_an_extension_of_unknown_outcome_may_have_shortened_it(flaky, do, applied):
    clock = Seconds()
    lock = taken(cache_over(flaky), do, 30, clock)
    flaky.fail_next("put_object", UNANSWERED, applied=applied)
    flaky.fail_next("get_object", UNANSWERED)
    with pytest.raises(EngineUnavailable):
        do(lock).extend(10)
    clock.advance(9)
    assert lock.held
    clock.advance(1)
    assert not lock.held


@pytest.mark.parametrize("applied", [True, False])
def test_a_release_of_unknown_outcome_may_have_freed_it_and_can_be_tried_again(flaky, do, applied):
    lock = taken(cache_over(flaky), do)
    flaky.fail_next("put_object", UNANSWERED, applied=applied)
    flaky.fail_next("get_object", UNANSWERED)
    with pytest.raises(EngineUnavailable):
        do(lock).release()
    assert not lock.held
    assert lock.token is None
    do(lock).release()
    assert not do(lock).locked()


def test_a_release_whose_answer_was_lost_is_none_of_the_next_holder_s(do, clock):
    engine = MemoryEngine()
    others = lock_of(cache_over(engine, clock))
    interfering = Interfering(engine, None)
    lock = taken(cache_over(interfering, clock), do)
    interfering.then = lambda name: others.acquire()
    do(lock).release()
    assert others.held
    others.release()


def test_it_is_an_error_where_his_time_was_over_by_then(do, clock):
    engine, seconds = MemoryEngine(), Seconds()
    others = lock_of(cache_over(engine, clock))
    interfering = Interfering(engine, None)
    lock = taken(cache_over(interfering, clock), do, 30, seconds)
    interfering.then = lambda name: (seconds.advance(31), others.acquire())
    with pytest.raises(LockError, match="is lost"):
        do(lock).release()
    assert others.held


# Waiting


def waiting(cache, do, patience, then=lambda times: None):
    """A lock that somebody holds for ever, and a waiter with the pauses that he makes."""
    holder = taken(cache, do, 10**6)
    waiter = lock_of(cache, patience=patience, then=then)
    return holder, waiter, (waiter._blocking.slept, waiter._awaiting.slept)


def test_who_waits_pauses_at_random_and_not_beyond_his_time(cache, do):
    _, waiter, pauses = waiting(cache, do, 60)
    assert not do(waiter).acquire()
    slept = max(pauses, key=len)
    assert sum(slept) == pytest.approx(60)
    assert all(0.05 <= pause <= 1 for pause in slept[:-1])
    assert len(set(slept)) == len(slept)
    assert max(slept[:3]) <= 0.4
    assert not waiter.held


def test_with_no_time_it_is_tried_once(cache, do):
    _, waiter, pauses = waiting(cache, do, 0)
    assert not do(waiter).acquire()
    assert not do(waiter).acquire(blocking_timeout=0)
    assert not do(waiter).acquire(blocking=False)
    assert pauses == ([], [])


def test_a_call_may_have_a_patience_of_its_own(cache, do):
    _, waiter, pauses = waiting(cache, do, 0)
    assert not do(waiter).acquire(blocking_timeout=3)
    assert sum(max(pauses, key=len)) == pytest.approx(3)


def test_without_a_limit_it_waits_until_it_is_free(cache, do):
    holder, waiter, pauses = waiting(cache, do, float("inf"), lambda times: holder.release() if times == 500 else None)
    assert do(waiter).acquire()
    assert len(max(pauses, key=len)) == 500
    assert not holder.held


def test_who_gives_up_leaves_nothing_behind(clock, do):
    engine = MemoryEngine()
    holder, waiter, _ = waiting(cache_over(engine, clock), do, 30)
    before = {name: engine.get_object(name) for name in stored(engine)}
    assert not do(waiter).acquire()
    assert {name: engine.get_object(name) for name in stored(engine)} == before
    do(holder).release()


async def test_who_is_cancelled_while_he_waits_leaves_nothing_behind(clock):
    engine = MemoryEngine()
    cache = cache_over(engine, clock)
    async with cache.lock("a", 30):
        before = {name: engine.get_object(name) for name in stored(engine)}
        waiter = asyncio.create_task(cache.lock("a", 30).aacquire())
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert {name: engine.get_object(name) for name in stored(engine)} == before


# Costs


def test_what_each_costs(clock, do):
    engine = CountingEngine(MemoryEngine())
    cache = cache_over(engine, clock)

    def costs(deed):
        engine.requests.clear()
        deed()
        return dict(engine.requests)

    lock = lock_of(cache)
    assert costs(lambda: do(lock).acquire()) == {"get_object": 1, "put_object": 1}
    assert costs(lambda: tried(lock_of(cache), do)) == {"get_object": 1}
    assert costs(lambda: do(lock).locked()) == {"get_object": 1}
    assert costs(lambda: do(lock).extend()) == {"put_object": 1}
    assert costs(lambda: do(lock).release()) == {"put_object": 1}
    assert costs(lambda: (lock.held, lock.token, cache.lock("a", 30))) == {}
    assert costs(lambda: do(lock).acquire()) == {"get_object": 1, "put_object": 1}


def test_a_near_cache_is_never_asked(clock, do):
    engine = CountingEngine(MemoryEngine())
    lock = taken(cache_over(engine, clock, NEAR_CACHE={"MAX_BYTES": 10**7, "TTL": 60}), do)
    engine.requests.clear()
    assert do(lock).locked()
    assert do(lock).locked()
    assert engine.requests == {"get_object": 2}


# Beside the entries


def test_caches_that_serialize_and_compress_otherwise_share_it(do):
    engine = MemoryEngine()
    one = cache_over(engine, SIGNING_KEY="k", SERIALIZER="json", COMPRESSOR="zlib", COMPRESS_MIN_BYTES=0)
    other = cache_over(engine, SIGNING_KEY="k")
    lock = taken(one, do)
    assert not tried(lock_of(other), do)
    do(lock).release()
    assert taken(other, do).token == 2
    assert not tried(lock_of(one), do)


@pytest.mark.parametrize("layout", ["hashed", "readable"])
def test_no_pattern_matches_it(clock, as_mode, do, layout):
    cache = cache_over(MemoryEngine(), clock, KEY_LAYOUT=layout)
    lock = taken(cache, do)
    cache.set("report", 1)
    assert as_mode(cache).keys("*") == ["report"]
    assert as_mode(cache).delete_pattern("*") == 1
    do(lock).release()


def test_no_method_on_entries_touches_it(engine, clock, as_mode, do):
    cache = cache_over(engine, clock)
    lock = taken(cache, do)
    assert lock_name(cache) in stored(engine)
    cache.set("report", 1)
    call = as_mode(cache)
    call.delete("report")
    call.clear()
    call.cull()
    assert list(cache.objects()) == []
    assert call.get("report") is None
    assert do(lock).locked()
    do(lock).release()
    call.clear()
    assert taken(cache, do).token == 2


def test_a_cache_that_is_culled_to_nothing_keeps_it(clock, do):
    engine = MemoryEngine()
    cache = cache_over(engine, clock, MAX_ENTRIES=1)
    lock = taken(cache, do)
    for number in range(50):
        cache.set(str(number), number)
    cache.cull()
    do(lock).release()


def test_a_lock_of_a_group_is_the_cache_s(cache):
    with cache.group("product:42").lock("a", 30):
        cache.group("product:42").invalidate()
        for other in (cache, cache.group("product:42"), cache.group("another"), cache.group("product:42").pinned()):
            assert not other.lock("a", 30, 0).acquire()


# Where it is refused


def test_a_plain_storage_is_refused(tmp_path):
    options = {"storage": "django.core.files.storage.FileSystemStorage", "location": str(tmp_path)}
    with pytest.raises(NotSupported, match="no conditional writes"):
        cache_over(StoragesEngine.from_options("", options)).lock("a", 30)


def test_a_store_without_conditional_writes_is_refused():
    cache = cache_over(RemoteEngine(MemoryEngine(), conditional_writes=False))
    with pytest.raises(NotSupported, match="two could hold one lock"):
        cache.lock("a", 30)


@pytest.mark.parametrize("read_only", [True, "dry"])
def test_a_cache_that_may_not_write_is_refused(read_only):
    with pytest.raises(NotSupported, match="READ_ONLY"):
        cache_over(MemoryEngine(), READ_ONLY=read_only).lock("a", 30)


def test_a_store_that_nobody_has_described_is_tried_out_first(do):
    engine = CountingEngine(MemoryEngine())
    cache = cache_over(RemoteEngine(engine, proven=False))
    do(taken(cache, do)).release()
    assert engine.requests == {"get_object": 1, "put_object": 6, "delete_objects": 1}


def test_a_store_that_ignores_conditions_is_refused(do):
    class Ignoring(FlakyEngine):
        def put_object(self, name, body, *, if_match=None, if_none_match=False):
            return super().put_object(name, body)

        def asynchronous(self):
            return None

    cache = cache_over(RemoteEngine(Ignoring(MemoryEngine()), proven=False))
    with pytest.raises(EngineMisconfigured, match="ignores If-None-Match"):
        do(lock_of(cache)).acquire()


@pytest.mark.parametrize("options", [{"ON_ERROR": "miss"}, {"FALLBACK": "default"}, {}])
@pytest.mark.parametrize("method", ["acquire", "locked", "extend", "release"])
def test_an_outage_is_always_an_error(store, other, do, options, method):
    cache = with_fallback(store, other) if "FALLBACK" in options else cache_over(store, SIGNING_KEY="k", **options)
    lock = lock_of(cache) if method == "acquire" else taken(cache, do)
    store.be_away()
    for _ in range(7):
        with pytest.raises(EngineUnavailable):
            getattr(do(lock), method)()


# Bad input


@pytest.mark.parametrize("given", [{}, {"timeout": None}])
def test_a_lock_without_timeout_is_refused(cache, given):
    with pytest.raises(TypeError, match="A lock without timeout is refused"):
        cache.lock("a", **given)


WRONG_TIMES = {
    "text": ("30", TypeError, "is of type str"),
    "a flag": (True, TypeError, "is of type bool"),
    "a timedelta": (timedelta(1), TypeError, "is of type timedelta"),
    "nothing": (0, ValueError, "seconds above 0"),
    "less": (-1.5, ValueError, "seconds above 0"),
    "NaN": (float("nan"), ValueError, "seconds above 0"),
    "for ever": (float("inf"), ValueError, "up to 1,000,000,000"),
    "very long": (10**400, ValueError, "up to 1,000,000,000"),
}


@pytest.mark.parametrize("what", WRONG_TIMES)
def test_a_wrong_timeout_is_refused(cache, do, what):
    value, error, message = WRONG_TIMES[what]
    with pytest.raises(error, match=message):
        cache.lock("a", value)
    lock = taken(cache, do)
    with pytest.raises(error, match=message):
        do(lock).extend(value)


@pytest.mark.parametrize(
    ("value", "error"),
    [("1", TypeError), (True, TypeError), (timedelta(1), TypeError), (-1, ValueError), (float("nan"), ValueError)],
)
def test_a_wrong_blocking_timeout_is_refused(cache, do, value, error):
    with pytest.raises(error, match="blocking_timeout is"):
        cache.lock("a", 30, value)
    with pytest.raises(error, match="blocking_timeout is"):
        do(cache.lock("a", 30)).acquire(blocking_timeout=value)


def test_a_blocking_timeout_of_nan_is_refused(cache):
    with pytest.raises(ValueError, match="blocking_timeout is nan"):
        cache.lock("a", 30, float("nan"))


def test_a_timeout_shorter_than_a_call_may_take_is_refused(do):
    cache = cache_over(RemoteEngine(MemoryEngine()), TOTAL_TIMEOUT=20)
    with pytest.raises(ValueError, match=r"19 seconds; accepted: at least OPTIONS\['TOTAL_TIMEOUT'\], which is 20"):
        cache.lock("a", 19)
    lock = cache.lock("a", 20)
    assert do(lock).acquire()
    with pytest.raises(ValueError, match="TOTAL_TIMEOUT"):
        do(lock).extend(19)
    assert do(lock).release() is None


def test_where_nothing_limits_a_call_any_timeout_will_do(cache, do):
    assert do(cache.lock("a", 0.001)).acquire()


async def test_a_cancelled_caller_gives_back_what_he_took(make_engine):
    writing, go_on = threading.Event(), threading.Event()

    class Slow(RemoteEngine):
        def asynchronous(self):
            return None

        def put_object(self, name, body, **keywords):
            writing.set()
            go_on.wait(30)
            return super().put_object(name, body, **keywords)

    cache = cache_over(Slow(make_engine("memory")))
    acquiring = asyncio.create_task(cache.lock("report", 60).aacquire())
    await asyncio.to_thread(writing.wait, 30)
    acquiring.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await acquiring
    assert await cache.lock("report", 60).aacquire(blocking=False)


def test_a_lock_shows_its_name_and_state():
    lock = cache_over(MemoryEngine()).lock("report", 60)
    assert repr(lock) == "<Lock 'report', not held>"
    with lock:
        assert repr(lock) == "<Lock 'report', held with token 1>"


def test_auto_renew_is_yes_or_no():
    with pytest.raises(TypeError, match="auto_renew is of type str; accepted: True or False"):
        cache_over(MemoryEngine()).lock("report", 60, auto_renew="no")


@pytest.mark.parametrize("name", (None, b"report", 5))
def test_a_name_that_is_no_text_is_refused(name):
    with pytest.raises(TypeError, match="The name of the lock is of type .*; accepted: a string"):
        cache_over(MemoryEngine()).lock(name, 60)


def test_an_empty_name_is_refused():
    with pytest.raises(ValueError, match="The name of the lock is empty"):
        cache_over(MemoryEngine()).lock("", 60)
