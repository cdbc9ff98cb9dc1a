"""Where the writers meet: a new directory, or a new bucket on a server that is started for it; and a proxy that loses answers."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

from integration import servers
from integration.servers.base import Server
from integration.servers.s3 import make_bucket
from s3cache.engines import S3_ENGINES
from tests.servers import Answer, Forward, Proxy, Request

ENGINES: Mapping[str, tuple[str, ...]] = {"local": ("local",), "moto": tuple(S3_ENGINES), "ceph": tuple(S3_ENGINES)}
"""By place."""
LOSES_OVERWRITES = frozenset({"ceph"})
"""Where a plain PUT that meets one with If-Match may be answered with 200 and yet be lost, as if it had come before it.

Ceph's gateway finds on writing that another writer was faster. It then tells a plain PUT that all is well, for that one would have
been overwritten: true if the other was a plain one, too. It can be seen with boto3 alone, and no answer's header shows it.
"""
LOST = 0.1
"""How many of the answers to writes are lost."""


class Place(NamedTuple):
    """LOCATION, and of OPTIONS what leads there: past a proxy, or through it."""

    location: str
    straight: Mapping[str, Any]
    options: Mapping[str, Any]
    lost_overwrites: bool = False
    """Whether it is among ``LOSES_OVERWRITES``."""


@contextmanager
def server_of(name: str) -> Iterator[Server | None]:
    """The server of a place; None where a directory will do."""
    if name == "local":
        yield None
    else:
        with servers.running([name]) as [server]:
            yield server


@contextmanager
def place_on(server: Server | None, engine: str, *, drops: bool = False) -> Iterator[Place]:
    """An empty one."""
    if server is None:
        with tempfile.TemporaryDirectory(prefix="s3cache-atomicity") as folder:
            yield Place(folder, {"ENGINE": engine}, {"ENGINE": engine})
    else:
        with losing_answers(server.url) if drops else nullcontext(server.url) as url:
            straight = {"ENGINE": engine, **server.options}
            options = {**straight, "endpoint_url": url}
            yield Place(f"s3://{make_bucket(server)}/writers", straight, options, server.name in LOSES_OVERWRITES)


@contextmanager
def losing_answers(upstream: str) -> Iterator[str]:
    """The URL of a proxy that now and then hangs up on the writer after the server has answered."""
    with Proxy(upstream) as proxy:

        def answer(request: Request, forward: Forward) -> Answer | None:
            proxy.forget()
            answered = forward(request)
            return None if request.method == "PUT" and random.random() < LOST else answered

        proxy.answer = answer
        yield proxy.url
