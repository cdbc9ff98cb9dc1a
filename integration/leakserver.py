"""An object store that sometimes fails, in a process of its own: objects in a dictionary, and of every 97 requests four go wrong.

One finds the connection closed, one gets half an answer, and two are told to slow down. It is the store of the benchmarks, with
conditional writes besides. It ends when its standard input does.
"""

from __future__ import annotations

import itertools
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.server import MISSING, XML, Request, Store, document, serve

ROOT = Path(__file__).parents[1]
START = f"import sys; sys.path.append({str(ROOT)!r}); from integration.{{module}} import main; main()"
"""Runs a module's ``main`` in a new process where s3cache is the one that is installed."""

EVERY = 97
SLOW_DOWN = XML + b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
FAILED = XML + b"<Error><Code>PreconditionFailed</Code><Message>A condition does not hold.</Message></Error>"
IF_NONE_MATCH = re.compile(rb"\r\nif-none-match: *\*", re.IGNORECASE)
IF_MATCH = re.compile(rb"\r\nif-match: *(\S+)", re.IGNORECASE)


class HungUp(Exception):
    """The connection ends, after what this holds."""


class FaultyStore(Store):
    """Its faults come by the number of the request, so that no two in a row go wrong."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count()
        self._one_at_a_time = threading.Lock()

    def answer(self, request: Request) -> bytes:
        number = next(self._numbers) % EVERY
        if number == 20:
            raise HungUp(b"")
        if number in (40, 60):
            return document(b"503 Service Unavailable", SLOW_DOWN)
        with self._one_at_a_time:
            answer = super().answer(request)
        if number == 80:
            raise HungUp(answer[: len(answer) // 2])
        return answer

    def put(self, request: Request) -> bytes:
        _, etag = self._objects.get(request.path, (b"", b""))
        wanted = IF_MATCH.search(request.head)
        if wanted and not etag:
            return document(b"404 Not Found", MISSING)
        if (wanted and wanted[1].strip(b'"') != etag.strip(b'"')) or (etag and IF_NONE_MATCH.search(request.head)):
            return document(b"412 Precondition Failed", FAILED)
        return super().put(request)


def attend(connection: socket.socket, store: Store) -> None:
    """Serve one client until either has enough."""
    with connection, suppress(OSError):
        try:
            serve(connection, store)
        except HungUp as last:
            connection.sendall(last.args[0])


@contextmanager
def running() -> Iterator[str]:
    """The URL of a server that runs as long as the block."""
    command = [sys.executable, "-P", "-c", START.format(module="leakserver")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def main() -> None:
    """Prints its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    store = FaultyStore()

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=attend, args=(connection, store), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()
