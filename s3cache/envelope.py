"""The stored form of an entry: a header that can be verified alone, then the payload.

::

    0   magic            4   89 53 33 43  ("\\x89S3C")
    4   version          1   1
    5   flags            1   bit 0: signed
    6   header length    2   fixed part, fields and MAC; at most 2048
    8   expires_at       8   ms since 1970 UTC; 0 = never
    16  written_at       8   ms since 1970 UTC
    24  write id        16   random, fresh at each write
    40  key id           4   which secret signed it; zeros if unsigned
    44  payload length   8
    52  payload digest  32   SHA-256; unsigned: CRC32 in the last 4 bytes
    84  fields               tag 1, length 2, value; each tag at most once; the key first, others in any order
    ..  MAC             32   HMAC-SHA256 over context and header; unsigned: 4 bytes of CRC32
    ..  payload

Numbers are unsigned and big-endian. A field whose tag has the top bit is critical: a reader that does not know it must treat
the entry as absent; other unknown fields are skipped. ``docs/reference/stored-format.rst`` tells the rest, byte by byte, and
``tests/golden/`` holds entries that every later version must read.

Everything here is pure, and the only error is EntryError, whose message is the reason.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache
from typing import NamedTuple

from s3cache.errors import EntryError
from s3cache.naming import key_bytes
from s3cache.pieces import Body, Buffer, Pieces, Streamed, whole
from s3cache.signing import DIGEST_LENGTH, Keyring, Signer

MAGIC = b"\x89S3C"
VERSION = 1
SIGNED = 1
FIXED = struct.Struct(">4sBBHQQ16s4sQ32s")
FIXED_LENGTH = FIXED.size
NO_DIGEST = bytes(DIGEST_LENGTH)
FIELD = struct.Struct(">BH")
LENGTH = struct.Struct(">I")

HEADER_LIMIT = 2048
"""No header is longer, so the first 2 KiB of an object always hold all of it."""
LONGEST_KEY = 1024
"""A longer key is stored as its SHA-256."""

CRITICAL = 0x80
SERIALIZER = CRITICAL | 0x01
COMPRESSOR = CRITICAL | 0x02
KEY = 0x03
KEY_DIGEST = 0x04
# Set aside for features to come, so that this version already knows what it may skip.
STALE_UNTIL = 0x05
COMPUTE_MS = 0x06
CHUNK_SIZE = CRITICAL | 0x07
ENCRYPTION_KEY_ID = CRITICAL | 0x08
GENERATION = CRITICAL | 0x09
READABLE = {SERIALIZER, COMPRESSOR}


class Header(NamedTuple):
    """A verified header."""

    expires_at: int
    """ms since 1970 UTC; 0 = never."""
    written_at: int
    """ms since 1970 UTC, by the writer's clock."""
    write_id: bytes
    """16 bytes that no other write has."""
    payload_length: int
    payload_digest: bytes
    serializer: str
    compressor: str
    length: int
    """Length of the header itself in bytes: the payload starts there."""
    signed: bool


class Payload(NamedTuple):
    """A value's bytes and the names of what made them."""

    body: Buffer | Streamed
    """Pieces serve once: to be decoded, or to be sealed again."""
    serializer: str
    compressor: str


class Place(NamedTuple):
    """Where an entry is stored: what its signature is bound to."""

    name: str
    """The object name, LOCATION's prefix included."""
    key: str
    """Django's full key."""
    namespace: str = ""
    """OPTIONS["NAMESPACE"]: keeps apart what different sites store under equal names."""

    def context(self) -> bytes:
        """Namespace and name, each behind its length, so that no two places give the same bytes."""
        namespace, name = self.namespace.encode(), self.name.encode()
        return b"".join((LENGTH.pack(len(namespace)), namespace, LENGTH.pack(len(name)), name))

    def key_field(self) -> bytes:
        """The first field of the header."""
        key = key_bytes(self.key)
        if len(key) > LONGEST_KEY:
            return packed(KEY_DIGEST, hashlib.sha256(key).digest())
        return FIELD.pack(KEY, len(key)) + key


class Envelopes:
    """Seals entries with ``signer``, and opens those that it, or ``keyring``, confirms.

    A Keyring as signer opens signed entries only: an unsigned one counts as foreign. A Checksum as signer opens unsigned entries,
    and signed ones where ``keyring`` is given.
    """

    def __init__(self, signer: Signer, keyring: Keyring | None = None) -> None:
        self._signer = signer
        self._flags = SIGNED if signer.signed else 0
        self._checkers: dict[int, Signer] = {self._flags: signer}
        if keyring is not None:
            self._checkers[SIGNED] = keyring

    def seal(self, place: Place, payload: Payload, *, expires_at: int, written_at: int, write_id: bytes) -> bytes:
        """The object to store. Costs one digest of the payload and one copy."""
        body = payload.body
        if not isinstance(body, Streamed):
            return self._header(place, payload, self._signer.digest(body), expires_at, written_at, write_id) + body
        buffer = body.buffered(self._header(place, payload, NO_DIGEST, expires_at, written_at, write_id))
        with buffer.getbuffer() as data:
            digest = self._signer.digest(data[len(data) - len(body) :])
            header = self._header(place, payload, digest, expires_at, written_at, write_id)
            data[: len(header)] = header  # as long as the one without a digest
        return buffer.getvalue()

    def _header(self, place: Place, payload: Payload, digest: bytes, expires_at: int, written_at: int, write_id: bytes) -> bytes:
        """The header of an entry, with its MAC."""
        body, serializer, compressor = payload
        signer = self._signer
        fields = place.key_field() + named(serializer, compressor)
        length = FIXED_LENGTH + len(fields) + signer.mac_length
        fixed = FIXED.pack(MAGIC, VERSION, self._flags, length, expires_at, written_at, write_id, signer.key_id, len(body), digest)
        header = fixed + fields
        return header + signer.mac(header, place.context())

    def header(self, data: Body, place: Place) -> Header:
        """The verified header at the start of ``data``: the object, or its first ``HEADER_LIMIT`` bytes. Raises EntryError."""
        if isinstance(data, Pieces):
            data = data.first(HEADER_LIMIT)
        if len(data) < FIXED_LENGTH or not data.startswith(MAGIC):
            raise EntryError("it does not begin like an entry of s3cache")
        _, version, flags, length, expires_at, written_at, write_id, key_id, payload_length, digest = FIXED.unpack_from(data)
        if version != VERSION:
            raise EntryError(f"its format is version {version}; this s3cache reads version {VERSION}")
        checker = self._checkers.get(flags)
        if checker is None:
            raise EntryError(
                {0: "it is unsigned", SIGNED: "it is signed, and no key is known"}.get(flags, f"its flags are {flags:#04x}")
            )
        end = length - checker.mac_length
        if end < FIXED_LENGTH or length > len(data) or length > HEADER_LIMIT:
            raise EntryError("its header is truncated or has an impossible length")
        checker.check(data[:end], place.context(), key_id, data[end:length])
        key = place.key_field()
        if not data.startswith(key, FIXED_LENGTH, end):
            raise EntryError("it belongs to another key")
        serializer, compressor = names(data[FIXED_LENGTH + len(key) : end])
        return Header(expires_at, written_at, write_id, payload_length, digest, serializer, compressor, length, checker.signed)

    def payload(self, data: Body, header: Header) -> Payload:
        """The verified payload behind a verified header; ``data`` is the whole object. Costs no copy. Raises EntryError."""
        body = data.behind(header.length) if isinstance(data, Pieces) else memoryview(data)[header.length :]
        if len(body) != header.payload_length:
            raise EntryError(f"its payload is {len(body)} bytes long, and its header says {header.payload_length}")
        checker = self._checkers[SIGNED if header.signed else 0]
        if checker.digest(whole(body)) != header.payload_digest:
            raise EntryError("the digest of its payload does not fit: the payload is damaged")
        return Payload(body, header.serializer, header.compressor)


def packed(tag: int, value: bytes) -> bytes:
    """One field."""
    return FIELD.pack(tag, len(value)) + value


@lru_cache
def named(serializer: str, compressor: str) -> bytes:
    """The fields behind the key."""
    return packed(SERIALIZER, serializer.encode()) + packed(COMPRESSOR, compressor.encode())


@lru_cache
def names(data: bytes) -> tuple[str, str]:
    """Serializer and compressor, from the fields behind the key. Raises EntryError."""
    fields = unpacked_fields(data)
    return name_field(fields, SERIALIZER), name_field(fields, COMPRESSOR)


def unpacked_fields(data: bytes) -> dict[int, bytes]:
    """Tag -> value of the fields behind the key. Raises EntryError for one that is cut off, there twice, or critical and
    not known.
    """
    fields: dict[int, bytes] = {}
    start = 0
    while start < len(data):
        if start + FIELD.size > len(data):
            raise EntryError("a header field is cut off")
        tag, length = FIELD.unpack_from(data, start)
        start += FIELD.size
        if start + length > len(data) or tag in fields or tag in (KEY, KEY_DIGEST):
            raise EntryError("a header field is cut off or there twice")
        if tag & CRITICAL and tag not in READABLE:
            raise EntryError(f"it has the critical field {tag:#04x}, which this version of s3cache does not know")
        fields[tag] = data[start : start + length]
        start += length
    return fields


def name_field(fields: dict[int, bytes], tag: int) -> str:
    """A serializer's or compressor's name. Raises EntryError where it is missing or no ASCII."""
    try:
        return fields[tag].decode("ascii")
    except (KeyError, UnicodeDecodeError):
        raise EntryError(f"its header field {tag:#04x} is missing or malformed") from None
