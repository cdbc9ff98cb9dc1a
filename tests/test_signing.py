"""MACs and checksums: derivation, rotation, and what they refuse."""

import hashlib
import hmac
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cache.errors import EntryError
from s3cache.signing import NO_KEY, Checksum, Keyring, derived_key

SIGNERS = [Keyring([b"secret"]), Checksum()]
HEADER, CONTEXT = b"the header", b"the context"


def test_the_derivation_is_rfc_5869_s():
    # Test case 3 of appendix A: no salt, no info; its first block.
    assert derived_key(b"\x0b" * 22, b"").hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


def test_a_label_gives_a_key_of_its_own():
    assert len({derived_key(secret, label) for secret in (b"a", b"b") for label in (b"x", b"y")}) == 4


def test_the_mac_is_hmac_sha256_over_context_and_header():
    key = derived_key(b"secret", b"s3cache envelope signature 1")
    assert Keyring([b"secret"]).mac(HEADER, CONTEXT) == hmac.digest(key, CONTEXT + HEADER, "sha256")
    assert Keyring([b"secret"]).key_id == hmac.digest(key, b"s3cache key id", "sha256")[:4]


def test_a_keyring_s_digest_is_sha256():
    assert Keyring([b"secret"]).digest(b"payload") == hashlib.sha256(b"payload").digest()


def test_the_checksum_is_crc32():
    assert Checksum().mac(HEADER, CONTEXT) == zlib.crc32(CONTEXT + HEADER).to_bytes(4, "big")
    assert Checksum().digest(b"payload") == bytes(28) + zlib.crc32(b"payload").to_bytes(4, "big")
    assert Checksum().key_id == NO_KEY


@pytest.mark.parametrize("signer", SIGNERS)
@given(header=st.binary(), context=st.binary())
def test_what_was_sealed_is_confirmed(signer, header, context):
    mac = signer.mac(header, context)
    assert len(mac) == signer.mac_length
    signer.check(header, context, signer.key_id, mac)
    signer.check(memoryview(header), context, signer.key_id, memoryview(mac))


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize(
    ("header", "context", "mac_end"),
    [(b"The header", CONTEXT, b""), (HEADER, b"The context", b""), (HEADER, CONTEXT, b"x"), (b"", CONTEXT + HEADER[:1], b"")],
)
def test_every_other_header_context_or_mac_is_refused(signer, header, context, mac_end):
    with pytest.raises(EntryError):
        signer.check(header, context, signer.key_id, signer.mac(HEADER, CONTEXT) + mac_end)


def test_two_calls_do_not_disturb_each_other():
    keyring = Keyring([b"secret"])
    first = keyring.mac(HEADER, CONTEXT)
    keyring.mac(b"something else", CONTEXT)
    assert keyring.mac(HEADER, CONTEXT) == first


def test_a_fallback_confirms_what_an_earlier_secret_signed():
    earlier = Keyring([b"old"])
    Keyring([b"new", b"old"]).check(HEADER, CONTEXT, earlier.key_id, earlier.mac(HEADER, CONTEXT))


def test_the_first_secret_signs():
    assert Keyring([b"new", b"old"]).mac(HEADER, CONTEXT) == Keyring([b"new"]).mac(HEADER, CONTEXT)


def test_a_secret_rotated_out_confirms_nothing():
    earlier = Keyring([b"old"])
    with pytest.raises(EntryError, match="not among the current one and its fallbacks"):
        Keyring([b"new"]).check(HEADER, CONTEXT, earlier.key_id, earlier.mac(HEADER, CONTEXT))


def test_one_key_s_mac_does_not_pass_under_another_s_id():
    both, earlier = Keyring([b"new", b"old"]), Keyring([b"old"])
    with pytest.raises(EntryError, match="signature does not fit"):
        both.check(HEADER, CONTEXT, both.key_id, earlier.mac(HEADER, CONTEXT))


def test_a_secret_given_twice_is_one():
    assert Keyring([b"a", b"a"]).key_id == Keyring([b"a"]).key_id


@pytest.mark.parametrize("secrets", [[], [b""], [b"good", b""]])
def test_an_empty_secret_or_none_is_refused(secrets):
    with pytest.raises(ValueError):
        Keyring(secrets)


def test_no_secret_shows_in_a_repr_or_a_message():
    keyring = Keyring([b"hunter2"])
    with pytest.raises(EntryError) as refused:
        keyring.check(HEADER, CONTEXT, keyring.key_id, bytes(32))
    assert "hunter2" not in f"{keyring!r} {vars(keyring)} {refused.value}"
