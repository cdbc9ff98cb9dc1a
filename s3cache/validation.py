"""Checking options: a frozen dataclass states what is accepted, ``build`` fills it from a mapping or says what is wrong.

    @dataclass(frozen=True)
    class Options:
        read_timeout: float = option(3.0, seconds())
        secret_key: str | None = option(None, text().or_none(), secret=True)

A message says what was found, what is accepted and the nearest known name. The value of a secret never appears in one.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from s3cache.errors import OptionError

Model = TypeVar("Model")

MOST = 2**62
LONGEST_TIME = 10**9
"""Seconds; some thirty years."""
LONGEST_SHOWN = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """What an option accepts: in words, and as a test."""

    accepts: str
    test: Callable[[object], bool]

    def or_none(self) -> Rule:
        """The same rule, which also accepts None."""
        return Rule(f"{self.accepts}, or None", lambda value: value is None or self.test(value))


def flag() -> Rule:
    return Rule("True or False", lambda value: type(value) is bool)


def whole(minimum: int) -> Rule:
    """At most what a machine can count to, with room to add a little."""
    return Rule(f"a whole number, {minimum} or more", lambda value: type(value) is int and minimum <= value <= MOST)


def seconds() -> Rule:
    """Positive, and such as sockets and locks can count: a time-out of 0, infinity or NaN is refused."""
    return Rule("a number of seconds above 0", lambda value: type(value) in (int, float) and 0 < cast(float, value) <= LONGEST_TIME)


def duration() -> Rule:
    """As ``seconds``, or none at all; it can be counted in milliseconds."""
    return Rule("a number of seconds, 0 or more", lambda value: type(value) in (int, float) and 0 <= cast(float, value) <= MOST)


def factor() -> Rule:
    return Rule("a number, 0 or more", lambda value: type(value) in (int, float) and 0 <= cast(float, value) <= MOST)


def text() -> Rule:
    return Rule("a non-empty string", lambda value: isinstance(value, str) and value != "")


def one_of(*choices: str) -> Rule:
    return Rule("one of " + ", ".join(map(repr, choices)), lambda value: isinstance(value, str) and value in choices)


def mapping() -> Rule:
    """A dictionary with string keys."""
    return Rule("a dictionary", lambda value: isinstance(value, Mapping) and all(isinstance(key, str) for key in value))


def strings() -> Rule:
    return Rule(
        "a list or tuple of non-empty strings",
        lambda value: isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value),
    )


REQUIRED = dataclasses.MISSING
"""The default of an option that must be given."""


def option(default: object, rule: Rule, *, secret: bool = False) -> Any:
    """A dataclass field with its rule. Lists and dictionaries as defaults are the caller's to avoid."""
    return dataclasses.field(default=default, repr=not secret, metadata={"rule": rule, "secret": secret})


def build(
    model: type[Model],
    given: Mapping[str, object],
    *,
    spelled: Callable[[str], str] = str,
    hint: str = "",
    where: str = "OPTIONS",
) -> Model:
    """An instance of the dataclass ``model`` with ``given`` checked and the rest at its defaults.

    ``spelled`` turns a field's name into the option's (``str.upper`` for the cache's own); ``hint`` is for who gives an unknown
    one; ``where`` is the dictionary that they stand in. Raises OptionError for an unknown name, for one that is missing and for a
    value that its rule refuses. A list becomes a tuple, so that the instance can be hashed.
    """
    fields = {spelled(field.name): field for field in dataclasses.fields(cast(Any, model))}
    for name in given:
        if name not in fields:
            raise OptionError(f"{where}[{name!r}] is not an option. {known_names(name, fields)}{hint and ' ' + hint}")
    for name, value in given.items():
        rule: Rule = fields[name].metadata["rule"]
        if not rule.test(value):
            raise OptionError(f"{where}[{name!r}] is {shown(value, fields[name].metadata['secret'])}; accepted: {rule.accepts}.")
    for name, field in fields.items():
        if field.default is REQUIRED and name not in given:
            raise OptionError(f"{where} has no {name!r}; accepted: {field.metadata['rule'].accepts}.")
    return model(**{fields[name].name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def shown(value: object, secret: bool = False) -> str:
    """The value as a message may show it."""
    kind = type(value).__name__
    if secret:
        return f"a secret of type {kind}"
    if type(value) not in (str, bytes, int, float, bool, type(None)):
        return f"of type {kind}"  # who knows what it holds
    if type(value) is int and abs(value) > 10**LONGEST_SHOWN:
        return f"of type {kind}"  # Python writes no number of thousands of digits
    text = repr(value)
    return f"{text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + '…'} ({kind})"


def known_names(name: object, known: Iterable[str]) -> str:
    """The sentence that follows an unknown name: which are known, and the nearest."""
    names = sorted(known)
    nearest = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6) or [n for n in names if n.lower() == str(name).lower()]
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"Known: {', '.join(names) or 'none'}.{hint}"
