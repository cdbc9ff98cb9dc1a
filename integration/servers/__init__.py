"""The servers by name: each module has ``running()``, a context manager that gives a Server which answers, and ends it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from integration.servers.base import Server

NAMES = ("ceph", "swift", "rclone", "azurite", "moto")


@contextmanager
def running(names: Iterable[str]) -> Iterator[list[Server]]:
    """Starts them one after another, and stops them at the end, however that comes."""
    with ExitStack() as stack:
        yield [stack.enter_context(importlib.import_module(f"{__name__}.{name}").running()) for name in names]


def to_text(servers: Iterable[Server]) -> str:
    """How one process tells another of them."""
    return json.dumps([vars(server) for server in servers])


def from_text(text: str) -> dict[str, Server]:
    return {given["name"]: Server(**given) for given in json.loads(text)}
