"""Servers for tests: moto in a process of its own, and a proxy in front of it that remembers every request.

Fixtures, loaded with ``pytest_plugins = ["tests.servers"]`` or imported by name:

    moto          URL of a moto server; one per test process, so pytest-xdist's workers do not share one
    moto_server   the same as an object, for ``make_bucket()`` in fixtures of a wider scope
    bucket        name of a fresh, empty bucket there
    proxy         a Proxy in front of moto; with ``proxy.answer`` a test decides what the client is told

``s3_options(url)`` gives the options with which an S3 engine reaches a server. All servers bind 127.0.0.1 on a port that the system
picks. moto exits when its standard input ends, so it never outlives the tests, however these end.

moto handles the requests of one object in several steps without a lock, so that a reader can meet an object half replaced and
gets a 500. S3 never shows that; the server here therefore handles one request at a time.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

NOT_FORWARDED = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
"""What belongs to one connection; a length is written anew."""


def s3_options(url: str, **more: Any) -> dict[str, Any]:
    keys = {"access_key": "test-key", "secret_key": "test-secret-of-nobody"}
    return {"endpoint_url": url, "region_name": "us-east-1", "PROFILE": "moto", **keys, **more}


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    target: str
    """Path and query, as sent."""
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def kind(self) -> str:
        """ "GET object", "GET list", "POST delete" and so on, for path-style addresses."""
        path, _, query = self.target.partition("?")
        if path.strip("/").count("/"):
            return f"{self.method} object"
        return f"{self.method} {'list' if 'list-type' in query else 'delete' if 'delete' in query else 'bucket'}"


@dataclass(frozen=True)
class Answer:
    """What a client is told. ``Answer.error`` is one of S3's."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    announced: int | None = None
    """A Content-Length other than the body's; then the connection ends after the body."""

    @classmethod
    def error(cls, status: int, code: str, message: str = "Because of the test.", more: str = "") -> Answer:
        text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>'
        return cls(status, text.encode(), [("Content-Type", "application/xml")])


Forward = Callable[[Request], Answer]


def forwarded(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in NOT_FORWARDED]


class Proxy:
    """An HTTP proxy in front of one server, or in place of one.

    ``answer(request, forward)`` decides what a client is told: what ``forward(request)`` returns, an Answer of its own, or None,
    which drops the connection without a word. By default every request is forwarded. With ``tls``, a server's SSLContext, clients
    speak https to it. As a context manager it stops at the end.
    """

    def __init__(self, upstream: str = "http://127.0.0.1:1", tls: ssl.SSLContext | None = None) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.requests: list[Request] = []
        self.answer: Callable[[Request, Forward], Answer | None] = lambda request, forward: forward(request)
        self._server = _Server(self, tls)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def kinds(self) -> Counter[str]:
        """How many requests came, by kind."""
        return Counter(request.kind for request in self.requests)

    def forget(self) -> None:
        self.requests.clear()

    def clients_have_left(self) -> bool:
        """Whether every connection is closed, or is so within five seconds."""
        with self._server.left:
            return self._server.left.wait_for(lambda: not self._server.connections, timeout=5)

    def lose_answers(self) -> None:
        """From now on every request is applied, and no client hears of it."""

        def applied_in_silence(request: Request, forward: Forward) -> None:
            forward(request)

        self.answer = applied_in_silence

    def forward(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self.upstream, timeout=10)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in forwarded(request.headers.items()):
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), forwarded(answer.getheaders()))
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, proxy: Proxy, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self.tls = tls
        self.connections: set[socket.socket] = set()
        self.left = threading.Condition()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:  # the handshake waits for the connection's own thread
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self.left:
            self.connections.discard(request)
            self.left.notify_all()

    def hang_up(self) -> None:
        """End the connections that clients keep, so that their threads end."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # its client was quicker
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error here; a mistake in a test's ``answer`` is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, self.headers, body)
        self.server.proxy.requests.append(request)
        answer = self.server.proxy.answer(request, self.server.proxy.forward)
        if answer is None:
            self.close_connection = True
        else:
            self.reply(answer)

    def reply(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        bodiless = answer.status in (204, 304) or self.command == "HEAD"
        if not bodiless:
            self.send_header("Content-Length", str(len(answer.body) if answer.announced is None else answer.announced))
        self.end_headers()
        if not bodiless:
            self.wfile.write(answer.body)
        self.close_connection = self.close_connection or answer.announced is not None

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Moto:
    """A moto server in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        assert port.isdigit(), f"moto did not start, and ended with {self._process.wait()}"
        self.url = f"http://127.0.0.1:{port}"

    def make_bucket(self) -> str:
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request("PUT", f"/{name}")
            assert connection.getresponse().status == 200
        finally:
            connection.close()
        return name

    def stop(self) -> None:
        with self._process:
            self._process.terminate()


def serve_moto() -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):  # type: ignore[misc]
        def log(self, *_: object) -> None: ...

    one_at_a_time = threading.Lock()
    application = DomainDispatcherApplication(create_backend_app)

    def handle(environ: dict[str, Any], start_response: Any) -> Any:
        with one_at_a_time:
            return application(environ, start_response)

    server = make_server("127.0.0.1", 0, handle, threaded=True, request_handler=Quiet)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Moto]:
    server = Moto()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def moto(moto_server: Moto) -> str:
    return moto_server.url


@pytest.fixture
def bucket(moto_server: Moto) -> str:
    return moto_server.make_bucket()


@pytest.fixture
def proxy(moto: str) -> Iterator[Proxy]:
    with Proxy(moto) as proxy:
        yield proxy


if __name__ == "__main__":
    serve_moto()
