"""MessagePack: the contract, the stored form of each kind to the byte, and what differs from JSON."""

import math
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import pytest

from s3cache.serializers.msgpack import MsgpackSerializer
from s3cache.testing.serializer_contract import SerializerContract, identical

MSGPACK = MsgpackSerializer()


class TestMsgpackSerializer(SerializerContract):
    @pytest.fixture
    def serializer(self):
        return MsgpackSerializer()


# Entries outlive releases: these bytes never change.
STORED = [
    (None, b"\xc0"),
    (True, b"\xc3"),
    (-1, b"\xff"),
    (2**64 - 1, b"\xcf" + b"\xff" * 8),
    (-(2**63), b"\xd3\x80" + bytes(7)),
    (2**64, b"\x81\xa4!int\xb110000000000000000"),
    (-(2**63) - 1, b"\x81\xa4!int\xb1-8000000000000001"),
    (0.5, b"\xcb\x3f\xe0" + bytes(6)),
    (-0.0, b"\xcb\x80" + bytes(7)),
    (math.inf, b"\xcb\x7f\xf0" + bytes(6)),
    ("é\U0001f600", b"\xa6\xc3\xa9\xf0\x9f\x98\x80"),
    ("\ud83d\ude00", b"\xa6\xed\xa0\xbd\xed\xb8\x80"),
    (b"\x00\xff", b"\xc4\x02\x00\xff"),
    ([1, "a", []], b"\x93\x01\xa1a\x90"),
    ({"b": 1, "a": {}}, b"\x82\xa1b\x01\xa1a\x80"),
    ({"!a": 1, "b": 2}, b"\x82\xa2!a\x01\xa1b\x02"),
    ((1, (2,)), b"\x81\xa6!tuple\x92\x01\x81\xa6!tuple\x91\x02"),
    ({1: "x", (1, 2): None}, b"\x81\xa5!dict\x92\x92\x01\xa1x\x92\x81\xa6!tuple\x92\x01\x02\xc0"),
    ({"!tuple": [1]}, b"\x81\xa5!dict\x91\x92\xa6!tuple\x91\x01"),
    (date(2024, 2, 29), b"\x81\xa5!date\xaa2024-02-29"),
    (datetime(2024, 2, 29, 12, 30, 0, 1), b"\x81\xa9!datetime\x93\xba2024-02-29T12:30:00.000001\x00\xc0"),
    (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), b"\x81\xa9!datetime\x93\xb32024-02-29T12:30:00\x00\x92\x00\xc0"),
    (
        datetime(2024, 2, 29, 12, 30, tzinfo=timezone(timedelta(hours=1), "CET")),
        b"\x81\xa9!datetime\x93\xb32024-02-29T12:30:00\x00\x92\xce\xd6\x93\xa4\x00\xa3CET",
    ),
    (
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        b"\x81\xa9!datetime\x93\xb32024-10-27T02:30:00\x01\xacEurope/Paris",
    ),
    (time(12, 30, tzinfo=UTC), b"\x81\xa5!time\x93\xa812:30:00\x00\x92\x00\xc0"),
    (timedelta(-1, 5, 7), b"\x81\xaa!timedelta\x93\xff\x05\x07"),
    (Decimal("-0.10"), b"\x81\xa8!decimal\xa5-0.10"),
    (Decimal("Infinity"), b"\x81\xa8!decimal\xa8Infinity"),
    (UUID(int=7), b"\x81\xa5!uuid\xd9$00000000-0000-0000-0000-000000000007"),
]


@pytest.mark.parametrize(("value", "stored"), STORED, ids=repr)
def test_the_stored_form_never_changes(value, stored):
    assert MSGPACK.dumps(value) == stored
    assert identical(MSGPACK.loads(stored), value)


def test_an_integer_may_be_of_any_length():
    value = -(16**100_000) + 1
    assert MSGPACK.loads(MSGPACK.dumps([value])) == [value]


def test_a_big_integer_may_be_a_key():
    value = {2**64: 1, (2**64,): 2}
    assert identical(MSGPACK.loads(MSGPACK.dumps(value)), value)


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\x01\x02",
        b"\x92\x01",
        b"\xa1\xff",
        b"\xc1",
        b"\x81\x01\x02",
        b"\x82\xa1a\x01\xa1a\x01",
        b"\x81\xa4!int\x01",
        b"\x81\xa4!int\xa1z",
    ],
)
def test_what_msgpack_did_not_write_is_an_error(stored):
    with pytest.raises(ValueError):
        MSGPACK.loads(stored)


def test_extension_types_are_an_error():
    with pytest.raises(ValueError, match="extension type 5 is not used here"):
        MSGPACK.loads(msgpack.packb(msgpack.ExtType(5, b"")))


def test_a_timestamp_of_msgpacks_own_is_read_as_a_datetime():
    assert identical(MSGPACK.loads(msgpack.packb(msgpack.Timestamp(1))), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))


def test_msgpack_is_imported_on_first_use():
    check = "import sys, s3cache.serializers.msgpack as m; m.MsgpackSerializer(); assert 'msgpack' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
