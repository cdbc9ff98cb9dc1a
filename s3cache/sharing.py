"""What one process has once: engines, culling state, counts and the worker threads.

Django makes a backend object for each thread and each asyncio task, and building an SDK's client costs hundreds of
milliseconds. So a backend is light, and its parts are shared by all backends of the same configuration. Nothing here survives a
fork: connections, locks and threads of the parent are of no use to the child, which builds its own on first use (``current``
tells that it must).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

WORKERS = 32
"""How many operations of asynchronous callers run at once on one engine that blocks."""

Shared = TypeVar("Shared")


class Same:
    """Stands for one object that has no hash, and keeps it, so that no other can take its id."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


generation = 0
_process = os.getpid()
_shared: dict[Hashable, Any] = {}
_lock = threading.RLock()


def current() -> int:
    """Counts the forks behind this process. What was shared under another number belongs to a parent.

    The number of the process is looked at, too: uWSGI forks without telling Python.
    """
    if _process != os.getpid():
        _forget()
    return generation


def shared(key: Hashable, build: Callable[[], Shared]) -> Shared:
    """The one object for ``key``, built on first use."""
    current()
    with _lock:
        if key not in _shared:
            _shared[key] = build()
        return cast(Shared, _shared[key])


def executor_for(engine: object, what: str = "single") -> ThreadPoolExecutor:
    """The threads that run whole operations on this engine for asynchronous callers.

    One engine's outage thus leaves the others' callers alone, and those on one key, who have so much time and no more, do not wait
    for "bulk" ones, which take as long as they take. Never asyncio's own threads: those belong to the application.
    """
    return shared(("executor", what, Same(engine)), lambda: ThreadPoolExecutor(WORKERS, thread_name_prefix="s3cache"))


def threads_for(engine: object, count: int) -> ThreadPoolExecutor:
    """The threads that send the single requests of bulk methods to this engine, for blocking and asynchronous callers alike.

    Apart from ``executor_for``, because an operation on one of those threads waits for these.
    """
    return shared(("threads", Same(engine)), lambda: ThreadPoolExecutor(count, thread_name_prefix="s3cache-bulk"))


def hashable(value: object) -> Hashable:
    """A key for an option's value: equal values of equal types give equal keys, other objects are themselves.

    Raises RecursionError for a value that contains itself.
    """
    if isinstance(value, Mapping):
        return "mapping", frozenset((hashable(name), hashable(item)) for name, item in value.items())
    if isinstance(value, list | tuple):
        return (type(value), *map(hashable, value))
    try:
        hash(value)
    except TypeError:
        return Same(value)
    return type(value), value


def _forget() -> None:
    global generation, _process, _shared, _lock
    generation += 1
    _shared = {}
    _lock = threading.RLock()
    _process = os.getpid()  # last: until then, another thread looks for itself


os.register_at_fork(after_in_child=_forget)
