"""What comes back is what was stored, with its type; what cannot come back is refused before any write."""

import datetime
import decimal
import os
import pickle
import threading
import uuid
import zlib

import pytest
from django.utils.safestring import SafeString, mark_safe

from s3cache.compressors.zlib import ZlibCompressor
from s3cache.engines.memory import MemoryEngine
from tests.cache.support import cache_over, name_of, stored

VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**200,
    1.5,
    "",
    "text",
    "naïve 鍵 \U0001f600 \ud800 \0",
    b"",
    b"\x00\xff" * 10,
    [],
    [1, [2, [None]]],
    (),
    (1, ("two",)),
    {},
    {"a": {"b": [1]}},
    {1: "number", "1": "text", None: 0, (1, 2): 3},
    {"!date": "no tag"},
    datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC),
    datetime.datetime(2024, 2, 29, 12, 30),
    datetime.date(2024, 2, 29),
    datetime.time(12, 30),
    datetime.timedelta(days=1, microseconds=1),
    decimal.Decimal("1.10"),
    uuid.UUID(int=7),
    "long " * 5000,
    b"long " * 5000,
    ["long"] * 5000,
]


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return type(other) is Point and other.x == self.x


class Text(str):
    __slots__ = ()


def function():
    """Something that pickle carries by name."""


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:30])
def test_a_value_comes_back_equal_and_of_the_same_type(call, value):
    call.set("key", value)
    found = call.get("key")
    assert found == value
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_safe_text_stays_safe_and_plain_text_plain(call):
    call.set_many({"safe": mark_safe("<b>bold</b>"), "plain": "<b>bold</b>"})
    assert type(call.get("safe")) is SafeString
    assert type(call.get("plain")) is str
    assert call.get("safe") == "<b>bold</b>"


def test_changing_a_returned_value_does_not_change_the_stored_one(call):
    given = {"list": [1]}
    call.set("key", given)
    given["list"].append(2)
    call.get("key")["list"].append(3)
    assert call.get("key") == {"list": [1]}


def test_changing_what_get_or_set_returned_does_not_change_the_stored_one(call):
    call.get_or_set("key", lambda: [1]).append(2)
    assert call.get("key") == [1]


@pytest.mark.parametrize("value", (Point(1), function, Point, Text("text"), {1, 2}, range(3)), ids=lambda value: repr(value)[:20])
def test_pickle_carries_classes_functions_and_instances(mode, called, value):
    call = called(cache_over(MemoryEngine()), mode)
    call.set("key", value)
    assert call.get("key") == value
    assert type(call.get("key")) is type(value)


def write(call, method, value):
    if method == "set_many":
        return call.set_many({"good": 1, "key": value, "fine": 2})
    return getattr(call, method)("key", value)


WRITES = ("set", "add", "set_many", "get_or_set")


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("serializer", ("pickle", "json", "msgpack"))
@pytest.mark.parametrize("make", (threading.Lock, lambda: lambda: None), ids=("lock", "lambda"))
def test_what_no_serializer_carries_is_refused_before_any_write(mode, called, method, serializer, make):
    engine = MemoryEngine()
    call = called(cache_over(engine, SERIALIZER=serializer), mode)
    value = make()
    given = (lambda: value) if method == "get_or_set" else value
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)) as caught:
        write(call, method, given)
    assert serializer == "pickle" or type(caught.value) is TypeError
    assert stored(engine) == []


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("serializer", ("json", "msgpack"))
@pytest.mark.parametrize("value", (Point(1), Text("text"), {1, 2}, [bytearray(b"1")], 1j), ids=lambda value: type(value).__name__)
def test_json_and_msgpack_refuse_with_a_type_error_that_names_the_type(mode, called, method, serializer, value):
    engine = MemoryEngine()
    inner = value[0] if isinstance(value, list) else value
    with pytest.raises(TypeError, match=type(inner).__qualname__):
        write(called(cache_over(engine, SERIALIZER=serializer), mode), method, value)
    assert stored(engine) == []


def test_a_refused_value_leaves_what_was_there(mode, called):
    call = called(cache_over(MemoryEngine(), SERIALIZER="json"), mode)
    call.set("key", "old")
    for method in ("set", "set_many"):
        with pytest.raises(TypeError):
            write(call, method, object())
    assert call.get("key") == "old"
    assert call.get("good") is None


def test_json_refuses_what_a_reader_could_not_tell_apart(mode, called):
    call = called(cache_over(MemoryEngine(), SERIALIZER="json"), mode)
    with pytest.raises(ValueError, match="nan"):
        call.set("key", float("nan"))


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("compressor", ("none", "zlib"))
def test_a_value_above_the_limit_is_refused_before_any_write(mode, called, method, compressor):
    engine = MemoryEngine()
    call = called(cache_over(engine, MAX_VALUE_BYTES=1000, COMPRESSOR=compressor, COMPRESS_MIN_BYTES=0), mode)
    with pytest.raises(ValueError, match="1001 bytes.*MAX_VALUE_BYTES.*1000"):
        write(call, method, b"\0" * 1001)
    assert stored(engine) == []


@pytest.mark.parametrize("compressor", ("none", "zlib"))
def test_a_value_of_exactly_the_limit_is_carried(mode, called, compressor):
    for body in (b"\0" * 5000, os.urandom(5000)):
        call = called(cache_over(MemoryEngine(), MAX_VALUE_BYTES=5000, COMPRESSOR=compressor), mode)
        call.set("key", body)
        assert call.get("key") == body


def test_compression_makes_large_values_small(mode, called):
    engine = MemoryEngine()
    called(cache_over(engine, COMPRESSOR="zlib"), mode).set("key", "text " * 10_000)
    [info] = engine.list_objects()
    assert info.size < 1000


def test_what_compression_would_not_make_smaller_is_stored_as_it_is(mode, called):
    engine = MemoryEngine()
    cache = cache_over(engine, COMPRESSOR="zlib")
    body = os.urandom(10_000)
    called(cache, mode).set("key", body)
    assert engine.get_object(name_of(cache, "key")).body.endswith(body)


def test_an_entry_is_read_whatever_compressor_is_configured_now(mode, called):
    engine = MemoryEngine()
    called(cache_over(engine, COMPRESSOR="zlib"), mode).set("key", "text " * 10_000)
    for compressor in ("none", "gzip", "zlib"):
        assert called(cache_over(engine, COMPRESSOR=compressor), mode).get("key") == "text " * 10_000


def test_accept_serializers_lets_the_serializer_change_without_a_flush(mode, called):
    engine = MemoryEngine()
    called(cache_over(engine, SERIALIZER="pickle"), mode).set("key", [1])
    changed = called(cache_over(engine, SERIALIZER="json", ACCEPT_SERIALIZERS=["pickle"]), mode)
    assert changed.get("key") == [1]
    assert changed.touch("key") is True
    assert called(cache_over(engine, SERIALIZER="json"), mode).get("key") is None
    changed.set("key", [2])
    assert called(cache_over(engine, SERIALIZER="json"), mode).get("key") == [2]


def test_touch_leaves_the_payload_as_it_was(mode, called):
    engine = MemoryEngine()
    cache = cache_over(engine, COMPRESSOR="zlib")
    call = called(cache, mode)
    call.set("key", "text " * 1000)
    call.touch("key")
    compressed = ZlibCompressor().compress(b"text " * 1000)
    assert engine.get_object(name_of(cache, "key")).body.endswith(compressed)
    assert zlib.decompress(compressed) == b"text " * 1000


def test_a_failing_default_stores_nothing(call, cache):
    def default():
        raise LookupError("no value today")

    with pytest.raises(LookupError, match="today"):
        call.get_or_set("key", default)
    assert stored(cache.engine) == []


def test_incr_to_what_the_serializer_cannot_carry_leaves_the_number(mode, called):
    call = called(cache_over(MemoryEngine(), SERIALIZER="json"), mode)
    call.set("key", 1.5)
    with pytest.raises(ValueError, match="nan"):
        call.incr("key", float("nan"))
    assert call.get("key") == 1.5
