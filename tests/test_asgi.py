"""Under a real ASGI server: many requests at once, each waiting for the store, none for another."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from s3cache import ObjectStoreCache
from s3cache.engines import S3_ENGINES
from s3cache.sharing import WORKERS
from tests.servers import Proxy, s3_options

ROOT = Path(__file__).parent.parent
REQUESTS = 200
AT_ONCE = {"obstore": REQUESTS}
"""How many requests wait for the store at once. The other engines have so many threads."""
SECRET = {"SIGNING_KEY": "the secret key of the tests"}
PATIENT = {"connect_timeout": 20, "read_timeout": 30, "TOTAL_TIMEOUT": 60, "max_pool_connections": 64}
"""The test server's queue of new connections is short, so some of two hundred wait for seconds."""


class Hall:
    """Lets nobody through until so many are in it; then everybody."""

    def __init__(self, places):
        self._barrier = threading.Barrier(places)
        self._open = False
        self._lock = threading.Lock()

    def wait(self):
        with self._lock:
            if self._open:
                return
        try:
            self._barrier.wait(20)
        except threading.BrokenBarrierError:
            if not self._open:
                raise
        with self._lock:
            self._open = True
        self._barrier.abort()  # for those who came between


@contextmanager
def site(entry):
    """Its port. uvicorn runs in a process of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=2 * REQUESTS) as listener:
        command = [sys.executable, "-m", "uvicorn", "--fd", str(listener.fileno()), "--log-level", "error", "--lifespan", "off"]
        process = subprocess.Popen(
            [*command, "tests.asgi_site:application"],
            cwd=ROOT,
            env={**os.environ, "CACHE": json.dumps(entry)},
            pass_fds=[listener.fileno()],
        )
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            assert process.wait(20) in (0, -15)


async def fetch(port, path):
    """The JSON at that path, over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.split()[1] == b"200", head
        return json.loads(body)
    finally:
        writer.close()
        await writer.wait_closed()


async def fetch_all(port, paths):
    async with asyncio.timeout(60):
        return await asyncio.gather(*(fetch(port, path) for path in paths))


def entry_of(engine, url, bucket):
    options = {"ENGINE": engine, "MAX_ENTRIES": None, **PATIENT, **SECRET, **s3_options(url)}
    return {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": f"s3://{bucket}/asgi", "OPTIONS": options}


@pytest.mark.parametrize("engine", S3_ENGINES)
def test_two_hundred_requests_wait_for_the_store_at_once(moto, bucket, engine):
    hall = Hall(AT_ONCE.get(engine, WORKERS))
    with Proxy(moto) as proxy:
        entry = entry_of(engine, proxy.url, bucket)
        cache = ObjectStoreCache(entry["LOCATION"], {"OPTIONS": entry["OPTIONS"]})
        cache.set("page", "the page")
        stored = proxy.forward(read := proxy_request(proxy, cache))

        def answer(request, forward):
            hall.wait()
            return stored if request.target == read.target else forward(request)

        with site(entry) as port:
            proxy.answer = answer
            assert asyncio.run(fetch_all(port, ["/page"] * REQUESTS)) == [{"page": "the page"}] * REQUESTS
        cache.engine.close()


def proxy_request(proxy, cache):
    """The request that reads the page."""
    proxy.forget()
    assert cache.get("page") == "the page"
    return proxy.requests[-1]


@pytest.mark.parametrize("engine", ["local", "obstore"])
def test_two_hundred_visitors_keep_their_entries_and_contexts_apart(moto, bucket, engine, tmp_path):
    entry = entry_of("obstore", moto, bucket)
    if engine == "local":
        entry |= {"LOCATION": str(tmp_path / "cache"), "OPTIONS": {"MAX_ENTRIES": None, **SECRET}}
    cache = ObjectStoreCache(entry["LOCATION"], {"OPTIONS": entry["OPTIONS"]})
    cache.set("page", "the page")
    with site(entry) as port:
        answers = asyncio.run(fetch_all(port, [f"/visit/{number}" for number in range(REQUESTS)]))
        assert answers == [{"visitor": n, "added": True, "total": 2 * n, "found": 2} for n in range(REQUESTS)]
        stats = asyncio.run(fetch(port, "/stats"))
    assert stats["writes"] == 2 * REQUESTS
    assert cache.get(f"visitor-{REQUESTS - 1}") == 2 * (REQUESTS - 1)
