"""What each process does: eight threads, or so many, each with a cache of its own as Django makes them, call by call until the end.

Time is cut into rounds. In each, a quarter of the threads add the round's key, as soon as their last calls have returned; so they
race. In between a thread draws one of the other calls: increments of a few counters, a touch or a read of a page. Each page has one
thread that does nothing but replace it, for then its numbers tell old from new.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

from integration.atomicity.journal import Journal
from integration.atomicity.pages import number_of, page
from s3cache import ObjectStoreCache

ROUND = 0.25
"""Seconds."""
TURNS = 4
"""A thread takes part in one of so many rounds."""
COUNTERS = ("up-0", "up-1", "up-2", "down-0", "touched")
"""The last one is touched, too; the others keep the expiry that they begin with."""
PAGES = tuple(f"page-{number}" for number in range(4))
SLOW = 300.0
"""Seconds in which all processes have started."""
REST = 0.02
"""Seconds between two writes of a page. The others shall have something of the store, too."""
DAY = 86_400
CALM = {"MAX_ENTRIES": None, "TOTAL_TIMEOUT": 60, "BREAKER": {"FAILURES": 1000}}
"""OPTIONS for a machine that is asked for more than it can do: being slow is no fault here, and says nothing of atomicity."""
HOT = "hot"
"""The one counter of a run that has nothing else."""


class Plan(NamedTuple):
    """What a process is told."""

    location: str
    options: Mapping[str, Any]
    """OPTIONS in CACHES."""
    folder: Path
    """Of the journals."""
    threads: int
    seconds: float
    only_counter: bool = False
    start: float = 0.0
    """Of ``time.monotonic``."""

    @property
    def end(self) -> float:
        return self.start + self.seconds

    def begun(self) -> Plan:
        """The plan for those who begin now."""
        return self._replace(start=time.monotonic())


def opened(location: str, options: Mapping[str, Any]) -> ObjectStoreCache:
    if not settings.configured:
        settings.configure()
    given = {**CALM, "SIGNING_KEY": "the secret key of the writers", **options}
    return ObjectStoreCache(location, {"OPTIONS": given})


def seed(cache: ObjectStoreCache, seconds: float) -> None:
    """What is there before the writers begin: counters, pages, and something that has expired under every other round's key."""
    rounds = range(0, int(seconds / ROUND) + 1, 2)
    failed = cache.set_many({**dict.fromkeys((*COUNTERS, HOT), 0), **{key: page(key, 0) for key in PAGES}}, DAY)
    failed += cache.set_many({f"add-{number}": "expired" for number in rounds}, 0.001)
    if failed:
        raise RuntimeError(f"The store did not take {failed}.")


def journal_of(plan: Plan, process: int, life: int) -> Path:
    return plan.folder / f"{process}-{life}"


def work(plan: Plan, process: int, life: int, ready: Barrier | None = None) -> None:
    """The whole life of a process. Before a first one it makes its connections, and waits for the others."""
    if ready:
        opened(plan.location, plan.options).get("warm-up")
        ready.wait(SLOW)
        plan = plan.begun()
    with Journal(journal_of(plan, process, life)) as journal:
        writers = [Writer(plan, journal, process, thread, life) for thread in range(plan.threads)]
        threads = [threading.Thread(target=writer.run) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writers[0].cache.engine.close()


class Writer:
    """What one thread does."""

    def __init__(self, plan: Plan, journal: Journal, process: int, thread: int, life: int) -> None:
        self.cache = opened(plan.location, plan.options)
        self._plan = plan
        self._record = journal.record
        self._name = f"{process}-{thread}-{life}"
        self._random = random.Random(self._name)
        self._page = PAGES[process] if thread == 0 and process < len(PAGES) else None
        self._thread = thread
        self._round = -1

    def run(self) -> None:
        while (now := time.monotonic()) < self._plan.end:
            if self._plan.only_counter:
                self._count(HOT)
            elif self._page:
                self._replace(self._page)
            elif self._is_called(current := int((now - self._plan.start) / ROUND)):
                self._round = current
                self._add(current)
            else:
                self._anything()

    def _is_called(self, current: int) -> bool:
        return current != self._round and current % TURNS == self._thread % TURNS

    def _anything(self) -> None:
        draw = self._random.random()
        if draw < 0.5:
            self._read(self._random.choice(PAGES))
        elif draw < 0.85:
            self._count(self._random.choice(COUNTERS))
        else:
            self._touch(self._random.choice((*PAGES, "touched")))

    def _add(self, number: int) -> None:
        key = f"add-{number}"
        self._record("add", key, self._name, lambda: self.cache.add(key, self._name, DAY))

    def _count(self, key: str) -> None:
        if key.startswith("down"):
            self._record("decr", key, 1, lambda: self.cache.decr(key))
        else:
            self._record("incr", key, 1, lambda: self.cache.incr(key))

    def _touch(self, key: str) -> None:
        timeout = self._random.randrange(DAY, 2 * DAY)
        self._record("touch", key, timeout, lambda: self.cache.touch(key, timeout))

    def _replace(self, key: str) -> None:
        time.sleep(REST)
        number = time.monotonic_ns()  # above all of earlier lives
        value = page(key, number)
        self._record("set", key, number, lambda: self.cache.set(key, value, DAY))

    def _read(self, key: str) -> None:
        def number() -> int | None:
            value = self.cache.get(key)
            return None if value is None else number_of(key, value)

        self._record("get", key, None, number)
