"""Encrypted entries: who knows the secret reads what was sealed, and to everybody else nothing is there, or shows."""

import hashlib
import hmac
import itertools
import os
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from s3cache.encryption import Encryption
from s3cache.envelope import HEADER_LIMIT, Envelopes, Payload, Place
from s3cache.errors import EntryError
from s3cache.fields import Described
from s3cache.naming import digest_under, is_entry_name, object_name
from s3cache.pieces import LARGE, PIECE, EncodedText, Pieces, joined
from s3cache.signing import Checksum, Keyring

SECRET, EARLIER, OTHER = b"secret", b"earlier secret", b"another secret"
KEYRING = Keyring([b"signing secret"])
PLACE = Place("site/ab/cd.s3c", ":1:key", "shop")
WRITE_ID = bytes(range(16))
OVERHEAD = 16
FIELD_BEGIN = 84 + 3
SALT = slice(FIELD_BEGIN + 4, FIELD_BEGIN + 36)


def envelopes_with(*secrets, random=os.urandom):
    return Envelopes(KEYRING, encryption=Encryption(secrets, random))


ENCRYPTED, CLEAR = envelopes_with(SECRET), Envelopes(KEYRING)


def seal(envelopes=ENCRYPTED, place=PLACE, body=b"the payload", expires_at=2000, write_id=WRITE_ID):
    return envelopes.seal(
        place, Payload(body, Described("pickle", "zlib")), expires_at=expires_at, written_at=1000, write_id=write_id
    )


def unseal(data, envelopes=ENCRYPTED, place=PLACE):
    return envelopes.payload(data, envelopes.header(data, place))


def signed_again(data, place=PLACE):
    """The object with a signature that fits what it has become: made by who knows the signing key, and no other."""
    length = int.from_bytes(data[6:8], "big")
    header, payload = data[: length - 32], data[length:]
    header = header[:52] + hashlib.sha256(payload).digest() + header[84:]
    return header + KEYRING.mac(header, place.context()) + payload


def in_pieces(data):
    pieces = Pieces(len(data))
    for start in range(0, len(data), PIECE):
        pieces.append(data[start : start + PIECE])
    return pieces


# --- what goes in comes out -------------------------------------------------------------------------------------------------

places = st.builds(Place, st.text(min_size=1, max_size=40), st.text(st.characters(), max_size=1100), st.text(max_size=40))
writing = st.fixed_dictionaries(
    {
        "expires_at": st.integers(0, 2**63 - 1),
        "written_at": st.integers(0, 2**63 - 1),
        "write_id": st.binary(min_size=16, max_size=16),
    }
)


@given(place=places, body=st.binary(max_size=300), write=writing)
def test_what_was_sealed_comes_out(place, body, write):
    payload = Payload(body, Described("json", "none"))
    data = ENCRYPTED.seal(place, payload, **write)
    header = ENCRYPTED.header(data, place)
    assert ENCRYPTED.payload(data, header) == payload
    assert write == {"expires_at": header.expires_at, "written_at": header.written_at, "write_id": header.write_id}
    assert header.length + header.payload_length == len(data)


LENGTHS = [LARGE - 1, LARGE, LARGE + 1, LARGE + 65_536 - 16, LARGE + PIECE, LARGE + PIECE + 12_345]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_large_body_comes_out_however_it_was_read(length):
    body = os.urandom(length)
    data = seal(body=body)
    assert len(data) - ENCRYPTED.header(data, PLACE).length == length + OVERHEAD
    assert joined(unseal(data).body) == body
    assert joined(unseal(in_pieces(data)).body) == body


def test_a_large_text_and_a_body_in_pieces_are_sealed_as_bytes_are():
    text = "ä€𝄞 and more " * (LARGE // 12)
    body = text.encode()
    assert unseal(seal(body=EncodedText(text))).body.text() == text
    assert joined(unseal(seal(body=in_pieces(body))).body) == body


def test_a_large_body_is_encrypted_as_one_message():
    """So the two ways of encrypting, at once and part by part, are one format."""
    fixed = bytes(range(32))
    data = seal(envelopes_with(SECRET, random=lambda length: fixed), body=b"x" * (LARGE + 1))
    length = int.from_bytes(data[6:8], "big")
    key = HKDF(SHA256(), 32, None, b"s3cache entry encryption 1" + fixed).derive(SECRET)
    field_length = int.from_bytes(data[85:87], "big")
    associated = PLACE.context() + data[:52] + data[FIELD_BEGIN + field_length : length - 32]
    assert AESGCM(key).decrypt(bytes(11) + b"\1", data[length:], associated) == b"x" * (LARGE + 1)


@pytest.mark.parametrize("length", [0, 1, 1023, 1024, 1025, 100_000])
def test_the_longest_header_fits_in_the_limit(length):
    place = Place("n" * 1024, "k" * length, "s" * 1000)
    value = Described("s" * 8, "c" * 8, *[2**64 - 1] * 3)
    data = ENCRYPTED.seal(place, Payload(b"", value), expires_at=0, written_at=0, write_id=WRITE_ID)
    assert ENCRYPTED.header(data, place).length == len(data) - OVERHEAD <= HEADER_LIMIT


def test_the_header_is_verified_without_the_payload():
    data = seal(body=b"payload" * 1000)
    header = ENCRYPTED.header(data[:HEADER_LIMIT], PLACE)
    assert (header.expires_at, header.write_id, header.value.serializer) == (2000, WRITE_ID, "pickle")


# --- nothing shows ----------------------------------------------------------------------------------------------------------


@given(key=st.text("GHIJKLMNOP:", min_size=6, max_size=1500), body=st.text("qrstuvwxyz", min_size=6, max_size=300).map(str.encode))
def test_neither_the_key_nor_the_value_nor_a_part_of_them_is_in_the_object_or_its_name(key, body):
    name = object_name("", key, digest_under(b"name secret"))
    place = Place(name, key)
    data = ENCRYPTED.seal(place, Payload(body, Described("s", "c")), expires_at=0, written_at=0, write_id=WRITE_ID)
    stored = data.replace(WRITE_ID, b"") + name.encode()
    encoded = key.encode()
    assert not any(encoded[start : start + 6] in stored for start in range(len(encoded) - 5))
    assert not any(body[start : start + 6] in stored for start in range(len(body) - 5))
    assert hashlib.sha256(encoded).digest() not in stored and hashlib.sha256(encoded).hexdigest()[2:] not in name


def test_keys_of_about_one_length_look_alike():
    assert len({len(seal(place=Place(PLACE.name, "k" * length))) for length in range(60)}) == 1


def test_no_salt_and_no_ciphertext_comes_twice():
    """Equal entries, sealed again and again, have nothing in common but what a header may show."""
    sealed = [seal() for _ in range(200)]
    assert len({data[SALT] for data in sealed}) == 200
    assert len({data[SALT.stop : SALT.stop + 16] for data in sealed}) == 200
    assert len({data[-27:-11] for data in sealed}) == 200


def test_a_salt_is_as_long_as_it_must_be_and_asked_for_once_per_entry():
    asked = []
    envelopes = envelopes_with(SECRET, random=lambda length: asked.append(length) or os.urandom(length))
    for body in (b"", b"small", b"x" * (LARGE + 1)):
        seal(envelopes, body=body)
    assert asked == [32, 32, 32]


def test_the_key_and_the_payload_of_one_entry_are_not_encrypted_alike():
    data = seal(body=struct.pack(">BH", 3, 6) + b":1:key" + bytes(55))
    length = int.from_bytes(data[6:8], "big")
    assert data[SALT.stop : SALT.stop + 64] != data[length : length + 64]


def test_a_shown_cipher_shows_no_key():
    encryption = Encryption([SECRET], os.urandom)
    header = ENCRYPTED.header(seal(), PLACE)
    for shown in (repr(encryption), repr(ENCRYPTED), repr(header), repr(header.cipher), str(header.cipher)):
        assert "secret" not in shown and "\\x" not in shown.replace(repr(WRITE_ID), "").replace(repr(header.payload_digest), "")


# --- damage and forgery -----------------------------------------------------------------------------------------------------


def test_every_flipped_bit_is_refused():
    data = seal(body=b"payload")
    for place in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(EntryError):
            unseal(bytes(damaged))


def test_every_flipped_bit_is_refused_even_if_it_is_signed_again():
    """The second lock: GCM covers all but the payload's digest, which was computed anew, and the id of the signing key."""
    data = seal(body=b"payload")
    length = int.from_bytes(data[6:8], "big")
    unlocked = {*range(52, 84), *range(length - 32, length)}
    for place in (place for place in range(len(data) * 8) if place // 8 not in unlocked):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        damaged[6:8] = data[6:8]
        if bytes(damaged) != data:
            with pytest.raises(EntryError):
                unseal(signed_again(bytes(damaged)))


@pytest.mark.parametrize("read", [bytes, in_pieces])
def test_a_large_body_that_was_changed_and_signed_again_is_refused(read):
    data = bytearray(seal(body=b"x" * (LARGE + 100_000)))
    for place in (-1, -OVERHEAD, -OVERHEAD - 1, len(data) // 2):
        data[place] ^= 1
        with pytest.raises(EntryError, match="cannot be decrypted"):
            unseal(read(signed_again(bytes(data))))
        data[place] ^= 1
    assert joined(unseal(read(signed_again(bytes(data)))).body) == b"x" * (LARGE + 100_000)


def test_every_truncation_is_refused():
    data = seal()
    for length in range(len(data)):
        with pytest.raises(EntryError):
            unseal(data[:length])


@pytest.mark.parametrize("length", range(17))
def test_a_payload_shorter_than_its_tag_is_refused_though_it_is_signed(length):
    data = seal(body=b"")
    short = bytearray(data[: len(data) - 16 + length] if length < 16 else data + b"x")
    short[44:52] = struct.pack(">Q", length if length < 16 else 17)
    with pytest.raises(EntryError):
        unseal(signed_again(bytes(short)))


@pytest.mark.parametrize(
    "place",
    [
        Place("site/ab/ce.s3c", PLACE.key, PLACE.namespace),
        Place("other/ab/cd.s3c", PLACE.key, PLACE.namespace),
        Place(PLACE.name, PLACE.key, "shoq"),
        Place(PLACE.name, PLACE.key),
    ],
)
def test_an_entry_moved_elsewhere_is_refused_even_if_it_is_signed_again(place):
    with pytest.raises(EntryError, match="moved to another name"):
        unseal(seal(), place=place)
    with pytest.raises(EntryError, match="cannot be decrypted"):
        unseal(signed_again(seal(), place), place=place)


@pytest.mark.parametrize("key", [":1:kez", ":1:key\0", ":1:key" + "y" * 100, "y" * 2000, ""])
def test_an_entry_of_another_key_is_refused(key):
    with pytest.raises(EntryError, match="another key"):
        ENCRYPTED.header(seal(), Place(PLACE.name, key, PLACE.namespace))


def test_the_payload_of_one_entry_does_not_fit_another():
    one, other = seal(body=b"one"), seal(body=b"two")
    with pytest.raises(EntryError):
        unseal(signed_again(one[:-19] + other[-19:]))


# --- with and without -------------------------------------------------------------------------------------------------------


def test_an_entry_that_is_not_encrypted_is_refused_where_encryption_is_on():
    with pytest.raises(EntryError, match="not encrypted"):
        ENCRYPTED.header(seal(CLEAR), PLACE)


@pytest.mark.parametrize("envelopes", [CLEAR, Envelopes(Checksum(), KEYRING)], ids=["signing", "not signing"])
def test_an_encrypted_entry_is_refused_where_no_key_is_known(envelopes):
    with pytest.raises(EntryError, match="it is encrypted"):
        envelopes.header(seal(), PLACE)


def test_an_entry_s_encryption_cannot_be_taken_off():
    """What stands behind the field of the key may not be that field, for whoever reads it."""
    fields = struct.pack(">BH", 3, 6) + b":1:key" + struct.pack(">BH", 0x81, 1) + b"s" + struct.pack(">BH", 0x82, 1) + b"c"
    fields += seal()[84 : 84 + 3 + 36 + 64 + 16]
    start = struct.pack(">4sBBHQQ16s4sQ", b"\x89S3C", 1, 1, 84 + len(fields) + 32, 0, 0, WRITE_ID, KEYRING.key_id, 0)
    data = signed_again(start + bytes(32) + fields + bytes(32))
    for envelopes in (ENCRYPTED, CLEAR):
        with pytest.raises(EntryError):
            envelopes.header(data, PLACE)


@given(field=st.binary(max_size=200))
def test_arbitrary_encrypted_fields_raise_nothing_but_entry_error(field):
    fields = struct.pack(">BH", 0x88, len(field)) + field
    start = struct.pack(">4sBBHQQ16s4sQ", b"\x89S3C", 1, 1, 84 + len(fields) + 32, 0, 0, WRITE_ID, KEYRING.key_id, 0)
    with pytest.raises(EntryError):
        ENCRYPTED.header(signed_again(start + bytes(32) + fields + bytes(32)), PLACE)


@pytest.mark.parametrize("length", [0, 1, 4, 35, 36, 99, 115, 117, 2000, 65_535])
def test_an_encrypted_field_of_another_length_is_refused(length):
    data = bytearray(seal())
    data[85:87] = struct.pack(">H", length)
    with pytest.raises(EntryError, match="another key"):
        ENCRYPTED.header(signed_again(bytes(data)), PLACE)


# --- keys -------------------------------------------------------------------------------------------------------------------


def test_an_entry_of_an_earlier_secret_is_read_while_it_is_in_the_list():
    data = seal(envelopes_with(EARLIER))
    for secrets in itertools.permutations([SECRET, EARLIER, OTHER]):
        assert unseal(data, envelopes_with(*secrets)).body == b"the payload"
    with pytest.raises(EntryError, match="not among"):
        ENCRYPTED.header(data, PLACE)


def test_the_first_secret_encrypts():
    assert unseal(seal(envelopes_with(SECRET, EARLIER))).body == b"the payload"


def test_another_secret_with_the_same_id_reads_nothing():
    data = bytearray(seal(envelopes_with(OTHER)))
    data[FIELD_BEGIN : FIELD_BEGIN + 4] = seal()[FIELD_BEGIN : FIELD_BEGIN + 4]
    with pytest.raises(EntryError, match="cannot be decrypted"):
        ENCRYPTED.header(signed_again(bytes(data)), PLACE)


@pytest.mark.parametrize("secrets", [[], [b""], [b"secret", b""]])
def test_without_a_secret_nothing_is_encrypted(secrets):
    with pytest.raises(ValueError):
        Encryption(secrets, os.urandom)


def test_one_secret_serves_signing_names_and_encryption_under_keys_of_their_own():
    """What each of them shows is computed under another label."""
    envelopes = Envelopes(Keyring([SECRET]), encryption=Encryption([SECRET], os.urandom))
    data = seal(envelopes)
    assert data[40:44] != data[FIELD_BEGIN : FIELD_BEGIN + 4]
    assert unseal(data, envelopes).body == b"the payload"


# --- names ------------------------------------------------------------------------------------------------------------------


def test_a_name_is_the_hmac_of_the_key():
    secret = HKDF(SHA256(), 32, None, b"s3cache object name 1").derive(b"name secret")
    digits = hmac.digest(secret, ":1:ä\ud800".encode("utf-8", "surrogatepass"), "sha256").hex()
    assert object_name("site/", ":1:ä\ud800", digest_under(b"name secret")) == f"site/{digits[:2]}/{digits[2:]}.s3c"


@given(st.text(st.characters()), st.binary(min_size=1))
def test_a_name_under_a_name_key_has_the_form_of_every_other(key, name_key):
    assert is_entry_name("site/", object_name("site/", key, digest_under(name_key)))


def test_another_name_key_gives_another_name():
    names = {object_name("", "key", digest_under(secret)) for secret in (b"a", b"b", b"ab")}
    assert len(names | {object_name("", "key")}) == 4
