"""Sending in botocore's place: what a user may expect of a connection, with real servers."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import HeadersDict

from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.boto3http import Headers, exchange
from s3cache.engines.boto3sockets import Sockets
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable
from tests.engines.rawserver import raw_server
from tests.engines.s3engine_tests import ETAG, LARGE, VERBS, S3EngineFixtures, as_s3, found, served_by
from tests.servers import Answer, Proxy, s3_options
from tests.tls import self_signed

pytest_plugins = ["tests.servers"]

ROOT = Path(__file__).parents[2]
HEAD = f"HTTP/1.1 200 OK\r\nETag: {ETAG}\r\n"
PLAIN = f"{HEAD}Content-Length: 4\r\n\r\nbody"
CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"


def connections(proxy):
    """How many stand."""
    return len(proxy._server.connections)


def connection_over(sock):
    connection = HTTPConnection("s3.invalid")
    connection.sock = sock
    return connection


def aws_decoded(sent):
    """The body within the aws-chunked encoding."""
    pieces = []
    while True:
        size, _, sent = sent.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            return b"".join(pieces)
        pieces.append(sent[:length])
        sent = sent[length + 2 :]


class Fixtures(S3EngineFixtures):
    engine_class = Boto3Engine

    @pytest.fixture
    def secure(self, tmp_path):
        """A server that speaks TLS, and the path of its certificate."""
        certificate = self_signed(tmp_path)
        with Proxy(tls=served_by(certificate)) as server:
            server.answer = as_s3
            server.certificate = str(certificate)
            yield server


class TestKeepAlive(Fixtures):
    def test_one_connection_serves_all_requests_of_a_thread(self, engine, proxy):
        for number in range(3):
            engine.put_object(f"name-{number}", b"body")
            engine.put_object(f"new-{number}", b"body", if_none_match=True)
            engine.get_object(f"name-{number}")
        engine.put_object("large", LARGE)
        assert len(engine.get_object("large").body) == len(LARGE)
        engine.delete_objects(["name-0"])
        engine.delete_objects(["name-1", "name-2"])
        list(engine.list_objects())
        assert connections(proxy) == 1

    def test_an_object_that_is_missing_or_not_modified_leaves_it_usable(self, echo, open_engine):
        engine = open_engine(echo.url)
        engine.get_object("name")
        for answer in (Answer.error(404, "NoSuchKey"), Answer(304), found(b"")):
            echo.answer = lambda request, forward, answer=answer: answer
            with contextlib.suppress(EngineError):
                engine.get_object("name", if_none_match=ETAG)
        echo.answer = as_s3
        assert engine.get_object("name").body == b"body"
        assert connections(echo) == 1

    def test_one_that_the_server_has_closed_is_not_used_again(self, engine, proxy):
        """A conditional write would not be repeated."""
        for number in range(3):
            engine.put_object(f"name-{number}", b"body", if_none_match=True)
            proxy._server.hang_up()
        assert proxy.kinds() == {"PUT object": 3}

    def test_a_server_that_closes_after_each_answer_is_asked_once_for_each(self, open_engine):
        with raw_server(f"{HEAD}Connection: close\r\nContent-Length: 4\r\n\r\nbody", keep=False) as server:
            engine = open_engine(server.url, max_attempts=1)
            assert [engine.get_object("n").body for _ in range(3)] == [b"body"] * 3

    def test_a_body_that_is_not_read_to_its_end_costs_the_connection(self, echo, open_engine):
        engine = open_engine(echo.url)
        echo.answer = lambda request, forward: found(bytes(1 << 20))
        assert engine.get_object("n", first=4).body == bytes(4)
        echo.answer = as_s3
        assert engine.get_object("n").body == b"body"

    @pytest.mark.parametrize("verb", ["get", "put", "delete", "list"])
    def test_half_a_body_ends_its_connection(self, open_engine, verb):
        with raw_server(f"{HEAD}Content-Length: 9\r\n\r\nbody") as server:
            with pytest.raises(EngineUnavailable) as caught:
                VERBS[verb](open_engine(server.url, read_timeout=0.1, max_attempts=1))
            assert server.clients_have_left()
            del caught  # with its traceback, which would have kept the connection until here

    def test_threads_have_connections_of_their_own_at_a_time(self, echo, open_engine):
        engine, gate = open_engine(echo.url), threading.Barrier(4)
        echo.answer = lambda request, forward: gate.wait(10) and None or as_s3(request, forward)
        threads = [threading.Thread(target=engine.get_object, args=["n"]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert connections(echo) == 4

    def test_a_child_process_leaves_its_parents_connections_alone(self):
        """Both would read the answers of both."""
        with raw_server(PLAIN) as server:
            subprocess.run([sys.executable, "-c", FORKED, json.dumps(s3_options(server.url))], cwd=ROOT, check=True, timeout=60)
            assert (len(server.received), server.accepted) == (3, 2)


FORKED = """
import json, os, sys
from s3cache.engines.boto3 import Boto3Engine
engine = Boto3Engine.from_options("s3://bucket", json.loads(sys.argv[1]))
engine.get_object("n")
child = os.fork()
engine.get_object("n")
if child:
    assert os.waitpid(child, 0)[1] == 0
    engine.close()
else:
    os._exit(0)
"""


class TestSockets:
    @pytest.fixture
    def url(self):
        with Proxy() as server:
            yield urlsplit(server.url)

    @pytest.fixture
    def sockets(self):
        sockets = Sockets(SimpleNamespace(connect_timeout=2, read_timeout=1, max_pool_connections=2), True)
        yield sockets
        sockets.close()

    def test_no_more_are_kept_than_max_pool_connections(self, sockets, url):
        taken = [sockets.take(url) for _ in range(3)]
        for one in taken:
            sockets.keep(url, one)
        assert [one.sock is None for one in taken] == [False, False, True]

    def test_the_last_one_that_was_kept_is_taken_first(self, sockets, url):
        taken = [sockets.take(url) for _ in range(2)]
        for one in taken:
            sockets.keep(url, one)
        assert sockets.take(url) is taken[1]
        taken[1].close()

    def test_one_that_is_in_use_while_all_are_closed_is_closed_when_it_comes_back(self, sockets, url):
        taken = sockets.take(url)
        sockets.close()
        assert taken.sock is not None
        sockets.keep(url, taken)
        assert taken.sock is None

    def test_a_connection_is_kept_alive_by_tcp_and_waits_as_long_as_read_timeout_says(self, sockets, url):
        taken = sockets.take(url)
        assert taken.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert taken.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert taken.timeout == 1
        taken.close()

    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("http://[::1]/n", ("::1", 80)),
            ("https://[::1]/n", ("::1", 443)),
            ("http://[::1]:9000/n", ("::1", 9000)),
            ("http://s3.invalid", ("s3.invalid", 80)),
            ("https://s3.invalid:9000", ("s3.invalid", 9000)),
        ],
    )
    def test_host_and_port_are_those_of_the_url_or_its_scheme(self, sockets, url, address):
        connection = sockets._unopened(urlsplit(url))
        assert (connection.host, connection.port) == address

    def test_those_that_nobody_closed_are_closed_with_their_owner(self, url):
        sockets = Sockets(SimpleNamespace(connect_timeout=1, read_timeout=1, max_pool_connections=2), True)
        taken = sockets.take(url)
        sockets.keep(url, taken)
        del sockets
        assert taken.sock is None


class TestTls(Fixtures):
    @pytest.fixture(autouse=True)
    def no_certificates_of_the_environment(self, bare_environment, monkeypatch):
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)

    @pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
    def test_the_environment_names_certificates(self, monkeypatch, open_engine, secure, name):
        monkeypatch.setenv(name, secure.certificate)
        assert open_engine(secure.url).get_object("n").body == b"body"

    def test_so_do_the_shared_files(self, bare_environment, open_engine, secure):
        bare_environment.with_name("config").write_text(f"[default]\nca_bundle = {secure.certificate}\n")
        assert open_engine(secure.url).get_object("n").body == b"body"

    def test_the_option_goes_before_the_environment(self, monkeypatch, open_engine, secure):
        monkeypatch.setenv("AWS_CA_BUNDLE", secure.certificate)
        with pytest.raises(EngineMisconfigured, match="CERTIFICATE_VERIFY_FAILED"):
            open_engine(secure.url, verify=True).get_object("n")
        monkeypatch.setenv("AWS_CA_BUNDLE", "/nonsense")
        assert open_engine(secure.url, verify=secure.certificate).get_object("n").body == b"body"

    def test_no_certificate_is_good_for_another_host(self, open_engine, secure):
        with pytest.raises(EngineMisconfigured, match="CERTIFICATE_VERIFY_FAILED"):
            open_engine(secure.url.replace("127.0.0.1", "localhost"), verify=secure.certificate).get_object("n")
        assert secure.requests == []

    def test_verify_false_asks_for_none(self, open_engine, secure):
        assert open_engine(secure.url.replace("127.0.0.1", "localhost"), verify=False).get_object("n").body == b"body"

    def test_a_connection_is_kept(self, open_engine, secure):
        engine = open_engine(secure.url, verify=secure.certificate)
        for _ in range(3):
            engine.get_object("n")
            engine.put_object("n", b"body")
        assert connections(secure) == 1

    @pytest.mark.parametrize("size", [0, 4, 3 << 20])
    def test_the_trailing_checksum_of_aws_arrives_in_chunks(self, open_engine, secure, size):
        with raw_server(f"{HEAD}Content-Length: 0\r\n\r\n", certificate=secure.certificate) as server:
            body = os.urandom(size)
            engine = open_engine(server.url, verify=secure.certificate, PROFILE="aws")
            engine.put_object("n", body)
            engine.put_object("n", body)
        for head, sent in server.received:
            assert "x-amz-trailer: x-amz-checksum-crc32" in head.lower()
            assert aws_decoded(sent) == body

    def test_a_handshake_that_never_ends_is_given_up_after_connect_timeout(self, open_engine):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"https://127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(EngineUnavailable, match="ConnectTimeoutError"):
                open_engine(url, connect_timeout=0.1, max_attempts=1).get_object("n")


class TestProxies(Fixtures):
    def test_one_of_the_environment_is_used(self, monkeypatch, open_engine, echo):
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", echo.url)
        open_engine("http://s3.invalid").put_object("n", b"body")
        assert echo.requests[0].target == "http://s3.invalid/bucket/n"

    def test_none_for_the_hosts_of_no_proxy(self, monkeypatch, open_engine, echo):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        engine = open_engine(echo.url)
        engine.put_object("n", b"body")
        assert engine._connection.sockets is not None


class TestAnswers(Fixtures):
    @pytest.mark.parametrize(
        "answer",
        [
            PLAIN,
            CHUNKED,
            f"{HEAD}Connection: close\r\n\r\nbody",
            f"HTTP/1.1 100 Continue\r\n\r\n{PLAIN}",
            f"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{PLAIN}",
            PLAIN.replace("HTTP/1.1", "HTTP/1.0"),
            PLAIN.replace("ETag", "etag").replace("Content-Length", "CONTENT-LENGTH"),
        ],
    )
    def test_whatever_http_allows_is_read(self, open_engine, answer):
        keep = "close" not in answer and "1.0" not in answer
        with raw_server(answer, keep=keep) as server:
            engine = open_engine(server.url, max_attempts=1)
            for options in ({}, {"limit": 4}, {}):
                assert engine.get_object("n", **options)[:2] == (b"body", ETAG)

    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "nonsense\r\n\r\n",
            f"{HEAD}Content-Length: 9\r\n\r\nbody",
            f"{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\nx",
            HEAD + "X: y\r\n" * 200 + "Content-Length: 4\r\n\r\nbody",
            f"{HEAD}X: {'y' * 70000}\r\n\r\n",
        ],
    )
    def test_anything_else_is_unavailable(self, open_engine, answer):
        with raw_server(answer, keep=False) as server, pytest.raises(EngineUnavailable):
            open_engine(server.url, max_attempts=1).get_object("n")

    def test_a_body_that_stops_arriving_is_given_up_after_read_timeout(self, open_engine):
        with raw_server(f"{HEAD}Content-Length: 9\r\n\r\nbody") as server, pytest.raises(EngineUnavailable, match="Read timeout"):
            open_engine(server.url, read_timeout=0.1, max_attempts=1).get_object("n")

    def test_what_a_server_said_before_it_hung_up_on_a_body_is_heard(self):
        """Whether the client is still sending then is a matter of luck with a real server."""
        mine, its = socket.socketpair()
        with mine:
            its.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            its.close()
            answer = exchange(connection_over(mine), SimpleNamespace(method="PUT", body=bytes(4), headers={}), "/n")
            assert answer.status == 403
            answer.close()


class TestBotocoresPart(Fixtures):
    """What stays botocore's own work."""

    def test_a_bucket_of_another_region_is_asked_there(self, open_engine, echo):
        def elsewhere(request, forward):
            if "/us-east-1/" in request.headers["Authorization"]:
                return Answer(301, headers=[("x-amz-bucket-region", "eu-west-1")])
            return as_s3(request, forward)

        echo.answer = elsewhere
        assert open_engine(echo.url).get_object("n").body == b"body"
        assert "/eu-west-1/s3/" in echo.requests[-1].headers["Authorization"]

    def test_a_directory_bucket_has_a_session_that_signs(self, open_engine, echo):
        session = "<AccessKeyId>SESSIONKEY</AccessKeyId><SecretAccessKey>word</SecretAccessKey><SessionToken>token</SessionToken>"
        credentials = f"<Credentials>{session}<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        opened = f"<CreateSessionResult>{credentials}</CreateSessionResult>"
        echo.answer = lambda request, forward: (
            Answer(200, opened.encode()) if "session" in request.target else as_s3(request, forward)
        )
        engine = open_engine(echo.url, "cache--use1-az4--x-s3", PROFILE="express", addressing_style="path")
        engine.put_object("n", b"body")
        assert engine.get_object("n").body == b"body"
        create, *others = echo.requests
        assert create.target.endswith("?session")
        assert all(other.headers["x-amz-s3session-token"] == "token" for other in others)
        assert all("Credential=SESSIONKEY/" in other.headers["Authorization"] for other in others)
        assert connections(echo) == 1

    def test_a_large_creation_waits_for_100_continue_over_botocores_own_connection(self, engine, proxy):
        engine.put_object("n", bytes((1 << 20) + 1), if_none_match=True)
        assert proxy.requests[0].headers["Expect"] == "100-continue"


class TestHeaders:
    """The mapping is used as botocore uses its own."""

    @pytest.fixture(params=[Headers, lambda items: HeadersDict(dict(items))])
    def headers(self, request):
        return request.param([("ETag", "1"), ("Content-Length", "2")])

    def test_names_have_no_case(self, headers):
        assert headers["etag"] == headers["ETAG"] == headers.get("eTag") == "1"
        assert "content-LENGTH" in headers
        assert "date" not in headers
        assert headers.get("Date", "none") == "none"
        assert len(headers) == 2
        assert sorted(name.lower() for name in headers) == ["content-length", "etag"]

    def test_they_can_be_set_and_deleted(self, headers):
        headers["Expires"] = "3"
        del headers["etag"]
        assert {name.lower(): value for name, value in headers.items()} == {"content-length": "2", "expires": "3"}
        with pytest.raises(KeyError):
            headers["ETag"]
