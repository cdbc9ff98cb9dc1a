"""The smallest object store that boto3 is content with, in a process of its own: PUT, GET and DELETE of objects in a dictionary.

It answers in a tenth of the time that the client takes for a request, so that a benchmark measures the client. It checks no
signature and sends the headers that S3 sends. As real servers do, it answers ``Expect: 100-continue`` before the body comes.
"""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
HEAD = (
    b"HTTP/1.1 %s\r\nx-amz-id-2: dGhlIGlkIG9mIG5vIGhvc3QgYXQgYWxsLCBhcyBsb25nIGFzIFMzJ3M=\r\nx-amz-request-id: 0123456789ABCDEF\r\n"
    b"Date: Fri, 20 Nov 2026 12:00:00 GMT\r\nServer: benchmark\r\n"
)
STORED = b"Last-Modified: Fri, 20 Nov 2026 12:00:00 GMT\r\nAccept-Ranges: bytes\r\nContent-Type: binary/octet-stream\r\n"
MISSING = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>'


class Store:
    """The objects of all connections, by path."""

    def __init__(self) -> None:
        self._objects: dict[bytes, tuple[bytes, bytes]] = {}

    def answer(self, method: bytes, path: bytes, body: bytes) -> bytes:
        if method == b"PUT":
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest().encode()
            self._objects[path] = body, etag
            return HEAD % b"200 OK" + b'ETag: "%s"\r\nContent-Length: 0\r\n\r\n' % etag
        if method == b"DELETE":
            self._objects.pop(path, None)
            return HEAD % b"204 No Content" + b"\r\n"
        if path not in self._objects:
            return HEAD % b"404 Not Found" + b"Content-Type: application/xml\r\nContent-Length: %d\r\n\r\n%s" % (
                len(MISSING),
                MISSING,
            )
        body, etag = self._objects[path]
        return HEAD % b"200 OK" + STORED + b'ETag: "%s"\r\nContent-Length: %d\r\n\r\n%s' % (etag, len(body), body)


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


@contextmanager
def running() -> Iterator[str]:
    """The URL of a server that runs as long as the block."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def main() -> None:
    """Prints its port, and ends when its standard input does."""
    listener = socket.create_server(("127.0.0.1", 0))
    store = Store()

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, store), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
