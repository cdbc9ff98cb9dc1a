"""One round: the load of all engines begins, the fault comes and is undone, the load goes on for a while; then the verdict."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from integration.faults import scenes, timeline
from integration.faults.checker import Verdict, judged
from integration.faults.cluster import Cluster
from integration.faults.history import Call, History
from integration.faults.load import Owned
from integration.faults.scenes import Scene
from integration.faults.worker import Task
from integration.faults.workers import working
from integration.servers.base import NotStarted
from integration.servers.s3 import make_bucket

NATIVE = "-async"
"""Ends the name of an engine that is used through its native async."""
ENGINES = ("boto3", "minio", "storages", "obstore", f"obstore{NATIVE}")
PROCESSES = 4
"""At least so many in all."""
OWNERS = 4
"""In a process."""
RATE = 5.0
"""Calls per second of an owner: less than it could make, so that throughput tells of the store and not of the machine."""
SETTLED = 2.0
"""Seconds from the begin of the load until it is measured."""
AFTERWARDS = 8.0
"""Seconds that the load goes on, at least, once all is well again."""
WELL = 120.0
"""Seconds in which all must be well again."""
ALLOWED = {"raise": "(EngineUnavailable|CircuitOpen): ", "miss": "(?!)"}
"""Exceptions that ON_ERROR allows, as a pattern."""
TIMES = {"connect_timeout": 1, "read_timeout": 3, "TOTAL_TIMEOUT": 10}
"""s3cache's own defaults; the tests of ``integration`` are more patient."""


@dataclass(frozen=True)
class Moments:
    """Of ``time.monotonic()``."""

    began: float
    hurt: float
    undone: float
    healed: float
    """The fault is undone, and the store says that all is well."""
    ended: float


@dataclass(frozen=True)
class Cell:
    """What came of one fault over one engine. Times are in seconds."""

    fault: str
    engine: str
    calls: int
    unanswered: int
    """Calls that the store did not answer, and the policy did."""
    outside: list[str]
    """Exceptions that the policy does not have."""
    verdict: Verdict
    """On what this engine read, whoever had written it."""
    longest: Call
    """Of those on one key, which TOTAL_TIMEOUT bounds."""
    longest_of_many: Call
    """Of those on several keys, whose single requests it bounds."""
    before: float
    """Calls that were answered in a second, before the fault."""
    healing: float
    """From undoing the fault until all was well."""
    recovered: float | None
    """From there until throughput was back; None if it was not."""
    by_second: list[int]
    """Calls that were answered, from the begin of the load on."""
    moments: Moments


def play(fault: str, cluster: Cluster, engines: Sequence[str], seconds: float, on_error: str) -> list[Cell]:
    """A round of so many seconds, or more where the store takes longer to be well again."""
    with scenes.SCENES[fault](cluster) as scene, tempfile.TemporaryDirectory(prefix="faults") as folder:
        processes = shared_out(engines)
        tasks = tasks_for(scene, processes, on_error)
        with working(tasks, Path(folder), scene.environment) as workers:
            moments = disturb(scene, seconds)
            for worker in workers.values():
                worker.stop()
            found = {name: worker.history() for name, worker in workers.items()}
    histories = {engine: sum((found[name] for name in names), History()) for engine, names in processes.items()}
    writes = [write for history in histories.values() for write in history.writes]
    return [cell(fault, engine, History(writes, own.reads, own.calls), moments) for engine, own in histories.items()]


def shared_out(engines: Sequence[str]) -> dict[str, list[str]]:
    """The processes of each engine."""
    each = -(-PROCESSES // len(engines))
    return {engine: [f"{engine}.{number}" for number in range(each)] for engine in engines}


def tasks_for(scene: Scene, processes: Mapping[str, Sequence[str]], on_error: str) -> dict[str, Task]:
    location = f"s3://{make_bucket(scene.server)}/faults"
    numbers = itertools.count()
    owned = {
        name: [Owned(f"{name}.{number}", next(numbers)) for number in range(OWNERS)]
        for names in processes.values()
        for name in names
    }
    everybody = [owner for owners in owned.values() for owner in owners]
    return {
        name: Task(
            location,
            {**scene.options, **TIMES, "ENGINE": engine.removesuffix(NATIVE), "ON_ERROR": on_error},
            native=engine.endswith(NATIVE),
            owned=owned[name],
            everybody=everybody,
            allowed=f"{ALLOWED[on_error]}|{scene.allowed}",
            rate=RATE,
        )
        for engine, names in processes.items()
        for name in names
    }


def disturb(scene: Scene, seconds: float) -> Moments:
    """The fault comes after a third of the time."""
    began = time.monotonic()
    time.sleep(SETTLED + max(SETTLED, seconds / 3 - SETTLED))
    hurt = time.monotonic()
    with scene.hurt():
        time.sleep(scene.lasts)
    undone = time.monotonic()
    while not scene.is_well():
        if time.monotonic() > undone + WELL:
            raise NotStarted(f"The store is not well {WELL:.0f} s after the fault was undone.")
        time.sleep(0.1)
    healed = time.monotonic()
    time.sleep(max(AFTERWARDS, began + seconds - healed))
    return Moments(began, hurt, undone, healed, time.monotonic())


def cell(fault: str, engine: str, history: History, moments: Moments) -> Cell:
    """``history`` has the writes of all engines, and the reads and calls of this one."""
    calls = history.calls
    ended = timeline.answered(calls)
    before = timeline.throughput(ended, moments.began + SETTLED, moments.hurt)
    return Cell(
        fault,
        engine,
        calls=len(calls),
        unanswered=sum(not call.answered for call in calls),
        outside=[call.outside for call in calls if call.outside],
        verdict=judged(history),
        longest=longest(call for call in calls if not call.method.endswith("_many")),
        longest_of_many=longest(call for call in calls if call.method.endswith("_many")),
        before=before,
        healing=moments.healed - moments.undone,
        recovered=timeline.seconds_to_recover(ended, before, moments.healed, moments.ended),
        by_second=timeline.by_second(ended, moments.began, moments.ended),
        moments=moments,
    )


def longest(calls: Iterable[Call]) -> Call:
    return max(calls, key=lambda call: call.ended - call.began)
