"""The methods of a group: each finds how the group is now, and has the cache's own method do its work on that."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from s3cache.deadlines import Limit

if TYPE_CHECKING:
    from s3cache.groups import Group


def has_total_timeout(method: Callable[..., Any]) -> bool:
    """Whether all that it does has TOTAL_TIMEOUT together: it is about one key, and computes nothing."""
    parameters = inspect.signature(method).parameters
    return "key" in parameters and ("default" not in parameters or parameters["default"].default is None)


def delegating(original: Callable[..., Any]) -> Callable[..., Any]:
    """The cache's method, done on the cache as the group has it now."""
    name, limited = original.__name__, has_total_timeout(original)

    def limit(group: Group) -> Limit:
        return Limit(group._operations.total_timeout if limited else math.inf)

    @functools.wraps(original)
    def called(self: Group, *args: Any, **keywords: Any) -> Any:
        with limit(self):
            return getattr(self.pinned(), name)(*args, **keywords)

    @functools.wraps(original)
    async def awaited(self: Group, *args: Any, **keywords: Any) -> Any:
        with limit(self):
            return await getattr(await self.apinned(), name)(*args, **keywords)

    @functools.wraps(original)
    async def each_awaited(self: Group, *args: Any, **keywords: Any) -> AsyncGenerator[Any, None]:
        async with aclosing(getattr(await self.apinned(), name)(*args, **keywords)) as items:
            async for item in items:
                yield item

    if inspect.isasyncgenfunction(original):
        return each_awaited
    return awaited if inspect.iscoroutinefunction(original) else called
