"""One run: starts the holders, kills and stops some, and brings together what is needed for the verdict."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

from integration.atomicity import journal
from integration.atomicity.places import Place
from integration.locks.checking import CheckingStore
from integration.locks.holders import SLOW, Plan, limits, work
from integration.locks.verdict import Verdict, judge

PRELOADED = ["integration.locks.holders", "boto3", "minio", "obstore", "django.core.files.locks"]
EVERY = (0.1, 0.6)
"""Seconds between two faults; drawn."""
STOPPED = (1.1, 2.0)
"""For how long a holder is stopped; in leases; drawn."""


@dataclass(frozen=True)
class Extent:
    """How much is done."""

    processes: int = 32
    locks: int = 8
    lease: float = 3.0
    seconds: float = 60.0
    faults: bool = True


@dataclass
class Faults:
    kills: int = 0
    stops: int = 0


def run(place: Place, extent: Extent, *, remote: bool) -> tuple[Verdict, Faults]:
    with tempfile.TemporaryDirectory(prefix="s3cache-locks") as folder:
        options = {**place.options, **limits(extent.lease, remote=remote)}
        names = tuple(f"lock-{number}" for number in range(extent.locks))
        plan = Plan(place.location, options, Path(folder), names, extent.lease, extent.seconds)
        plan.journals.mkdir()
        faults = Life(fork_server(), plan, extent).lived()
        calls = {path.name: [*journal.read(path.read_bytes())] for path in plan.journals.iterdir()}
        store = CheckingStore(plan.folder)
        verdict = judge(calls, {name: store.writes(name) for name in names})
        if verdict.lost and not extent.faults:
            verdict.problems.append(f"{verdict.lost} holders were overtaken, though nobody was stopped")
        return verdict, faults


def fork_server() -> ForkServerContext:
    """One that has begun: its imports take seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    first = context.Process(target=int)
    first.start()
    first.join()
    return context


class Life:
    """The processes, until the end of the plan."""

    def __init__(self, context: ForkServerContext, plan: Plan, extent: Extent) -> None:
        self._context = context
        self._plan = plan
        self._extent = extent
        self._lives = [0] * extent.processes
        self._store = CheckingStore(plan.folder)
        self._stopped: dict[int, float] = {}
        """Process -> when it goes on."""
        self._faults = Faults()

    def lived(self) -> Faults:
        ready = self._context.Barrier(self._extent.processes + 1)
        self._processes = [self._born(number, ready) for number in range(self._extent.processes)]
        try:
            ready.wait(SLOW)
            self._plan = self._plan.begun()
            if self._extent.faults:
                self._disturb()
            for process in self._processes:
                process.join()
                if process.exitcode != 0:
                    raise RuntimeError(f"A holder ended with {process.exitcode}; what it said is above.")
        finally:
            for process in self._processes:
                process.kill()
        return self._faults

    def _born(self, number: int, ready: Barrier | None = None) -> ForkServerProcess:
        process = self._context.Process(target=work, args=(self._plan, number, self._lives[number], ready), daemon=True)
        process.start()
        return process

    def _disturb(self) -> None:
        """Until shortly before the end, so that those who were stopped have time to find out."""
        due = 0.0
        while (now := time.monotonic()) < self._plan.end - self._plan.lease:
            self._continue(now)
            if now >= due:
                due = now + random.uniform(*EVERY)
                random.choice((self._kill, self._stop, self._stop))(self._victim())
            time.sleep(0.02)
        self._continue(float("inf"))

    def _victim(self) -> int:
        """Mostly somebody who holds a lock."""
        writer = self._store.last(random.choice(self._plan.locks))
        return writer[0] if writer and random.random() < 0.8 else random.randrange(self._extent.processes)

    def _kill(self, number: int) -> None:
        self._stopped.pop(number, None)
        process = self._processes[number]
        process.kill()
        process.join()
        self._faults.kills += 1
        self._lives[number] += 1
        self._processes[number] = self._born(number)

    def _stop(self, number: int) -> None:
        if number not in self._stopped:
            self._send(number, signal.SIGSTOP)
            self._faults.stops += 1
            self._stopped[number] = time.monotonic() + self._plan.lease * random.uniform(*STOPPED)

    def _continue(self, now: float) -> None:
        for number in [number for number, when in self._stopped.items() if when <= now]:
            del self._stopped[number]
            self._send(number, signal.SIGCONT)

    def _send(self, number: int, what: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._processes[number].pid or 0, what)
