"""Servers that a benchmark starts for itself, on a free port of the loopback, and stops by their process id."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 10.0
"""Seconds until a server must answer."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def in_memory() -> str | None:
    """A directory that is not on a disk, where the system has one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextmanager
def serving(command: Sequence[str], port: int) -> Iterator[int]:
    """The process id of a server that runs in the foreground, as long as the block, and answers at that port."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_for(process, port)
            yield process.pid
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    if process.poll() is not None:
        assert process.stderr is not None
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {process.stderr.read().decode()}")
    raise RuntimeError(f"{process.args!r} does not answer at port {port}.")
