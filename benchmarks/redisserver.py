"""A Redis of a benchmark's own, that keeps nothing on a disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.conditions import where
from benchmarks.processes import free_port, serving


def installed() -> bool:
    return where("redis-server") is not None


@contextmanager
def running(directory: str) -> Iterator[str]:
    """The URL of one that runs as long as the block."""
    port, program = free_port(), where("redis-server")
    assert program is not None
    settings = {"port": str(port), "bind": "127.0.0.1", "dir": directory, "save": "", "appendonly": "no", "daemonize": "no"}
    command = [program, *(word for name, value in settings.items() for word in (f"--{name}", value))]
    with serving(command, port):
        yield f"redis://127.0.0.1:{port}/0"
