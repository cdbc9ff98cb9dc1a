"""The contract of ``s3cache/serializers/base.py`` as tests: a sentence there is a test here. Ours pass it, and so do others'.

An author subclasses ``SerializerContract`` and gives it a fixture named ``serializer``. Which types a serializer carries is its own
affair: what it does not carry, it must refuse.
"""

from __future__ import annotations

import copy
import enum
import math
import re
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal
from fractions import Fraction
from pickle import PicklingError
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from s3cache.serializers.base import Serializer


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.IntEnum):
    RED = 1


class Markup(str):
    """Text of another type, as Django's SafeString is."""


PLAIN = {
    "None": None,
    "True": True,
    "integer": -(2**53) - 1,
    "float": 0.1,
    "minus zero": -0.0,
    "text": "naïve \x00 \U0001f600",
    "list": [1, [2, []], "three"],
    "dictionary": {"b": 1, "a": {"": [None, False, 1.0, 1]}},
}
ANY = {
    "bytes": b"\x00\xff",
    "bytearray": bytearray(b"ab"),
    "tuple": (1, (2, [3]), ()),
    "set": {1, 2},
    "frozenset": frozenset({1}),
    "big integer": 2**64,
    "small integer": -(2**63) - 1,
    "infinity": math.inf,
    "complex": 1j,
    "lone surrogates": "\ud83d\ude00 \udfff",
    "keys of all sorts": {1: "int", "1": "str", None: "None", 2.5: "float", (1, "a"): "tuple", b"1": "bytes"},
    "key True": {True: "True", 0: "int"},
    "datetime": datetime(2024, 2, 29, 23, 59, 59, 999999),
    "aware datetime": datetime(2024, 2, 29, tzinfo=UTC),
    "fixed offset": datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=-3, minutes=-30), "NST")),
    "fold": datetime(2024, 10, 27, 2, 30, fold=1),
    "date": date(1, 1, 1),
    "time": clock(12, 30, fold=1),
    "timedelta": timedelta.max,
    "Decimal": Decimal("-0.10"),
    "Fraction": Fraction(1, 3),
    "UUID": UUID(int=7),
    "namedtuple": Point(1, 2),
    "OrderedDict": OrderedDict(b=1, a=2),
    "IntEnum": Colour.RED,
    "subclass of str": Markup("<b>"),
    "subclass as a key": {Markup("<b>"): 1},
    "function": len,
    "class": object,
    "memoryview": memoryview(b"ab"),
}


class SerializerContract:
    """Subclass it, with a fixture named ``serializer``."""

    def test_the_name_is_at_most_8_ascii_letters_and_digits(self, serializer: Serializer) -> None:
        assert re.fullmatch("[A-Za-z0-9]{1,8}", serializer.name)

    def test_requires_names_modules(self, serializer: Serializer) -> None:
        assert type(serializer.requires) is tuple
        assert all(re.fullmatch(r"\w+(\.\w+)*", module) for module in serializer.requires)

    @pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
    def test_plain_values_come_back_equal_and_with_equal_types(self, serializer: Serializer, value: object) -> None:
        data = serializer.dumps(value)
        assert type(data) is bytes
        assert identical(serializer.loads(data), value)

    @pytest.mark.parametrize("value", ANY.values(), ids=ANY)
    def test_every_other_value_comes_back_so_too_or_is_refused(self, serializer: Serializer, value: object) -> None:
        try:
            data = serializer.dumps(value)
        except (TypeError, ValueError, PicklingError):
            return
        assert identical(serializer.loads(data), value)

    def test_a_memoryview_serves_as_well_as_bytes(self, serializer: Serializer) -> None:
        value = PLAIN["dictionary"]
        assert identical(serializer.loads(memoryview(serializer.dumps(value))), value)

    def test_dumps_leaves_the_value_as_it_was(self, serializer: Serializer) -> None:
        value = {"b": [1, {"a": 2.5}], "a": []}
        before = copy.deepcopy(value)
        serializer.dumps(value)
        assert identical(value, before)

    def test_two_loads_share_no_mutable_object(self, serializer: Serializer) -> None:
        data = serializer.dumps({"list": [1]})
        first: Any = serializer.loads(data)
        first["list"].append(2)
        assert serializer.loads(data) == {"list": [1]}


def identical(one: Any, other: Any) -> bool:
    """Whether the two are equal, of equal types, in every part; dictionaries in the same order, floats with the same sign."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return identical(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, float):
        return bool(one == other) and math.copysign(1, one) == math.copysign(1, other)
    if isinstance(one, datetime | clock):
        return bool(one == other) and _clock_parts(one) == _clock_parts(other)
    if isinstance(one, Decimal):
        return bool(one == other) and one.as_tuple() == other.as_tuple()
    return bool(one == other)


def _clock_parts(value: datetime | clock) -> tuple[object, ...]:
    return (value.replace(tzinfo=None), value.fold, type(value.tzinfo), value.tzinfo, value.tzname())
