"""Entries that only who knows a secret can read: each is encrypted under a key of its own.

::

    secret, 32 random bytes --HKDF--> the entry's key
        nonce 0: the cache's key, padded      -> the header's first field, behind the secret's id and the random bytes
        nonce 1: the payload, as compressed   -> behind the header

A key serves these two messages and never another, so nonces can be numbers, and no number of entries wears a secret out. Both
messages are bound to the associated data: where the entry is stored, and what else the header says.

What comes to be decrypted was verified before, by its signature (``signing``), which covers it as stored. GCM's own tag is a second
lock: it keeps out who knows the signing key, and not this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from s3cache.errors import EntryError
from s3cache.gcm import TAG_LENGTH, Cipher
from s3cache.pieces import Buffer, Streamed, joined
from s3cache.signing import KEY_ID_LENGTH, keys_of

SALT_LENGTH = 32
BEGIN_LENGTH = KEY_ID_LENGTH + SALT_LENGTH
PADDING = 64
"""A key's field is filled up with zeros to a multiple of so many bytes, so that it shows little of its length."""
KEY_NONCE, PAYLOAD_NONCE = (number.to_bytes(12, "big") for number in range(2))


class Encryption:
    """Encrypts under the first secret, and decrypts under all of them. ``random`` gives as many fresh bytes as it is asked for.

    Raises ValueError without a secret or for an empty one.
    """

    def __init__(self, secrets: Iterable[bytes], random: Callable[[int], bytes]) -> None:
        self._random = random
        self._keys: dict[bytes, Callable[[bytes], bytes]] = {}
        for secret in secrets:
            if not secret:
                raise ValueError("An encryption key must not be empty.")
            derived_key = keys_of(secret)
            self._keys.setdefault(derived_key(b"s3cache encryption key id 1")[:KEY_ID_LENGTH], derived_key)
        if not self._keys:
            raise ValueError("Encryption needs at least one key.")
        self._current = next(iter(self._keys))

    def begin(self, associated: bytes) -> EntryCipher:
        """What encrypts a new entry."""
        return self._cipher(self._current + self._random(SALT_LENGTH), associated)

    def opened(self, field: bytes, key: bytes, associated: bytes) -> EntryCipher:
        """What decrypts the entry whose header begins with that field. Raises EntryError where it is not one of ``key``."""
        cipher = self._cipher(field[:BEGIN_LENGTH], associated)
        cipher.check_key(field[BEGIN_LENGTH:], key)
        return cipher

    def key_in(self, field: bytes, associated: bytes) -> tuple[bytes, EntryCipher]:
        """The padded field of whatever key it is, and what decrypts the entry. Raises EntryError."""
        cipher = self._cipher(field[:BEGIN_LENGTH], associated)
        return cipher.key_in(field[BEGIN_LENGTH:]), cipher

    def _cipher(self, begin: bytes, associated: bytes) -> EntryCipher:
        derived_key = self._keys.get(begin[:KEY_ID_LENGTH])
        if derived_key is None:
            raise EntryError("it was encrypted with a key that is not among OPTIONS['ENCRYPTION_KEYS']")
        key = derived_key(b"s3cache entry encryption 1" + begin[KEY_ID_LENGTH:])
        return EntryCipher(begin, Cipher(key, associated))


class EntryCipher:
    """Encrypts, or decrypts, the two messages of one entry."""

    def __init__(self, begin: bytes, cipher: Cipher) -> None:
        self._begin = begin
        self._cipher = cipher

    def field(self, key: bytes) -> bytes:
        """What the header has in place of the field of the cache's key: ``field_length`` bytes."""
        return self._begin + joined(self._cipher.encrypt(KEY_NONCE, padded(key)))

    def check_key(self, encrypted: bytes, key: bytes) -> None:
        """Raises EntryError unless it is that key, encrypted."""
        if self.key_in(encrypted) != padded(key):
            raise EntryError("it belongs to another key")

    def key_in(self, encrypted: bytes) -> bytes:
        """The padded field of the key. Raises EntryError."""
        return joined(self._cipher.decrypt(KEY_NONCE, encrypted))

    def payload(self, body: Buffer | Streamed) -> Buffer | Streamed:
        """What is stored of a payload: ``TAG_LENGTH`` bytes more."""
        return self._cipher.encrypt(PAYLOAD_NONCE, body)

    def body(self, payload: Buffer | Streamed) -> Buffer | Streamed:
        """The other way. Costs a copy. Raises EntryError."""
        return self._cipher.decrypt(PAYLOAD_NONCE, payload)


def padded(key: bytes) -> bytes:
    return key + bytes(-len(key) % PADDING)


def field_length(key: bytes) -> int:
    """Of what the header has in place of that field."""
    return BEGIN_LENGTH + len(padded(key)) + TAG_LENGTH
