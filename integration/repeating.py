"""An engine that repeats a write as a cache's guard does, for a server whose answer to one is 500 now and then."""

from __future__ import annotations

from typing import Any

from s3cache.engines.base import Engine
from s3cache.errors import EngineUnavailable
from s3cache.runtime import Runtime
from s3cache.testing.wrapping import Request, WrappedEngine

ATTEMPTS = 3


class RepeatingEngine(WrappedEngine):
    """Makes each unanswered put_object up to three times, in either shape."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner, self._repeated)

    async def _repeated(self, verb: str, request: Request, runtime: Runtime) -> Any:
        for _ in range(ATTEMPTS - 1 if verb == "put_object" else 0):
            try:
                return await request()
            except EngineUnavailable:
                pass
        return await request()
