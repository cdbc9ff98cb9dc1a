"""An engine that fails on demand: before a request was applied, or after, when only its answer is lost."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from s3cache.engines.base import Engine
from s3cache.testing.wrapping import WrappedEngine

VERBS = ("get_object", "put_object", "delete_objects", "list_objects")


@dataclass(frozen=True, slots=True)
class Failure:
    error: Exception
    applied: bool


class FlakyEngine(WrappedEngine):
    """Passes everything on to ``inner``, but for the requests that ``fail_next`` has doomed, in either shape."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner, self._fail)
        self._failures: defaultdict[str, deque[Failure]] = defaultdict(deque)
        self._lock = threading.Lock()

    def fail_next(self, verb: str, error: Exception, *, applied: bool = False, times: int = 1) -> None:
        """Let the next ``times`` requests of ``verb``, such as "put_object", raise ``error``.

        With ``applied`` the inner engine does its work first, and only the answer is lost. Several calls queue up.
        """
        if verb not in VERBS:
            raise ValueError(f"{verb!r} is no verb of an engine. Known: {', '.join(VERBS)}.")
        with self._lock:
            self._failures[verb].extend([Failure(error, applied)] * times)

    @contextmanager
    def _fail(self, verb: str) -> Iterator[None]:
        with self._lock:
            failures = self._failures[verb]
            failure = failures.popleft() if failures else None
        if failure is not None and not failure.applied:
            raise failure.error
        yield
        if failure is not None:
            raise failure.error
