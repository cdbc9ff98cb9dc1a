"""The scalar types that neither JSON nor MessagePack has, each with its tag's name and payload: ``KINDS`` is the table.

Stored values live long: a kind may be added, but never changed.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

MICROSECOND = timedelta(microseconds=1)
Clock = TypeVar("Clock", datetime, time)


@dataclass(frozen=True, slots=True)
class Kind:
    """One type, and how a tag carries it."""

    name: str
    carries: type
    shape: type
    """The payload's type: str or list."""
    pack: Callable[[Any], object]
    """The payload of a value. Raises TypeError or ValueError where this very value cannot be carried."""
    unpack: Callable[[Any], object]
    """The value of a payload. May raise any Exception."""


def type_name(value: object) -> str:
    """The qualified name of the value's type."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _pack_clock(value: datetime | time) -> list[object]:
    return [value.replace(tzinfo=None).isoformat(), value.fold, _pack_zone(value.tzinfo)]


def _unpack_clock(clock: type[Clock], payload: list[Any]) -> Clock:
    text, fold, zone = payload
    return clock.fromisoformat(text).replace(fold=fold, tzinfo=_unpack_zone(zone))


def _pack_zone(zone: tzinfo | None) -> object:
    if zone is None:
        return None
    if type(zone) is timezone:
        offset, name = zone.utcoffset(None), zone.tzname(None)
        return [offset // MICROSECOND, None if name == timezone(offset).tzname(None) else name]
    if type(zone) is ZoneInfo and _is_known_by_key(zone):
        return zone.key
    raise TypeError(f"its time zone is {reprlib.repr(zone)} ({type_name(zone)}); accepted: timezone, and ZoneInfo by its key")


def _is_known_by_key(zone: ZoneInfo) -> bool:
    """False for a zone read from a file or made past the cache: its key gives another one, which need not be equal."""
    try:
        return ZoneInfo(zone.key) is zone
    except (LookupError, OSError, TypeError, ValueError):
        return False


def _unpack_zone(zone: object) -> tzinfo | None:
    match zone:
        case None:
            return None
        case str():
            return ZoneInfo(zone)
        case [int(offset), None]:
            return timezone(offset * MICROSECOND)
        case [int(offset), str(name)]:
            return timezone(offset * MICROSECOND, name)
    raise ValueError("not a time zone")


def _pack_timedelta(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _unpack_timedelta(payload: list[Any]) -> timedelta:
    days, seconds, microseconds = payload
    return timedelta(days, seconds, microseconds)


def _pack_decimal(value: Decimal) -> str:
    if value.is_nan():
        raise ValueError("a NaN is not equal to itself")
    return str(value)


KINDS = (
    Kind("date", date, str, date.isoformat, date.fromisoformat),
    Kind("datetime", datetime, list, _pack_clock, partial(_unpack_clock, datetime)),
    Kind("decimal", Decimal, str, _pack_decimal, Decimal),
    Kind("time", time, list, _pack_clock, partial(_unpack_clock, time)),
    Kind("timedelta", timedelta, list, _pack_timedelta, _unpack_timedelta),
    Kind("uuid", UUID, str, str, UUID),
)
