"""How json and msgpack write what they have no word for: the one scheme that both formats share.

A tag is a dictionary with a single key, ``!`` and the name of a kind: ``{"!date": "2024-02-29"}``. A dictionary whose keys are not
all text, or that could be taken for a tag, is written as pairs: ``{"!dict": [[1, "one"]]}``. So whatever is written has one
reading, with the types that it had, and what has none is refused. docs/reference/serializers.rst has the whole format.

Tags lie in the formats' own dictionaries, and not in msgpack's extension types: those nest by calls inside calls, and 200 of them
overflow the C stack.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable
from typing import Any

from s3cache.serializers.kinds import Kind, type_name

MARK = "!"
MAX_DEPTH = 100
"""How many lists, tuples and dictionaries may lie inside each other; every parser's own limit is higher."""

TEXT = frozenset({str})
LIST = frozenset({list})
Where = tuple[object, ...]
Pairs = list[tuple[Any, Any]]


class Tags:
    """The tags of one format: ``tag`` before it is written, ``untag`` while it is read."""

    def __init__(self, serializer: str, *, native: frozenset[type], number: Callable[[float], bool], kinds: Iterable[Kind]) -> None:
        """``native`` types need no tag, and neither do the floats of which ``number`` is true; other floats are refused."""
        self._serializer = serializer
        self._native = native
        self._number = number
        self._kinds = {kind.carries: kind for kind in kinds}
        self._readers = {kind.name: (kind.shape, kind.unpack) for kind in self._kinds.values()}
        self._readers |= {"dict": (list, _from_pairs), "tuple": (list, tuple)}

    def tag(self, value: Any, where: Where = ()) -> object:
        """The value with a tag wherever it needs one. ``where`` holds the keys and indexes that lead to it.

        Raises TypeError for a type that is not carried, subclasses of carried types included; ValueError for NaN, for an
        infinity that the format lacks, and for what is nested deeper than MAX_DEPTH.
        """
        form = type(value)
        if form in self._native:
            return value
        if form is float:
            return self._float(value, where)
        if form is dict:
            return self._dict(value, where)
        if form is list:
            return self._items(value, where)
        if form is tuple:
            return {MARK + "tuple": self._items(value, where)}
        return self.scalar(value, where)

    def scalar(self, value: Any, where: Where = ()) -> dict[str, object]:
        """The tag of a value of one of the kinds."""
        kind = self._kinds.get(type(value))
        if kind is None:
            raise TypeError(self._refusal(type_name(value), where, f"its type is not exactly one of {self._carried()}"))
        try:
            return {MARK + kind.name: kind.pack(value)}
        except (TypeError, ValueError) as error:
            raise type(error)(self._refusal(f"this {type_name(value)}", where, str(error))) from None

    def untag(self, pairs: Pairs) -> object:
        """What a dictionary that was read stands for: itself, or its tag's value. Meant as the parser's ``object_pairs_hook``.

        Raises ValueError for a key that appears twice, an unknown tag, and a tag whose payload cannot be read.
        """
        if len(pairs) == 1 and pairs[0][0].startswith(MARK):
            return self._value(*pairs[0])
        return _mapping(pairs)

    def _value(self, key: str, payload: object) -> object:
        shape, unpack = self._readers.get(key.removeprefix(MARK), (None, None))
        if unpack is None or type(payload) is not shape:
            raise ValueError(f"{self._serializer}: {reprlib.repr(key)} is no tag, or its payload has another shape.")
        try:
            return unpack(payload)
        except Exception as error:
            raise ValueError(f"{self._serializer}: the payload of the tag {key!r} cannot be read.") from error

    def _float(self, value: float, where: Where) -> float:
        if not self._number(value):
            raise ValueError(self._refusal(f"the float {value}", where, "it would not be read back equal to what it was"))
        return value

    def _items(self, value: list[Any] | tuple[Any, ...], where: Where) -> list[object]:
        self._check_depth(where)
        if self._native.issuperset(map(type, value)):  # ten times as fast, and lists of numbers or text can be long
            return list(value)
        return [self.tag(item, (*where, index)) for index, item in enumerate(value)]

    def _dict(self, value: dict[Any, Any], where: Where) -> dict[str, object]:
        self._check_depth(where)
        if TEXT.issuperset(map(type, value)) and not _resembles_tag(value):
            return {key: self.tag(item, (*where, key)) for key, item in value.items()}
        pairs = [[self.tag(key, (*where, key)), self.tag(item, (*where, key))] for key, item in value.items()]
        return {MARK + "dict": pairs}

    def _check_depth(self, where: Where) -> None:
        if len(where) >= MAX_DEPTH:
            raise ValueError(f"{self._serializer} cannot carry a value nested deeper than {MAX_DEPTH} levels, or one in itself.")

    def _refusal(self, what: str, where: Where, why: str) -> str:
        path = "".join(f"[{reprlib.repr(step)}]" for step in where)
        place = f" at {path}" if path else ""
        return f"{self._serializer} cannot carry {what}{place}: {why}. Convert it first, or use the serializer 'pickle'."

    def _carried(self) -> str:
        return ", ".join(sorted(form.__name__ for form in (*self._native, *self._kinds, dict, float, list, tuple)))


def _mapping(pairs: Pairs) -> dict[Any, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("A key appears twice.")
    return value


def _from_pairs(payload: list[Any]) -> dict[Any, Any]:
    if not LIST.issuperset(map(type, payload)):
        raise ValueError("A pair is a list.")
    return _mapping(payload)


def _resembles_tag(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(MARK)
