"""What each process does: one lock after the other is acquired, its token used for some writes, and released.

A write is made whether the lock is still held or not, for a holder who was stopped just before it would not know either.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

from integration.atomicity.journal import Journal, told
from integration.locks.checking import CheckingStore, who
from s3cache import ObjectStoreCache
from s3cache.locks import Lock

SLOW = 300.0
"""Seconds in which all processes have started."""
PATIENT = {"MAX_ENTRIES": None, "BREAKER": {"FAILURES": 1000, "WAIT": 0.1}}
"""A call that was stopped with its process has spent all its time, and opens the circuit: not for long."""
REST = 0.1
"""Seconds after a call that got no answer."""
WORK = (0.0, 0.3)
"""Seconds between two writes of a holder; drawn."""
HOURS = 3600 * 12


class Plan(NamedTuple):
    """What a process is told."""

    location: str
    options: Mapping[str, Any]
    """OPTIONS in CACHES."""
    folder: Path
    """Of the journals, and of the checking store."""
    locks: tuple[str, ...]
    lease: float
    seconds: float
    start: float = 0.0
    """Of ``time.monotonic``."""

    @property
    def end(self) -> float:
        return self.start + self.seconds

    @property
    def journals(self) -> Path:
        return self.folder / "journals"

    def begun(self) -> Plan:
        """The plan for those who begin now."""
        return self._replace(start=time.monotonic())


def limits(lease: float, *, remote: bool) -> dict[str, Any]:
    """OPTIONS by which a call is over before a lease is."""
    if not remote:
        return PATIENT
    return {**PATIENT, "TOTAL_TIMEOUT": lease, "connect_timeout": lease / 4, "read_timeout": lease / 2}


def opened(plan: Plan) -> ObjectStoreCache:
    if not settings.configured:
        settings.configure()
    return ObjectStoreCache(plan.location, {"OPTIONS": {"SIGNING_KEY": "the secret key of the holders", **plan.options}})


def work(plan: Plan, process: int, life: int, ready: Barrier | None = None) -> None:
    """The whole life of a process."""
    if process % 2:
        skew(random.choice((-1, 1)) * random.uniform(1, HOURS))
    cache = opened(plan)
    if ready:
        told(lambda: cache.get("warm-up"))
        ready.wait(SLOW)
        plan = plan.begun()
    with Journal(plan.journals / who(process, life)) as journal:
        holder = Holder(plan, cache, journal, process, life)
        while time.monotonic() < plan.end:
            holder.contend(random.choice(plan.locks))
    cache.engine.close()


def skew(seconds: float) -> None:
    """The wall clock of this process is wrong from now on, for all of Python. Requests are signed by another one."""
    true, true_ns = time.time, time.time_ns
    time.time = lambda: true() + seconds
    time.time_ns = lambda: true_ns() + int(seconds * 10**9)


class Holder:
    """One process."""

    def __init__(self, plan: Plan, cache: ObjectStoreCache, journal: Journal, process: int, life: int) -> None:
        self._plan = plan
        self._cache = cache
        self._record = journal.record
        self._store = CheckingStore(plan.folder)
        self._me = process, life

    def contend(self, name: str) -> None:
        left = max(0.0, self._plan.end - time.monotonic())
        lock = self._cache.lock(name, self._plan.lease, min(left, 2 * self._plan.lease), auto_renew=random.random() < 0.5)
        token: int | None = None

        def acquired() -> int | None:
            nonlocal token
            token = lock.token if lock.acquire() else None
            return token

        self._record("acquire", name, None, acquired)
        if token is None:
            time.sleep(REST)
        else:
            self._use(name, lock, token)

    def _use(self, name: str, lock: Lock, token: int) -> None:
        for _ in range(random.randint(1, 5)):
            self._record("write", name, token, lambda: self._store.write(name, token, *self._me))
            time.sleep(random.uniform(*WORK))
        self._record("release", name, token, lambda: lock.release())
        if lock.held:  # the store did not answer: once more, and then its time will end it
            told(lock.release)
