"""Ceph with three storage daemons and two replicas: what a fault needs of it beside its processes.

There is no manager, which would gather the states of the placement groups. So the storage daemons are asked one by one, over
their admin sockets, as ``ceph daemon`` does.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from integration.servers import ceph
from integration.servers.base import NotStarted, Programs, Server, answers
from integration.servers.ceph import Ceph, tool

PATIENCE = 60
"""Seconds in which the store must be full, or well again."""
POOL = "filler"


class Cluster:
    """``programs`` are its processes: "mon", "radosgw", "osd.0", "osd.1" and "osd.2"."""

    def __init__(self, parts: Ceph) -> None:
        self.server: Server = parts.server
        self.programs: Programs = parts.programs
        self._parts = parts

    def is_well(self) -> bool:
        """Whether all storage daemons are there, all placement groups active, and the gateway answers."""
        return self.is_active() and answers(self.server.url)

    def is_active(self) -> bool:
        states: dict[str, set[str]] = {}
        try:
            for number in range(self._parts.storage.daemons):
                if self._asked(number, "status")["state"] != "active":
                    return False
                for group in self._asked(number, "dump_pgstate_history")["pgs"]:
                    states.setdefault(group["pg"], set()).add(group["currently"])
        except (OSError, ValueError):
            return False
        return all(any(state.startswith("Started/Primary/Active") for state in group) for group in states.values())

    def is_full(self) -> bool:
        """Whether the monitor has told the gateway to write no more."""
        pools = json.loads(self._ceph("osd", "dump", "--format", "json"))["pools"]
        return any("full" in pool["flags_names"].split(",") for pool in pools)

    def fill(self) -> None:
        """Until it is full."""
        self._ceph("osd", "pool", "create", POOL, "8")
        conf = self._parts.conf
        self.programs.start(POOL, tool("rados"), "-c", conf, "-p", POOL, "bench", "600", "write", "-t", "4", "--no-cleanup")
        wait_until(self.is_full, "full")

    def free(self) -> None:
        self.programs.kill(POOL)
        self._ceph("osd", "pool", "delete", POOL, POOL, "--yes-i-really-really-mean-it")

    def _ceph(self, *command: str) -> str:
        return subprocess.run([tool("ceph"), "-c", self._parts.conf, *command], capture_output=True, check=True, text=True).stdout

    def _asked(self, number: int, command: str) -> Any:
        """The answer of a storage daemon."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self._parts.programs.folder / "run" / f"osd.{number}.asok"))
            connection.sendall(json.dumps({"prefix": command}).encode() + b"\0")
            with connection.makefile("rb") as answer:
                return json.loads(answer.read(int.from_bytes(answer.read(4), "big")))


@contextmanager
def running() -> Iterator[Cluster]:
    with ceph.parts(ceph.REPLICATED) as parts:
        cluster = Cluster(parts)
        wait_until(cluster.is_well, "well")
        yield cluster


def wait_until(claim: Any, what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not claim():
        if time.monotonic() > until:
            raise NotStarted(f"Ceph is not {what} after {PATIENCE} s.")
        time.sleep(0.1)
