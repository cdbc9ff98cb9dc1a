"""One run: starts the processes, has them ask at once, kills who computes where that is wanted, and brings together what came."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier, Semaphore
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

from integration.atomicity.places import Place
from integration.atomicity.run import fork_server
from s3cache import ObjectStoreCache
from s3cache.errors import EngineUnavailable

STALE, ABSENT, KILLED = "stale", "absent", "killed"
SITUATIONS = (STALE, ABSENT, KILLED)
KEY = "report"
OLD = "old"
LEASE = 30.0
DAY = 86_400
SLOW = 300.0
"""Seconds in which all processes have started."""
CONNECTING = 2
CALM = {"MAX_ENTRIES": None, "BREAKER": {"FAILURES": 1000}, "STAMPEDE": {"LEASE": LEASE, "STALE": DAY}}
"""OPTIONS; for a machine that is asked for more than it can do, as a busy one is that so many processes begin on."""
REMOTE = {"TOTAL_TIMEOUT": 30, "connect_timeout": 5, "read_timeout": 25}
"""In place of the servers' own, which have more patience than LEASE allows."""


class Plan(NamedTuple):
    """What a process is told."""

    location: str
    options: Mapping[str, Any]
    """OPTIONS in CACHES."""
    folder: Path
    """For what the processes note."""
    takes: float
    """Seconds that the computation takes."""


class Asked(NamedTuple):
    """What a process was told."""

    number: int
    waited: float
    """Seconds."""
    value: object
    looks: int
    """How often it looked for the value. Who waits for another looks again when that one has ended."""
    had_turn: bool


class Outcome(NamedTuple):
    """What came of a run."""

    situation: str
    takes: float
    computed: list[int]
    """The numbers of those who computed, in their order."""
    asked: list[Asked]

    @property
    def waits(self) -> list[float]:
        """How long those waited who did not compute."""
        return [one.waited for one in self.asked if one.number not in self.computed]

    @property
    def beyond(self) -> float:
        """Seconds that the longest of these waits is above what there was to wait for."""
        promised = {STALE: 0.0, ABSENT: self.takes, KILLED: LEASE + self.takes}
        return max(self.waits) - promised[self.situation]

    @property
    def problems(self) -> list[str]:
        return [*self._wrong()]

    def _wrong(self) -> Iterator[str]:
        times = 2 if self.situation == KILLED else 1
        if len(self.computed) != times:
            yield f"It was computed by {self.computed}, and should have been {times} times."
        for one in self.asked:
            others = self.situation == STALE and one.number not in self.computed
            accepted = [self.computed[-1], *([OLD] if others else [])]  # who came late found the fresh one
            if one.value not in accepted:
                yield f"Process {one.number} got {one.value!r}; right would have been one of {accepted}."
            if others and one.looks > 1 and not one.had_turn:
                yield f"Process {one.number} waited: it looked {one.looks} times."


def run(place: Place, situation: str, processes: int, takes: float) -> Outcome:
    cache = opened(place.location, place.straight)
    with tempfile.TemporaryDirectory(prefix="s3cache-stampede") as folder, closing(cache.engine):
        cache.clear()
        if situation == STALE:
            cache.refresh(KEY, lambda: OLD, 0.001)
            time.sleep(0.01)  # until it has expired
        plan = Plan(place.location, place.options, Path(folder), takes)
        told = let_ask(plan, processes, kill=situation == KILLED)
        return Outcome(situation, takes, computed(plan), told)


def let_ask(plan: Plan, count: int, *, kill: bool) -> list[Asked]:
    context = fork_server()
    few, ready = context.Semaphore(CONNECTING), context.Barrier(count + 1)
    processes = [context.Process(target=ask, args=(plan, number, few, ready), daemon=True) for number in range(count)]
    try:
        for process in processes:
            process.start()
        ready.wait(SLOW)
        killed = kill_the_first(plan, processes) if kill else None
        for process in processes:
            process.join()
        ends = {process.exitcode for process in processes if process is not killed}
        if ends != {0}:
            raise RuntimeError(f"Processes ended with {ends}; what they said is above.")
        return [Asked(*json.loads(path.read_text())) for path in plan.folder.glob("asked-*")]
    finally:
        for process in processes:
            process.kill()


def kill_the_first(plan: Plan, processes: list[ForkServerProcess]) -> ForkServerProcess:
    """Who computes, once he has begun."""
    while not (begun := computed(plan)):
        time.sleep(0.01)
    first = processes[begun[0]]
    first.kill()
    return first


def ask(plan: Plan, number: int, few: Semaphore, ready: Barrier) -> None:
    """What each process does. ``few`` connect at once: that takes an SDK a good part of a second of the machine's time."""
    cache = opened(plan.location, plan.options)
    with few:
        connect(cache)
    ready.wait(SLOW)
    began, before = time.monotonic(), cache.stats()
    value = cache.get_or_set(KEY, partial(compute, plan, number), DAY)
    waited = time.monotonic() - began
    counted = {name: count - before[name] for name, count in cache.stats().items()}
    told = Asked(number, waited, value, counted["hits"] + counted["misses"], counted["requests_delete"] > 0)
    (plan.folder / f"asked-{number}").write_text(json.dumps(told))


def connect(cache: ObjectStoreCache) -> None:
    """Until a write is answered: nobody's visitor waits for the first connection of a process, and the proof of its store."""
    while True:
        with suppress(EngineUnavailable):
            cache.add("first", 1)
            return


def compute(plan: Plan, number: int) -> int:
    """Leaves a line, in one write, so that no kill cuts it."""
    file = os.open(plan.folder / "computed", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, b"%d\n" % number)
    os.close(file)
    time.sleep(plan.takes)
    return number


def computed(plan: Plan) -> list[int]:
    """Who has begun to compute."""
    path = plan.folder / "computed"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def opened(location: str, options: Mapping[str, Any]) -> ObjectStoreCache:
    if not settings.configured:
        settings.configure()
    times = REMOTE if "TOTAL_TIMEOUT" in options else {}
    return ObjectStoreCache(location, {"OPTIONS": {**CALM, "SIGNING_KEY": "the secret key of those who ask", **options, **times}})
