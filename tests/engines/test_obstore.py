import asyncio
import contextvars
import math
import os
import subprocess
import sys
import threading
from contextlib import aclosing
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from s3cache.engines.obstore import ObstoreEngine
from s3cache.engines.obstorenames import folder, is_name, offset
from s3cache.engines.obstoreservice import USUAL, writing
from s3cache.errors import (
    EngineMisconfigured,
    EngineUnavailable,
    NotSupported,
    ObjectNotFound,
    OptionError,
)
from s3cache.pieces import LARGE, Pieces
from s3cache.testing import EngineContract
from tests.engines.s3engine_tests import ETAG, XML, S3EngineFixtures, S3EngineTests, as_s3, found
from tests.servers import Answer, s3_options

pytest_plugins = ["tests.servers"]

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def contract_engine(moto_server):
    engine = ObstoreEngine.from_options(f"s3://{moto_server.make_bucket()}/cache", s3_options(moto_server.url))
    yield engine
    engine.close()


class TestS3(EngineContract):
    @pytest.fixture
    def engine(self, contract_engine):
        return contract_engine


class TestS3AsS3Engine(S3EngineTests):
    engine_class = ObstoreEngine
    sdk = frozenset({"obstore", "botocore"})


class ObstoreFixtures(S3EngineFixtures):
    engine_class = ObstoreEngine


class TestMemory(EngineContract):
    @pytest.fixture
    def engine(self):
        return ObstoreEngine.from_options("memory:///name", {})


class TestDirectory(EngineContract):
    @pytest.fixture
    def engine(self, tmp_path):
        return ObstoreEngine.from_options(f"file://{tmp_path}/cache", {})


class TestRequests(ObstoreFixtures):
    def test_a_listing_asks_for_a_page_when_it_is_reached(self, open_engine, echo):
        def page(number, more):
            entries = "".join(
                f"<Contents><Key>{number}/{n:04}</Key><Size>1</Size><LastModified>2026-11-20T10:00:00Z</LastModified></Contents>"
                for n in range(1000)
            )
            return Answer(200, f"<ListBucketResult>{entries}{more}</ListBucketResult>".encode(), XML)

        more = "<NextContinuationToken>next</NextContinuationToken>"
        echo.answer = lambda request, forward: page(2, "") if "continuation-token=next" in request.target else page(1, more)
        listing = open_engine(echo.url).list_objects()
        assert echo.requests == []
        assert next(listing).name == "1/0000"
        assert len(echo.requests) == 1
        assert len(list(listing)) == 1999
        assert len(echo.requests) == 2

    @pytest.mark.parametrize(
        ("prefix", "start_after", "asked"),
        [
            ("cache/", None, {"prefix": ["cache/"]}),
            ("", None, {}),
            ("cache/", "cache/ab/1", {"prefix": ["cache/"], "start-after": ["cache/ab/1"]}),
            ("cache/ab", None, {"prefix": ["cache/"], "start-after": ["cache/aa\U0010fffd"]}),
            ("cache/ab", "cache/ab/1", {"prefix": ["cache/"], "start-after": ["cache/ab/1"]}),
            ("cache/ab", "a", {"prefix": ["cache/"], "start-after": ["cache/aa\U0010fffd"]}),
        ],
    )
    def test_a_listing_begins_near_the_first_name_that_is_wanted(self, open_engine, echo, prefix, start_after, asked):
        list(open_engine(echo.url).list_objects(prefix, start_after))
        [request] = echo.requests
        query = parse_qs(urlsplit(request.target).query)
        assert query == {"list-type": ["2"], **asked}

    def test_a_listing_by_text_ends_behind_its_last_name(self, open_engine, echo):
        """What follows in the folder is not asked for."""
        entries = "".join(
            f"<Contents><Key>k/{n:04}</Key><Size>1</Size><LastModified>2026-11-20T10:00:00Z</LastModified></Contents>"
            for n in range(1000)
        )
        page = f"<ListBucketResult>{entries}<NextContinuationToken>next</NextContinuationToken></ListBucketResult>"
        echo.answer = lambda request, forward: Answer(200, page.encode(), XML)
        assert len(list(open_engine(echo.url).list_objects("k/08"))) == 100
        assert len(echo.requests) == 1

    @pytest.mark.parametrize("prefix", ["k/0", "k/ ", "k/\ue000", "k/\0", "k//", "k/\x01/b", "\ud800", "k/./a"])
    def test_a_prefix_that_borders_on_what_obstore_cannot_say_is_listed(self, prefix):
        engine = ObstoreEngine.from_options("memory:///name", {})
        names = [name for name in (prefix, prefix + "1", prefix + "1/2") if is_name(name)]
        for name in [*names, "a", "k/!", "k/z", "z"]:
            engine.put_object(name, b"")
        assert [info.name for info in engine.list_objects(prefix)] == names

    def test_the_user_agent_is_short_and_no_checksum_is_sent(self, engine, proxy):
        engine.put_object("name", b"body")
        [request] = proxy.requests
        assert request.headers["User-Agent"].startswith("s3cache/")
        assert (request.body, request.headers["Content-Type"]) == (b"body", "application/octet-stream")
        assert not [header for header in request.headers if "checksum" in header.lower()]


class TestNames(ObstoreFixtures):
    def test_a_name_is_the_same_object_for_every_engine(self, engine, proxy):
        name = "cache/ä%20b+c~d=e'(f)!*{g}|h/\U0001f9ca.s3c"
        engine.put_object(name, b"body")
        path = proxy.requests[0].target
        assert unquote(path) == f"/{engine.service.target.bucket}/{name}"
        assert [info.name for info in engine.list_objects()] == [name]

    @pytest.mark.parametrize("name", ["", "/", "/a", "a/", "a//b", "a/./b", "../a", "a\x01b", "a\x7f", "\ud800"])
    @pytest.mark.parametrize("verb", ["get", "put", "delete", "delete many"])
    def test_a_name_that_obstore_would_change_is_refused_before_anything_is_sent(self, open_engine, echo, name, verb):
        engine = open_engine(echo.url)
        calls = {
            "get": engine.get_object,
            "put": lambda name: engine.put_object(name, b""),
            "delete": lambda name: engine.delete_objects([name]),
            "delete many": lambda name: engine.delete_objects(["n", name]),
        }
        with pytest.raises(NotSupported):
            calls[verb](name)
        assert echo.requests == []
        assert not is_name(name)

    def test_a_prefix_that_obstore_would_change_is_refused_at_construction(self):
        for location in ("s3://bucket/a\x01b", "gs://bucket/a\x01b", "az://container/a\x01b", "s3://bucket/\ud800"):
            with pytest.raises(OptionError, match="prefix"):
                ObstoreEngine.from_options(location, {})

    def test_a_folder_mark_of_another_tool_hurts_no_listing(self, engine, proxy):
        """S3's console makes one for each folder: an empty object whose name ends in a slash."""
        engine.put_object("cache/there", b"body")
        mark = Answer(
            200,
            b"<ListBucketResult><Contents><Key>cache/</Key><Size>0</Size><LastModified>2026-11-20T10:00:00Z"
            b"</LastModified></Contents></ListBucketResult>",
            XML,
        )
        proxy.answer = lambda request, forward: mark
        assert list(engine.list_objects("cache/")) == []

    def test_an_object_whose_name_obstore_cannot_hold_ends_a_listing_with_a_message(self, open_engine, echo):
        entry = "<Contents><Key>cache/a//b</Key><Size>0</Size><LastModified>2026-11-20T10:00:00Z</LastModified></Contents>"
        echo.answer = lambda request, forward: Answer(200, f"<ListBucketResult>{entry}</ListBucketResult>".encode(), XML)
        with pytest.raises(EngineMisconfigured, match="cache/a//b.*Remove this object"):
            list(open_engine(echo.url).list_objects("cache/"))

    @pytest.mark.parametrize(
        ("prefix", "parts"), [("", None), ("a", None), ("a/", "a"), ("a/b", "a"), ("a/b/", "a/b"), ("a//b", "a"), ("\x01/b", None)]
    )
    def test_a_listing_goes_by_whole_parts(self, prefix, parts):
        assert folder(prefix) == parts

    @pytest.mark.parametrize("prefix", ["k/a", "k/0", "a", "k/é", "k/\U0001f9ca"])
    def test_an_offset_lies_before_the_prefix_and_behind_what_comes_before_it(self, prefix):
        assert offset(prefix, None).encode() < prefix.encode()
        assert offset(prefix, None).encode() >= prefix[:-1].rstrip("/").encode()


class TestErrors(ObstoreFixtures):
    @pytest.mark.parametrize("shape", ["blocking", "async"])
    def test_a_failure_of_a_name_that_was_not_sent_is_unavailable(self, told, shape, capfd):
        """object_store panics then."""

        async def delete(engine):
            await engine.asynchronous().delete_objects(["n", "m"])

        failure = b"<DeleteResult><Error><Key>x</Key><Code>AccessDenied</Code><Message>No.</Message></Error></DeleteResult>"
        with pytest.raises(EngineUnavailable):
            told((lambda engine: asyncio.run(delete(engine))) if shape == "async" else "delete many", Answer(200, failure, XML))
        assert "panicked" in capfd.readouterr().err

    def test_a_server_that_redirects_everything_is_misconfigured(self, engine, proxy):
        """Redirects are followed, unsigned, and cannot be forbidden."""
        proxy.answer = lambda request, forward: Answer(301, headers=[("Location", f"{proxy.url}/elsewhere")])
        with pytest.raises(EngineMisconfigured, match="TooManyRedirects.*endpoint_url"):
            engine.get_object("name")

    def test_a_directory_that_must_not_be_written_is_misconfigured(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(EngineMisconfigured):
            ObstoreEngine.from_options(f"file://{tmp_path}/file/cache", {}).put_object("name", b"body")


class TestTimes(ObstoreFixtures):
    def test_a_large_body_may_take_a_second_more_for_each_megabyte(self):
        """obstore's read time-out runs while the body is sent."""
        sizes = [0, MEGABYTE, MEGABYTE + 1, 3 * MEGABYTE, 256 * MEGABYTE]
        assert [writing(size).megabytes for size in sizes] == [0, 0, 2, 4, 512]
        assert writing(0) == USUAL

    def test_a_slow_upload_of_a_large_body_is_waited_for(self, open_engine, echo):
        told_to_go_on = threading.Event()
        echo.answer = lambda request, forward: (told_to_go_on.wait(0.5), as_s3(request, forward))[1]
        engine = open_engine(echo.url, read_timeout=0.1, max_attempts=1)
        engine.put_object("name", bytes(MEGABYTE + 1))
        with pytest.raises(EngineUnavailable):
            engine.put_object("name", b"small")
        told_to_go_on.set()

    def test_the_time_outs_and_the_pool_are_those_of_the_options(self, open_engine):
        engine = open_engine("http://127.0.0.1:9", connect_timeout=0.5, read_timeout=2.5, max_pool_connections=7, max_attempts=4)
        store = engine._stores.of(USUAL)
        names = ("connect_timeout", "read_timeout", "timeout", "pool_max_idle_per_host")
        assert [str(store.client_options[name]) for name in names] == ["500ms", "2s 500ms", "7days", "7"]
        assert store.retry_config["max_retries"] == 0


class TestOptions(ObstoreFixtures):
    def test_construction_imports_nothing_and_opens_nothing_at_any_place(self, tmp_path):
        program = f"""
import sys
sys.addaudithook(lambda event, _: sys.exit(event) if event.startswith("socket.") else None)
from s3cache.engines.obstore import ObstoreEngine
s3 = {{"endpoint_url": "http://127.0.0.1:9", "access_key": "a", "secret_key": "b"}}
for location in ("s3://bucket/x", "gs://bucket/x", "az://container/x", "file://{tmp_path}/x", "memory:///x"):
    engine = ObstoreEngine.from_options(location, s3 if location.startswith("s3") else {{}})
    repr(engine), engine.features, engine.asynchronous(), engine.close()
sys.exit(", ".join({{"obstore", "botocore"}} & sys.modules.keys()) or 0)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.stderr.strip(), done.returncode) == ("", 0)
        assert not (tmp_path / "x").exists()

    @pytest.mark.parametrize(
        ("location", "options", "said"),
        [
            ("ftp://bucket", {}, "LOCATION is a URL of another kind"),
            ("s3://bucket", {"endpoint": "x"}, "OPTIONS.'endpoint'. is not an option"),
            ("gs://bucket", {"endpoint_url": "http://x"}, "Did you mean 'endpoint'"),
            ("gs://bucket", {"access_key": "x"}, "is not an option. Known: application_credentials, bearer_token"),
            ("gs://bucket", {"endpoint": "nowhere"}, "accepted: http://host"),
            ("gs:///prefix", {}, "no bucket or container"),
            ("gs://user:secret@bucket/prefix", {}, "Keys and accounts belong into OPTIONS"),
            ("az://container?x=1", {}, "accepted: az://name|query"),
            ("az://container/a/../b", {}, "empty part"),
            ("az://container", {"read_timeout": 0}, "seconds"),
            ("file:///var/cache", {"read_timeout": 1.0}, "A file:// LOCATION has none"),
            ("file://host/var/cache", {}, "file:///path"),
            ("file:///", {}, "file:///path"),
            ("memory:///name", {"x": 1}, "A memory:// LOCATION has none"),
            ("s3://bucket", {"signature_version": "s3"}, "signature of old"),
            ("s3://bucket", {"default_acl": "private"}, "default_acl"),
            ("s3://bucket", {"object_parameters": {"ACL": "private"}}, "ACL.*It knows: .*StorageClass"),
            ("s3://bucket", {"object_parameters": {"Metadata": "x"}}, "Metadata"),
            ("s3://bucket", {"object_parameters": {"Metadata": {"x": 1}}}, "Metadata.*accepted: a dictionary of texts"),
            ("s3://bucket", {"object_parameters": {"StorageClass": 5}}, "StorageClass.*int"),
            ("s3://bucket", {"object_parameters": {"Tagging": {"a": "b"}}}, "Tagging.*dict"),
            ("s3://bucket", {"request_parameters": {"SSECustomerKey": 5}}, "SSECustomerKey.*int"),
            ("s3://bucket", {"request_parameters": {"ExpectedBucketOwner": "1"}}, "ExpectedBucketOwner"),
            ("s3://bucket", {"unsigned_payload": True, "endpoint_url": "http://h"}, "unsigned_payload.*https"),
            ("s3://bucket", {"unsigned_payload": True, "use_ssl": False}, "unsigned_payload.*https"),
            ("s3://bucket", {"unsigned_payload": 1}, "True or False"),
        ],
    )
    def test_what_it_cannot_honour_is_refused_at_construction(self, location, options, said):
        with pytest.raises(OptionError, match=said):
            ObstoreEngine.from_options(location, options)

    @pytest.mark.parametrize(
        ("location", "options", "expected"),
        [
            ("s3://bucket/a/b/", {}, ("s3://bucket/a/b", "a/b/")),
            ("a/b", {"bucket_name": "bucket"}, ("s3://bucket/a/b", "a/b/")),
            ("gs://bucket/a b", {}, ("gs://bucket/a%20b", "a b/")),
            ("gs://bucket", {"endpoint": "http://h:1/"}, ("gs://bucket?endpoint=http://h:1", "")),
            ("az://container/a", {"account_name": "me"}, ("az://container/a?account=me", "a/")),
            ("file:///var/cache/", {}, ("file:///var/cache", "")),
            ("memory:///name", {}, ("memory:///name", "")),
        ],
    )
    def test_a_location_and_a_prefix_are_told(self, location, options, expected):
        engine = ObstoreEngine.from_options(location, options)
        assert (engine.location, engine.prefix) == expected

    def test_every_engine_has_a_memory_of_its_own(self):
        first, second = (ObstoreEngine.from_options("memory:///name", {}) for _ in range(2))
        first.put_object("name", b"body")
        with pytest.raises(ObjectNotFound):
            second.get_object("name")


async def get(engine, name="name"):
    return await engine.asynchronous().get_object(name)


class TestAsync(ObstoreFixtures):
    async def test_no_thread_is_started(self, open_engine, echo, monkeypatch):
        def refuse(*_):
            raise AssertionError("a thread was wanted")

        store = open_engine(echo.url).asynchronous()
        monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
        await store.put_object("name", b"body")
        assert (await store.get_object("name")).body == b"body"
        await store.delete_objects(["name"])
        assert [info async for info in store.list_objects()] == []
        assert len(echo.requests) == 4

    async def test_a_hundred_requests_wait_together(self, open_engine, echo):
        store, here = open_engine(echo.url).asynchronous(), threading.Barrier(100)
        echo.answer = lambda request, forward: here.wait(10) is not None and as_s3(request, forward)
        stored = await asyncio.gather(*(store.get_object("name") for _ in range(100)))
        assert {one.body for one in stored} == {b"body"}

    async def test_a_cancelled_call_ends_at_once_and_the_next_one_is_answered(self, open_engine, echo):
        store, asked, told_to_go_on = open_engine(echo.url).asynchronous(), asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def hesitate(request, forward):
            loop.call_soon_threadsafe(asked.set)
            told_to_go_on.wait(30)

        echo.answer = hesitate
        task = asyncio.ensure_future(store.get_object("name"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        told_to_go_on.set()
        echo.answer = as_s3
        assert (await store.get_object("name")).body == b"body"

    @pytest.mark.parametrize("length", [None, 100, 2 * MEGABYTE], ids=["no answer", "half a body", "half a large body"])
    async def test_a_cancelled_call_leaves_no_connection_behind(self, open_engine, length):
        asked, left = asyncio.Semaphore(0), asyncio.Semaphore(0)

        async def hesitate(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            if length is not None:
                last = "Last-Modified: Fri, 20 Nov 2026 12:00:00 GMT"
                writer.write(f"HTTP/1.1 200 OK\r\nETag: {ETAG}\r\n{last}\r\nContent-Length: {length}\r\n\r\n".encode())
                writer.write(bytes(length // 2))
                await writer.drain()
            asked.release()
            assert await reader.read() == b""  # the client has hung up
            left.release()
            writer.close()

        async with await asyncio.start_server(hesitate, "127.0.0.1", 0, backlog=100) as server:
            store = open_engine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}").asynchronous()
            calls = [asyncio.ensure_future(store.get_object("name")) for _ in range(100)]
            for _ in calls:
                await asked.acquire()
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
            assert all(call.cancelled() for call in calls)
            del call, calls  # and what their errors hold on to
            async with asyncio.timeout(10):
                for _ in range(100):
                    await left.acquire()

    @pytest.mark.parametrize("length", [LARGE, LARGE + 1, 3 * LARGE + 5])
    async def test_a_large_body_comes_in_pieces(self, open_engine, echo, length):
        engine, body = open_engine(echo.url), os.urandom(length)
        echo.answer = lambda request, forward: found(body)
        for stored in (engine.get_object("name"), await engine.asynchronous().get_object("name")):
            assert isinstance(stored.body, bytes if length == LARGE else Pieces)
            assert bytes(stored.body) == body

    async def test_a_large_body_that_breaks_off_is_unavailable(self, open_engine, echo):
        engine = open_engine(echo.url, max_attempts=1)
        echo.answer = lambda request, forward: found(bytes(MEGABYTE), announced=2 * MEGABYTE)
        with pytest.raises(EngineUnavailable, match="get_object of 'name'"):
            engine.get_object("name")
        with pytest.raises(EngineUnavailable, match="get_object of 'name'"):
            await engine.asynchronous().get_object("name")

    async def test_a_call_runs_in_the_context_of_its_caller(self, open_engine, echo):
        store, user = open_engine(echo.url).asynchronous(), contextvars.ContextVar("user")

        async def work(name):
            user.set(name)
            await store.get_object(name)
            return user.get()

        assert await asyncio.gather(*map(work, "abc")) == ["a", "b", "c"]

    async def test_errors_are_the_same(self, open_engine, echo):
        store = open_engine(echo.url, max_attempts=1).asynchronous()
        echo.answer = lambda request, forward: Answer.error(404, "NoSuchBucket")
        with pytest.raises(EngineMisconfigured, match="get_object of 'n' at s3://bucket/.*NoSuchBucket"):
            await store.get_object("n")
        with pytest.raises(EngineMisconfigured, match="list_objects.*NoSuchBucket"):
            async with aclosing(store.list_objects("n")) as listing:
                await anext(listing)

    async def test_both_shapes_share_their_connections(self, engine):
        store = engine.asynchronous()
        await store.put_object("name", b"body")
        made = engine._stores.of(USUAL)
        assert engine.get_object("name").body == b"body"
        assert engine._stores.of(USUAL) is made

    def test_it_works_in_one_event_loop_after_another(self, engine):
        engine.put_object("name", b"body")
        for _ in range(3):
            assert asyncio.run(get(engine)).body == b"body"


class TestStores(ObstoreFixtures):
    def test_many_threads_make_one_store(self, monkeypatch, open_engine, moto, bucket):
        engine, gate, made = open_engine(moto, bucket), threading.Barrier(16), []
        make = engine.service.make
        monkeypatch.setattr(engine.service, "make", lambda *kind: made.append(kind) or make(*kind))

        def work():
            gate.wait()
            engine.delete_objects(["name"])

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [(USUAL, math.inf)]


class TestForks:
    @pytest.mark.parametrize("how", ["fork", "multiprocessing"])
    @pytest.mark.parametrize("shape", ["blocking", "async"])
    @pytest.mark.parametrize(
        ("before", "expected"), [("used", "EngineMisconfigured: obstore was used"), ("configured", "answered")]
    )
    def test_a_child_answers_or_says_at_once_why_it_cannot(self, moto_server, bucket, before, expected, shape, how):
        ObstoreEngine.from_options(f"s3://{bucket}", s3_options(moto_server.url)).put_object("name", b"body")
        worker = Path(__file__).with_name("obstore_fork_worker.py")
        command = [sys.executable, "-W", "ignore", worker, moto_server.url, bucket, before, shape, how]
        root = Path(__file__).parents[2]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
        )
        assert done.stdout.startswith(expected), done.stderr


FIRST_USE = """
import sys, threading
from s3cache.engines.obstore import ObstoreEngine
from s3cache.errors import EngineError

sys.setswitchinterval(1e-6)
options = dict(endpoint_url="http://127.0.0.1:9", access_key="a", secret_key="b", region_name="eu-west-1", max_attempts=1)
together = threading.Barrier(8)

def use():
    engine = ObstoreEngine.from_options("s3://bucket/prefix", options)
    together.wait()
    try:
        engine.get_object("name")
    except EngineError:
        ended.append(1)

ended = []
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(ended))
"""


@pytest.mark.once
def test_threads_may_be_the_first_to_use_it_together():
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True).stdout == "8\n"
