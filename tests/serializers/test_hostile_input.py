"""Reading what somebody else wrote: an Exception or a value of carried types, never a crash, a hang or another type."""

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s3cache.serializers.json import JSONSerializer
from s3cache.serializers.msgpack import MsgpackSerializer

JSON, MSGPACK = JSONSerializer(), MsgpackSerializer()
FORMATS = pytest.mark.parametrize("serializer", [JSON, MSGPACK], ids=lambda serializer: serializer.name)
TAGS = ["!bytes", "!date", "!datetime", "!decimal", "!dict", "!int", "!time", "!timedelta", "!tuple", "!uuid"]
CARRIED = (bool, int, float, str, bytes, Decimal, UUID, datetime, date, time, timedelta, list, tuple, dict, type(None))


def carried_parts(value):
    assert type(value) in CARRIED
    if isinstance(value, dict):
        return all(carried_parts(key) and carried_parts(item) for key, item in value.items())
    return not isinstance(value, list | tuple) or all(map(carried_parts, value))


def assert_harmless(serializer, data):
    try:
        value = serializer.loads(data)
    except (RecursionError, MemoryError):
        raise
    except Exception:
        return
    assert carried_parts(value)


@FORMATS
@given(st.binary(max_size=200))
@example(b"\xd6\xff\x00\x00\x00\x01")  # msgpack's own timestamp
@example(b"\xc7\x00\x05")  # an extension of msgpack
@example(b"\x81\x01\x02")
@settings(deadline=None)
def test_random_bytes_do_no_harm(serializer, data):
    assert_harmless(serializer, data)


@given(st.text('{}[]",:0123456789.eE-+!dictuplenaINf \\', max_size=60))
@settings(deadline=None)
def test_random_json_does_no_harm(text):
    assert_harmless(JSON, text.encode())


numbers = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
payloads = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
        | st.dictionaries(st.sampled_from([*TAGS, "!", "!set"]), inner, min_size=1, max_size=1)
    ),
    max_leaves=8,
)


def written(serializer, value):
    return json.dumps(value).encode() if serializer is JSON else msgpack.packb(value)


@FORMATS
@given(st.sampled_from(TAGS), payloads)
@settings(deadline=None, max_examples=300)
def test_tags_with_any_payload_do_no_harm(serializer, tag, payload):
    assert_harmless(serializer, written(serializer, {tag: payload}))


BAD_TAGS = [
    {"!": "x"},
    {"!set": [1]},
    {"!Dict": []},
    {"!dict": {}},
    {"!dict": [["a", 1], ["a", 2]]},
    {"!dict": [["a", 1], ["b"]]},
    {"!dict": ["ab"]},
    {"!dict": [[[], 1]]},
    {"!tuple": "ab"},
    {"!tuple": {"a": 1}},
    {"!date": "2024-02-30"},
    {"!date": ["2024-02-29"]},
    {"!date": 5},
    {"!datetime": "2024-02-29T12:30:00"},
    {"!datetime": ["2024-02-29T12:30:00"]},
    {"!datetime": ["2024-02-29T12:30:00", 2, None]},
    {"!datetime": ["2024-02-29T12:30:00", 0, "No/Such_Zone"]},
    {"!datetime": ["2024-02-29T12:30:00", 0, "../../../../etc/passwd"]},
    {"!datetime": ["2024-02-29T12:30:00", 0, "/etc/passwd"]},
    {"!datetime": ["2024-02-29T12:30:00", 0, ""]},
    {"!datetime": ["2024-02-29T12:30:00", 0, "Europe"]},
    {"!datetime": ["2024-02-29T12:30:00", 0, [86_400_000_000, None]]},
    {"!datetime": ["2024-02-29T12:30:00", 0, [0]]},
    {"!datetime": ["2024-02-29T12:30:00", 0, ["0", None]]},
    {"!datetime": [5, 0, None]},
    {"!time": ["25:00:00", 0, None]},
    {"!time": ["12:00:00", 0, 0]},
    {"!timedelta": [1, 2]},
    {"!timedelta": [1, 2, 3, 4]},
    {"!timedelta": [1, 2, "3"]},
    {"!timedelta": [10**10, 0, 0]},
    {"!decimal": "one"},
    {"!decimal": [0, [1], 0]},
    {"!decimal": 1.5},
    {"!uuid": "7"},
    {"!uuid": 7},
]


@FORMATS
@pytest.mark.parametrize("tag", BAD_TAGS, ids=repr)
def test_a_tag_that_says_nothing_known_is_an_error(serializer, tag):
    with pytest.raises(ValueError, match=serializer.name):
        serializer.loads(written(serializer, tag))


@pytest.mark.parametrize("start", [b"[", b'{"a":', b'{"!tuple":[', b'{"!dict":[[', b'{"!dict":[[{"!tuple":['], ids=repr)
def test_deep_json_is_a_value_error(start):
    with pytest.raises(ValueError):
        JSON.loads(start * 100_000)


@pytest.mark.parametrize("start", [b"\x91", b"\x81\xa1a", b"\x81\xa6!tuple\x91", b"\x81\xa5!dict\x91\x92"], ids=repr)
def test_deep_msgpack_is_a_value_error(start):
    with pytest.raises(ValueError):
        MSGPACK.loads(start * 100_000)
