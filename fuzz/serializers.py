"""Any bytes at all, given to ``loads`` of the serializers that run no code: an Exception, or a value of carried types only.

And what was loaded is written again, and read again, as the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from s3cache.serializers.base import Serializer
from s3cache.serializers.json import JSONSerializer
from s3cache.serializers.msgpack import MsgpackSerializer

SCALARS = (type(None), bool, int, float, str, bytes, Decimal, UUID, datetime, date, time, timedelta)
VALUES: list[object] = [
    {"a": [1, -2.5, None, True, "ü\ud800"], "": {}},
    (b"bytes", 2**70, -(2**63), (), []),
    {1: "one", (2, "x"): Decimal("-1.50E+7"), None: Decimal("Infinity")},
    {"!date": date(2024, 2, 29)},
    [datetime(2024, 2, 29, 12, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")), datetime(1, 1, 1, tzinfo=UTC)],
    [time(1, 2, 3, 4), time(23, tzinfo=timezone(timedelta(hours=-3), "X")), timedelta(-1, 2, 3), UUID(int=7)],
]


def check_json(data: bytes) -> None:
    check(JSONSerializer(), data)


def check_msgpack(data: bytes) -> None:
    check(MsgpackSerializer(), data)


def check(serializer: Serializer, data: bytes) -> None:
    try:
        value = serializer.loads(data)
    except (RecursionError, MemoryError):
        raise
    except Exception:
        return
    assert is_carried(value)
    try:
        again = serializer.dumps(value)
    except ValueError:  # nested too deeply, or a NaN
        return
    assert serializer.loads(again) == value
    assert serializer.dumps(serializer.loads(again)) == again


def is_carried(value: object) -> bool:
    """Whether the value, and all in it, is of a type that json and msgpack carry."""
    match value:
        case list() | tuple():
            return all(map(is_carried, value))
        case dict():
            return all(is_carried(key) and is_carried(item) for key, item in value.items())
    return type(value) in SCALARS


def json_seeds() -> Iterator[bytes]:
    return map(JSONSerializer().dumps, VALUES)


def msgpack_seeds() -> Iterator[bytes]:
    return map(MsgpackSerializer().dumps, VALUES)
