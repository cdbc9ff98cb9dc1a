"""What stands in for the operations of a cache when what they need to begin with did not come.

A method of a group first reads the generation. If the store gives no answer to that, the method itself shall answer as it would
without a store: that is for ``policy`` to say, and takes no further request.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, cast

from s3cache.errors import EngineUnavailable
from s3cache.operations import Operations
from s3cache.policy import ANSWERS, EmptyCache, Forgiving, Substitute
from s3cache.timed import ONE_ENTRY

OF_KEYS = ("get_many", "delete_many")
"""They take an iterator, and the substitute a list."""


class Unanswered:
    """Each operation answers as its policy has it for this error; one without a policy raises it."""

    def __init__(self, operations: Operations, error: EngineUnavailable) -> None:
        self._operations = operations
        self._error = error
        self._substitute = substitute_of(operations)

    def __getattr__(self, name: str) -> Any:
        if name in ANSWERS:
            return partial(self._answer, name)
        attribute = getattr(self._operations, name)
        if name in ONE_ENTRY or inspect.iscoroutinefunction(attribute) or inspect.isasyncgenfunction(attribute):
            raise self._error
        return attribute

    async def _answer(self, operation: str, *args: Any) -> Any:
        if operation in OF_KEYS:
            args = ([*args[0]],)
        return await self._substitute.answer(operation, self._error, *args)


def unanswered(operations: Operations, error: EngineUnavailable) -> Operations:
    """The same operations, none of which makes a request."""
    return operations if isinstance(operations, Unanswered) else cast(Operations, Unanswered(operations, error))


def substitute_of(operations: Operations) -> Substitute:
    """Who answers for the store; without a policy nobody does, but set_many."""
    if isinstance(operations, Forgiving):
        return operations.substitute
    return EmptyCache(operations._observer, reads=False, writes=False)
