"""A key for a call of a function: equal arguments give equal keys, in every process and on every machine.

So an argument's text must say all of it and nothing else. That is known of the types below, and of no others: the repr of an
object may have its address in it, or leave out what makes it another one. Types count: 1, 1.0 and True are three arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

PLAIN: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((str, bytes, int, float, bool, type(None), timedelta, Decimal, UUID), repr),
    date: lambda value: str(value.isoformat()),
    # Two zones may have the same offset at one moment, and not at another.
    **dict.fromkeys((datetime, time), lambda value: f"{value.isoformat()} {value.tzinfo!r} {value.fold}"),
}
"""Types whose values are written so."""
DIGITS = 32


def call_key(function: str, arguments: dict[str, object]) -> str:
    """``function`` and 32 digits of a digest of the arguments, by their names. Raises TypeError for one that makes no key."""
    text = ",".join(f"{name}={canonical(value, name)}" for name, value in arguments.items())
    return f"{function}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:DIGITS]}"


def canonical(value: object, name: str) -> str:
    """The value of the argument of that name, or a part of it, as text that no other value has."""
    kind = type(value)
    if kind in PLAIN:
        return f"{kind.__name__}({PLAIN[kind](value)})"
    if isinstance(value, Enum):
        said = getattr(value, "name", None) or repr(value.value)  # flags that have no name together
        return f"{kind.__module__}.{kind.__qualname__}.{said}"
    if kind in (tuple, list):
        return f"{kind.__name__}({','.join(canonical(item, name) for item in value)})"  # type: ignore[attr-defined]
    if kind in (set, frozenset):
        return f"{kind.__name__}({','.join(sorted(canonical(item, name) for item in value))})"  # type: ignore[attr-defined]
    if kind is dict:
        items = sorted(f"{canonical(key, name)}:{canonical(item, name)}" for key, item in value.items())  # type: ignore[attr-defined]
        return f"dict({','.join(items)})"
    raise TypeError(
        f"The argument {name!r} is of type {kind.__qualname__}, or has something of it inside, and makes no key. Accepted: str, "
        "bytes, int, float, bool, None, date, datetime, time, timedelta, Decimal, UUID, Enum, and tuples, lists, sets and dicts of "
        f"them. Give cached a key of your own, such as key='report:{{{name}.pk}}' or a function of the arguments."
    )
