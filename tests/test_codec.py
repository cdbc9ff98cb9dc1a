"""Values and payloads: types, limits, and whose serializer and compressor."""

import enum
import json
import pickle
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cache.codec import Codec, TextKind
from s3cache.compressors.gzip import GzipCompressor
from s3cache.compressors.none import NoCompressor
from s3cache.compressors.zlib import ZlibCompressor
from s3cache.envelope import Payload
from s3cache.errors import OptionError
from s3cache.fields import Described
from s3cache.serializers.json import JSONSerializer
from s3cache.serializers.pickle import PickleSerializer


class Marked(str):
    """A text kind, as SafeString is one."""


class Shouted(str):
    """A subclass of str that is no text kind."""


class Colour(enum.StrEnum):
    RED = "red"


class Bits(bytes):
    pass


class Halving:
    """Keeps every other byte, so that the length of the result is known; useless otherwise."""

    name = "halving"
    requires = ()

    def compress(self, data):
        return bytes(data[::2])


class Growing(Halving):
    name = "growing"

    def compress(self, data):
        return bytes(data) + b"x"


class Keeping(Halving):
    name = "keeping"

    def compress(self, data):
        return bytes(data)


def codec(serializer=None, compressor=None, named=None, **options):
    def none_named(name):
        raise LookupError(name)

    options.setdefault("text_kinds", [TextKind("marked", Marked)])
    return Codec(serializer or PickleSerializer(), compressor or NoCompressor(), named or none_named, **options)


BIG = b"payload " * 1000


# --- types ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "serializer"),
    [
        (b"", "bytes"),
        (b"\x00\xff", "bytes"),
        ("", "str"),
        ("déjà vu", "str"),
        ("lone \ud800 surrogate", "str"),
        (Marked("<p>"), "marked"),
        (Shouted("HEY"), "pickle"),
        (Colour.RED, "pickle"),
        (Bits(b"1"), "pickle"),
        (bytearray(b"1"), "pickle"),
        (None, "pickle"),
        (True, "pickle"),
        (["a", b"b"], "pickle"),
    ],
)
@pytest.mark.parametrize("compressor", [NoCompressor(), ZlibCompressor()])
def test_a_value_comes_back_with_its_exact_type(value, serializer, compressor):
    both_ways = codec(compressor=compressor, compress_min_bytes=0)
    payload = both_ways.encode(value)
    assert payload.value.serializer == serializer
    result = both_ways.decode(payload)
    assert result == value and type(result) is type(value)


@given(st.binary() | st.text(st.characters()))
def test_bytes_and_text_skip_the_serializer(value):
    payload = codec().encode(value)
    assert payload.body == (value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass"))
    assert codec().decode(payload) == value


def test_a_payload_may_be_a_memoryview():
    for value in (b"raw", "text", Marked("mark"), {"a": 1}):
        payload = codec().encode(value)
        seen = codec().decode(Payload(memoryview(payload.body), payload.value))
        assert seen == value and type(seen) is type(value)


def test_a_serializer_s_refusal_is_passed_on():
    with pytest.raises(TypeError):
        codec(JSONSerializer()).encode({"what": object()})
    with pytest.raises((pickle.PicklingError, AttributeError)):
        codec().encode(lambda: None)


# --- whose serializer -------------------------------------------------------------------------------------------------------


def test_the_configured_serializer_and_the_accepted_ones_are_read():
    reader = codec(JSONSerializer(), accepted=[PickleSerializer()])
    assert all(map(reader.accepts, ["json", "pickle", "bytes", "str", "marked"]))
    assert reader.encode([1]).value.serializer == "json"
    assert reader.decode(codec().encode({1, 2})) == {1, 2}


@pytest.mark.parametrize("name", ["pickle", "msgpack", "safestr", "", "PICKLE", "json "])
def test_every_other_serializer_is_not_accepted(name):
    reader = codec(JSONSerializer())
    assert not reader.accepts(name)
    with pytest.raises(LookupError):
        reader.decode(Payload(pickle.dumps(1), Described(name, "none")))


@pytest.mark.parametrize("name", ["bytes", "str", "marked", "", "ninechars", "ünicode", "a.b"])
def test_a_serializer_cannot_take_a_name_that_no_entry_can_carry(name):
    class Impostor(PickleSerializer):
        pass

    Impostor.name = name
    for options in ({"serializer": Impostor()}, {"accepted": [Impostor()]}):
        with pytest.raises(OptionError, match=f"has the name '{name}'"):
            codec(**options)


def test_damaged_text_is_an_error_and_not_a_value():
    with pytest.raises(UnicodeDecodeError):
        codec().decode(Payload(b"\xff", Described("str", "none")))


# --- compression ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "compressed"), [(99, False), (100, True), (101, True)])
def test_compression_begins_at_its_threshold(length, compressed):
    payload = codec(compressor=Halving(), compress_min_bytes=100).encode(b"x" * length)
    assert payload.value.compressor == ("halving" if compressed else "none")
    assert len(payload.body) == ((length + 1) // 2 if compressed else length)


def test_the_threshold_is_1024_bytes_by_default():
    assert codec(compressor=ZlibCompressor()).encode(b"x" * 1023).value.compressor == "none"
    assert codec(compressor=ZlibCompressor()).encode(b"x" * 1024).value.compressor == "zlib"


@pytest.mark.parametrize("compressor", [Growing(), Keeping()])
def test_a_compressor_that_does_not_shrink_is_not_used(compressor):
    payload = codec(compressor=compressor, compress_min_bytes=0).encode(BIG)
    assert (payload.body, payload.value.compressor) == (BIG, "none")


def test_an_empty_value_is_not_compressed():
    assert codec(compressor=ZlibCompressor(), compress_min_bytes=0).encode(b"").value.compressor == "none"


def test_an_entry_names_its_compressor_and_it_need_not_be_the_configured_one():
    payload = codec(compressor=GzipCompressor()).encode(BIG)
    known = {"gzip": GzipCompressor()}
    assert codec(compressor=ZlibCompressor(), named=known.__getitem__).decode(payload) == BIG
    assert codec(named=known.__getitem__).decode(payload) == BIG


def test_the_configured_compressor_is_not_looked_up():
    assert codec(compressor=ZlibCompressor()).decode(codec(compressor=ZlibCompressor()).encode(BIG)) == BIG


def test_a_compressor_that_cannot_be_found_is_an_error():
    with pytest.raises(LookupError, match="gzip"):
        codec().decode(codec(compressor=GzipCompressor()).encode(BIG))


# --- limits -----------------------------------------------------------------------------------------------------------------

LIMIT = 5000
VALUES = {"bytes": lambda n: b"x" * n, "str": lambda n: "x" * n, "json": lambda n: ["x" * (n - 4)]}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("compressor", [NoCompressor(), ZlibCompressor()])
def test_a_value_of_exactly_the_limit_is_written_and_a_longer_one_is_refused(kind, compressor):
    assert len(json.dumps(VALUES["json"](LIMIT))) == LIMIT
    limited = codec(JSONSerializer(), compressor, max_value_bytes=LIMIT)
    assert limited.decode(limited.encode(VALUES[kind](LIMIT))) == VALUES[kind](LIMIT)
    with pytest.raises(ValueError, match=r"takes 5001 bytes; OPTIONS\['MAX_VALUE_BYTES'\] allows 5000"):
        limited.encode(VALUES[kind](LIMIT + 1))


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("compressor", [NoCompressor(), ZlibCompressor()])
def test_an_entry_above_the_limit_is_not_read(kind, compressor):
    writer, reader = codec(JSONSerializer(), compressor), codec(JSONSerializer(), compressor, max_value_bytes=LIMIT)
    assert reader.decode(writer.encode(VALUES[kind](LIMIT))) == VALUES[kind](LIMIT)
    with pytest.raises(ValueError, match="5000"):
        reader.decode(writer.encode(VALUES[kind](LIMIT + 1)))


def test_the_limit_counts_text_in_bytes():
    with pytest.raises(ValueError, match="takes 5002 bytes"):
        codec(max_value_bytes=LIMIT).encode("ü" * 2501)


def test_a_bomb_is_stopped_at_the_limit():
    bomb = Payload(zlib.compress(bytes(10_000_000)), Described("bytes", "zlib"))
    with pytest.raises(ValueError, match="5000"):
        codec(compressor=ZlibCompressor(), max_value_bytes=LIMIT).decode(bomb)


def test_the_limit_is_256_mib_by_default():
    assert codec().max_value_bytes == 256 * 1024 * 1024
