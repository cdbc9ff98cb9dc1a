"""Work that nobody can interrupt, and a caller who does not wait for its end: it runs on a thread of its own.

Python looks for the addresses of a host without any time-out, and an SDK's own connections know no deadline. At the call's
``Deadline`` the caller goes on, and the thread is left behind: what its work gave, or opened, is undone when it ends.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from s3cache import deadlines
from s3cache.deadlines import Deadline
from s3cache.errors import EngineUnavailable

Result = TypeVar("Result")

MOST = 64
"""Threads that may be left behind at a time, in this process."""


class Overdue(TimeoutError):
    """The call's time was over before the work was done."""

    def __init__(self) -> None:
        super().__init__("the time of the call, OPTIONS['TOTAL_TIMEOUT'], is over")


def in_time(work: Callable[[], Result], undo: Callable[[], object] = lambda: None) -> Result:
    """What the work returns or raises. It is done here and now where nothing limits the call.

    Raises Overdue at the deadline; the work goes on then, and ``undo`` follows it. Raises EngineUnavailable, before it begins,
    where too many threads were left behind already.
    """
    deadline = deadlines.current.get()
    if deadline is None or deadline.until == math.inf:
        return work()
    job = Job(work, undo)
    job.start()
    return job.result(deadline)


class Job(Generic[Result]):
    """Work on a thread of its own."""

    def __init__(self, work: Callable[[], Result], undo: Callable[[], object]) -> None:
        self._work = work
        self._undo = undo
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._awaited = True
        self._error: BaseException | None = None

    def start(self) -> None:
        if len(_left_behind) >= MOST:
            raise EngineUnavailable(f"{MOST} earlier requests hang, each on a thread of its own. None is begun until one ends.")
        try:
            threading.Thread(target=copy_context().run, args=[self._run], name="s3cache-request", daemon=True).start()
        except RuntimeError as error:  # the system has no more threads, or the interpreter ends
            raise EngineUnavailable(f"A thread could not be started: {error}.") from error

    def result(self, deadline: Deadline) -> Result:
        try:
            while not self._ended.is_set() and (left := deadline.left()):
                self._ended.wait(min(left, threading.TIMEOUT_MAX))
        except BaseException:  # a signal's
            if self._has_ended_before_it_was_left():
                self._undo()
            raise
        if not self._has_ended_before_it_was_left():
            raise Overdue
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
            return self._result
        finally:
            del error  # its traceback has this frame

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        with self._lock:
            self._ended.set()
        if not self._awaited:
            self._undo()
            _left_behind.discard(self)

    def _has_ended_before_it_was_left(self) -> bool:
        with self._lock:
            if self._ended.is_set():
                return True
            self._awaited = False
            _left_behind.add(self)
            return False


_left_behind: set[Job[Any]] = set()
os.register_at_fork(after_in_child=_left_behind.clear)
