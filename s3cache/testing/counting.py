"""Counting the requests that reach an engine, for tests that say what an operation costs."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from s3cache.engines.base import Engine
from s3cache.runtime import Runtime
from s3cache.testing.wrapping import Request, WrappedEngine


class CountingEngine(WrappedEngine):
    """Passes everything on to ``inner``; both shapes count in the same place.

    ``requests`` maps a verb, such as "get_object", to the number of its requests. A listing counts one per started thousand names,
    and one where there are none. ``requests.clear()`` starts again.
    """

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner, self._count)
        self.requests: Counter[str] = Counter()
        self._lock = threading.Lock()

    async def _count(self, verb: str, request: Request, runtime: Runtime) -> Any:
        with self._lock:
            self.requests[verb] += 1
        return await request()
