"""ON_ERROR: what a call answers when the store does not.

``ANSWERS`` has for each operation the answer of an empty cache that nothing can be written to: nobody believes to hold a lock, and
set_many says of every key that it was not stored, always. Where ON_ERROR is "raise", the error of the engine is the answer.

``Forgiving`` are the operations with that; ``fallback`` has another cache answer instead, and this only when that fails, too. A
store that is misconfigured is never covered up.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from s3cache.bulk import Named
from s3cache.computing import ALONE, Found, State
from s3cache.entries import MISSING
from s3cache.errors import EngineUnavailable
from s3cache.operations import Operations
from s3cache.statistics import Observer

P = ParamSpec("P")
Result = TypeVar("Result")
Operation = Callable[Concatenate[Any, P], Coroutine[Any, Any, Result]]

ANSWERS: dict[str, tuple[Literal["read", "write", "never"], Callable[..., object]]] = {
    "get": ("read", lambda key, default=None: default),
    "has_key": ("read", lambda key: False),
    "describe": ("read", lambda key: None),
    "get_many": ("read", lambda keys: {}),
    "list_matching": ("read", lambda wanted: []),
    "count_matching": ("read", lambda wanted: 0),
    "mend": ("read", lambda key, value, timeout: value),
    "look_up": ("read", lambda key, early: Found(State.UNKNOWN)),
    "begin_computing": ("read", lambda key, seconds: ALONE),
    "turn_over": ("read", lambda key: 0),
    "look_again": ("read", lambda key, found, early: found),
    "store_computed": ("write", lambda key, computed, timeout, seen: MISSING),
    "set": ("write", lambda key, value, timeout: None),
    "add": ("write", lambda key, value, timeout: False),
    "touch": ("write", lambda key, timeout: False),
    "expire_at": ("write", lambda key, moment: False),
    "persist": ("write", lambda key: False),
    "incr": ("write", lambda key, delta: None),
    "move": ("write", lambda key, new_key: False),
    "delete": ("write", lambda key: False),
    "set_many": ("write", lambda values, timeout: [*values]),
    "delete_many": ("write", lambda keys: None),
    "delete_matching": ("write", lambda wanted, tell: 0),
    "clear": ("write", lambda: None),
    "generation": ("never", lambda key: ""),
    "new_generation": ("write", lambda key: None),
    "cull": ("write", lambda max_entries, max_bytes, tell: 0),
}
"""By operation: which part of ON_ERROR decides, and the answer, made of the arguments. "never" is what others begin with: they
answer (``unanswered``).
"""


class Substitute(Protocol):
    """Who answers for the store."""

    async def answer(self, operation: str, error: EngineUnavailable, *args: Any) -> Any:
        """For an operation of that name with these arguments, which ended so. Raises the error where there is no answer."""
        ...


class EmptyCache:
    """Answers as ``ANSWERS`` has it, for reads, for writes, or for both."""

    def __init__(self, observer: Observer, *, reads: bool, writes: bool) -> None:
        self._observer = observer
        self._answered = {"read": reads, "write": writes, "never": False}

    async def answer(self, operation: str, error: EngineUnavailable, *args: Any) -> Any:
        kind, answer = ANSWERS[operation]
        if not self._answered[kind] and operation != "set_many":
            raise error
        self._observer.unanswered(operation, keys_of(operation, args), error)
        return answer(*args)


def keys_of(operation: str, args: Sequence[Any]) -> list[str]:
    """Django's full keys among the arguments."""
    if operation in ("clear", "cull", "list_matching", "count_matching", "delete_matching"):
        return []
    if operation == "set_many":
        return [full for full, _ in args[0].values()]
    if operation in ("get_many", "delete_many"):
        return [full for _, full in args[0]]
    return [*args[:2]] if operation == "move" else [args[0]]


def forgiven(operation: Operation[P, Result]) -> Operation[P, Result]:
    """The operation, with the substitute's answer where the store gives none."""
    name = operation.__name__

    @functools.wraps(operation)
    async def attempted(self: Forgiving, /, *args: P.args, **keywords: P.kwargs) -> Result:
        try:
            return await operation(self, *args, **keywords)
        except EngineUnavailable as error:
            answer: Result = await self.substitute.answer(name, error, *args, **keywords)
            return answer

    return attempted


class Forgiving(Operations):
    """The operations of a cache that shall not fail with its store. Those on many keys hold all of these in memory."""

    substitute: Substitute

    get = forgiven(Operations.get)
    has_key = forgiven(Operations.has_key)
    describe = forgiven(Operations.describe)
    mend = forgiven(Operations.mend)
    look_up = forgiven(Operations.look_up)
    begin_computing = forgiven(Operations.begin_computing)
    turn_over = forgiven(Operations.turn_over)
    look_again = forgiven(Operations.look_again)
    store_computed = forgiven(Operations.store_computed)
    set = forgiven(Operations.set)
    add = forgiven(Operations.add)
    touch = forgiven(Operations.touch)
    expire_at = forgiven(Operations.expire_at)
    persist = forgiven(Operations.persist)
    incr = forgiven(Operations.incr)
    move = forgiven(Operations.move)
    delete = forgiven(Operations.delete)
    list_matching = forgiven(Operations.list_matching)
    count_matching = forgiven(Operations.count_matching)
    delete_matching = forgiven(Operations.delete_matching)
    clear = forgiven(Operations.clear)
    generation = forgiven(Operations.generation)
    new_generation = forgiven(Operations.new_generation)
    cull = forgiven(Operations.cull)

    async def set_many(self, values: Mapping[object, tuple[str, object]], timeout: float | None) -> list[object]:
        failed, error = await self._store_many(values, timeout)
        if error is None:
            return failed
        answer: list[object] = await self.substitute.answer("set_many", error, {key: values[key] for key in failed}, timeout)
        return answer

    _get_listed = forgiven(Operations.get_many)
    _delete_listed = forgiven(Operations.delete_many)

    async def get_many(self, keys: Iterable[Named]) -> dict[object, object]:
        return await self._get_listed([*keys])

    async def delete_many(self, keys: Iterable[Named]) -> None:
        await self._delete_listed([*keys])
