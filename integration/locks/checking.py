"""What the locks protect: a store that refuses a write whose token is below one that it has seen, for each lock.

Two files for each lock: the greatest token with who wrote last, and a line for each write in the order in which they came. The
first is locked during a write, by the kernel, so a process that is killed meanwhile leaves no lock behind.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SEEN = struct.Struct(">QII")


class Write(NamedTuple):
    """One that was accepted."""

    token: int
    who: str


class CheckingStore:
    """In a folder. Each process opens it for itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, lock: str, token: int, process: int, life: int) -> bool:
        """Whether the write was accepted."""
        with opened(self._folder / f"{lock}.seen", os.O_RDWR) as seen:
            fcntl.flock(seen, fcntl.LOCK_EX)
            if token < greatest(seen):
                return False
            os.pwrite(seen, SEEN.pack(token, process, life), 0)  # whole or not at all, and before the write counts
            with opened(self._folder / f"{lock}.writes", os.O_WRONLY | os.O_APPEND) as writes:
                os.write(writes, json.dumps(Write(token, who(process, life))).encode() + b"\n")
            return True

    def last(self, lock: str) -> tuple[int, int] | None:
        """Process and life of who wrote last."""
        path = self._folder / f"{lock}.seen"
        seen = path.read_bytes() if path.exists() else b""
        return SEEN.unpack(seen)[1:] if len(seen) == SEEN.size else None

    def writes(self, lock: str) -> list[Write]:
        """All that were accepted, in order."""
        path = self._folder / f"{lock}.writes"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [Write(*json.loads(line)) for line in lines]


@contextmanager
def opened(path: Path, flags: int) -> Iterator[int]:
    file = os.open(path, flags | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def greatest(file: int) -> int:
    seen = os.pread(file, SEEN.size, 0)
    return int(SEEN.unpack(seen)[0]) if len(seen) == SEEN.size else 0


def who(process: int, life: int) -> str:
    return f"{process}-{life}"
