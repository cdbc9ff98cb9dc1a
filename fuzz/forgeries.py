"""Entries with a good signature, or checksum, over a header and a payload of the fuzzer's making, through a whole cache.

What somebody can do who knows the key, or everybody where signing is off and the serializer is not pickle: values of carried
types, or a miss. The input: mode 1 byte, version 1, flags 1, header length 2 (0: as it is), expires_at 8, payload length 2 (0: as
it is), length of the fields 2, then fields and payload. Fields and lengths of the fuzzer's own are for mode's bits to choose.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache

from django.utils.safestring import SafeString

from fuzz.caches import ABSENT, MAX_VALUE_BYTES, VALUES, Site
from fuzz.serializers import is_carried
from s3cache.envelope import FIXED, FIXED_LENGTH, MAGIC, Place
from s3cache.fields import FIELD
from s3cache.signing import Checksum, Keyring

PREFIX = struct.Struct(">BBBHQHH")
SERIALIZERS = "json", "msgpack", "str", "bytes", "safestr", "pickle"
COMPRESSORS = "none", "zlib", "gzip", "zstd", "lz4", "nosuch", "a.b", ""
OPTIONS = {"SERIALIZER": "json", "ACCEPT_SERIALIZERS": ["msgpack"]}


@cache
def sites() -> dict[bool, Site]:
    """By whether they sign."""
    return {signing: Site(f"forgery-{signing}", SIGNING=signing, **OPTIONS) for signing in (False, True)}


def check(data: bytes) -> None:
    if len(data) < PREFIX.size:
        return
    mode, version, flags, length, expires_at, payload_length, cut = PREFIX.unpack_from(data)
    signing = bool(mode & 1)
    site, signer = sites()[signing], Keyring([b"secret"]) if signing else Checksum()
    place = Place(site.name, site.full_key)
    fields, payload = data[PREFIX.size :][:cut], data[PREFIX.size + cut :]
    if mode & 2:
        fields = place.key_field() + fields
    if mode & 4:
        serializer, compressor = SERIALIZERS[mode >> 4 & 7 if mode >> 4 & 7 < 6 else 0], COMPRESSORS[version & 7]
        fields = place.key_field() + field(0x81, serializer) + field(0x82, compressor)
        version, flags = 1, int(signing)
    fixed = FIXED.pack(
        MAGIC,
        version,
        flags,
        length or FIXED_LENGTH + len(fields) + signer.mac_length,
        expires_at,
        0,
        bytes(16),
        signer.key_id,
        payload_length or len(payload),
        signer.digest(payload),
    )
    header = fixed + fields
    site.put(header + signer.mac(header, place.context()) + payload)
    use(site)


def use(site: Site) -> None:
    cache = site.cache
    value = cache.get("key", ABSENT)
    assert value is ABSENT or ((is_carried(value) or type(value) is SafeString) and size(value) <= MAX_VALUE_BYTES)
    there = cache.has_key("key")
    assert there or value is ABSENT
    assert cache.add("key", 1) is not there
    if value is ABSENT:
        assert cache.get_or_set("key", 1) == 1


def size(value: object) -> int:
    return len(value) if isinstance(value, str | bytes | list | dict) else 0


def field(tag: int, value: str) -> bytes:
    return FIELD.pack(tag, len(value)) + value.encode()


def seeds() -> Iterator[bytes]:
    names = field(0x81, "json") + field(0x82, "none")
    for signing in (0, 1):
        yield PREFIX.pack(2 | signing, 1, signing, 0, 0, 0, len(names)) + names + b"[1,2]"
        yield PREFIX.pack(2 | signing, 1, signing, 0, 0, 2**16 - 1, len(names)) + names + b"[1,2]"
        yield PREFIX.pack(2 | signing, 1, signing, 2**16 - 1, 5, 0, len(names)) + names + b"[1,2]"
        more = names + field(0x05, "x") + field(0x87, "")
        yield PREFIX.pack(2 | signing, 1, signing, 0, 0, 0, len(more)) + more
        for number, serializer in enumerate(SERIALIZERS[:2]):
            for compressor, name in enumerate(COMPRESSORS[:5]):
                writer = Site("forgery-seeds", SERIALIZER=serializer, COMPRESSOR=name, COMPRESS_MIN_BYTES=1)
                for value in VALUES.values():
                    body = writer.written(value)
                    payload = body[int.from_bytes(body[6:8], "big") :]
                    yield PREFIX.pack(4 | signing | number << 4, compressor, 0, 0, 0, 0, 0) + payload
