"""The smallest object store that the SDKs are content with, in a process of its own: objects in a dictionary.

It counts the requests, and stands in for nginx where that is missing: it answers in a fraction of the time that most clients take
for a request. It checks no signature and sends the headers that S3 sends. As real servers do, it answers ``Expect: 100-continue``
before the body comes; such a request is counted with a star, because it waits for one more round trip. It knows PUT, GET, HEAD and
DELETE of one object, addressed path-style, the batch delete, CreateSession, and nothing else.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RANGE = re.compile(rb"\r\nrange: *bytes=0-(\d+)", re.IGNORECASE)
KEY = re.compile(rb"<Key>(.*?)</Key>")
EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
HEAD = (
    b"HTTP/1.1 %s\r\nx-amz-id-2: dGhlIGlkIG9mIG5vIGhvc3QgYXQgYWxsLCBhcyBsb25nIGFzIFMzJ3M=\r\nx-amz-request-id: 0123456789ABCDEF\r\n"
    b"Date: Fri, 20 Nov 2026 12:00:00 GMT\r\nServer: benchmark\r\n"
)
STORED = b"Last-Modified: Fri, 20 Nov 2026 12:00:00 GMT\r\nAccept-Ranges: bytes\r\nContent-Type: binary/octet-stream\r\n"
XML = b'<?xml version="1.0" encoding="UTF-8"?>'
MISSING = XML + b"<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>"
SESSION = XML + (
    b"<CreateSessionResult><Credentials><AccessKeyId>AKIDSESSION</AccessKeyId><SecretAccessKey>nobody</SecretAccessKey>"
    b"<SessionToken>none</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>"
)


class Request(NamedTuple):
    """As it came."""

    method: bytes
    path: bytes
    query: bytes
    head: bytes
    body: bytes


class Store:
    """The objects of all connections, by path, and how many requests came, by method."""

    def __init__(self, delay: float = 0.0) -> None:
        self.requests: Counter[str] = Counter()
        self._delay = delay
        self._objects: dict[bytes, tuple[bytes, bytes]] = {}
        self._etags = (b'"%032x"' % number for number in itertools.count())

    def answer(self, request: Request) -> bytes:
        if self._delay:
            time.sleep(self._delay)
        self.requests[request.method.decode() + "*" * bool(EXPECT.search(request.head))] += 1
        return getattr(self, request.method.decode().lower())(request)  # type: ignore[no-any-return]

    def put(self, request: Request) -> bytes:
        etag = next(self._etags)
        self._objects[request.path] = request.body, etag
        return HEAD % b"200 OK" + b"ETag: %s\r\nContent-Length: 0\r\n\r\n" % etag

    def delete(self, request: Request) -> bytes:
        self._objects.pop(request.path, None)
        return HEAD % b"204 No Content" + b"\r\n"

    def post(self, request: Request) -> bytes:
        """The batch delete."""
        for key in KEY.findall(request.body):
            self._objects.pop(request.path.rstrip(b"/") + b"/" + key, None)
        return document(b"200 OK", XML + b"<DeleteResult></DeleteResult>")

    def get(self, request: Request) -> bytes:
        if request.query == b"session":
            return document(b"200 OK", SESSION)
        if request.path not in self._objects:
            return document(b"404 Not Found", MISSING)
        head, body = self._found(request)
        return head + body

    def head(self, request: Request) -> bytes:
        if request.path not in self._objects:
            return HEAD % b"404 Not Found" + b"\r\n"
        return self._found(request)[0]

    def _found(self, request: Request) -> tuple[bytes, bytes]:
        """The head and the body of the answer."""
        body, etag = self._objects[request.path]
        first, status, extent = RANGE.search(request.head), b"200 OK", b""
        if first and body:
            whole, body, status = len(body), body[: int(first[1]) + 1], b"206 Partial Content"
            extent = b"Content-Range: bytes 0-%d/%d\r\n" % (len(body) - 1, whole)
        headers = STORED + extent + b"ETag: %s\r\nContent-Length: %d\r\n\r\n" % (etag, len(body))
        return HEAD % status + headers, body


def document(status: bytes, body: bytes) -> bytes:
    return HEAD % status + b"Content-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def serve(connection: socket.socket, store: Store) -> None:
    """One request after the other, until the client hangs up."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    while more := connection.recv(1 << 16):
        received += more
        head, separator, body = received.partition(b"\r\n\r\n")
        if not separator:
            continue
        if EXPECT.search(head):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        found = LENGTH.search(head)
        body = whole(connection, body, int(found[1]) if found else 0)
        method, target, _ = head.split(b" ", 2)
        path, _, query = target.partition(b"?")
        connection.sendall(store.answer(Request(method, path, query, head, body)))
        received = b""


def whole(connection: socket.socket, body: bytes, length: int) -> bytes:
    pieces, left = [body], length - len(body)
    while left and (piece := connection.recv(min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


class Server(NamedTuple):
    """A running server, as its client sees it."""

    url: str
    process: subprocess.Popen[str]

    def requests(self) -> Counter[str]:
        """How many requests came since it started, by method."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        return Counter(json.loads(self.process.stdout.readline()))


@contextmanager
def running(delay: float = 0.0) -> Iterator[Server]:
    """A server that runs as long as the block, and waits ``delay`` seconds before each answer."""
    command = [sys.executable, "-m", __name__, str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}", process)
        finally:
            process.stdin.close()


def main() -> None:
    """Takes the delay, prints its port, then its requests for each line that comes, and ends when its standard input does."""
    listener = socket.create_server(("127.0.0.1", 0))
    store = Store(float(sys.argv[1]))

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, store), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    for _ in sys.stdin:
        print(json.dumps(store.requests), flush=True)


if __name__ == "__main__":
    main()
