"""Any bytes at all, read as an encrypted entry: refused with EntryError, or one of the golden entries, untouched.

They are read as they are, as of somebody who knows no secret, and signed anew, as of somebody who knows the signing key and not the
one that encrypts. Who signs anew can give a header the digest of another payload: it is read then, and says what it said, and the
payload is refused.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from fuzz.envelopes import in_pieces
from s3cache import gcm, pieces
from s3cache.encryption import Encryption
from s3cache.envelope import Envelopes, Header, Place
from s3cache.errors import EntryError
from s3cache.naming import digest_under, object_name
from s3cache.pieces import Body, joined
from s3cache.signing import Keyring

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
MAKE = runpy.run_path(str(GOLDEN / "make.py"))
KEYRING = Keyring([MAKE["SECRET"]])
READER = Envelopes(KEYRING, encryption=Encryption([MAKE["ENCRYPTION_KEY"], MAKE["EARLIER_ENCRYPTION_KEY"]], bytes))
LARGE = 80
"""As long as the encrypted keys here, which are not large: payloads behind them are decrypted in parts."""
FIELDS = 4, 5, 6, 8, 16, 24, 40, 44, 52, 84, 85, 87, 91, 123, 203, 206, 218, -1
"""Where the parts of "encrypted-bytes-none" begin, the MAC too, and where it ends."""


class Read(NamedTuple):
    header: Header | None = None
    """Without digest and cipher. None where it is refused."""
    body: bytes | None = None
    """Decrypted. None where it is refused."""


def check(data: bytes) -> None:
    for place, entries in golden().items():
        headers = {entry.header for entry in entries.values()}
        for stored in (data, signed(data, place)):
            found = read(stored, place)
            assert found == entries.get(stored, Read(found.header))
            assert found.header is None or found.header in headers
            with mock.patch.object(gcm, "LARGE", LARGE), mock.patch.object(pieces, "PART", 8):
                assert read(in_pieces(stored), place) == found


def read(data: Body, place: Place) -> Read:
    header = None
    try:
        opened = READER.header(data, place)
        header = opened._replace(payload_digest=b"", cipher=None)
        return Read(header, joined(READER.payload(data, opened).body))
    except EntryError:
        return Read(header)


def signed(data: bytes, place: Place) -> bytes:
    """With a digest and a signature that fit, where the header ends by its own account."""
    length = int.from_bytes(data[6:8], "big")
    header, payload = data[: max(length - KEYRING.mac_length, 0)], data[length:]
    header = header[:52] + KEYRING.digest(payload) + header[84:]
    return header + KEYRING.mac(header, place.context()) + payload


@cache
def golden() -> dict[Place, dict[bytes, Read]]:
    """What the encrypted ones say, by where they are stored."""
    found: dict[Place, dict[bytes, Read]] = {}
    for name, case in MAKE["CASES"].items():
        if case.encryption_key:
            place, data = place_of(case), entry(name)
            found.setdefault(place, {})[data] = read(data, place)
    assert all(one.body is not None for entries in found.values() for one in entries.values())
    return found


def place_of(case: Any) -> Place:
    return Place(object_name(case.prefix, case.key, digest_under(case.name_key)), case.key, case.namespace)


def entry(name: str) -> bytes:
    return (GOLDEN / f"{name}.s3c").read_bytes()


def seeds() -> Iterator[bytes]:
    for name, case in MAKE["CASES"].items():
        if case.name_key:
            yield entry(name)
    for start in FIELDS:
        data = bytearray(entry("encrypted-bytes-none"))
        data[start] ^= 1
        yield bytes(data)
