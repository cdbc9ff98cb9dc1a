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

The payload, and the field of the key, are encrypted where OPTIONS["ENCRYPTION_KEYS"] says so (``encryption``).

Numbers are unsigned and big-endian. A field whose tag has the top bit is critical: a reader that does not know it must treat
the entry as absent; other unknown fields are skipped. ``docs/reference/stored-format.rst`` tells the rest, byte by byte, and
``tests/golden/`` holds entries that every later version must read.

Everything here is pure, and the only error is EntryError, whose message is the reason.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any, NamedTuple

from s3cache.encryption import Encryption, EntryCipher, field_length
from s3cache.errors import EntryError
from s3cache.fields import ENCRYPTED, FIELD, KEY, KEY_DIGEST, Described, described, description, packed
from s3cache.gcm import TAG_LENGTH
from s3cache.naming import key_bytes
from s3cache.pieces import Body, Buffer, Pieces, Streamed, whole
from s3cache.signing import Keyring, Signer

MAGIC = b"\x89S3C"
VERSION = 1
SIGNED = 1
FIXED = struct.Struct(">4sBBHQQ16s4sQ32s")
FIXED_LENGTH = FIXED.size
START = struct.Struct(">4sBBHQQ16s4sQ")
"""The fixed part up to the digest."""
LENGTH = struct.Struct(">I")

HEADER_LIMIT = 2048
"""No header is longer, so the first 2 KiB of an object always hold all of it."""
LONGEST_KEY = 1024
"""A longer key is stored as its SHA-256."""


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
    value: Described
    """Serializer, compressor, and what else the fields say."""
    length: int
    """Length of the header itself in bytes: the payload starts there."""
    signed: bool
    cipher: EntryCipher | None = None
    """What decrypts the payload; None where it is not encrypted."""

    @property
    def payload_overhead(self) -> int:
        """Bytes that encryption has added to the payload."""
        return 0 if self.cipher is None else TAG_LENGTH


class Checked(NamedTuple):
    """A header whose signature fits. What its fields say is yet to be read."""

    covered: bytes
    """The header without its MAC."""
    fixed: tuple[Any, ...]
    signed: bool

    def header(self, fields: bytes, cipher: EntryCipher | None) -> Header:
        """Raises EntryError for what the fields behind the key say."""
        _, _, _, length, expires_at, written_at, write_id, _, payload_length, digest = self.fixed
        return Header(expires_at, written_at, write_id, payload_length, digest, description(fields), length, self.signed, cipher)


class Payload(NamedTuple):
    """A value's bytes, and what the header says of them."""

    body: Buffer | Streamed
    """Pieces serve once: to be decoded, or to be sealed again."""
    value: Described

    def timed_as(self, earlier: Described) -> Payload:
        """The same with the grace and the computing time of an earlier value."""
        return self._replace(value=self.value._replace(grace_ms=earlier.grace_ms, compute_ms=earlier.compute_ms))


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
    and signed ones where ``keyring`` is given. ``encryption`` goes with a Keyring as signer: then entries are encrypted, and those
    that are not count as foreign, as encrypted ones do without it.
    """

    def __init__(self, signer: Signer, keyring: Keyring | None = None, encryption: Encryption | None = None) -> None:
        self._signer = signer
        self._encryption = encryption
        self._flags = SIGNED if signer.signed else 0
        self._checkers: dict[int, Signer] = {self._flags: signer}
        if keyring is not None:
            self._checkers[SIGNED] = keyring

    def seal(self, place: Place, payload: Payload, *, expires_at: int, written_at: int, write_id: bytes) -> bytes:
        """The object to store. Costs one digest of the payload and one copy; encrypted, a second one of a body that is not
        large.
        """
        signer, context, encryption = self._signer, place.context(), self._encryption
        key, body, rest = place.key_field(), payload.body, described(payload.value)
        key_length = len(key) if encryption is None else FIELD.size + field_length(key)
        body_length = len(body) if encryption is None else len(body) + TAG_LENGTH
        length = FIXED_LENGTH + key_length + len(rest) + signer.mac_length
        start = START.pack(MAGIC, VERSION, self._flags, length, expires_at, written_at, write_id, signer.key_id, body_length)
        if encryption is not None:
            cipher = encryption.begin(context + start + rest)
            key, body = packed(ENCRYPTED, cipher.field(key)), cipher.payload(body)
        return self._signed(start, key + rest, body, context)

    def _signed(self, start: bytes, fields: bytes, body: Buffer | Streamed, context: bytes) -> bytes:
        """The object, with the digest and the MAC that it lacks."""
        if not isinstance(body, Streamed):
            header = start + self._signer.digest(body) + fields
            return header + self._signer.mac(header, context) + body
        length = FIXED_LENGTH + len(fields) + self._signer.mac_length
        buffer = body.buffered(bytes(length))
        with buffer.getbuffer() as data:
            header = start + self._signer.digest(data[length:]) + fields
            data[:length] = header + self._signer.mac(header, context)
        return buffer.getvalue()

    def header(self, data: Body, place: Place) -> Header:
        """The verified header at the start of ``data``: the object, or its first ``HEADER_LIMIT`` bytes. Raises EntryError."""
        context = place.context()
        checked = self._checked(data, context)
        fields, cipher = self._behind_key(checked.covered, place.key_field(), context)
        return checked.header(fields, cipher)

    def keyed(self, data: Body, name: str, namespace: str) -> tuple[Header, str | None]:
        """The same of whatever entry was stored under that name, with its key; None for a key of which there is but a digest."""
        context = Place(name, "", namespace).context()
        checked = self._checked(data, context)
        key, fields, cipher = self._own_key(checked.covered, context)
        return checked.header(fields, cipher), key_in(key)

    def _checked(self, data: Body, context: bytes) -> Checked:
        """A header that its signature confirms. Raises EntryError."""
        if isinstance(data, Pieces):
            data = data.first(HEADER_LIMIT)
        if len(data) < FIXED_LENGTH or not data.startswith(MAGIC):
            raise EntryError("it does not begin like an entry of s3cache")
        fixed = FIXED.unpack_from(data)
        _, version, flags, length, _, _, _, key_id, _, _ = fixed
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
        covered = data[:end]
        checker.check(covered, context, key_id, data[end:length])
        return Checked(covered, fixed, checker.signed)

    def _behind_key(self, header: bytes, key: bytes, context: bytes) -> tuple[bytes, EntryCipher | None]:
        """The fields behind that of the key, and what decrypts the payload. Raises EntryError."""
        if self._encryption is None and header.startswith(key, FIXED_LENGTH):
            return header[FIXED_LENGTH + len(key) :], None
        encrypted = header.startswith(bytes([ENCRYPTED]), FIXED_LENGTH)
        if self._encryption is None:
            raise EntryError("it is encrypted, and no key is known" if encrypted else "it belongs to another key")
        if not encrypted:
            raise EntryError("it is not encrypted")
        start = FIXED_LENGTH + FIELD.size
        end = start + field_length(key)
        if not header.startswith(FIELD.pack(ENCRYPTED, end - start), FIXED_LENGTH) or end > len(header):
            raise EntryError("it belongs to another key")
        fields = header[end:]
        return fields, self._encryption.opened(header[start:end], key, context + header[: START.size] + fields)

    def _own_key(self, header: bytes, context: bytes) -> tuple[bytes, bytes, EntryCipher | None]:
        """The field of the key, those behind it, and what decrypts the payload. Raises EntryError."""
        if len(header) < FIXED_LENGTH + FIELD.size:
            raise EntryError("it has no key")
        tag, length = FIELD.unpack_from(header, FIXED_LENGTH)
        start = FIXED_LENGTH + FIELD.size
        key, fields = header[start : start + length], header[start + length :]
        if self._encryption is None:
            return packed(tag, key), fields, None
        if tag != ENCRYPTED:
            raise EntryError("it is not encrypted")
        padded, cipher = self._encryption.key_in(key, context + header[: START.size] + fields)
        return padded, fields, cipher

    def payload(self, data: Body, header: Header) -> Payload:
        """The verified payload behind a verified header; ``data`` is the whole object. Costs no copy; one to decrypt it. Raises
        EntryError.
        """
        body: Buffer | Streamed
        body = data.behind(header.length) if isinstance(data, Pieces) else memoryview(data)[header.length :]
        if len(body) != header.payload_length:
            raise EntryError(f"its payload is {len(body)} bytes long, and its header says {header.payload_length}")
        checker = self._checkers[SIGNED if header.signed else 0]
        if checker.digest(whole(body)) != header.payload_digest:
            raise EntryError("the digest of its payload does not fit: the payload is damaged")
        if header.cipher is not None:
            body = header.cipher.body(body)
        return Payload(body, header.value)


def key_in(field: bytes) -> str | None:
    """The key in the field of it, which may be padded; None where it is but a digest. Raises EntryError."""
    tag, length = FIELD.unpack_from(field)
    if tag not in (KEY, KEY_DIGEST) or FIELD.size + length > len(field):
        raise EntryError("its first field is not that of a key")
    try:
        return None if tag == KEY_DIGEST else field[FIELD.size :][:length].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise EntryError("its key is no text") from None
