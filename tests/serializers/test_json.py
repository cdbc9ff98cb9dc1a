"""JSON: the contract, the stored form of each kind to the byte, and what JSON alone refuses."""

import math
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from s3cache.serializers.json import JSONSerializer
from s3cache.testing.serializer_contract import SerializerContract, identical

JSON = JSONSerializer()


class TestJSONSerializer(SerializerContract):
    @pytest.fixture
    def serializer(self):
        return JSONSerializer()


# Entries outlive releases: these bytes never change.
STORED = [
    (None, b"null"),
    (True, b"true"),
    (-1, b"-1"),
    (2**64, b"18446744073709551616"),
    (0.1, b"0.1"),
    (-0.0, b"-0.0"),
    (1e16, b"1e+16"),
    ('"\\\n\x00é€\U0001f600', b'"\\"\\\\\\n\\u0000\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"'),
    ("\ud83d\ude00", b'"\xed\xa0\xbd\xed\xb8\x80"'),
    ([1, "a", []], b'[1,"a",[]]'),
    ({"b": 1, "a": {}}, b'{"b":1,"a":{}}'),
    ({"!a": 1, "b": 2}, b'{"!a":1,"b":2}'),
    (b"\x00\xff", b'{"!bytes":"AP8="}'),
    ((1, (2,), [3]), b'{"!tuple":[1,{"!tuple":[2]},[3]]}'),
    ({1: "x", (1, 2): None}, b'{"!dict":[[1,"x"],[{"!tuple":[1,2]},null]]}'),
    ({"!tuple": [1]}, b'{"!dict":[["!tuple",[1]]]}'),
    (date(2024, 2, 29), b'{"!date":"2024-02-29"}'),
    (datetime(2024, 2, 29, 12, 30, 0, 1), b'{"!datetime":["2024-02-29T12:30:00.000001",0,null]}'),
    (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), b'{"!datetime":["2024-02-29T12:30:00",0,[0,null]]}'),
    (
        datetime(2024, 2, 29, 12, 30, tzinfo=timezone(timedelta(hours=1), "CET")),
        b'{"!datetime":["2024-02-29T12:30:00",0,[3600000000,"CET"]]}',
    ),
    (
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        b'{"!datetime":["2024-10-27T02:30:00",1,"Europe/Paris"]}',
    ),
    (time(12, 30, tzinfo=UTC), b'{"!time":["12:30:00",0,[0,null]]}'),
    (timedelta(-1, 5, 7), b'{"!timedelta":[-1,5,7]}'),
    (Decimal("-0.10"), b'{"!decimal":"-0.10"}'),
    (Decimal("Infinity"), b'{"!decimal":"Infinity"}'),
    (UUID(int=7), b'{"!uuid":"00000000-0000-0000-0000-000000000007"}'),
]


@pytest.mark.parametrize(("value", "stored"), STORED, ids=repr)
def test_the_stored_form_never_changes(value, stored):
    assert JSON.dumps(value) == stored
    assert identical(JSON.loads(stored), value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_no_word_for_nan_and_infinity(value):
    with pytest.raises(ValueError, match=rf"json cannot carry the float {value} at \['a'\]\[0\]: "):
        JSON.dumps({"a": [value]})


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"-Infinity", b'{"a":[NaN]}'])
def test_nan_and_infinity_are_not_read_either(text):
    with pytest.raises(ValueError, match="is not a JSON number"):
        JSON.loads(text)


@pytest.mark.parametrize("value", [10**4300 - 1, -(10**4300) + 1])
def test_integers_are_carried_up_to_pythons_own_limit(value):
    assert JSON.loads(JSON.dumps(value)) == value


def test_integers_beyond_pythons_own_limit_are_refused_before_the_write():
    with pytest.raises(ValueError, match=str(sys.get_int_max_str_digits())):
        JSON.dumps([10**4300])


def test_a_key_that_appears_twice_is_an_error():
    with pytest.raises(ValueError, match="twice"):
        JSON.loads(b'{"a":1,"a":1}')


NOT_OURS = [b"", b"[1]2", b"[1", b'"\xff"', b"\xef\xbb\xbf1", b'{"!bytes":"AP8"}', b'{"!bytes":"AP8=*"}', b'{"!int":"7"}']


@pytest.mark.parametrize("stored", NOT_OURS)
def test_what_json_did_not_write_is_an_error(stored):
    with pytest.raises(ValueError):
        JSON.loads(stored)
