"""A store of which nobody knows whether it honours conditional writes is tried out before the first one, and believed only then."""

import asyncio
import dataclasses
import itertools
import re
import threading

import pytest

from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import Conflict, EngineMisconfigured, EngineUnavailable, NotSupported, PreconditionFailed
from s3cache.proving import Proof
from s3cache.runtime import Blocking, finish
from s3cache.testing import CountingEngine, FlakyEngine
from tests.cache.support import cache_over, callers, stored
from tests.servers import Answer, s3_options

pytest_plugins = ["tests.servers"]


class Doubtful(MemoryEngine):
    """A store that nobody has described. ``put`` may misbehave."""

    features = dataclasses.replace(MemoryEngine.features, proven=False)

    def put_object(self, name, body, *, if_match=None, if_none_match=False):
        return self.put(name, body, if_match, if_none_match)

    def put(self, name, body, if_match, if_none_match):
        return super().put_object(name, body, if_match=if_match, if_none_match=if_none_match)


class IgnoresCreation(Doubtful):
    def put(self, name, body, if_match, if_none_match):
        return super().put(name, body, if_match, False)


class IgnoresMatch(Doubtful):
    def put(self, name, body, if_match, if_none_match):
        return super().put(name, body, None, if_none_match)


class Refuses(Doubtful):
    """Says so, in one way or another, where ``condition`` is sent."""

    def __init__(self, condition, error):
        super().__init__()
        self.condition = condition
        self.error = error

    def put(self, name, body, if_match, if_none_match):
        if {"If-Match": if_match, "If-None-Match": if_none_match}[self.condition]:
            raise self.error
        return super().put(name, body, if_match, if_none_match)


class NeedsQuotes(Doubtful):
    """Refuses an If-Match that holds, as it does not understand it."""

    def put(self, name, body, if_match, if_none_match):
        return super().put(name, body, if_match and f"not {if_match}", if_none_match)


class GivesNoEtag(Doubtful):
    def put(self, name, body, if_match, if_none_match):
        super().put(name, body, if_match, if_none_match)


class DeletesNothing(Doubtful):
    def delete_objects(self, names, *, etags=None):
        raise EngineMisconfigured("AccessDenied")


@pytest.fixture(params=("sync", "async"))
def called(request):
    with callers() as called:
        yield lambda cache: called(cache, request.param)


def cache_of(engine):
    """Never culls, which would add requests of its own."""
    return cache_over(engine, MAX_ENTRIES=None)


def trial(engine):
    return finish(Proof().ensure(Blocking(engine)))


def test_the_first_conditional_write_costs_five_requests_more_and_those_after_it_none(called):
    engine = CountingEngine(Doubtful())
    cache = called(cache_of(engine))
    assert cache.add("key", 1)
    assert engine.requests == {"put_object": 1 + 4, "delete_objects": 1}
    engine.requests.clear()
    assert cache.add("another", 1)
    assert not cache.add("key", 2)
    assert cache.incr("key") == 2
    assert cache.touch("key", 10)
    assert engine.requests == {"put_object": 4, "get_object": 3}


def test_sync_and_async_calls_of_one_cache_share_the_proof():
    engine = CountingEngine(Doubtful())
    cache = cache_of(engine)
    cache.add("key", 1)
    asyncio.run(cache.aadd("another", 1))
    assert engine.requests["put_object"] == 2 + 4


def test_nothing_is_tried_where_no_condition_is_needed(called):
    engine = CountingEngine(IgnoresCreation())
    cache = called(cache_of(engine))
    cache.set("key", 1)
    cache.set_many({"key": 1, "another": 2})
    cache.get("key")
    cache.delete("key")
    assert not cache.touch("missing")
    assert engine.requests["put_object"] == 3


@pytest.mark.parametrize("features", [{"proven": True}, {"proven": False, "conditional_writes": False}])
def test_nothing_is_tried_of_a_store_that_is_known(features):
    engine = CountingEngine(MemoryEngine())
    engine.inner.features = dataclasses.replace(MemoryEngine.features, **features)
    trial(engine)
    assert engine.requests == {}


def test_the_probe_is_an_internal_object_and_gone_in_the_end():
    engine = Doubtful()
    names = set()
    engine.put = lambda name, *rest: names.add(name) or Doubtful.put(engine, name, *rest)
    trial(engine)
    [name] = names
    assert re.fullmatch(r"\.s3c/probe-[0-9a-f]{32}", name)
    assert stored(engine) == []


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (IgnoresCreation(), "ignores If-None-Match"),
        (IgnoresMatch(), "ignores If-Match"),
        (Refuses("If-None-Match", NotSupported("501")), r"refuses If-None-Match .*\(501\)"),
        (Refuses("If-None-Match", EngineMisconfigured("400")), r"refuses If-None-Match .*\(400\)"),
        (Refuses("If-None-Match", PreconditionFailed("412")), r"refuses If-None-Match .*\(412\)"),
        (Refuses("If-Match", NotSupported("501")), r"refuses If-Match .*\(501\)"),
        (Refuses("If-Match", EngineMisconfigured("400")), r"refuses If-Match .*\(400\).* in quotes"),
        (NeedsQuotes(), r"refuses If-Match .* in quotes.* 'r2'"),
        (GivesNoEtag(), "gives no ETag"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Doubtful) else value,
)
def test_a_store_that_does_not_honour_them_is_not_believed_and_the_message_says_what_to_set(called, engine, said):
    cache = called(cache_of(engine))
    for _ in range(2):
        with pytest.raises(EngineMisconfigured, match=rf"{said}.*versioning off.*OPTIONS\['PROFILE'\].*'plain'"):
            cache.add("key", 1)
    assert stored(engine) == []


def test_a_mistake_that_has_nothing_to_do_with_conditions_is_told_as_it_is():
    missing = EngineMisconfigured("NoSuchBucket")
    engine = FlakyEngine(Doubtful())
    engine.fail_next("put_object", missing, times=2)
    with pytest.raises(EngineMisconfigured) as caught:
        trial(engine)
    assert caught.value is missing


@pytest.mark.parametrize("position", range(4))
def test_a_race_that_cannot_be_is_no_answer_and_another_call_tries_again(position):
    engine = FlakyEngine(Doubtful())
    if position:
        engine.delay_next("put_object", 0, times=position)
    engine.fail_next("put_object", Conflict("409"))
    with pytest.raises(EngineUnavailable, match="cannot be told now.*409"):
        trial(engine)
    trial(engine)
    assert stored(engine.inner) == []


def test_after_an_outage_it_is_tried_again(called):
    engine = FlakyEngine(Doubtful())
    counting = CountingEngine(engine)
    cache = called(cache_of(counting))
    engine.fail_next("put_object", EngineUnavailable("away"), times=3)
    with pytest.raises(EngineUnavailable, match="away"):
        cache.add("key", 1)
    counting.requests.clear()
    assert cache.add("key", 1)
    assert counting.requests == {"put_object": 1 + 4, "delete_objects": 1}


def test_one_lost_answer_is_made_up_for_within_the_call(called):
    engine = FlakyEngine(Doubtful())
    engine.fail_next("put_object", EngineUnavailable("lost"), applied=True)
    cache = called(cache_of(engine))
    assert cache.add("key", 1)
    assert cache.get("key") == 1


@pytest.mark.parametrize("error", [EngineUnavailable("away"), EngineMisconfigured("AccessDenied")])
def test_a_probe_that_cannot_be_deleted_is_left_behind_and_breaks_nothing(called, error):
    engine = FlakyEngine(Doubtful())
    engine.fail_next("delete_objects", error)
    cache = called(cache_of(engine))
    assert cache.add("key", 1)
    assert cache.incr("key") == 2
    assert len(stored(engine)) == 2


def test_without_permission_to_delete_there_is_one_probe_and_not_more():
    engine = DeletesNothing()
    cache = cache_of(engine)
    assert [cache.add(key, 1) for key in "abc"] == [True] * 3
    assert len(stored(engine)) == 3 + 1


def test_a_cancelled_trial_takes_its_probe_along_and_is_made_again():
    engine = Doubtful()
    waiting = asyncio.Event()
    puts = itertools.count(1)

    class Slow(Blocking):
        async def put_object(self, name, body, **conditions):
            if next(puts) == 2:
                waiting.set()
                await asyncio.sleep(60)
            return await super().put_object(name, body, **conditions)

    async def cancelled():
        proof = Proof()
        task = asyncio.create_task(proof.ensure(Slow(engine)))
        await waiting.wait()
        assert len(stored(engine)) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stored(engine) == []
        await proof.ensure(Slow(engine))

    asyncio.run(cancelled())
    assert stored(engine) == []
    assert next(puts) == 2 + 4 + 1


def test_threads_that_come_at_once_may_each_try_and_all_are_served():
    engine = CountingEngine(Doubtful())
    cache = cache_of(engine)
    together = threading.Barrier(2)
    won = []

    def add():
        together.wait()
        won.append(cache.add("key", 1))

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False, True]
    assert engine.requests["delete_objects"] in (1, 2)
    tried = engine.requests["put_object"]
    cache.add("another", 1)
    assert engine.requests["put_object"] == tried + 1


class TestOverS3:
    """The same through an S3 engine whose PROFILE nobody set."""

    @pytest.fixture
    def engine(self, proxy, bucket):
        engine = Boto3Engine.from_options(f"s3://{bucket}/cache", s3_options(proxy.url, PROFILE=None))
        yield engine
        engine.close()

    def test_five_requests_once_then_none(self, engine, proxy, called):
        cache = called(cache_of(engine))
        assert cache.add("key", 1)
        assert proxy.kinds() == {"PUT object": 1 + 4, "DELETE object": 1}
        proxy.forget()
        assert not cache.add("key", 2)
        assert cache.incr("key") == 2
        assert proxy.kinds() == {"PUT object": 2, "GET object": 2}
        assert len(stored(engine)) == 1

    def test_the_conditions_go_out_as_headers(self, engine, proxy):
        trial(engine)
        create, again, other, swap, delete = proxy.requests
        assert create.headers["If-None-Match"] == again.headers["If-None-Match"] == "*"
        assert other.headers["If-Match"] == "0" * 32
        assert re.fullmatch("[0-9a-f]{32}", swap.headers["If-Match"])
        assert {request.target for request in proxy.requests} == {delete.target}
        assert "/cache/.s3c/probe-" in delete.target

    @pytest.mark.parametrize("header", ["If-None-Match", "If-Match"])
    def test_a_store_that_ignores_a_condition_is_found_out(self, engine, proxy, header):
        def answer(request, forward):
            del request.headers[header]
            return forward(request)

        proxy.answer = answer
        with pytest.raises(EngineMisconfigured, match=f"ignores {header}.*PROFILE"):
            cache_of(engine).add("key", 1)
        assert stored(engine) == []

    @pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidArgument")])
    def test_a_store_that_refuses_conditions_is_found_out(self, engine, proxy, status, code):
        def answer(request, forward):
            conditional = "If-Match" in request.headers or "If-None-Match" in request.headers
            return Answer.error(status, code) if conditional else forward(request)

        proxy.answer = answer
        with pytest.raises(EngineMisconfigured, match=f"refuses If-None-Match.*{code}.*PROFILE"):
            cache_of(engine).add("key", 1)
        assert stored(engine) == []

    def test_a_missing_bucket_is_told_as_that(self, proxy):
        engine = Boto3Engine.from_options("s3://no-such-bucket/cache", s3_options(proxy.url, PROFILE=None))
        with pytest.raises(EngineMisconfigured, match="NoSuchBucket") as caught:
            cache_of(engine).add("key", 1)
        assert "PROFILE" not in str(caught.value)
        engine.close()

    def test_a_profile_that_is_set_is_believed(self, proxy, bucket):
        engine = Boto3Engine.from_options(f"s3://{bucket}/cache", s3_options(proxy.url, PROFILE="minio"))
        cache_of(engine).add("key", 1)
        assert proxy.kinds() == {"PUT object": 1}
        engine.close()

    @pytest.mark.parametrize("profile", ["ceph", "spaces"])
    def test_where_it_is_a_matter_of_the_bucket_it_is_tried_out(self, proxy, bucket, profile):
        engine = Boto3Engine.from_options(f"s3://{bucket}/cache", s3_options(proxy.url, PROFILE=profile))
        cache_of(engine).add("key", 1)
        assert proxy.kinds() == {"PUT object": 1 + 4, "DELETE object": 1}
        engine.close()

    def test_a_profile_without_conditions_sends_none(self, proxy, bucket, called):
        engine = Boto3Engine.from_options(f"s3://{bucket}/cache", s3_options(proxy.url, PROFILE="plain"))
        cache = called(cache_of(engine))
        assert cache.add("key", 1)
        assert not cache.add("key", 2)
        assert cache.incr("key") == 2
        assert cache.touch("key", 10)
        assert not any(header in request.headers for request in proxy.requests for header in ("If-Match", "If-None-Match"))
        engine.close()
