"""Writes golden entries: ``python tests/golden/make.py`` writes those that are missing, and with names only these.

An existing file is never written again, because a released version wrote it. A new case is added below under a new name, and in
``tests/test_stored_format.py`` with the value that must come out.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.utils.safestring import SafeString

from s3cache.codec import Codec, TextKind
from s3cache.compressors.gzip import GzipCompressor
from s3cache.compressors.lz4 import LZ4Compressor
from s3cache.compressors.none import NoCompressor
from s3cache.compressors.zlib import ZlibCompressor
from s3cache.compressors.zstd import ZstdCompressor
from s3cache.encryption import Encryption
from s3cache.envelope import Envelopes, Place
from s3cache.naming import digest_under, object_name, sha256
from s3cache.serializers.json import JSONSerializer
from s3cache.serializers.msgpack import MsgpackSerializer
from s3cache.serializers.pickle import PickleSerializer
from s3cache.signing import Checksum, Keyring

HERE = Path(__file__).parent
SECRET, EARLIER_SECRET = b"golden secret", b"earlier golden secret"
ENCRYPTION_KEY, EARLIER_ENCRYPTION_KEY = b"golden encryption key of 34 bytes.", b"earlier golden encryption key ...."
NAME_KEY = b"golden name key, which stays as it is"
WRITTEN_AT = 1_700_000_000_000
EXPIRES_AT = 4_102_444_800_000

SERIALIZERS = {one.name: one() for one in (JSONSerializer, MsgpackSerializer, PickleSerializer)}
COMPRESSORS = {one.name: one() for one in (GzipCompressor, LZ4Compressor, NoCompressor, ZlibCompressor, ZstdCompressor)}


@dataclass(frozen=True)
class Case:
    """One file: a value, and how it is stored."""

    value: object
    serializer: str = "pickle"
    compressor: str = "none"
    key: str = ":1:greeting"
    prefix: str = "site/"
    namespace: str = ""
    expires_at: int = EXPIRES_AT
    secret: bytes | None = SECRET
    encryption_key: bytes | None = None
    name_key: bytes | None = None
    grace_ms: int = 0
    compute_ms: int = 0


encrypted = partial(Case, encryption_key=ENCRYPTION_KEY, name_key=NAME_KEY)


RECORD = {"id": 7, "name": "Zoë", "tags": ["a", "b"], "ratio": 0.5, "missing": None}
LINE = "All work and no play makes Jack a dull boy. "

CASES = {
    "signed-str-none": Case("hello, world"),
    "signed-bytes-none": Case(bytes(range(256))),
    "signed-safestr-zlib": Case(SafeString("<p>déjà vu</p>" * 20), compressor="zlib"),
    "signed-pickle-none": Case((RECORD, {1, 2}, b"raw")),
    "signed-pickle-gzip": Case([RECORD] * 20, compressor="gzip"),
    "signed-json-none": Case(RECORD, "json"),
    "signed-json-zstd": Case([RECORD] * 20, "json", "zstd"),
    "signed-msgpack-none": Case({**RECORD, "raw": b"\x00\xff"}, "msgpack"),
    "signed-msgpack-lz4": Case([RECORD] * 20, "msgpack", "lz4"),
    "signed-never-expires": Case("for ever", expires_at=0),
    "signed-long-key": Case("under a long key", key=":1:" + "k" * 2000),
    "signed-surrogate-key": Case("lone \udc80 surrogate", key=":1:caf\xe9 \ud800"),
    "signed-namespace-no-prefix": Case("set apart", prefix="", namespace="staging ä"),
    "signed-earlier-secret": Case("rotated", secret=EARLIER_SECRET),
    "unsigned-str-none": Case("hello, world", secret=None),
    "unsigned-bytes-zlib": Case(b"\x00" * 4000, compressor="zlib", secret=None),
    "unsigned-pickle-lz4": Case([RECORD] * 20, compressor="lz4", secret=None),
    "unsigned-json-gzip": Case([LINE] * 20, "json", "gzip", secret=None),
    "unsigned-msgpack-zstd": Case([LINE] * 20, "msgpack", "zstd", secret=None),
    "encrypted-str-none": encrypted("hello, world"),
    "encrypted-bytes-none": encrypted(bytes(range(256)), expires_at=0),
    "encrypted-pickle-zlib": encrypted([RECORD] * 20, compressor="zlib"),
    "encrypted-json-none": encrypted(RECORD, "json", prefix="", namespace="staging ä"),
    "encrypted-long-key": encrypted("under a long key", key=":1:" + "k" * 2000),
    "encrypted-earlier-secret": encrypted("rotated", encryption_key=EARLIER_ENCRYPTION_KEY),
    "named-str-none": Case("hello, world", name_key=NAME_KEY),
    "signed-computed": Case("took its time", grace_ms=86_400_000, compute_ms=1500),
    "signed-sized": Case([RECORD] * 20, compressor="zlib"),
    "unsigned-sized-computed": Case(b"\x00" * 4000, compressor="zlib", secret=None, compute_ms=2**64 - 1),
    "encrypted-sized-computed": encrypted(b"\x00" * 4000, compressor="gzip", grace_ms=1, compute_ms=258),
}


def sealed(case: Case, write_id: bytes) -> bytes:
    """The object that is stored for the case."""
    codec = Codec(
        SERIALIZERS[case.serializer],
        COMPRESSORS[case.compressor],
        COMPRESSORS.__getitem__,
        text_kinds=[TextKind("safestr", SafeString)],
        compress_min_bytes=0,
    )
    signer = Keyring([case.secret]) if case.secret else Checksum()
    encryption = Encryption([case.encryption_key], lambda length: write_id.ljust(length, b".")) if case.encryption_key else None
    envelopes = Envelopes(signer, encryption=encryption)
    digest = digest_under(case.name_key) if case.name_key else sha256
    place = Place(object_name(case.prefix, case.key, digest), case.key, case.namespace)
    payload = codec.encode(case.value)
    payload = payload._replace(value=payload.value._replace(grace_ms=case.grace_ms, compute_ms=case.compute_ms))
    return envelopes.seal(place, payload, expires_at=case.expires_at, written_at=WRITTEN_AT, write_id=write_id)


def write(directory: Path, name: str) -> None:
    """Writes the file of that case. Raises FileExistsError if it is there."""
    write_id = name.encode()[:16].ljust(16, b".")
    with open(directory / f"{name}.s3c", "xb") as file:
        file.write(sealed(CASES[name], write_id))


if __name__ == "__main__":
    for name in sys.argv[1:] or [name for name in CASES if not (HERE / f"{name}.s3c").exists()]:
        write(HERE, name)
        print("wrote", name)
