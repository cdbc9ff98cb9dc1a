"""AES-256-GCM (NIST SP 800-38D) from the package cryptography, for large data part by part: one copy is made, and no second.

What is encrypted is as long as it was, and ends in a tag of 16 bytes. Nothing is given back before its tag was found to fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from s3cache.errors import EntryError
from s3cache.pieces import LARGE, PART, Buffer, Pieces, Streamed, cut, whole

PACKAGE = "cryptography"
TAG_LENGTH = 16
BLOCK_LENGTH = 16


class Cipher:
    """Messages under one key of 32 bytes, with the same associated data. A nonce, of 12 bytes, is for one message."""

    def __init__(self, key: bytes, associated: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._key = key
        self._associated = associated
        self._at_once = AESGCM(key)

    def encrypt(self, nonce: bytes, data: Buffer | Streamed) -> bytes | Streamed:
        """Of large data, what gives it encrypted when it is asked."""
        if len(data) <= LARGE:
            return self._at_once.encrypt(nonce, whole(data), self._associated)
        return Encrypted(data, lambda: self._in_parts(nonce).encryptor(), self._associated)

    def decrypt(self, nonce: bytes, data: Buffer | Streamed) -> bytes | Pieces:
        """Of large data Pieces; it is consumed, if it can be. Raises EntryError where the tag does not fit."""
        from cryptography.exceptions import InvalidTag

        try:
            if len(data) <= LARGE:
                return self._at_once.decrypt(nonce, whole(data), self._associated)
            return decrypted(data, self._in_parts(nonce).decryptor(), self._associated)
        except InvalidTag:
            raise EntryError("it cannot be decrypted: its tag does not fit") from None

    def _in_parts(self, nonce: bytes) -> Any:
        from cryptography.hazmat.primitives import ciphers
        from cryptography.hazmat.primitives.ciphers import algorithms, modes

        return ciphers.Cipher(algorithms.AES(self._key), modes.GCM(nonce))


class Encrypted(Streamed):
    """Encrypted data, which may be consumed as often as the data. ``begin`` gives a fresh encryptor."""

    def __init__(self, data: Buffer | Streamed, begin: Callable[[], Any], associated: bytes) -> None:
        self._data = data
        self._begin = begin
        self._associated = associated
        self._length = len(data) + TAG_LENGTH

    def __len__(self) -> int:
        return self._length

    def taken(self) -> Iterator[Buffer]:
        encryptor = self._begin()
        encryptor.authenticate_additional_data(self._associated)
        yield from passed(encryptor, parts(self._data))
        encryptor.finalize()
        yield encryptor.tag


def decrypted(data: Buffer | Streamed, decryptor: Any, associated: bytes) -> Pieces:
    """Raises InvalidTag."""
    length = len(data) - TAG_LENGTH
    tag = bytes(whole(data)[length:])
    plain = Pieces(length)
    decryptor.authenticate_additional_data(associated)
    for part in passed(decryptor, limited(parts(data), length)):
        plain.append(part)
    decryptor.finalize_with_tag(tag)
    return plain


def passed(context: Any, parts: Iterator[Buffer]) -> Iterator[memoryview]:
    """The parts as an encryptor or decryptor turns them out, each good until the next is asked for."""
    room = memoryview(bytearray(PART + BLOCK_LENGTH - 1))  # the package wants that much, though GCM fills no blocks
    for part in parts:
        yield room[: context.update_into(part, room)]


def parts(data: Buffer | Streamed) -> Iterator[Buffer]:
    """The data in short parts."""
    pieces = data.taken() if isinstance(data, Streamed) else (memoryview(data),)
    return (part for piece in pieces for part in cut(piece))


def limited(parts: Iterator[Buffer], length: int) -> Iterator[Buffer]:
    """So many bytes of the parts."""
    for part in parts:
        yield part[:length]
        length -= min(length, len(part))
