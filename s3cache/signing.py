"""Telling our own entries from others: a keyed MAC (``Keyring``), or a mere checksum where signing is off (``Checksum``).

Both seal and check the *header* of an envelope together with the *context*, where it is stored, so that an entry can neither be
changed, given a longer life, nor moved to another name. The header in turn holds the digest of the payload.

Signing is HMAC-SHA256 (RFC 2104). Its key is derived from the secret by HKDF (RFC 5869), so that the secret, which a site may use
for more, is never used itself. A header names its key by a 4-byte id: entries of an earlier secret stay readable as long as it is
among the fallbacks.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Callable, Iterable

from s3cache.errors import EntryError
from s3cache.pieces import Buffer

KEY_ID_LENGTH = 4
DIGEST_LENGTH = 32
NO_KEY = bytes(KEY_ID_LENGTH)

Mac = Callable[[bytes, Buffer], bytes]
"""Of context and header."""


def derived_key(secret: bytes, label: bytes) -> bytes:
    """32 bytes for the purpose that ``label`` names: HKDF-SHA256 without salt, one block (RFC 5869 sections 2.2 and 2.3)."""
    return keys_of(secret)(label)


def keys_of(secret: bytes) -> Callable[[bytes], bytes]:
    """``derived_key`` for that secret, made ready for many labels."""
    expand = mac_under(hmac.digest(bytes(DIGEST_LENGTH), secret, "sha256"))
    return lambda label: expand(label, b"\x01")


def mac_under(key: bytes) -> Mac:
    """HMAC-SHA256 under that key (RFC 2104 section 2), made ready: the key's two blocks are hashed once, not at each call.

    The hmac module, asked to do that, spends more time on copying its state than on hashing a header.
    """
    block = key.ljust(hashlib.sha256().block_size, b"\0")
    inner_start = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
    outer_start = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def mac(context: bytes, header: Buffer) -> bytes:
        inner, outer = inner_start.copy(), outer_start.copy()
        inner.update(context)
        inner.update(header)
        outer.update(inner.digest())
        return outer.digest()

    return mac


class Keyring:
    """Signs with the first secret and checks against all of them.

    Raises ValueError without a secret or for an empty one.
    """

    mac_length = DIGEST_LENGTH
    signed = True

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._macs: dict[bytes, Mac] = {}
        for secret in secrets:
            if not secret:
                raise ValueError("A signing key must not be empty.")
            key = derived_key(secret, b"s3cache envelope signature 1")
            self._macs.setdefault(hmac.digest(key, b"s3cache key id", "sha256")[:KEY_ID_LENGTH], mac_under(key))
        if not self._macs:
            raise ValueError("Signing needs at least one key.")
        self.key_id = next(iter(self._macs))

    def mac(self, header: Buffer, context: bytes) -> bytes:
        return self._macs[self.key_id](context, header)

    def check(self, header: Buffer, context: bytes, key_id: bytes, mac: Buffer) -> None:
        """Raises EntryError unless the MAC is that of a known key over header and context."""
        known = self._macs.get(key_id)
        if known is None:
            raise EntryError("it was signed with a key that is not among the current one and its fallbacks")
        if not hmac.compare_digest(known(context, header), mac):
            raise EntryError("its signature does not fit: the header was changed, or the object moved to another name")

    def digest(self, payload: Buffer) -> bytes:
        return hashlib.sha256(payload).digest()


class Checksum:
    """Finds damage, not forgery: CRC32 in place of MAC and digest."""

    mac_length = 4
    signed = False
    key_id = NO_KEY

    def mac(self, header: Buffer, context: bytes) -> bytes:
        return zlib.crc32(header, zlib.crc32(context)).to_bytes(4, "big")

    def check(self, header: Buffer, context: bytes, key_id: bytes, mac: Buffer) -> None:
        """Raises EntryError unless the checksum fits."""
        if self.mac(header, context) != mac:
            raise EntryError("its checksum does not fit: the header is damaged, or the object moved to another name")

    def digest(self, payload: Buffer) -> bytes:
        return zlib.crc32(payload).to_bytes(DIGEST_LENGTH, "big")


Signer = Keyring | Checksum
