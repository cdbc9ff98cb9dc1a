"""What an S3 engine makes of a place that is none, or is not set up: an error that names the place and says what to do.

Never a miss, never a success, and never a wait without end: each call runs on a thread of its own that must have ended in a minute.
Requests are counted instead of seconds. What only a server that checks signatures shows is in ``integration/test_bad_input.py``.
"""

import asyncio
import contextlib
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from s3cache import plugins
from s3cache.engines import S3_ENGINES
from s3cache.errors import EngineMisconfigured, EngineUnavailable
from tests.cache.support import cache_over
from tests.servers import Answer, Proxy, s3_options
from tests.tls import self_signed

pytest_plugins = ["tests.servers"]

ATTEMPTS = 2
MOST_REQUESTS = 12
"""Of one call: ``add`` sends its PUT three times, and reads after each up to ATTEMPTS times."""

CALLS: dict[str, Callable[[Any], Any]] = {
    "get": lambda cache: cache.get("key"),
    "set": lambda cache: cache.set("key", "value"),
    "add": lambda cache: cache.add("key", "value"),
    "delete": lambda cache: cache.delete("key"),
    "set to nothing": lambda cache: cache.set("key", "value", 0),
    "delete_many": lambda cache: cache.delete_many(["key", "another"]),
    "clear": lambda cache: cache.clear(),
    "aget": lambda cache: asyncio.run(cache.aget("key")),
    "aadd": lambda cache: asyncio.run(cache.aadd("key", "value")),
    "aclear": lambda cache: asyncio.run(cache.aclear()),
}
HTML = [("Content-Type", "text/html")]
PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body><p>It works!<br></body></html>"
XHTML = b"<html><head><title>Welcome</title></head><body><p>It works!</p></body></html>"
ENDPOINT = r"OPTIONS\['endpoint_url'\]"
BUCKET = r"OPTIONS\['bucket_name'\]"

WEB_SERVERS = {
    "page": Answer(200, PAGE, HTML),
    "XHTML page": Answer(200, XHTML, HTML),
    "JSON": Answer(200, b'{"status": "ok"}', [("Content-Type", "application/json")]),
    "nothing": Answer(200),
    "page not found": Answer(404, PAGE, HTML),
    "not found, without a word": Answer(404),
    "method not allowed": Answer(405, PAGE, HTML),
    "redirect": Answer(301, PAGE, [("Location", "https://elsewhere.invalid/"), *HTML]),
    "forbidden page": Answer(403, PAGE, HTML),
}

REGION = r"OPTIONS\['region_name'\]"
KEYS = r"OPTIONS\['access_key'\] and \['secret_key'\]"
REFUSALS = {
    "a wrong secret": (Answer.error(403, "SignatureDoesNotMatch"), KEYS),
    "an unknown key id": (Answer.error(403, "InvalidAccessKeyId"), KEYS),
    "keys that have ended": (Answer.error(400, "ExpiredToken"), r"OPTIONS\['security_token'\]"),
    "a clock an hour off": (Answer.error(403, "RequestTimeTooSkewed"), "Set the clock"),
    "no permission": (Answer.error(403, "AccessDenied"), "s3:GetObject.*s3:ListBucket"),
    "a wrong region": (Answer.error(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-1</Region>"), REGION),
    "a bucket elsewhere": (Answer.error(301, "PermanentRedirect", more="<Endpoint>elsewhere.invalid</Endpoint>"), REGION),
}


@dataclass
class Place:
    """Somewhere to send requests to, and what a message about it must say."""

    url: str
    advice: str
    options: dict[str, Any] = field(default_factory=dict)
    bucket: str = "no-such-bucket"
    came: Callable[[], int] = lambda: 0
    """How many requests, or connections, came."""
    page: bytes | None = None
    """What it answers to everything, and calls a success."""


def web_server(answer):
    @contextlib.contextmanager
    def place(**_):
        with Proxy() as server:
            server.answer = lambda request, forward: answer
            page = answer.body if answer.status == 200 else None
            yield Place(server.url, ENDPOINT, came=lambda: len(server.requests), page=page)

    return place


def refusal(answer, advice):
    @contextlib.contextmanager
    def place(**_):
        with Proxy() as server:
            server.answer = lambda request, forward: answer
            yield Place(server.url, advice, came=lambda: len(server.requests))

    return place


@contextlib.contextmanager
def missing_bucket(moto, **_):
    with Proxy(moto) as server:
        yield Place(server.url, f"NoSuchBucket.*{BUCKET}", came=lambda: len(server.requests))


@contextlib.contextmanager
def closed_port(**_):
    with socket.socket() as taken:  # bound, and not listening: nobody else gets the port meanwhile
        taken.bind(("127.0.0.1", 0))
        yield Place(f"http://127.0.0.1:{taken.getsockname()[1]}", ENDPOINT)


@contextlib.contextmanager
def unknown_host(**_):
    yield Place("http://no-such-host.invalid:9000", ENDPOINT)


def connections(handle, **options):
    """A server that does with each connection what ``handle`` does."""

    @contextlib.contextmanager
    def place(**_):
        ended, came = threading.Event(), []

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                came.append(self.client_address)
                handle(self.request, ended)

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield Place(f"http://127.0.0.1:{server.server_address[1]}", ENDPOINT, options, came=lambda: len(came))
            finally:
                ended.set()
                server.shutdown()
                thread.join()

    return place


def garbage(connection, ended):
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\0\xff\xfe\r\n" * 3)


def hang_up(connection, ended):
    connection.recv(1)


def silence(connection, ended):
    ended.wait(120)


@contextlib.contextmanager
def untrusted_certificate(tmp_path, **_):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    with Proxy(tls=context) as server:
        yield Place(server.url, rf"{ENDPOINT}.*OPTIONS\['verify'\]")


@contextlib.contextmanager
def https_to_http(**_):
    with Proxy() as server:
        yield Place(server.url.replace("http:", "https:"), rf"{ENDPOINT}.*https://")


@contextlib.contextmanager
def http_to_https(tmp_path, **_):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    with Proxy(tls=context) as server:
        yield Place(server.url.replace("https:", "http:"), ENDPOINT)


PLACES = {
    **{f"a web server: {name}": web_server(answer) for name, answer in WEB_SERVERS.items()},
    **{name: refusal(*told) for name, told in REFUSALS.items()},
    "a missing bucket": missing_bucket,
    "a closed port": closed_port,
    "a host that does not resolve": unknown_host,
    "another protocol": connections(garbage),
    "a server that hangs up": connections(hang_up),
    "a server that says nothing": connections(silence, connect_timeout=0.1, read_timeout=0.1),
    "an untrusted certificate": untrusted_certificate,
    "https:// of a server without": https_to_http,
    "http:// of a server with TLS": http_to_https,
}


@pytest.fixture(params=PLACES)
def place(request, moto, tmp_path):
    with PLACES[request.param](moto=moto, tmp_path=tmp_path) as place:
        yield place


@pytest.fixture(params=S3_ENGINES)
def engine_name(request):
    return request.param


@pytest.fixture
def engine(engine_name, place):
    options = s3_options(place.url, max_attempts=ATTEMPTS, **{"read_timeout": 10, **place.options})
    engine = plugins.find(plugins.ENGINE, engine_name).from_options(f"s3://{place.bucket}/cache", options)
    yield engine
    engine.close()


def ended(call):
    """What the call raised, or that it raised nothing; fails where it has not ended in a minute."""
    executor = ThreadPoolExecutor(1)
    try:
        return executor.submit(call).exception(timeout=60)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


@pytest.mark.parametrize("name", S3_ENGINES)
def test_a_web_server_is_no_store_either_where_no_conditions_are_sent(name):
    with Proxy() as server:
        server.answer = lambda request, forward: WEB_SERVERS["page"]
        options = s3_options(server.url, PROFILE="plain", max_attempts=1)
        engine = plugins.find(plugins.ENGINE, name).from_options("s3://bucket/cache", options)
        cache = cache_over(engine)
        for call in ("get", "set", "add", "delete", "clear", "aget"):
            with pytest.raises((EngineMisconfigured, EngineUnavailable), match=ENDPOINT):
                CALLS[call](cache)
        engine.close()


def cannot_be_told(engine_name, call, place):
    """A DELETE is answered with nothing, and not all SDKs show more; obstore's takes any XML for a listing of nothing."""
    if call == "set to nothing":
        return place.page is not None
    return engine_name == "obstore" and call in ("clear", "aclear") and place.page == XHTML


def test_every_call_fails_and_says_where_and_what_to_do(engine_name, engine, place):
    cache = cache_over(engine, TOTAL_TIMEOUT=60)
    for name, call in CALLS.items():
        before = place.came()
        error = ended(lambda call=call: call(cache))
        if error is None and cannot_be_told(engine_name, name, place):
            continue
        assert isinstance(error, EngineMisconfigured | EngineUnavailable), f"{name}: {error!r}"
        message = str(error)
        assert place.url in message, f"{name}: {message}"
        assert f"s3://{place.bucket}/cache" in message, f"{name}: {message}"
        assert re.search(place.advice, message), f"{name}: {message}"
        assert "<html>" not in message, f"{name}: {message}"
        assert len(message) < 1200, f"{name}: {message}"
        assert place.came() - before <= MOST_REQUESTS, name
