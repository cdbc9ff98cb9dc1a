"""How long a request over obstore may take, whatever the server does, and that none is repeated."""

import asyncio
import contextlib
import contextvars
import math
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3cache.deadlines import Deadline, Limit, current
from s3cache.engines.obstore import ObstoreEngine
from s3cache.engines.obstoreservice import LATE, STEPS, USUAL, step
from s3cache.errors import EngineUnavailable
from tests.engines.s3engine_tests import ETAG, VERBS, S3EngineFixtures, found
from tests.servers import Answer

MEGABYTE = 1_000_000
SHORT = 0.55
"""Seconds that a call has."""
LONGEST = SHORT + LATE + 0.7
"""Seconds after which it has ended, on a machine that has much else to do."""
HEAD = f"HTTP/1.1 200 OK\r\nETag: {ETAG}\r\nLast-Modified: Fri, 20 Nov 2026 12:00:00 GMT\r\nContent-Length: ".encode()


async def silent(writer):
    await asyncio.sleep(30)


async def drip(writer, text):
    for byte in text:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def drips_the_head(writer):
    await drip(writer, HEAD + b"X" * 1000)


async def drips_the_body(writer):
    writer.write(HEAD + b"1000\r\n\r\n")
    await drip(writer, b"<" * 1000)


async def half_a_body_and_hangs(writer):
    writer.write(HEAD + b"1000\r\n\r\n" + b"<" * 500)
    await silent(writer)


async def floods_with_heads(writer):
    writer.write(HEAD + b"1000\r\n")
    while True:
        writer.write(b"X-More: and more\r\n" * 10)
        await writer.drain()
        await asyncio.sleep(0)


async def garbage(writer):
    writer.write(os.urandom(1000))


async def half_a_head(writer):
    writer.write(HEAD)


async def reset(writer):
    writer.transport.abort()


FAULTS = [silent, drips_the_head, drips_the_body, half_a_body_and_hangs, floods_with_heads, garbage, half_a_head, reset]


class FaultyServer:
    """Hears the head of a request, answers as ``behave(writer)`` does, and closes the connection; all on a loop of its own."""

    def __init__(self, behave):
        self.requests = 0
        self._behave, self._loop = behave, asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def _serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError), contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            await self._behave(writer)

    async def _stop(self):
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def faulty_server():
    """``faulty_server(behave)`` starts one."""
    with contextlib.ExitStack() as stack:

        def start(behave):
            server = FaultyServer(behave)
            stack.callback(server.stop)
            return server

        yield start


ASYNC_VERBS = {
    "get": lambda store: store.get_object("n"),
    "put": lambda store: store.put_object("n", b""),
    "create": lambda store: store.put_object("n", b"", if_none_match=True),
    "replace": lambda store: store.put_object("n", b"", if_match=ETAG),
    "delete": lambda store: store.delete_objects(["n"]),
    "delete many": lambda store: store.delete_objects(["n", "m"]),
    "list": lambda store: anext(store.list_objects("n")),
}


def in_threads(engine):
    """What comes of each verb, all at once."""
    with ThreadPoolExecutor(len(VERBS)) as pool:
        calls = {name: pool.submit(contextvars.copy_context().run, verb, engine) for name, verb in VERBS.items()}
        return {name: call.exception() for name, call in calls.items()}


def in_tasks(engine):
    async def all_of_them():
        store = engine.asynchronous()
        return await asyncio.gather(*(verb(store) for verb in ASYNC_VERBS.values()), return_exceptions=True)

    return dict(zip(ASYNC_VERBS, asyncio.run(all_of_them()), strict=True))


def get(engine):
    return engine.get_object("n")


def get_async(engine):
    async def ask():
        return await engine.asynchronous().get_object("n")

    return asyncio.run(ask())


both_shapes = pytest.mark.parametrize("get", [get, get_async], ids=["blocking", "async"])


class DeadlineFixtures(S3EngineFixtures):
    engine_class = ObstoreEngine

    @pytest.fixture
    def patient(self, open_engine):
        """``patient(url)`` makes an engine whose requests end at the deadline, or not at all."""

        def make(url):
            engine = open_engine(url, connect_timeout=30, read_timeout=30, max_attempts=3)
            with Limit(SHORT):
                engine._stores.of(USUAL)  # imports obstore, which is not to be timed
            return engine

        return make


class TestTheEnd(DeadlineFixtures):
    @pytest.mark.parametrize("ask", [in_threads, in_tasks], ids=["blocking", "async"])
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_request_ends_with_the_time_of_its_call_whatever_the_server_does(self, patient, faulty_server, fault, ask):
        server = faulty_server(fault)
        engine, began = patient(f"http://{server.address}"), time.monotonic()
        with Limit(SHORT):
            outcomes = ask(engine)
        assert time.monotonic() - began < LONGEST
        # An answer to a write or a delete has no body that could be missing.
        answered = {name for name, error in outcomes.items() if not isinstance(error, EngineUnavailable)}
        assert answered <= {"put", "create", "replace", "delete"} if "body" in fault.__name__ else answered == set()
        assert 0 < server.requests <= len(VERBS)

    @both_shapes
    def test_a_tls_handshake_that_hangs_ends(self, patient, faulty_server, get):
        engine = patient(f"https://{faulty_server(silent).address}")
        began = time.monotonic()
        with Limit(SHORT), pytest.raises(EngineUnavailable):
            get(engine)
        assert time.monotonic() - began < LONGEST

    @both_shapes
    def test_a_host_that_lets_nobody_in_is_waited_for_no_longer(self, patient, get):
        with socket.socket() as full, contextlib.ExitStack() as waiting:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(3):
                visitor = waiting.enter_context(socket.socket())
                visitor.setblocking(False)
                visitor.connect_ex(full.getsockname())
            engine, began = patient(f"http://127.0.0.1:{full.getsockname()[1]}"), time.monotonic()
            with Limit(SHORT), pytest.raises(EngineUnavailable):
                get(engine)
            assert time.monotonic() - began < LONGEST

    @both_shapes
    def test_after_the_end_nothing_is_asked(self, open_engine, echo, get):
        engine = open_engine(echo.url)
        with Limit(0), pytest.raises(EngineUnavailable, match="time is over"):
            get(engine)
        assert echo.requests == []


class TestLargeBodies(DeadlineFixtures):
    @both_shapes
    @pytest.mark.parametrize("size", [2 * MEGABYTE, 6 * MEGABYTE])
    def test_one_that_is_slow_is_asked_for_again_with_the_time_of_its_size(self, patient, faulty_server, get, size):
        body, turns = os.urandom(size), iter([size // 2, size])

        async def slow_at_first(writer):
            writer.write(HEAD + b"%d\r\n\r\n" % size + body[: next(turns)])
            await silent(writer)

        server = faulty_server(slow_at_first)
        engine = patient(f"http://{server.address}")
        with Limit(SHORT):
            assert bytes(get(engine).body) == body
        assert server.requests == 2

    @both_shapes
    def test_one_that_never_comes_is_asked_for_twice_and_no_longer_waited_for(self, patient, faulty_server, get):
        size = MEGABYTE + 1

        async def half(writer):
            writer.write(HEAD + b"%d\r\n\r\n" % size + bytes(size // 2))
            await silent(writer)

        server = faulty_server(half)
        engine, began = patient(f"http://{server.address}"), time.monotonic()
        with Limit(SHORT), pytest.raises(EngineUnavailable):
            get(engine)
        assert time.monotonic() - began < LONGEST + size / MEGABYTE
        assert server.requests == 2

    @both_shapes
    @pytest.mark.parametrize(
        ("size", "then"), [(MEGABYTE, silent), (2 * MEGABYTE, reset), (6 * MEGABYTE, reset)], ids=["small", "broken", "many pieces"]
    )
    def test_any_other_is_asked_for_once(self, patient, faulty_server, get, size, then):
        async def half(writer):
            writer.write(HEAD + b"%d\r\n\r\n" % size + bytes(size // 2))
            await writer.drain()
            await then(writer)

        server = faulty_server(half)
        engine = patient(f"http://{server.address}")
        with Limit(SHORT), pytest.raises(EngineUnavailable):
            get(engine)
        assert server.requests == 1

    @both_shapes
    def test_one_that_was_replaced_meanwhile_comes_with_its_own_etag(self, patient, faulty_server, get):
        async def old_then_new(writer):
            if server.requests == 1:
                writer.write(HEAD + b"%d\r\n\r\n" % (2 * MEGABYTE))
                await silent(writer)
            writer.write(HEAD.replace(ETAG.encode(), b'"new"') + b"3\r\n\r\nnew")

        server = faulty_server(old_then_new)
        engine = patient(f"http://{server.address}")
        with Limit(SHORT):
            stored = get(engine)
        assert (stored.body, stored.etag) == (b"new", '"new"')

    @both_shapes
    def test_its_call_has_more_time(self, open_engine, echo, get):
        echo.answer = lambda request, forward: found(bytes(2 * MEGABYTE))
        engine = open_engine(echo.url)
        with Limit(100):
            get(engine)
            assert 100 < current.get().left() < 102


class TestRepeating(DeadlineFixtures):
    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize("answer", [None, Answer.error(503, "SlowDown"), Answer.error(500, "InternalError")])
    def test_a_request_that_failed_is_not_repeated(self, open_engine, echo, verb, answer):
        """The guard does that, for all engines."""
        echo.answer = lambda request, forward: answer
        with pytest.raises(EngineUnavailable):
            VERBS[verb](open_engine(echo.url, max_attempts=3))
        assert len(echo.requests) == 1

    def test_a_body_that_broke_off_is_not_asked_for_again(self, open_engine, echo):
        for size in (1000, 2 * MEGABYTE, 6 * MEGABYTE):
            echo.forget()
            echo.answer = lambda request, forward, size=size: found(bytes(size // 2), announced=size)
            with pytest.raises(EngineUnavailable):
                open_engine(echo.url, max_attempts=3).get_object("n")
            assert len(echo.requests) == 1

    @pytest.mark.parametrize("location", ["s3://bucket", "gs://bucket", "az://container"])
    def test_how_often_it_may_be_repeated_is_told(self, location):
        assert ObstoreEngine.from_options(location, {}).features.max_attempts == 3
        assert ObstoreEngine.from_options(location, {"max_attempts": 5}).features.max_attempts == 5


class TestSteps(DeadlineFixtures):
    @pytest.mark.parametrize(
        ("left", "seconds"), [(math.inf, math.inf), (10, 10), (9.99, 10), (9.71, 10), (9.6, 7.07), (5, 5), (12, 10), (74, 56.57)]
    )
    def test_a_request_may_take_most_of_what_its_call_has_left(self, left, seconds):
        assert step(left) == pytest.approx(seconds, abs=0.01)

    def test_no_step_is_much_longer_than_what_is_left_or_much_shorter(self):
        for left in (number / 100 for number in range(1, 200_000)):
            assert 0.7 * left <= step(left) <= left + LATE

    def test_the_requests_of_a_call_share_a_store(self, open_engine, echo):
        engine = open_engine(echo.url)
        with Limit(10):
            for verb in VERBS.values():
                verb(engine)
        assert len(engine._stores._made) == 2  # the second deletes many at once

    def test_a_store_ends_its_requests_after_so_many_seconds(self, open_engine):
        stores = open_engine("http://127.0.0.1:9")._stores
        assert stores.of(USUAL).client_options["timeout"] == "7days"
        with Limit(10):
            assert stores.of(USUAL).client_options["timeout"] == "10s"
        assert STEPS[0] < LATE

    def test_a_deadline_is_that_of_the_task(self, open_engine, faulty_server):
        """Calls on one loop do not share theirs."""
        server = faulty_server(silent)
        store = open_engine(f"http://{server.address}", read_timeout=30).asynchronous()

        async def ask(seconds):
            current.set(Deadline(seconds))
            began = time.monotonic()
            with pytest.raises(EngineUnavailable):
                await store.get_object("n")
            return time.monotonic() - began

        async def both():
            return await asyncio.gather(ask(0.1), ask(2))

        short, long = asyncio.run(both())
        assert short < 1.5 < long


PROGRAM = """
import asyncio, sys
from s3cache.deadlines import Limit
from s3cache.engines.obstore import ObstoreEngine
from s3cache.errors import EngineUnavailable

async def get():
    options = {"endpoint_url": sys.argv[1], "access_key": "a", "secret_key": "b", "region_name": "us-east-1"}
    with Limit(0.2):
        await ObstoreEngine.from_options("s3://bucket", options).asynchronous().get_object("n")

try:
    asyncio.run(get())
except EngineUnavailable:
    print("unavailable")
"""


class TestExit:
    def test_an_interpreter_that_ends_right_after_a_call_ends_well(self, faulty_server):
        """Without patience one in three aborts, so there are several."""
        url = f"http://{faulty_server(half_a_body_and_hangs).address}"
        command = [sys.executable, "-c", PROGRAM, url]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        ended = []
        for _ in range(5):
            with subprocess.Popen(command, **pipes) as process:
                ended.append((*process.communicate(timeout=60), process.returncode))
        assert ended == [("unavailable\n", "", 0)] * 5
