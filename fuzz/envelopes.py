"""Any bytes at all, read as an entry: refused with EntryError, or whole and just what they say they are."""

from __future__ import annotations

from collections.abc import Iterator

from s3cache.envelope import HEADER_LIMIT, Envelopes, Payload, Place
from s3cache.errors import EntryError
from s3cache.fields import Described
from s3cache.pieces import Pieces
from s3cache.signing import Checksum, Keyring

PLACE = Place("site/ab/cd.s3c", ":1:key", "shop")
LONG = Place("site/ab/cd.s3c", "k" * 1100)
KEYRING = Keyring([b"secret", b"earlier"])
SIGNED, UNSIGNED = Envelopes(KEYRING), Envelopes(Checksum())
READERS = SIGNED, UNSIGNED, Envelopes(Checksum(), KEYRING)
VALUES = (b"", Described("str", "none")), (b"the payload", Described("pickle", "zlib", size=400, grace_ms=60_000, compute_ms=1500))


def check(data: bytes) -> None:
    for reader in READERS:
        for place in (PLACE, LONG):
            read(reader, data, place)


def read(reader: Envelopes, data: bytes, place: Place) -> None:
    try:
        header = reader.header(data, place)
    except EntryError:
        return
    assert header == reader.header(data[:HEADER_LIMIT], place) == reader.header(in_pieces(data), place)
    assert header.length <= min(HEADER_LIMIT, len(data))
    assert (header.value.serializer + header.value.compressor).isascii()
    try:
        payload = reader.payload(data, header)
    except EntryError:
        return
    assert header.length + header.payload_length == len(data)
    assert payload == Payload(data[header.length :], header.value)
    assert bytes(reader.payload(in_pieces(data), header).body) == data[header.length :]  # type: ignore[arg-type]  # Pieces


def in_pieces(data: bytes) -> Pieces:
    pieces = Pieces(len(data) or 1)
    pieces.append(data)
    return pieces


def seeds() -> Iterator[bytes]:
    for envelopes in (SIGNED, UNSIGNED):
        for place in (PLACE, LONG):
            for body, value in VALUES:
                yield envelopes.seal(place, Payload(body, value), expires_at=2000, written_at=1000, write_id=bytes(range(16)))
