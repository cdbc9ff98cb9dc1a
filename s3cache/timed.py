"""How much time an operation on one entry has: ``of_one_entry`` gives TOTAL_TIMEOUT to all that it does."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from s3cache.deadlines import Limit


class Timed(Protocol):
    total_timeout: float
    """Seconds that one call may take; infinite where nothing limits it."""


P = ParamSpec("P")
Result = TypeVar("Result")
Operation = Callable[Concatenate[Any, P], Coroutine[Any, Any, Result]]


def of_one_entry(operation: Operation[P, Result]) -> Operation[P, Result]:
    """All that the operation does has TOTAL_TIMEOUT together, or what is left of the time of a call around it."""

    @wraps(operation)
    def limited(self: Timed, /, *args: P.args, **keywords: P.kwargs) -> Coroutine[Any, Any, Result]:
        work, seconds = operation(self, *args, **keywords), self.total_timeout
        return work if seconds == math.inf else within(seconds, work)

    ONE_ENTRY.add(operation.__name__)
    return limited


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    with Limit(seconds):
        return await work


ONE_ENTRY: set[str] = set()
"""Names of the operations on one entry."""
