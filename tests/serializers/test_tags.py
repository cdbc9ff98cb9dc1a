"""What json and msgpack promise together: every value comes back with its types, or is refused by name and place."""

import dataclasses
import enum
import io
import math
import struct
from collections import Counter, OrderedDict, defaultdict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache.serializers.json import TAGS as JSON_TAGS
from s3cache.serializers.json import JSONSerializer
from s3cache.serializers.msgpack import TAGS as MSGPACK_TAGS
from s3cache.serializers.msgpack import MsgpackSerializer
from s3cache.serializers.tags import MARK, MAX_DEPTH
from s3cache.testing.serializer_contract import identical

JSON, MSGPACK = JSONSerializer(), MsgpackSerializer()
FORMATS = pytest.mark.parametrize("serializer", [JSON, MSGPACK], ids=lambda serializer: serializer.name)
TAG_NAMES = sorted({*JSON_TAGS._readers, *MSGPACK_TAGS._readers})

# Values to write: every carried type, with keys that look like tags, and text with lone surrogates.

text = st.text(st.characters()) | st.sampled_from([MARK + name for name in ("", "dict", "tuple", "date", "int", "bytes")])
integers = st.integers() | st.integers(-(2**200), 2**200) | st.sampled_from([2**64 - 1, 2**64, -(2**63), -(2**63) - 1])
offsets = st.timedeltas(timedelta(hours=-24, microseconds=1), timedelta(hours=24, microseconds=-1))
fixed = st.builds(timezone, offsets) | st.builds(timezone, offsets, st.text(max_size=5)) | st.just(UTC)
named = st.sampled_from(["UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe"]).map(ZoneInfo)
zones = st.none() | fixed | named


def clocks(naive):
    return st.builds(lambda value, fold, zone: value.replace(fold=fold, tzinfo=zone), naive, st.sampled_from([0, 1]), zones)


def values(floats):
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        integers,
        floats,
        text,
        st.binary(),
        st.dates(),
        clocks(st.datetimes()),
        clocks(st.times()),
        st.timedeltas(),
        st.decimals(allow_nan=False),
        st.uuids(),
    )
    keys = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(keys, inner, max_size=4)
            | st.dictionaries(text, inner, max_size=4)
        ),
        max_leaves=12,
    )


@given(values(st.floats(allow_nan=False, allow_infinity=False)))
@settings(deadline=None)
def test_json_gives_back_every_carried_value_with_its_types(value):
    assert identical(JSON.loads(JSON.dumps(value)), value)


@given(values(st.floats(allow_nan=False)))
@settings(deadline=None)
def test_msgpack_gives_back_every_carried_value_with_its_types(value):
    assert identical(MSGPACK.loads(MSGPACK.dumps(value)), value)


# Single values that are easily lost.


@FORMATS
@pytest.mark.parametrize(
    "key", [1, "1", True, 1.0, Decimal(1), b"1", None, (), (1, ("1", None)), date(2024, 2, 29), UUID(int=1)], ids=repr
)
def test_a_key_keeps_its_type(serializer, key):
    value = {"before": 0, key: {key: "value"}, "after": 0}
    assert identical(serializer.loads(serializer.dumps(value)), value)


@FORMATS
@pytest.mark.parametrize("name", ["", *TAG_NAMES, "future"])
@pytest.mark.parametrize("payload", ["2024-02-29", [], [[1, 2]], None], ids=repr)
def test_a_dictionary_that_looks_like_a_tag_stays_a_dictionary(serializer, name, payload):
    value = [{MARK + name: payload}, {MARK + name: {MARK + name: payload}}, {MARK + name: payload, "other": 1}]
    assert identical(serializer.loads(serializer.dumps(value)), value)


@FORMATS
def test_utc_stays_the_one_and_only(serializer):
    assert serializer.loads(serializer.dumps(datetime(2024, 2, 29, tzinfo=UTC))).tzinfo is UTC


@FORMATS
def test_a_named_zone_stays_the_one_and_only(serializer):
    zone = ZoneInfo("Europe/Paris")
    assert serializer.loads(serializer.dumps(time(12, tzinfo=zone))).tzinfo is zone


@FORMATS
def test_the_name_of_a_fixed_offset_is_kept(serializer):
    zone = timezone(timedelta(hours=-3, minutes=-30), "NST")
    assert serializer.loads(serializer.dumps(datetime(2024, 2, 29, tzinfo=zone))).tzname() == "NST"


@FORMATS
def test_fold_tells_the_second_half_past_two_from_the_first(serializer):
    second = datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris"))
    assert serializer.loads(serializer.dumps(second)).utcoffset() == timedelta(hours=1)


@FORMATS
@pytest.mark.parametrize("value", [-0.0, 5e-324, 1e16, 1.7976931348623157e308, 0.1 + 0.2])
def test_a_float_keeps_each_bit(serializer, value):
    assert serializer.loads(serializer.dumps(value)).hex() == value.hex()


# Refusals.


class Rank(enum.IntEnum):
    FIRST = 1


class Word(enum.StrEnum):
    FIRST = "first"


class Moment(datetime):
    pass


class Cents(Decimal):
    pass


class Elsewhere(tzinfo):
    def utcoffset(self, moment):
        return timedelta(hours=1)


@dataclasses.dataclass
class Record:
    number: int


Point = namedtuple("Point", "x y")

# The smallest time zone file (RFC 8536): one kind of local time, UTC itself.
TZIF = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"

REFUSED = {
    "django.utils.safestring.SafeString": SafeString("<b>"),
    "django.utils.functional.lazy.<locals>.__proxy__": gettext_lazy("Yes"),
    "collections.OrderedDict": OrderedDict(a=1),
    "collections.defaultdict": defaultdict(list),
    "collections.Counter": Counter("aa"),
    f"{__name__}.Point": Point(1, 2),
    f"{__name__}.Rank": Rank.FIRST,
    f"{__name__}.Word": Word.FIRST,
    f"{__name__}.Moment": Moment(2024, 2, 29),
    f"{__name__}.Cents": Cents("1.50"),
    f"{__name__}.Record": Record(1),
    f"{__name__}.Elsewhere": datetime(2024, 2, 29, tzinfo=Elsewhere()),
    "zoneinfo.ZoneInfo": datetime(2024, 2, 29, tzinfo=ZoneInfo.no_cache("Europe/Paris")),
    "builtins.set": {1},
    "builtins.frozenset": frozenset({1}),
    "builtins.complex": 1j,
    "builtins.bytearray": bytearray(b"ab"),
    "builtins.memoryview": memoryview(b"ab"),
    "builtins.range": range(3),
    "builtins.type": int,
    "builtins.builtin_function_or_method": len,
    "builtins.object": object(),
    "builtins.ellipsis": ...,
    "fractions.Fraction": Fraction(1, 3),
    "pathlib": PurePosixPath("/a"),
}


@FORMATS
@pytest.mark.parametrize(("name", "value"), REFUSED.items(), ids=REFUSED)
def test_another_type_is_refused_by_its_name_and_place(serializer, name, value):
    with pytest.raises(TypeError) as caught:
        serializer.dumps({"user": [1, 2, ({3: value},)]})
    message = str(caught.value)
    assert message.startswith(f"{serializer.name} cannot carry ")
    assert name in message
    assert " at ['user'][2][0][3]: " in message


REFUSED_KEYS = [SafeString("a"), Rank.FIRST, Word.FIRST, frozenset({1}), Point(1, 2), 1j, (1, SafeString("a"))]


@FORMATS
@pytest.mark.parametrize("key", REFUSED_KEYS, ids=repr)
def test_another_type_is_refused_as_a_key_too(serializer, key):
    with pytest.raises(TypeError, match="cannot carry .* at "):
        serializer.dumps({"plain": 1, key: "value"})


@FORMATS
def test_the_value_itself_has_no_place(serializer):
    with pytest.raises(TypeError, match="cannot carry builtins.set: its type is not exactly one of .*datetime.*Convert it first"):
        serializer.dumps({1})


@FORMATS
def test_a_long_key_does_not_flood_the_message(serializer):
    with pytest.raises(TypeError) as caught:
        serializer.dumps({"k" * 100_000: {1}})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("key", ["Europe/Paris", "No/Such", "../up", None])
def test_a_zone_that_its_key_does_not_give_is_refused(key):
    zone = ZoneInfo.from_file(io.BytesIO(TZIF), key=key)
    with pytest.raises(TypeError, match="its time zone is .*zoneinfo.ZoneInfo.*accepted"):
        JSON.dumps(datetime(2024, 2, 29, tzinfo=zone))


@FORMATS
@pytest.mark.parametrize("value", [math.nan, -math.nan, Decimal("NaN"), Decimal("-sNaN12")], ids=repr)
def test_nan_is_refused_because_it_does_not_equal_itself(serializer, value):
    with pytest.raises(ValueError, match=r"cannot carry .* at \['a'\]\[1\]: "):
        serializer.dumps({"a": (0, value)})


@FORMATS
@pytest.mark.parametrize("key", [math.nan, Decimal("NaN")], ids=repr)
def test_nan_is_refused_as_a_key_too(serializer, key):
    with pytest.raises(ValueError, match="cannot carry .*nan|cannot carry .*NaN"):
        serializer.dumps({key: 0})


# Depth.


def nested(depth, wrap, core=None):
    value = core
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPS = {
    "list": lambda inner: [inner],
    "tuple": lambda inner: (inner,),
    "dict": lambda inner: {"key": inner},
    "dict with another key": lambda inner: {1: inner},
    "dict like a tag": lambda inner: {"!tuple": inner},
}


@FORMATS
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_values_nest_a_hundred_deep_and_no_deeper(serializer, wrap):
    value = nested(MAX_DEPTH, wrap)
    assert identical(serializer.loads(serializer.dumps(value)), value)
    with pytest.raises(ValueError, match="deeper than 100 levels"):
        serializer.dumps(wrap(value))


@FORMATS
def test_a_tuple_as_a_key_nests_as_deep(serializer):
    value = {nested(MAX_DEPTH - 1, WRAPS["tuple"]): 1}
    assert identical(serializer.loads(serializer.dumps(value)), value)
    with pytest.raises(ValueError, match="deeper than 100 levels"):
        serializer.dumps([value])


@FORMATS
@pytest.mark.parametrize("empty", [[], (), {}], ids=repr)
def test_an_empty_container_counts_as_a_level(serializer, empty):
    value = nested(MAX_DEPTH - 1, WRAPS["list"], empty)
    assert identical(serializer.loads(serializer.dumps(value)), value)
    with pytest.raises(ValueError, match="deeper than 100 levels"):
        serializer.dumps([value])


@FORMATS
def test_a_value_in_itself_is_refused(serializer):
    value = {"list": []}
    value["list"].append(value)
    with pytest.raises(ValueError, match="or one in itself"):
        serializer.dumps(value)


@FORMATS
def test_a_very_deep_value_is_refused_without_a_recursion_error(serializer):
    with pytest.raises(ValueError, match="deeper than 100 levels"):
        serializer.dumps(nested(100_000, WRAPS["list"]))
