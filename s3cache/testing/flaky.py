"""An engine that misbehaves on demand: it fails before a request is applied, or after; it is slow; it loses the end of a body.

    engine = FlakyEngine(MemoryEngine())
    engine.fail_next("put_object", PreconditionFailed("412"))
    engine.fail_next("get_object", EngineUnavailable("503 SlowDown"), times=2)
    engine.fail_next("put_object", EngineUnavailable("lost"), applied=True)
    engine.delay_next("get_object", 0.2)
    engine.truncate_next(100)

Each call dooms the next requests that no earlier call has doomed, so several queue up.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from s3cache.engines.base import Engine, StoredObject
from s3cache.runtime import Runtime
from s3cache.testing.wrapping import Request, WrappedEngine

VERBS = ("get_object", "put_object", "delete_objects", "list_objects")


@dataclass(frozen=True, slots=True)
class Mishap:
    """What happens to one request."""

    error: Exception | None = None
    applied: bool = False
    seconds: float = 0
    length: int | None = None


NONE = Mishap()


class FlakyEngine(WrappedEngine):
    """Passes everything on to ``inner``, but for the requests that were doomed, in either shape."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner, self._pass)
        self._mishaps: defaultdict[str, deque[Mishap]] = defaultdict(deque)
        self._lock = threading.Lock()

    def fail_next(self, verb: str, error: Exception, *, applied: bool = False, times: int = 1) -> None:
        """Let the next ``times`` requests of ``verb``, such as "put_object", raise ``error``.

        With ``applied`` the inner engine does its work first, and only the answer is lost.
        """
        self._doom(verb, Mishap(error, applied), times)

    def delay_next(self, verb: str, seconds: float, *, times: int = 1) -> None:
        """Let the next ``times`` requests of ``verb`` wait so long before they are made; in the async shape on its event loop."""
        self._doom(verb, Mishap(seconds=seconds), times)

    def truncate_next(self, length: int, *, times: int = 1) -> None:
        """Let the next ``times`` answers of get_object have no more than the first ``length`` bytes of the body."""
        self._doom("get_object", Mishap(length=length), times)

    def _doom(self, verb: str, mishap: Mishap, times: int) -> None:
        if verb not in VERBS:
            raise ValueError(f"{verb!r} is no verb of an engine. Known: {', '.join(VERBS)}.")
        with self._lock:
            self._mishaps[verb].extend([mishap] * times)

    async def _pass(self, verb: str, request: Request, runtime: Runtime) -> Any:
        with self._lock:
            doomed = self._mishaps[verb]
            mishap = doomed.popleft() if doomed else NONE
        if mishap.seconds:
            await runtime.sleep(mishap.seconds)
        if mishap.error is not None and not mishap.applied:
            raise mishap.error
        answer = await request()
        if mishap.error is not None:
            raise mishap.error
        return truncated(answer, mishap.length) if isinstance(answer, StoredObject) else answer


def truncated(stored: StoredObject, length: int | None) -> StoredObject:
    return stored if length is None else stored._replace(body=bytes(stored.body)[:length])
