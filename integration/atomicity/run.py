"""One run: starts the writers, kills some, and brings together what is needed for the verdict.

The processes are forked by a server that has imported what they need, and used nothing of it. So a new life begins in milliseconds,
and no engine ever sees a fork after its first request.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

from integration.atomicity import journal
from integration.atomicity.places import Place
from integration.atomicity.verdict import Left, Verdict, judge
from integration.atomicity.writers import COUNTERS, HOT, PAGES, SLOW, Plan, journal_of, opened, seed, work
from s3cache import ObjectStoreCache
from s3cache.naming import object_name

PRELOADED = ["integration.atomicity.writers", "boto3", "minio", "obstore", "django.core.files.locks"]
EVERY = (0.05, 0.6)
"""Seconds between two kills; drawn."""
LIVED = 2_000
"""The length of a journal, in bytes, below which nobody is killed: some twenty calls."""
QUIET = 1.0
"""Seconds before the end without kills, so that the last lives have some calls, and nothing is on its way any more at the end."""
EXPIRES_AT = slice(8, 16)
"""Where ``docs/reference/stored-format.rst`` has it."""


@dataclass(frozen=True)
class Extent:
    """How much is done."""

    processes: int = 16
    threads: int = 8
    seconds: float = 30.0
    kills: bool = False
    only_counter: bool = False


def run(place: Place, extent: Extent) -> tuple[Verdict, int]:
    """The verdict, and how many processes were killed."""
    cache = opened(place.location, place.straight)
    with tempfile.TemporaryDirectory(prefix="s3cache-journals") as folder, closing(cache.engine):
        seed(cache, extent.seconds)
        before = expiries(cache)
        plan = Plan(place.location, place.options, Path(folder), extent.threads, extent.seconds, extent.only_counter)
        kills = let_live(fork_server(), plan, extent)
        calls = journal.calls(plan.folder)
        after = expiries(cache)
        left = Left(cache.get_many({call.key for call in calls} - set(PAGES)), {key: (before[key], after[key]) for key in before})
        return judge(calls, left, lost_overwrites=place.lost_overwrites), kills


def fork_server() -> ForkServerContext:
    """One that has begun: its imports take seconds, and are nobody's calls."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    first = context.Process(target=int)
    first.start()
    ended(first, 0)
    return context


def let_live(context: ForkServerContext, plan: Plan, extent: Extent) -> int:
    """Until the end of the plan. Returns how many processes were killed; raises RuntimeError where one ended otherwise."""

    def born(number: int, life: int, ready: Barrier | None = None) -> ForkServerProcess:
        process = context.Process(target=work, args=(plan, number, life, ready), daemon=True)
        process.start()
        return process

    lives = [0] * extent.processes
    ready = context.Barrier(extent.processes + 1)
    processes = [born(number, 0, ready) for number in range(extent.processes)]
    try:
        ready.wait(SLOW)
        plan = plan.begun()
        for _ in moments(plan.end - QUIET if extent.kills else 0.0):
            if grown := [number for number, life in enumerate(lives) if has_lived(plan, number, life)]:
                number = random.choice(grown)
                processes[number].kill()
                ended(processes[number], -signal.SIGKILL)
                lives[number] += 1
                processes[number] = born(number, lives[number])
        for process in processes:
            ended(process, 0)
    finally:
        for process in processes:
            process.kill()
    return sum(lives)


def moments(end: float) -> Iterator[None]:
    """When to kill: at random moments until the end."""
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, random.uniform(*EVERY)))
        yield


def has_lived(plan: Plan, number: int, life: int) -> bool:
    """Whether the process has made so many calls that it is worth killing."""
    path = journal_of(plan, number, life)
    return path.exists() and path.stat().st_size > LIVED


def ended(process: ForkServerProcess, code: int) -> None:
    process.join()
    if process.exitcode != code:
        raise RuntimeError(f"A writer ended with {process.exitcode}; what it said is above.")


def expiries(cache: ObjectStoreCache) -> dict[str, int]:
    """expires_at, in ms, of the counters that nobody touches."""
    names = {key: object_name(cache.engine.prefix, cache.make_key(key)) for key in (*COUNTERS[:-1], HOT)}
    return {key: int.from_bytes(bytes(cache.engine.get_object(name, first=16).body)[EXPIRES_AT]) for key, name in names.items()}
