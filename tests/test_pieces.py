"""Large bodies: whatever goes through pieces comes out as it would in one, and damage is found as well."""

import io
import itertools
import mmap
import os
import pickle
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache.codec import Codec
from s3cache.compressors.none import NoCompressor
from s3cache.compressors.zlib import ZlibCompressor
from s3cache.engines.local import LocalEngine
from s3cache.envelope import Envelopes, Payload, Place
from s3cache.errors import EntryError
from s3cache.fields import Described
from s3cache.pieces import LARGE, PIECE, EncodedText, Pieces, collected
from s3cache.serializers.pickle import PickleSerializer
from s3cache.signing import Checksum, Keyring
from tests.cache.support import cache_over, name_of

PLACE = Place("site/ab/cd.s3c", ":1:key")
WRITE = {"expires_at": 2000, "written_at": 1000, "write_id": bytes(16)}
BOTH = pytest.mark.parametrize("envelopes", [Envelopes(Keyring([b"secret"])), Envelopes(Checksum())], ids=["signed", "unsigned"])
CODEC = Codec(PickleSerializer(), NoCompressor(), lambda name: ZlibCompressor())
ZLIB = Codec(PickleSerializer(), ZlibCompressor(), lambda name: NoCompressor())


class Around(NamedTuple):
    """A large value, made when it is needed: it has ``middle`` across the end of a piece."""

    border: int
    before: int
    middle: str | bytes

    def made(self):
        filling = "x" if isinstance(self.middle, str) else b"x"
        return filling * (self.border - self.before) + self.middle + filling * (LARGE + 50 - self.border)


def around_borders(middles):
    return st.builds(Around, st.integers(1, 4).map(lambda number: number * PIECE), st.integers(0, 20), middles)


texts = around_borders(st.text(st.characters(), max_size=20))  # lone surrogates included
bodies = around_borders(st.binary(max_size=20))
few = settings(max_examples=20, deadline=None)


def cut(data, sizes=(PIECE,)):
    """The data in pieces, as an engine gets it in chunks of these sizes."""
    pieces, start = Pieces(len(data)), 0
    for size in itertools.cycle(sizes):
        if start >= len(data):
            return pieces
        pieces.append(data[start : start + size])
        start += size


def sealed(envelopes, payload):
    return envelopes.seal(PLACE, payload, **WRITE)


def opened(envelopes, data):
    return envelopes.payload(data, envelopes.header(data, PLACE))


def decoded(payload):
    """The value, or the error's class."""
    try:
        return CODEC.decode(payload)
    except UnicodeDecodeError as error:
        return type(error)


# --- what goes in comes out -------------------------------------------------------------------------------------------------


@BOTH
@few
@given(text=texts)
def test_text_is_stored_as_if_it_were_encoded_in_one(envelopes, text):
    text = text.made()
    payload = CODEC.encode(text)
    whole = text.encode("utf-8", "surrogatepass")
    assert isinstance(payload.body, EncodedText) and len(payload.body) == len(whole)
    assert sealed(envelopes, payload) == sealed(envelopes, Payload(whole, Described("str", "none")))
    assert ZLIB.decode(ZLIB.encode(text)) == CODEC.decode(payload) == text


@BOTH
@few
@given(value=texts | bodies, pickled=st.booleans())
def test_a_value_is_read_in_pieces_as_in_one(envelopes, value, pickled):
    value = [value.made()] if pickled else value.made()
    data = sealed(envelopes, CODEC.encode(value))
    read = CODEC.decode(opened(envelopes, cut(data)))
    assert read == CODEC.decode(opened(envelopes, data)) == value
    assert type(read) is type(value)


@few
@given(body=bodies, sizes=st.lists(st.sampled_from([1000, 65_537, PIECE - 1, PIECE, 3 * PIECE]), min_size=1, max_size=5))
def test_chunks_of_any_length_make_the_same_pieces(body, sizes):
    body = body.made()
    pieces = cut(body, sizes)
    assert bytes(pieces) == body and pieces.first(2048) == body[:2048]
    rest = pieces.behind(100)
    assert bytes(rest) == rest.whole() == body[100:] and rest.first(2048) == body[100:2148]
    assert {len(piece) for piece in rest.taken()} <= {PIECE, PIECE - 100, len(body) % PIECE}


@few
@given(body=bodies)
def test_text_in_pieces_is_decoded_as_strictly_as_in_one(body):
    body = body.made()
    try:
        text = body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = UnicodeDecodeError
    assert decoded(Payload(cut(body), Described("str", "none"))) == decoded(Payload(body, Described("str", "none"))) == text


@pytest.mark.parametrize("end", [b"\xe2", b"\xe2\x82", b"\xed\xa0", b"\xf0\x9f\x98", b"\xff"])
def test_text_that_ends_within_a_character_is_an_error(end):
    for length in (0, 1, PIECE - 1, PIECE):
        assert decoded(Payload(cut(b"x" * length + end), Described("str", "none"))) is UnicodeDecodeError


@BOTH
def test_a_large_payload_can_be_sealed_again(envelopes):
    data = sealed(envelopes, CODEC.encode("é" * LARGE))
    assert sealed(envelopes, opened(envelopes, cut(data))) == data


def test_a_large_compressed_value_is_read_in_pieces():
    payload = ZLIB.encode(value := os.urandom(LARGE) + bytes(LARGE))
    assert payload.value.compressor == "zlib"
    assert CODEC.decode(payload._replace(body=cut(payload.body))) == value
    assert CODEC.plain(payload._replace(body=cut(payload.body))) == Payload(value, Described("bytes", "none"))


# --- pieces -----------------------------------------------------------------------------------------------------------------


def test_pieces_are_consumed_once_and_keep_their_length():
    pieces = cut(b"x" * LARGE)
    rest = pieces.behind(10)
    assert rest.joined() == b"x" * (LARGE - 10)
    assert (len(pieces), len(rest)) == (LARGE, LARGE - 10)
    for consume in (pieces.joined, pieces.text, rest.text, pieces.__bytes__, rest.whole):
        with pytest.raises(RuntimeError, match="consumed already"):
            consume()


def test_pieces_left_early_cannot_be_consumed_again():
    pieces = cut(b"x" * LARGE)
    next(pieces.taken())
    with pytest.raises(RuntimeError, match="consumed already"):
        pieces.joined()


def test_nobody_can_write_to_what_is_read_without_a_copy():
    with pytest.raises(TypeError, match="read-only"):
        cut(b"x" * LARGE).whole()[0] = 0


def test_more_than_there_is_room_for_is_refused():
    pieces = Pieces(10)
    pieces.append(b"x" * 6)
    with pytest.raises(ValueError):
        pieces.append(b"x" * 5)
    assert bytes(pieces) == b"x" * 6


@pytest.mark.parametrize(("length", "kind"), [(0, bytes), (1, bytes), (LARGE, bytes), (LARGE + 1, Pieces)])
def test_a_body_shorter_than_announced_is_collected_as_it_is(length, kind):
    body = collected(2 * LARGE, io.BytesIO(b"x" * length).readinto)
    assert type(body) is kind and bytes(body) == b"x" * length


@pytest.mark.parametrize("room", [1, PIECE, LARGE + 7])
def test_no_more_is_collected_than_asked_for(room):
    source = io.BytesIO(b"x" * 2 * LARGE)
    assert len(collected(room, source.readinto)) == room
    assert len(source.read()) == 2 * LARGE - room


def test_memory_that_takes_no_advice_serves_as_well(monkeypatch):
    monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    monkeypatch.delattr(mmap, "MADV_DONTNEED", raising=False)
    assert cut(b"x" * (LARGE + 1)).joined() == b"x" * (LARGE + 1)


# --- in a cache -------------------------------------------------------------------------------------------------------------

VALUES = {"bytes": os.urandom(LARGE + PIECE), "str": "ünïcödé " * (LARGE // 8 + 1), "pickled": [os.urandom(LARGE), "x" * PIECE]}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_large_values_survive_a_touch_and_a_move(tmp_path, value):
    cache = cache_over(LocalEngine(str(tmp_path)))
    cache.set("key", value)
    assert cache.touch("key", 60)
    assert cache.incr_version("key") == 2
    assert cache.get("key", version=2) == value


@pytest.mark.parametrize("signing", [True, False])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-1],
        lambda body: body[:LARGE],
        lambda body: body[:100],
        lambda body: body + b"x",
        lambda body: body[: 2 * PIECE] + body[2 * PIECE + 1 :] + b"x",
        lambda body: body[:-1] + bytes([body[-1] ^ 1]),
        lambda body: body[:PIECE] + bytes([body[PIECE] ^ 1]) + body[PIECE + 1 :],
    ],
    ids=["truncated", "truncated at a border", "header only", "longer", "shifted", "last byte", "first byte of a piece"],
)
def test_a_damaged_large_entry_counts_as_absent(tmp_path, value, damage, signing):
    engine = LocalEngine(str(tmp_path))
    cache = cache_over(engine, SIGNING=signing)
    cache.set("key", value)
    name = name_of(cache, "key")
    engine.put_object(name, damage(bytes(engine.get_object(name).body)))
    assert cache.get("key") is None
    assert cache.get_or_set("key", "mended") == cache.get("key") == "mended"


@BOTH
def test_a_large_body_that_is_no_entry_is_refused(envelopes):
    with pytest.raises(EntryError, match="does not begin like an entry"):
        opened(envelopes, cut(pickle.dumps(bytes(2 * LARGE))))
