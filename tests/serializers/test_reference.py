"""docs/reference/serializers.rst says what is true: its tags, its examples and its sizes."""

import re
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from s3cache.serializers.json import TAGS as JSON_TAGS
from s3cache.serializers.json import JSONSerializer
from s3cache.serializers.msgpack import TAGS as MSGPACK_TAGS
from s3cache.serializers.msgpack import MsgpackSerializer
from s3cache.testing.serializer_contract import identical

REFERENCE = Path(__file__).parents[2].joinpath("docs", "reference", "serializers.rst").read_text("utf-8")
NAMES = {kind.__name__: kind for kind in (date, datetime, time, timedelta, timezone, Decimal, UUID, ZoneInfo)}
EXAMPLES = re.findall(r"^``(.+?)`` +``(\{.+\})``$", REFERENCE, re.MULTILINE)
SIZES = re.findall(r"^``(.+?)`` +[\d,]+ +([\d,]+) +([\d,]+)$", REFERENCE, re.MULTILINE)


def test_every_tag_is_described():
    described = re.findall(r"^``!(\w+)`` ", REFERENCE, re.MULTILINE)
    assert described == sorted({*JSON_TAGS._readers, *MSGPACK_TAGS._readers})


def test_the_tables_were_found():
    assert len(EXAMPLES) == 8
    assert len(SIZES) == 10


@pytest.mark.parametrize(("value", "stored"), EXAMPLES)
def test_an_example_is_written_and_read_as_shown(value, stored):
    value = eval(value, NAMES)
    assert JSONSerializer().dumps(value).decode() == stored
    assert identical(JSONSerializer().loads(stored.encode()), value)


@pytest.mark.parametrize(("value", "json_size", "msgpack_size"), SIZES)
def test_a_size_is_as_shown(value, json_size, msgpack_size):
    value = eval(value, NAMES)
    assert f"{len(JSONSerializer().dumps(value)):,}" == json_size
    assert f"{len(MsgpackSerializer().dumps(value)):,}" == msgpack_size
