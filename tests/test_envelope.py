"""The envelope: what was sealed comes out, and everything else is refused."""

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cache.envelope import HEADER_LIMIT, Envelopes, Payload, Place
from s3cache.errors import EntryError
from s3cache.fields import Described
from s3cache.signing import Checksum, Keyring

KEYRING = Keyring([b"secret"])
SIGNED, UNSIGNED = Envelopes(KEYRING), Envelopes(Checksum())
BOTH = pytest.mark.parametrize("envelopes", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
PLACE = Place("site/ab/cd.s3c", ":1:key", "shop")
WRITE_ID = bytes(range(16))

moments = st.integers(0, 2**63 - 1)
names = st.text(min_size=1, max_size=40)
any_text = st.text(st.characters(), max_size=40)  # lone surrogates included
keys = any_text | any_text.map(lambda text: text + "k" * 1100)
writing = st.fixed_dictionaries({"expires_at": moments, "written_at": moments, "write_id": st.binary(min_size=16, max_size=16)})
places = st.builds(Place, names, keys, st.text(max_size=40))
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
numbers = st.integers(0, 2**64 - 1)
payloads = st.builds(Payload, st.binary(max_size=300), st.builds(Described, words, words, numbers, numbers, numbers))


def seal(envelopes=SIGNED, place=PLACE, body=b"the payload", expires_at=2000, written_at=1000, write_id=WRITE_ID):
    payload = Payload(body, Described("pickle", "zlib"))
    return envelopes.seal(place, payload, expires_at=expires_at, written_at=written_at, write_id=write_id)


def unseal(data, envelopes=SIGNED, place=PLACE):
    return envelopes.payload(data, envelopes.header(data, place))


def field(tag, value, length=None):
    return struct.pack(">BH", tag, len(value) if length is None else length) + value


KEY_FIELD = field(0x03, b":1:key")
NAMES = field(0x81, b"pickle") + field(0x82, b"zlib")


def built(
    fields=KEY_FIELD + NAMES,
    *,
    signer=KEYRING,
    magic=b"\x89S3C",
    version=1,
    flags=1,
    length=None,
    key_id=None,
    payload=b"the payload",
    place=PLACE,
):
    """An object packed and signed by hand, for headers that s3cache does not write."""
    header_length = 84 + len(fields) + signer.mac_length if length is None else length
    moments_and_id = struct.pack(">QQ16s", 2000, 1000, WRITE_ID)
    digest = struct.pack(">4sQ32s", signer.key_id if key_id is None else key_id, len(payload), signer.digest(payload))
    covered = magic + struct.pack(">BBH", version, flags, header_length) + moments_and_id + digest + fields
    return covered + signer.mac(covered, place.context()) + payload


# --- what goes in comes out -------------------------------------------------------------------------------------------------


@BOTH
@given(place=places, payload=payloads, write=writing)
def test_what_was_sealed_comes_out(envelopes, place, payload, write):
    data = envelopes.seal(place, payload, **write)
    header = envelopes.header(data, place)
    assert envelopes.payload(data, header) == payload
    assert (header.value.serializer, header.value.compressor) == (payload.value.serializer, payload.value.compressor)
    assert write == {"expires_at": header.expires_at, "written_at": header.written_at, "write_id": header.write_id}
    assert header.length + header.payload_length == len(data)
    assert header.signed is (envelopes is SIGNED)


@BOTH
@given(place=places, payload=payloads)
def test_the_header_is_verified_from_the_first_2048_bytes(envelopes, place, payload):
    payload = Payload(payload.body * 100, payload.value)
    data = envelopes.seal(place, payload, expires_at=0, written_at=0, write_id=WRITE_ID)
    assert envelopes.header(data[:HEADER_LIMIT], place) == envelopes.header(data, place)


@BOTH
@pytest.mark.parametrize("length", [1023, 1024, 1025, 100_000])
def test_the_longest_header_fits_in_the_limit(envelopes, length):
    place = Place("n" * 1024, "k" * length, "s" * 1000)
    value = Described("s" * 8, "c" * 8, *[2**64 - 1] * 3)
    data = envelopes.seal(place, Payload(b"", value), expires_at=0, written_at=0, write_id=WRITE_ID)
    assert envelopes.header(data, place).length == len(data) <= HEADER_LIMIT


def test_a_key_above_1024_bytes_is_stored_as_its_hash():
    short, long = "k" * 1024, "k" * 1025
    assert field(0x03, short.encode()) in seal(place=Place("name", short))
    assert field(0x04, hashlib.sha256(long.encode()).digest()) in seal(place=Place("name", long))


def test_the_length_of_a_key_counts_in_bytes():
    assert "ü".encode() * 513 not in seal(place=Place("name", "ü" * 513))


def test_the_payload_is_no_copy():
    data = seal()
    payload = unseal(data)
    assert payload.body.obj is data


def test_write_ids_make_equal_writes_differ():
    one, other = seal(write_id=b"1" * 16), seal(write_id=b"2" * 16)
    assert one != other
    assert SIGNED.header(one, PLACE).write_id != SIGNED.header(other, PLACE).write_id


def test_the_hand_made_object_is_what_s3cache_writes():
    assert built() == seal()
    assert built(signer=Checksum(), flags=0) == seal(UNSIGNED)


# --- damage and forgery -----------------------------------------------------------------------------------------------------


@BOTH
def test_every_flipped_bit_is_refused(envelopes):
    data = seal(envelopes, body=b"payload")
    for place in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(EntryError):
            unseal(bytes(damaged), envelopes)


@BOTH
def test_every_truncation_is_refused(envelopes):
    data = seal(envelopes)
    for length in range(len(data)):
        with pytest.raises(EntryError):
            unseal(data[:length], envelopes)


@BOTH
def test_a_header_is_refused_wherever_it_is_cut(envelopes):
    data = seal(envelopes)
    for length in range(envelopes.header(data, PLACE).length):
        with pytest.raises(EntryError):
            envelopes.header(data[:length], PLACE)


@BOTH
@pytest.mark.parametrize("tail", [b"\x00", b"x" * 3000])
def test_trailing_bytes_are_refused(envelopes, tail):
    with pytest.raises(EntryError, match="bytes long"):
        unseal(seal(envelopes) + tail, envelopes)


@BOTH
@pytest.mark.parametrize(
    "place",
    [
        Place("site/ab/ce.s3c", PLACE.key, PLACE.namespace),
        Place("other/ab/cd.s3c", PLACE.key, PLACE.namespace),
        Place(PLACE.name, PLACE.key, "shoq"),
        Place(PLACE.name, PLACE.key),
        Place(PLACE.namespace, PLACE.key, PLACE.name),
    ],
)
def test_an_entry_moved_to_another_name_or_namespace_is_refused(envelopes, place):
    with pytest.raises(EntryError, match="moved to another name"):
        envelopes.header(seal(envelopes), place)


@BOTH
def test_an_entry_of_another_key_is_refused(envelopes):
    with pytest.raises(EntryError, match="another key"):
        envelopes.header(seal(envelopes), Place(PLACE.name, ":1:other", PLACE.namespace))


@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_places_give_the_same_context(name, namespace, other_name, other_namespace):
    one, other = Place(name, "", namespace), Place(other_name, "", other_namespace)
    assert (one.context() == other.context()) == (one == other)


def test_no_part_of_a_context_passes_for_another():
    assert Place("\0\0\0\x01a", "", "").context() != Place("a", "", "\0\0\0\x05").context()


def test_no_context_begins_another():
    assert not Place("ab", "", "").context().startswith(Place("a", "", "").context())


@BOTH
def test_a_longer_life_is_refused(envelopes):
    data = seal(envelopes, expires_at=2000)
    with pytest.raises(EntryError, match="does not fit"):
        envelopes.header(data[:8] + struct.pack(">Q", 9000) + data[16:], PLACE)


def test_another_payload_of_the_same_length_is_refused():
    data = seal(body=b"1 coin")
    with pytest.raises(EntryError, match="payload is damaged"):
        unseal(data.replace(b"1 coin", b"9 coin"))


def test_an_entry_s_payload_under_another_entry_s_header_is_refused():
    one, other = seal(body=b"one"), seal(body=b"two")
    with pytest.raises(EntryError):
        unseal(one[:-3] + other[-3:])


# --- whose signature --------------------------------------------------------------------------------------------------------


def test_an_unsigned_entry_is_refused_where_signing_is_on():
    with pytest.raises(EntryError, match="unsigned"):
        SIGNED.header(seal(UNSIGNED), PLACE)


def test_a_signed_entry_made_to_look_unsigned_is_refused():
    data = built(signer=Checksum(), flags=1)
    for envelopes in (SIGNED, UNSIGNED, Envelopes(Checksum(), KEYRING)):
        with pytest.raises(EntryError):
            envelopes.header(data, PLACE)


def test_a_signed_entry_is_read_where_signing_is_off_and_the_key_is_known():
    reader = Envelopes(Checksum(), KEYRING)
    assert unseal(seal(SIGNED), reader).body == b"the payload"
    assert reader.header(seal(SIGNED), PLACE).signed
    assert unseal(seal(UNSIGNED), reader).body == b"the payload"
    assert not reader.header(seal(reader), PLACE).signed


def test_a_damaged_signed_payload_is_refused_where_signing_is_off():
    reader, data = Envelopes(Checksum(), KEYRING), seal(body=b"1 coin")
    with pytest.raises(EntryError, match="payload is damaged"):
        unseal(data.replace(b"1 coin", b"9 coin"), reader)


def test_a_signed_entry_is_refused_where_no_key_is_known():
    with pytest.raises(EntryError):
        UNSIGNED.header(seal(SIGNED), PLACE)


def test_an_entry_of_an_earlier_secret_is_read_while_it_is_a_fallback():
    data = seal(Envelopes(Keyring([b"old"])))
    assert unseal(data, Envelopes(Keyring([b"new", b"old"]))).body == b"the payload"
    with pytest.raises(EntryError, match="not among the current one"):
        unseal(data, Envelopes(Keyring([b"new"])))


def test_the_current_secret_signs():
    assert unseal(seal(Envelopes(Keyring([b"new", b"old"]))), Envelopes(Keyring([b"new"]))).body == b"the payload"


# --- headers of other versions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [0x00, 0x07, 0x7F])
@pytest.mark.parametrize("value", [b"", b"whatever", b"x" * 1000])
def test_an_unknown_optional_field_is_skipped(tag, value):
    assert unseal(built(KEY_FIELD + field(tag, value) + NAMES)).value == Described("pickle", "zlib")


NUMBER_FIELDS = {0x05: "grace_ms", 0x06: "compute_ms", 0x0A: "size"}


@pytest.mark.parametrize(("tag", "name"), NUMBER_FIELDS.items())
@pytest.mark.parametrize("number", [0, 1, 258, 2**64 - 1])
def test_a_number_is_read_from_its_field(tag, name, number):
    data = built(KEY_FIELD + field(tag, number.to_bytes(8)) + NAMES)
    assert unseal(data).value == Described("pickle", "zlib", **{name: number})


@pytest.mark.parametrize("tag", NUMBER_FIELDS)
@given(value=st.binary(max_size=300).filter(lambda value: len(value) != 8))
def test_a_number_of_another_length_is_skipped_as_an_unknown_field_is(tag, value):
    """A reader that does not know the field finds the entry there, so those that know it must, too."""
    assert unseal(built(KEY_FIELD + NAMES + field(tag, value))).value == Described("pickle", "zlib")


@given(numbers=st.lists(st.integers(0, 2**64 - 1), min_size=3, max_size=3))
def test_numbers_are_written_in_8_bytes_each_and_zeros_not_at_all(numbers):
    grace, compute, size = numbers
    value = Described("pickle", "zlib", grace_ms=grace, compute_ms=compute, size=size)
    data = SIGNED.seal(PLACE, Payload(b"", value), expires_at=0, written_at=0, write_id=WRITE_ID)
    fields = (field(tag, number.to_bytes(8)) for tag, number in ((0x0A, size), (0x05, grace), (0x06, compute)) if number)
    assert data[84:-32] == KEY_FIELD + NAMES + b"".join(fields)


def test_the_fields_behind_the_key_stand_in_any_order():
    serializer, compressor = field(0x81, b"pickle"), field(0x82, b"zlib")
    assert unseal(built(KEY_FIELD + compressor + serializer)) == unseal(built(KEY_FIELD + serializer + compressor))


def test_the_key_comes_first():
    with pytest.raises(EntryError, match="another key"):
        SIGNED.header(built(NAMES + KEY_FIELD), PLACE)


@pytest.mark.parametrize("tag", [0x80, 0x83, 0x87, 0x88, 0x89, 0xFF])
def test_an_unknown_critical_field_is_refused(tag):
    with pytest.raises(EntryError, match=f"critical field {tag:#04x}"):
        SIGNED.header(built(KEY_FIELD + NAMES + field(tag, b"")), PLACE)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (KEY_FIELD + NAMES + KEY_FIELD, "there twice"),
        (KEY_FIELD + NAMES + field(0x81, b"json"), "there twice"),
        (KEY_FIELD + NAMES + field(0x05, b"") * 2, "there twice"),
        (KEY_FIELD + NAMES + b"\x05", "cut off"),
        (KEY_FIELD + NAMES + b"\x05\x00", "cut off"),
        (KEY_FIELD + NAMES + field(0x05, b"xx", length=3), "cut off"),
        (NAMES, "another key"),
        (NAMES + field(0x03, b":1:other"), "another key"),
        (NAMES + field(0x04, hashlib.sha256(b":1:key").digest()), "another key"),
        (KEY_FIELD, "missing or malformed"),
        (KEY_FIELD + field(0x81, b"pickle"), "0x82 is missing"),
        (KEY_FIELD + field(0x82, b"zlib"), "0x81 is missing"),
        (KEY_FIELD + field(0x81, "pickleß".encode()) + field(0x82, b"zlib"), "malformed"),
        (b"", "another key"),
    ],
)
def test_malformed_fields_are_refused_though_they_are_signed(fields, reason):
    with pytest.raises(EntryError, match=reason):
        SIGNED.header(built(fields), PLACE)


@pytest.mark.parametrize("length", [0, 1, 84, 84 + 31, 2049, 65535])
def test_an_impossible_header_length_is_refused(length):
    with pytest.raises(EntryError, match="impossible length"):
        SIGNED.header(built(length=length, payload=b"x" * 70_000), PLACE)


def test_a_header_above_the_limit_is_refused_though_it_is_whole():
    with pytest.raises(EntryError, match="impossible length"):
        SIGNED.header(built(KEY_FIELD + NAMES + field(0x05, b"x" * 2000)), PLACE)


def test_a_header_of_exactly_the_limit_is_read():
    filling = HEADER_LIMIT - 84 - len(KEY_FIELD + NAMES) - 3 - 32
    assert SIGNED.header(built(KEY_FIELD + NAMES + field(0x05, bytes(filling))), PLACE).length == HEADER_LIMIT


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_refused(version):
    with pytest.raises(EntryError, match=f"version {version};"):
        SIGNED.header(built(version=version), PLACE)


@pytest.mark.parametrize("flags", [2, 3, 128, 255])
@pytest.mark.parametrize("signer", [KEYRING, Checksum()])
def test_unknown_flags_are_refused(flags, signer):
    with pytest.raises(EntryError):
        Envelopes(signer, KEYRING).header(built(signer=signer, flags=flags), PLACE)


def test_another_magic_is_refused():
    with pytest.raises(EntryError, match="does not begin like an entry"):
        SIGNED.header(built(magic=b"\x89PNG"), PLACE)


def test_another_key_id_is_refused():
    with pytest.raises(EntryError, match="not among the current one"):
        SIGNED.header(built(key_id=b"nope"), PLACE)


# --- anything at all --------------------------------------------------------------------------------------------------------


@BOTH
@given(data=st.binary(max_size=300), prefixed=st.sampled_from([b"", b"\x89S3C", b"\x89S3C\x01\x00", b"\x89S3C\x01\x01"]))
def test_arbitrary_bytes_raise_nothing_but_entry_error(envelopes, data, prefixed):
    with pytest.raises(EntryError):
        unseal(prefixed + data, envelopes)


@BOTH
@given(fields=st.binary(max_size=200))
def test_arbitrary_signed_fields_raise_nothing_but_entry_error(envelopes, fields):
    data = built(fields, signer=KEYRING if envelopes is SIGNED else Checksum(), flags=int(envelopes is SIGNED))
    with pytest.raises(EntryError):
        unseal(data, envelopes)
