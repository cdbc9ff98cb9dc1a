"""Headers that say themselves whose they are, as a search for keys reads them."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache.encryption import Encryption
from s3cache.envelope import FIXED_LENGTH, HEADER_LIMIT, MAGIC, SIGNED, START, VERSION, Envelopes, Payload, Place
from s3cache.errors import EntryError
from s3cache.fields import Described
from s3cache.naming import object_name
from s3cache.signing import Checksum, Keyring

VALUE = Described("str", "none")
KEYRING = Keyring([b"a secret of the tests"])
ENCRYPTION = Encryption([b"another secret of the tests, of 32 bytes"], os.urandom)
KINDS = {"signed": Envelopes(KEYRING), "unsigned": Envelopes(Checksum()), "encrypted": Envelopes(KEYRING, encryption=ENCRYPTION)}
each_kind = pytest.mark.parametrize("kind", KINDS)


def sealed(envelopes, key, name="some/name", namespace=""):
    place = Place(name, key, namespace)
    return envelopes.seal(place, Payload(b"value", VALUE), expires_at=5, written_at=3, write_id=bytes(16))


@each_kind
@given(st.text(st.characters(), max_size=300), st.text("ns", max_size=3))
def test_the_key_comes_out_of_the_header_and_the_header_is_the_same(kind, key, namespace):
    data = sealed(KINDS[kind], key, object_name("", key), namespace)
    header, found = KINDS[kind].keyed(data[:HEADER_LIMIT], object_name("", key), namespace)
    assert found == key
    known = KINDS[kind].header(data, Place(object_name("", key), key, namespace))
    assert header._replace(cipher=None) == known._replace(cipher=None)
    assert bytes(KINDS[kind].payload(data, header).body) == b"value"


@each_kind
def test_of_a_long_key_there_is_but_a_digest(kind):
    for length, found in ((1024, "k" * 1024), (1025, None)):
        assert KINDS[kind].keyed(sealed(KINDS[kind], "k" * length)[:HEADER_LIMIT], "some/name", "")[1] == found


@each_kind
def test_an_entry_of_another_name_or_namespace_has_no_key(kind):
    data = sealed(KINDS[kind], "key")
    for name, namespace in (("some/other", ""), ("some/name", "other")):
        with pytest.raises(EntryError):
            KINDS[kind].keyed(data, name, namespace)


@pytest.mark.parametrize(("written", "read"), [("signed", "encrypted"), ("encrypted", "signed"), ("unsigned", "signed")])
def test_an_entry_of_another_kind_has_no_key(written, read):
    with pytest.raises(EntryError):
        KINDS[read].keyed(sealed(KINDS[written], "key"), "some/name", "")


@each_kind
@settings(max_examples=200)
@given(data=st.data())
def test_one_changed_byte_of_the_header_and_there_is_no_key(kind, data):
    body = bytearray(sealed(KINDS[kind], "key"))
    place = data.draw(st.integers(0, len(body) - 6 - 16 * (kind == "encrypted")))
    body[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EntryError):
        KINDS[kind].keyed(bytes(body), "some/name", "")


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_the_only_error_is_ours(data):
    for envelopes in KINDS.values():
        for body in (data, MAGIC + data):
            with pytest.raises(EntryError):
                envelopes.keyed(body, "some/name", "")


def crafted(signer, fields):
    """A header that its signer confirms, with any bytes for fields."""
    length = FIXED_LENGTH + len(fields) + signer.mac_length
    start = START.pack(MAGIC, VERSION, SIGNED if signer.signed else 0, length, 0, 0, bytes(16), signer.key_id, 0)
    header = start + signer.digest(b"") + fields
    return header + signer.mac(header, Place("some/name", "", "").context())


FIELDS = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda tag, length, rest: bytes([tag, 0, length]) + rest,
        st.sampled_from([3, 4, 0x88]),
        st.integers(0, 120),
        st.binary(max_size=150),
    ),
)


@settings(max_examples=400)
@given(FIELDS)
def test_whatever_a_confirmed_header_says_the_only_error_is_ours(fields):
    for signer, envelopes in ((KEYRING, KINDS["signed"]), (Checksum(), KINDS["unsigned"]), (KEYRING, KINDS["encrypted"])):
        with pytest.raises(EntryError):
            envelopes.keyed(crafted(signer, fields), "some/name", "")


def test_a_confirmed_header_with_a_field_of_the_right_encryption_key_that_is_cut_off():
    begin = ENCRYPTION._current + bytes(32)
    for length in range(0, 40):
        field = begin + bytes(length)
        with pytest.raises(EntryError):
            KINDS["encrypted"].keyed(crafted(KEYRING, bytes([0x88, 0, len(field)]) + field), "some/name", "")
