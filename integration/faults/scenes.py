"""The faults. Each has a scene, which is set before the load begins: how the load reaches the store, what the fault is, and by what
one sees that all is well again.

Some hurt Ceph itself, its processes or its space. For the others a proxy before it is enough, or the clock of the load.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from integration.faults.cluster import Cluster
from integration.servers import moto
from integration.servers.base import NotStarted, Programs, Server
from tests.metadata import Issuer
from tests.servers import Answer, Forward, Proxy, Request

FAKETIME = "usr/lib/*/faketime/libfaketime.so.1"
RENEWED = datetime.timedelta(minutes=10)
"""botocore renews credentials that have less to live."""
LIFE = 15.0
"""Seconds that credentials live indeed."""

LONG, SHORT = 8.0, 5.0
"""Seconds. The first is no multiple of what the circuit breaker waits, which would have it try just when all is well again."""

Deed = Callable[[Programs, str], None]


@dataclass(frozen=True)
class Scene:
    """``hurt`` begins the fault, and undoes it at its end."""

    server: Server
    hurt: Callable[[], AbstractContextManager[object]]
    is_well: Callable[[], bool] = lambda: True
    lasts: float = LONG
    """Seconds from the begin of the fault until it is undone."""
    reached: Mapping[str, str | None] = field(default_factory=dict)
    """Options by which the load reaches the server, in place of the server's own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the load's processes."""
    allowed: str = r"(?!)"
    """Exceptions that the policy has for this fault whatever ON_ERROR says, as a pattern."""

    @property
    def options(self) -> dict[str, Any]:
        return {name: value for name, value in {**self.server.options, **self.reached}.items() if value is not None}


@contextmanager
def between(begin: Callable[[], object], undo: Callable[[], object]) -> Iterator[None]:
    begin()
    yield
    undo()


def process(name: str, begin: Deed, undo: Deed, lasts: float = LONG) -> Callable[[Cluster], AbstractContextManager[Scene]]:
    """What is done to a process of Ceph's, and what undoes it."""

    def scene(cluster: Cluster) -> AbstractContextManager[Scene]:
        programs = cluster.programs
        hurt = partial(between, partial(begin, programs, name), partial(undo, programs, name))
        return nullcontext(Scene(cluster.server, hurt, cluster.is_well, lasts))

    return scene


def store_full(cluster: Cluster) -> AbstractContextManager[Scene]:
    """No space is left. Ceph then holds writes back, without an answer, until there is space again."""
    hurt = partial(between, cluster.fill, cluster.free)
    return nullcontext(Scene(cluster.server, hurt, lambda: cluster.is_well() and not cluster.is_full()))


@contextmanager
def slow_down(cluster: Cluster) -> Iterator[Scene]:
    """Nine requests in ten are answered with 503 SlowDown."""
    refusal = Answer.error(503, "SlowDown", "Please reduce your request rate.")
    with Door(cluster.server.url) as door:
        yield Scene(
            cluster.server,
            lambda: answering(door, lambda request, forward: forward(request) if random.random() < 0.1 else refusal),
            reached={"endpoint_url": door.url},
        )


@contextmanager
def connections_cut(cluster: Cluster) -> Iterator[Scene]:
    """After each answer the connection ends without a word, as it does where a server is restarted between two requests."""

    def last_words(request: Request, forward: Forward) -> Answer:
        answer = forward(request)
        return replace(answer, announced=len(answer.body))

    with Door(cluster.server.url) as door:
        yield Scene(cluster.server, lambda: answering(door, last_words), reached={"endpoint_url": door.url})


@contextmanager
def credentials_away(cluster: Cluster) -> Iterator[Scene]:
    """Session credentials are renewed every few seconds, and the service that hands them out is away for some.

    The store is moto, which takes any; a proxy before it refuses those that should have been renewed.
    """
    issuer = Issuer()
    with issuer, moto.running() as server, Door(server.url) as door:
        issuer.lifetime = RENEWED + datetime.timedelta(seconds=4)
        issued: dict[str, float] = {}
        hand_out = issuer.answer

        def handed_out(request: Request, forward: Forward) -> Answer | None:
            answer = hand_out(request, forward)
            if answer is not None:
                issued[json.loads(answer.body)["AccessKeyId"]] = time.monotonic()
            return answer

        def looked_at(request: Request, forward: Forward) -> Answer:
            key = re.search("Credential=([^/]+)/", request.headers["Authorization"])
            if key is None or time.monotonic() - issued[key[1]] > LIFE:
                return Answer.error(400, "ExpiredToken", "The provided token has expired.")
            return forward(request)

        issuer.answer, door.answer = handed_out, looked_at
        environment = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{issuer.url}/ecs",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        nobody_there = partial(answering, issuer, lambda request, forward: None)
        reached = {"endpoint_url": door.url, "access_key": None, "secret_key": None}
        yield Scene(server, nobody_there, reached=reached, environment=environment)


@contextmanager
def clock_wrong(cluster: Cluster) -> Iterator[Scene]:
    """The clock of the load's machine goes an hour fast, as it sees it; the store answers RequestTimeTooSkewed."""
    library = next(Path("/").glob(FAKETIME), None)
    if library is None:
        raise NotStarted("There is no libfaketime. Install it with: apt-get install libfaketime")
    with tempfile.TemporaryDirectory() as folder:
        clock = Path(folder, "clock")
        clock.write_text("+0")
        hurt = partial(between, partial(clock.write_text, "+1h"), partial(clock.write_text, "+0"))
        environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        yield Scene(cluster.server, hurt, environment=environment, allowed="EngineMisconfigured: .*RequestTimeTooSkewed")


class Door(Proxy):
    """A proxy that remembers no requests."""

    def forward(self, request: Request) -> Answer:
        self.forget()
        return super().forward(request)


def answering(proxy: Proxy, answer: Callable[[Request, Forward], Answer | None]) -> AbstractContextManager[None]:
    """The proxy decides so what a client is told."""
    return between(partial(setattr, proxy, "answer", answer), partial(setattr, proxy, "answer", proxy.answer))


SCENES: dict[str, Callable[[Cluster], AbstractContextManager[Scene]]] = {
    "osd-killed": process("osd.1", Programs.kill, Programs.restart),
    "gateway-killed": process("radosgw", Programs.kill, Programs.restart),
    "osd-paused": process("osd.1", Programs.pause, Programs.proceed, SHORT),
    "gateway-paused": process("radosgw", Programs.pause, Programs.proceed, SHORT),
    "mon-paused": process("mon", Programs.pause, Programs.proceed, SHORT),
    "store-full": store_full,
    "slow-down": slow_down,
    "connections-cut": connections_cut,
    "credentials-away": credentials_away,
    "clock-wrong": clock_wrong,
}
