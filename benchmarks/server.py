"""The smallest object store that the SDKs are content with, in a process of its own: objects in a dictionary.

It answers in a fraction of the time that most clients take for a request, so that a benchmark measures the client, and it counts
the requests. It checks no signature and sends the headers that S3 sends. As real servers do, it answers ``Expect: 100-continue``
before the body comes. It knows PUT, GET, HEAD and DELETE of one object, addressed path-style, and nothing else.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
HEAD = (
    b"HTTP/1.1 %s\r\nx-amz-id-2: dGhlIGlkIG9mIG5vIGhvc3QgYXQgYWxsLCBhcyBsb25nIGFzIFMzJ3M=\r\nx-amz-request-id: 0123456789ABCDEF\r\n"
    b"Date: Fri, 20 Nov 2026 12:00:00 GMT\r\nServer: benchmark\r\n"
)
STORED = b"Last-Modified: Fri, 20 Nov 2026 12:00:00 GMT\r\nAccept-Ranges: bytes\r\nContent-Type: binary/octet-stream\r\n"
MISSING = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>'


class Store:
    """The objects of all connections, by path, and how many requests came, by method."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self._objects: dict[bytes, tuple[bytes, bytes]] = {}
        self._etags = (b'"%032x"' % number for number in itertools.count())

    def answer(self, method: bytes, path: bytes, body: bytes) -> bytes:
        self.requests[method.decode()] += 1
        if method == b"PUT":
            etag = next(self._etags)
            self._objects[path] = body, etag
            return HEAD % b"200 OK" + b"ETag: %s\r\nContent-Length: 0\r\n\r\n" % etag
        if method == b"DELETE":
            self._objects.pop(path, None)
            return HEAD % b"204 No Content" + b"\r\n"
        status, headers, found = self._look(path)
        answer = HEAD % status + headers + b"Content-Length: %d\r\n\r\n" % len(found)
        return answer if method == b"HEAD" else answer + found

    def _look(self, path: bytes) -> tuple[bytes, bytes, bytes]:
        """Status, headers and body."""
        if path not in self._objects:
            return b"404 Not Found", b"Content-Type: application/xml\r\n", MISSING
        body, etag = self._objects[path]
        return b"200 OK", STORED + b"ETag: %s\r\n" % etag, body


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
        connection.sendall(store.answer(method, target.partition(b"?")[0], body))
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
def running() -> Iterator[Server]:
    """A server that runs as long as the block."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}", process)
        finally:
            process.stdin.close()


def main() -> None:
    """Prints its port, then its count of requests for each line that comes, and ends when its standard input does."""
    listener = socket.create_server(("127.0.0.1", 0))
    store = Store()

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
