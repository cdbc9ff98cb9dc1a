"""A request ends at the call's deadline, whatever the server does: every blocking S3 engine over real connections."""

import contextlib
import socket
import struct
import threading
import time

import pytest

from s3cache import deadlines
from s3cache.deadlines import Limit
from s3cache.engines import abandoned
from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.minio import MinioEngine
from s3cache.engines.storages import StoragesEngine
from s3cache.errors import EngineUnavailable
from tests.engines.rawserver import ScriptedServer, has_left, hear
from tests.engines.s3engine_tests import ALL, ETAG, VERBS, as_s3, served_by
from tests.metadata import MOMENT
from tests.servers import Proxy, s3_options
from tests.tls import self_signed

pytest_plugins = ["tests.servers"]

ENGINES = {"boto3": Boto3Engine, "minio": MinioEngine, "storages": StoragesEngine}
SECONDS = 0.5
"""What a call has."""
BOUND = 1.5
"""When it has ended at the latest."""
PATIENT = {"connect_timeout": 30, "read_timeout": 30}
"""So that nothing but the deadline ends a request."""
HEAD = f"HTTP/1.1 200 OK\r\nETag: {ETAG}\r\nContent-Length: ".encode()
MEGABYTE = 1_000_000

each_engine = pytest.mark.parametrize("name", ENGINES)


def silent(connection):
    hear(connection)
    has_left(connection, 60)


def drip(connection, data):
    for number in range(len(data)):
        connection.sendall(data[number : number + 1])
        if has_left(connection, 0.1):
            return


def dripping_head(connection):
    hear(connection)
    drip(connection, HEAD + b"4\r\n\r\nbody")


def dripping_body(connection):
    hear(connection)
    connection.sendall(HEAD + b"999\r\n\r\n")
    drip(connection, bytes(999))


def dripping_chunks(connection):
    hear(connection)
    connection.sendall(HEAD.replace(b"Content-Length: ", b"Transfer-Encoding: chunked\r\n\r\n"))
    drip(connection, b"1\r\nx\r\n" * 999)


def half_a_body(connection):
    hear(connection)
    connection.sendall(HEAD + b"8\r\n\r\nhalf")
    has_left(connection, 60)


def endlessly_preparing(connection):
    hear(connection)
    while not has_left(connection, 0.01):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def deaf(connection):
    """Reads nothing until the call is long over."""
    time.sleep(BOUND)
    has_left(connection, 60)


def garbage(connection):
    hear(connection)
    connection.sendall(b"\x00\xff\r\n" * 100)


def closing(connection):
    hear(connection)


def resetting(connection):
    hear(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


SLOW = [silent, dripping_head, dripping_body, dripping_chunks, half_a_body, endlessly_preparing]
BROKEN = [garbage, closing, resetting]


@pytest.fixture(scope="module")
def server():
    server = ScriptedServer(silent)
    yield server
    server.stop()


@pytest.fixture
def fresh_server():
    """One that no earlier test has begun a connection to."""
    server = ScriptedServer(silent)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(certificate):
    server = ScriptedServer(silent, served_by(certificate))
    yield server
    server.stop()


@pytest.fixture
def open_engine(make_engine):
    """An engine that has its client, which takes longer to make than a call has."""

    def opened(name, url, **options):
        engine = make_engine(name, url, **options)
        engine._connected()
        return engine

    return opened


@pytest.fixture(scope="module")
def make_engine():
    """Makes each engine once."""
    engines = {}

    def made(name, url, **options):
        key = (name, url, *sorted(map(str, options.items())))
        if key not in engines:
            engines[key] = ENGINES[name].from_options("s3://bucket/cache", s3_options(url, **PATIENT, **options))
        return engines[key]

    yield made
    for engine in engines.values():
        engine.close()


@contextlib.contextmanager
def ends_in_time(match="TOTAL_TIMEOUT"):
    began = time.monotonic()
    with Limit(SECONDS), pytest.raises(EngineUnavailable, match=match):
        yield
    assert time.monotonic() - began < BOUND


def left_behind():
    return [thread for thread in threading.enumerate() if thread.name == "s3cache-request"]


def nobody_is_left():
    """Whether the threads that were left behind end, within a minute."""
    for thread in left_behind():
        thread.join(60)
    return not left_behind() and not abandoned._left_behind


class TestRequests:
    @each_engine
    @pytest.mark.parametrize("script", SLOW, ids=lambda script: script.__name__)
    def test_a_slow_server_is_given_up_and_its_connection_closed(self, server, open_engine, name, script):
        server.script = script
        engine = open_engine(name, server.url)
        with ends_in_time():
            engine.get_object("n")
        assert server.clients_have_left()
        assert left_behind() == []

    @each_engine
    @pytest.mark.parametrize("verb", [verb for verb in ALL if verb != "get"])
    def test_so_it_is_by_every_verb(self, server, open_engine, name, verb):
        server.script = dripping_head
        engine = open_engine(name, server.url)
        with ends_in_time():
            VERBS[verb](engine)
        assert server.clients_have_left()

    @each_engine
    @pytest.mark.parametrize("script", [silent, dripping_head, dripping_body], ids=lambda script: script.__name__)
    def test_tls_makes_no_difference(self, secure, certificate, open_engine, name, script):
        secure.script = script
        engine = open_engine(name, secure.url, verify=str(certificate))
        with ends_in_time():
            engine.get_object("n")
        assert secure.clients_have_left()

    @each_engine
    @pytest.mark.parametrize("script", BROKEN, ids=lambda script: script.__name__)
    @pytest.mark.parametrize("verb", ["get", "create"])
    def test_a_broken_answer_is_one_at_once(self, fresh_server, open_engine, name, script, verb):
        fresh_server.script = script
        engine = open_engine(name, fresh_server.url)
        with ends_in_time(match="bucket/cache"):
            VERBS[verb](engine)
        assert fresh_server.clients_have_left()
        assert fresh_server.accepted == 1

    @each_engine
    def test_a_body_that_nobody_reads_is_given_up(self, server, open_engine, name):
        server.script = deaf
        engine = open_engine(name, server.url)
        with ends_in_time():
            engine.put_object("n", bytes(32 << 20))
        assert server.clients_have_left()

    @each_engine
    def test_nothing_is_sent_after_the_deadline(self, fresh_server, open_engine, name):
        engine = open_engine(name, fresh_server.url)
        with ends_in_time():
            deadlines.current.get().until = time.monotonic()
            engine.get_object("n")
        assert nobody_is_left()
        assert fresh_server.clients_have_left()
        assert fresh_server.accepted <= 1  # a connection may have been opened, on a thread of its own

    @each_engine
    def test_a_deadline_that_has_not_come_shortens_no_wait(self, server, open_engine, name):
        """The time-outs of the socket are those of the engine again, for the next request."""

        def answer(connection):
            hear(connection)
            connection.sendall(HEAD + b"4\r\n\r\nbody")
            hear(connection)
            time.sleep(SECONDS)
            connection.sendall(HEAD + b"4\r\n\r\nbody")
            has_left(connection, 60)

        server.script = answer
        engine = open_engine(name, server.url)
        with Limit(SECONDS):
            assert engine.get_object("n").body == b"body"
        assert engine.get_object("n").body == b"body"
        engine.close()
        assert server.clients_have_left()


class TestLargeBodies:
    @staticmethod
    def in_two_halves(size):
        def answer(connection):
            hear(connection)
            connection.sendall(HEAD + b"%d\r\n\r\n" % size + bytes(size // 2))
            if not has_left(connection, 2 * SECONDS):
                connection.sendall(bytes(size - size // 2))
                has_left(connection, 60)

        return answer

    @each_engine
    @pytest.mark.parametrize("size", [MEGABYTE + 1, 5 * MEGABYTE])
    def test_one_above_a_megabyte_gets_the_time_that_it_takes(self, server, open_engine, name, size):
        server.script = self.in_two_halves(size)
        engine = open_engine(name, server.url)
        with Limit(SECONDS):
            assert len(engine.get_object("n").body) == size
        engine.close()
        assert server.clients_have_left()

    @each_engine
    def test_any_other_does_not(self, server, open_engine, name):
        server.script = self.in_two_halves(MEGABYTE)
        engine = open_engine(name, server.url)
        with ends_in_time():
            engine.get_object("n")
        assert server.clients_have_left()

    @each_engine
    def test_nor_does_one_of_which_the_first_bytes_are_wanted(self, server, open_engine, name):
        server.script = dripping_long_body
        engine = open_engine(name, server.url)
        with ends_in_time():
            engine.get_object("n", first=100)
        assert server.clients_have_left()


def dripping_long_body(connection):
    hear(connection)
    connection.sendall(HEAD + b"99999999\r\n\r\n")
    drip(connection, bytes(999))


class TestKeptConnections:
    @each_engine
    @pytest.mark.parametrize("end", [closing, resetting], ids=lambda end: end.__name__)
    @pytest.mark.parametrize("verb", ["get", "put", "create"])
    def test_one_that_ends_as_the_request_comes_is_unavailable(self, server, open_engine, name, verb, end):
        """Whoever knows what may be repeated repeats it."""
        heard = []

        def answer(connection):
            heard.append(hear(connection))
            connection.sendall(HEAD + b"4\r\n\r\nbody")
            end(connection)

        server.script = answer
        engine = open_engine(name, server.url)
        with Limit(SECONDS):
            engine.get_object("n")
        with ends_in_time(match="bucket/cache"):
            VERBS[verb](engine)
        assert server.clients_have_left()
        assert len(heard) == 1


class TestOpening:
    @pytest.fixture
    def hanging(self):
        """Accepts connections, and says nothing: no handshake ends."""
        server = ScriptedServer(lambda connection: has_left(connection, 60))
        yield server
        server.stop()

    @each_engine
    def test_a_closed_port_is_unavailable_at_once(self, open_engine, name):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        engine = open_engine(name, url)
        with ends_in_time(match="bucket/cache"):
            engine.get_object("n")

    @each_engine
    def test_a_handshake_that_hangs_is_left_behind_and_its_connection_closed_in_the_end(self, hanging, open_engine, name):
        engine = open_engine(name, hanging.url.replace("http:", "https:"))
        with ends_in_time():
            engine.get_object("n")
        assert len(left_behind()) == 1
        hanging.stop()
        assert nobody_is_left()

    @each_engine
    def test_no_more_threads_are_left_behind_than_a_few(self, hanging, open_engine, monkeypatch, name):
        monkeypatch.setattr(abandoned, "MOST", 2)
        engine = open_engine(name, hanging.url.replace("http:", "https:"))
        for _ in range(2):
            with ends_in_time():
                engine.get_object("n")
        with ends_in_time(match="get_object of 'n' at s3://bucket/cache.*2 earlier requests hang"):
            engine.get_object("n")
        assert hanging.accepted == 2
        hanging.stop()
        assert nobody_is_left()


class TestBotocoresOwnConnections:
    """What goes over these is given up as a whole, with its thread."""

    @pytest.mark.parametrize("name", ["boto3", "storages"])
    @pytest.mark.parametrize("script", [silent, dripping_head, dripping_body], ids=lambda script: script.__name__)
    @pytest.mark.parametrize("verb", ALL)
    def test_through_a_proxy(self, open_engine, name, script, verb):
        server = ScriptedServer(script)
        engine = open_engine(name, "http://s3.invalid", proxies={"http": server.url})
        with ends_in_time():
            VERBS[verb](engine)
        assert len(left_behind()) == 1
        server.stop()
        assert nobody_is_left()

    @pytest.mark.parametrize("script", [silent, dripping_head, dripping_body], ids=lambda script: script.__name__)
    def test_minio_leaves_none_behind_a_proxy(self, server, open_engine, script):
        server.script = script
        engine = open_engine("minio", "http://s3.invalid", proxies={"http": server.url})
        with ends_in_time():
            engine.get_object("n")
        assert left_behind() == []
        assert server.clients_have_left()

    @pytest.mark.parametrize("name", ["boto3", "storages"])
    def test_the_creation_of_a_large_object(self, open_engine, name):
        server = ScriptedServer(silent)
        engine = open_engine(name, server.url)
        with ends_in_time():
            engine.put_object("n", bytes(2 << 20), if_none_match=True)
        assert len(left_behind()) == 1
        server.stop()
        assert nobody_is_left()


@pytest.mark.parametrize("name", ["boto3", "minio"])
@pytest.mark.parametrize("lifetime", [None, MOMENT], ids=["found", "renewed"])
def test_a_source_of_credentials_that_hangs_is_not_waited_for(place, name, lifetime):
    place.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{place.issuer.url}/ecs")
    ended = threading.Event()
    with Proxy() as store:
        store.answer = as_s3
        engine = ENGINES[name].from_options("s3://bucket/cache", {"endpoint_url": store.url, "region_name": "eu-west-1"})
        if lifetime:
            place.issuer.lifetime = lifetime
            engine.get_object("n")
        asked = len(store.requests)
        place.issuer.answer = lambda request, forward: ended.wait(60) and None
        with ends_in_time():
            engine.get_object("n")
        assert len(store.requests) == asked
        ended.set()
        assert nobody_is_left()
        engine.close()
