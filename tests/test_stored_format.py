"""The golden files, read twice: by s3cache, and by a reader of fifty lines written from docs/reference/stored-format.rst alone."""

import binascii
import hashlib
import hmac
import json
import os
import pickle
import re
import runpy
import struct
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils.safestring import SafeString

from s3cache.codec import Codec, TextKind
from s3cache.compressors.gzip import GzipCompressor
from s3cache.compressors.lz4 import LZ4Compressor
from s3cache.compressors.zlib import ZlibCompressor
from s3cache.compressors.zstd import ZstdCompressor
from s3cache.encryption import Encryption
from s3cache.envelope import HEADER_LIMIT, Envelopes, Place
from s3cache.naming import digest_under, object_name, sha256
from s3cache.serializers.json import JSONSerializer
from s3cache.serializers.msgpack import MsgpackSerializer
from s3cache.serializers.pickle import PickleSerializer
from s3cache.signing import Checksum, Keyring

GOLDEN = Path(__file__).parent / "golden"
DOCUMENT = Path(__file__).parents[1] / "docs" / "reference" / "stored-format.rst"
SECRETS = [b"golden secret", b"earlier golden secret"]
ENCRYPTION_KEYS = [b"golden encryption key of 34 bytes.", b"earlier golden encryption key ...."]
NAME_KEY = b"golden name key, which stays as it is"
WRITTEN_AT, EXPIRES_AT = 1_700_000_000_000, 4_102_444_800_000
RECORD = {"id": 7, "name": "Zoë", "tags": ["a", "b"], "ratio": 0.5, "missing": None}
LINES = ["All work and no play makes Jack a dull boy. "] * 20

VALUES = {
    "signed-str-none": "hello, world",
    "signed-bytes-none": bytes(range(256)),
    "signed-safestr-zlib": SafeString("<p>déjà vu</p>" * 20),
    "signed-pickle-none": (RECORD, {1, 2}, b"raw"),
    "signed-pickle-gzip": [RECORD] * 20,
    "signed-json-none": RECORD,
    "signed-json-zstd": [RECORD] * 20,
    "signed-msgpack-none": {**RECORD, "raw": b"\x00\xff"},
    "signed-msgpack-lz4": [RECORD] * 20,
    "signed-never-expires": "for ever",
    "signed-long-key": "under a long key",
    "signed-surrogate-key": "lone \udc80 surrogate",
    "signed-namespace-no-prefix": "set apart",
    "signed-earlier-secret": "rotated",
    "unsigned-str-none": "hello, world",
    "unsigned-bytes-zlib": b"\x00" * 4000,
    "unsigned-pickle-lz4": [RECORD] * 20,
    "unsigned-json-gzip": LINES,
    "unsigned-msgpack-zstd": LINES,
    "encrypted-str-none": "hello, world",
    "encrypted-bytes-none": bytes(range(256)),
    "encrypted-pickle-zlib": [RECORD] * 20,
    "encrypted-json-none": RECORD,
    "encrypted-long-key": "under a long key",
    "encrypted-earlier-secret": "rotated",
    "named-str-none": "hello, world",
    "signed-computed": "took its time",
    "signed-sized": [RECORD] * 20,
    "unsigned-sized-computed": b"\x00" * 4000,
    "encrypted-sized-computed": b"\x00" * 4000,
}
LONG_KEY = ":1:" + "k" * 2000
KEYS = {"signed-long-key": LONG_KEY, "signed-surrogate-key": ":1:caf\xe9 \ud800", "encrypted-long-key": LONG_KEY}
NAMESPACES = {"signed-namespace-no-prefix": "staging ä", "encrypted-json-none": "staging ä"}
PREFIXES = dict.fromkeys(NAMESPACES, "")
NUMBERS = {
    "signed-computed": (0, 86_400_000, 1500),
    "signed-sized": (len(pickle.dumps([RECORD] * 20, 5)), 0, 0),
    "unsigned-sized-computed": (4000, 0, 2**64 - 1),
    "encrypted-sized-computed": (4000, 1, 258),
}
"""Size, grace_ms and compute_ms of those that tell."""
EXPIRIES = {"signed-never-expires": 0, "encrypted-bytes-none": 0}
SHA256 = {
    "encrypted-bytes-none": "92433751ef0a69f4",
    "encrypted-earlier-secret": "d44bfc679f47be1a",
    "encrypted-json-none": "69387f1a6509d008",
    "encrypted-long-key": "b6756e7ca89eefd0",
    "encrypted-pickle-zlib": "8a5c6723de9581a8",
    "encrypted-sized-computed": "5c2c15ac361347da",
    "encrypted-str-none": "df1100d6ac75ea07",
    "named-str-none": "11dc98bafc4fefcb",
    "signed-bytes-none": "fbce842d3ffab7a6",
    "signed-computed": "c5b0ffe33ae7c054",
    "signed-earlier-secret": "26f4c9419078f292",
    "signed-json-none": "7e8de7666412aa1a",
    "signed-json-zstd": "8b946f9ba625b710",
    "signed-long-key": "424d6af13de94bf1",
    "signed-msgpack-lz4": "9e5e3869b0af84e5",
    "signed-msgpack-none": "cec8d69bd8ab8a5b",
    "signed-namespace-no-prefix": "9250152c6cc86d2a",
    "signed-never-expires": "d85336555a60f30f",
    "signed-pickle-gzip": "6c6be3ca7479dd4c",
    "signed-pickle-none": "364b538f28fdad3c",
    "signed-safestr-zlib": "bdada6abc63555af",
    "signed-sized": "4d3a3bf2a656a4ad",
    "signed-str-none": "803fe7dc688f6fe7",
    "signed-surrogate-key": "ed8ea40f84699852",
    "unsigned-bytes-zlib": "01237b4ff3366630",
    "unsigned-json-gzip": "4ac29732f9b039da",
    "unsigned-msgpack-zstd": "0a4e7079bba90fc3",
    "unsigned-pickle-lz4": "c07f38df18af44e9",
    "unsigned-sized-computed": "84dba4c8fbe51c47",
    "unsigned-str-none": "4ad5df94bc579327",
}


def golden(name):
    return (GOLDEN / f"{name}.s3c").read_bytes()


def circumstances(name):
    """Prefix, key, namespace and name key of a golden file."""
    name_key = NAME_KEY if name.startswith(("encrypted-", "named-")) else None
    return PREFIXES.get(name, "site/"), KEYS.get(name, ":1:greeting"), NAMESPACES.get(name, ""), name_key


# --- a reader that knows nothing of s3cache ---------------------------------------------------------------------------------


def parse(data, prefix, key, namespace, name_key, secrets, encryption_keys):
    """The header's values and the payload, decompressed where the standard library can; asserts whatever a reader must check."""
    magic, version, flags, length, expires_at, written_at, write_id, key_id, payload_length, digest = struct.unpack(
        ">4sBBHQQ16s4sQ32s", data[:84]
    )
    assert (magic, version) == (b"\x89S3C", 1) and flags in (0, 1)
    mac_length = 32 if flags else 4
    assert 84 + mac_length <= length <= min(2048, len(data))
    key = key.encode("utf-8", "surrogatepass")
    digits = (
        hmac.digest(derived(name_key, b"s3cache object name 1"), key, "sha256").hex()
        if name_key
        else hashlib.sha256(key).hexdigest()
    )
    name = f"{prefix}{digits[:2]}/{digits[2:]}.s3c"
    context = b"".join(struct.pack(">I", len(part)) + part for part in (namespace.encode(), name.encode()))
    sealed, mac, payload = data[: length - mac_length], data[length - mac_length : length], data[length:]
    if flags:
        signing_keys = (derived(secret, b"s3cache envelope signature 1") for secret in secrets)
        keys = {hmac.digest(one, b"s3cache key id", "sha256")[:4]: one for one in signing_keys}
        assert mac == hmac.digest(keys[key_id], context + sealed, "sha256")
        assert digest == hashlib.sha256(payload).digest()
    else:
        assert mac == struct.pack(">I", zlib.crc32(context + sealed)) and key_id == bytes(4)
        assert digest == bytes(28) + struct.pack(">I", zlib.crc32(payload))
    assert len(payload) == payload_length
    fields = parse_fields(sealed[84:])
    if encrypted := fields.get(0x88):
        keys = {derived(one, b"s3cache encryption key id 1")[:4]: one for one in encryption_keys}
        cipher = AESGCM(derived(keys[encrypted[:4]], b"s3cache entry encryption 1" + encrypted[4:36]))
        associated = context + sealed[:52] + sealed[84 + 3 + len(encrypted) :]
        padded = cipher.decrypt(bytes(12), encrypted[36:], associated)
        payload = cipher.decrypt(bytes(11) + b"\x01", payload, associated)
        length = 3 + int.from_bytes(padded[1:3], "big")
        assert len(padded) % 64 == 0 and padded[length:] == bytes(-length % 64)
        fields |= parse_fields(padded[:length])
    assert fields.get(3) == key if len(key) <= 1024 else fields.get(4) == hashlib.sha256(key).digest()
    serializer, compressor = fields[0x81].decode("ascii"), fields[0x82].decode("ascii")
    numbers = tuple(int.from_bytes(fields[tag]) if len(fields.get(tag, b"")) == 8 else 0 for tag in (0x0A, 5, 6))
    if compressor in ("zlib", "gzip"):
        payload = zlib.decompress(payload, wbits=47)
    return expires_at, written_at, write_id, serializer, compressor, numbers, payload


def parse_fields(rest):
    fields = {}
    while rest:
        tag, size = struct.unpack(">BH", rest[:3])
        assert tag not in fields and len(rest) >= 3 + size and (tag < 0x80 or tag in (0x81, 0x82, 0x88))
        fields[tag], rest = rest[3 : 3 + size], rest[3 + size :]
    return fields


def derived(secret, info):
    return hmac.digest(hmac.digest(bytes(32), secret, "sha256"), info + b"\x01", "sha256")


LOADS = {
    "bytes": bytes,
    "str": lambda data: data.decode("utf-8", "surrogatepass"),
    "safestr": lambda data: SafeString(data.decode("utf-8", "surrogatepass")),
    "json": json.loads,
    "pickle": pickle.loads,
}


@pytest.mark.parametrize("name", VALUES)
def test_the_document_suffices_to_read(name):
    read = parse(golden(name), *circumstances(name), SECRETS, ENCRYPTION_KEYS)
    expires_at, written_at, write_id, serializer, compressor, numbers, payload = read
    assert (expires_at, written_at) == (EXPIRIES.get(name, EXPIRES_AT), WRITTEN_AT)
    assert write_id == name.encode()[:16].ljust(16, b".")
    assert numbers == NUMBERS.get(name, (0, 0, 0)) and (compressor == "none" or numbers[0] in (0, len(payload)))
    named = name.split("-")
    assert named[1] not in (*LOADS, "msgpack") or named[1:] == [serializer, compressor]
    if serializer in LOADS and compressor in ("none", "zlib", "gzip"):
        value = LOADS[serializer](payload)
        assert value == VALUES[name] and type(value) is type(VALUES[name])


# --- s3cache itself ---------------------------------------------------------------------------------------------------------

COMPRESSORS = {one.name: one() for one in (GzipCompressor, LZ4Compressor, ZlibCompressor, ZstdCompressor)}


@pytest.mark.parametrize("name", VALUES)
def test_every_version_reads_what_earlier_ones_wrote(name):
    prefix, key, namespace, name_key = circumstances(name)
    digest = digest_under(name_key) if name_key else sha256
    place, data = Place(object_name(prefix, key, digest), key, namespace), golden(name)
    envelopes = Envelopes(Checksum(), Keyring(SECRETS))
    if name.startswith("encrypted-"):
        envelopes = Envelopes(Keyring(SECRETS), encryption=Encryption(ENCRYPTION_KEYS, os.urandom))
    header = envelopes.header(data[:HEADER_LIMIT], place)
    assert header.signed is not name.startswith("unsigned-")
    assert (header.expires_at, header.written_at) == (EXPIRIES.get(name, EXPIRES_AT), WRITTEN_AT)
    codec = Codec(
        PickleSerializer(),
        ZlibCompressor(),
        COMPRESSORS.__getitem__,
        accepted=[JSONSerializer(), MsgpackSerializer()],
        text_kinds=[TextKind("safestr", SafeString)],
    )
    assert (header.value.size, header.value.grace_ms, header.value.compute_ms) == NUMBERS.get(name, (0, 0, 0))
    value = codec.decode(envelopes.payload(data, header))
    assert value == VALUES[name] and type(value) is type(VALUES[name])


def test_no_golden_file_is_missing_or_unlisted():
    assert sorted(path.name for path in GOLDEN.glob("*.s3c")) == sorted(f"{name}.s3c" for name in VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_no_golden_file_was_changed(name):
    assert hashlib.sha256(golden(name)).hexdigest()[:16] == SHA256[name]


def test_golden_files_are_never_written_twice(tmp_path):
    write = runpy.run_path(str(GOLDEN / "make.py"))["write"]
    write(tmp_path, "signed-str-none")
    assert (tmp_path / "signed-str-none.s3c").read_bytes() == golden("signed-str-none")
    with pytest.raises(FileExistsError):
        write(tmp_path, "signed-str-none")


# --- the document -----------------------------------------------------------------------------------------------------------


def test_the_worked_examples_are_golden_files():
    rows = re.findall(r"^   ([0-9a-f]{4})  ((?:[0-9a-f]{2} ?)+)(?:  |$)", DOCUMENT.read_text(), re.MULTILINE)
    shown = []
    for offset, digits in rows:
        if offset == "0000":
            shown.append(b"")
        assert int(offset, 16) == len(shown[-1])
        shown[-1] += binascii.unhexlify(digits.replace(" ", ""))
    assert shown == [golden("signed-str-none"), golden("encrypted-str-none")]


def test_the_examples_keys_are_the_documented_derivations():
    key = derived(SECRETS[0], b"s3cache envelope signature 1")
    salt = b"encrypted-str-no".ljust(32, b".")
    text = DOCUMENT.read_text()
    assert key.hex() in text
    assert hmac.digest(key, b"s3cache key id", "sha256")[:4].hex() in text
    assert object_name("site/", ":1:greeting") in text
    assert object_name("site/", ":1:greeting", digest_under(NAME_KEY)) in text
    assert derived(NAME_KEY, b"s3cache object name 1").hex() in text
    assert derived(ENCRYPTION_KEYS[0], b"s3cache encryption key id 1")[:4].hex() in text
    assert derived(ENCRYPTION_KEYS[0], b"s3cache entry encryption 1" + salt).hex() in text
