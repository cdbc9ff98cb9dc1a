"""A caller who is cancelled while he waits for the store leaves nothing behind: no task, no thread that waits, no connection."""

import asyncio
import gc
import threading

import pytest

from s3cache import ObjectStoreCache, sharing
from s3cache.engines import S3_ENGINES
from s3cache.sharing import WORKERS
from tests.servers import Proxy, s3_options

CALLERS = 100
AT_ONCE = {"obstore": CALLERS}
PATIENT = {"read_timeout": 30, "TOTAL_TIMEOUT": 60}


class Held:
    """Answers to a proxy's clients that wait, until they are let go."""

    def __init__(self):
        self.waiting = 0
        self.changed = threading.Condition()
        self.go_on = False

    def answer(self, request, forward):
        with self.changed:
            self.waiting += 1
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.go_on, timeout=30)
        return forward(request)

    def until(self, count):
        with self.changed:
            return self.changed.wait_for(lambda: self.waiting >= count, timeout=30)

    def release(self):
        with self.changed:
            self.go_on = True
            self.changed.notify_all()


@pytest.mark.parametrize("engine", S3_ENGINES)
def test_cancelled_callers_leave_no_task_and_no_connection(moto, bucket, engine):
    with Proxy(moto) as proxy:
        options = {"ENGINE": engine, "max_pool_connections": 10, **PATIENT, **s3_options(proxy.url)}
        cache = ObjectStoreCache(f"s3://{bucket}/cancelled", {"OPTIONS": options})
        cache.set("key", "value")
        asyncio.run(cancelled(cache, proxy, AT_ONCE.get(engine, WORKERS)))
        cache.engine.close()
        gc.collect()  # obstore's connections end with the last request, and the callers' errors may still hold one
        assert proxy.clients_have_left()


async def cancelled(cache, proxy, at_once):
    held, before = Held(), asyncio.all_tasks()
    proxy.answer = held.answer
    callers = [asyncio.create_task(cache.aget("key")) for _ in range(CALLERS)]
    assert await asyncio.to_thread(held.until, at_once)
    for caller in callers:
        caller.cancel()
    assert {type(end) for end in await asyncio.gather(*callers, return_exceptions=True)} == {asyncio.CancelledError}
    assert asyncio.all_tasks() == before
    held.release()
    async with asyncio.timeout(30):
        assert await asyncio.gather(*(cache.aget("key") for _ in range(CALLERS))) == ["value"] * CALLERS
    assert len(proxy.requests) <= 1 + at_once + CALLERS, "what had not begun was never asked for"


@pytest.mark.parametrize("engine", S3_ENGINES)
def test_a_cancelled_bulk_call_ends_its_requests(moto, bucket, engine):
    with Proxy(moto) as proxy:
        cache = ObjectStoreCache(f"s3://{bucket}/bulk", {"OPTIONS": {"ENGINE": engine, **PATIENT, **s3_options(proxy.url)}})
        cache.set("key", "value")
        held = Held()

        async def bulk():
            before = asyncio.all_tasks()
            proxy.answer = held.answer
            call = asyncio.create_task(cache.aget_many(range(1000)))
            assert await asyncio.to_thread(held.until, cache.engine.features.concurrency)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert asyncio.all_tasks() == before

        try:
            asyncio.run(bulk())
        finally:
            held.release()
        assert cache.get("key") == "value"
        sharing.executor_for(cache.engine).shutdown()  # waits for what goes on
        assert len(proxy.requests) <= 3 * cache.engine.features.concurrency + 3
        cache.engine.close()
