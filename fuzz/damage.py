"""A good, signed entry with some of its bytes changed: a miss, and nothing of it is loaded.

The first byte chooses the entry; each three that follow are one change, of which the first byte says what and the others where.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from fuzz.caches import ABSENT, VALUES, Site
from s3cache.serializers.base import Buffer
from s3cache.serializers.json import JSONSerializer
from s3cache.serializers.msgpack import MsgpackSerializer
from s3cache.serializers.pickle import PickleSerializer


class Loaded(BaseException):
    """A damaged entry was loaded."""


class Armed:
    """What every serializer here does: load nothing."""

    def loads(self, data: Buffer) -> object:
        raise Loaded


class ArmedPickle(Armed, PickleSerializer):
    name = "armpickl"


class ArmedJSON(Armed, JSONSerializer):
    name = "armjson"


class ArmedMsgpack(Armed, MsgpackSerializer):
    name = "armmsgpk"


SERIALIZERS = [f"{__name__}.{armed.__name__}" for armed in (ArmedPickle, ArmedJSON, ArmedMsgpack)]


@cache
def site() -> Site:
    return Site("damage", SERIALIZER=SERIALIZERS[0], ACCEPT_SERIALIZERS=SERIALIZERS)


@cache
def entries() -> list[bytes]:
    """Good ones of each serializer and compressor."""
    writers = [
        Site("damage", SERIALIZER=serializer, ACCEPT_SERIALIZERS=SERIALIZERS, COMPRESSOR=compressor, COMPRESS_MIN_BYTES=1)
        for serializer in SERIALIZERS
        for compressor in ("none", "zlib", "zstd")
    ]
    return [writer.written(value) for writer in writers for value in VALUES.values()]


@cache
def headers() -> tuple[bytes, ...]:
    return tuple(entry[: int.from_bytes(entry[6:8], "big")] for entry in entries())


def check(data: bytes) -> None:
    if not data:
        return
    entry = entries()[data[0] % len(entries())]
    body = changed(entry, data[1:])
    if body in entries():  # the whole of another one, maybe
        return
    whole_header = body.startswith(headers())
    cache = site().cache
    site().put(body)
    assert cache.get("key", ABSENT) is ABSENT
    assert cache.get_many(["key"]) == {}
    assert cache.has_key("key") is whole_header
    assert cache.touch("key") is False
    assert cache.add("key", "new") is not whole_header
    assert cache.get_or_set("key", "new") == "new"
    assert cache.get("key") == "new"


def changed(entry: bytes, changes: bytes) -> bytes:
    body = bytearray(entry)
    for what, *where in zip(changes[::3], changes[1::3], changes[2::3], strict=False):
        change(body, what, (where[0] << 8 | where[1]) % (len(body) or 1))
    return bytes(body)


def change(body: bytearray, what: int, where: int) -> None:
    match what % 8:
        case 0:
            del body[where:]
        case 1:
            del body[where : where + 1]
        case 2:
            body.insert(where, what)
        case 3:
            body[where:where] = body[where : where + what]
        case 4:
            entry = entries()[what % len(entries())]
            body[where:] = entry[where:]
        case bit if body:
            body[where] ^= what >> 3 or bit


def seeds() -> Iterator[bytes]:
    for number in range(len(entries())):
        yield bytes([number, 0x0D, 0, number])
        yield bytes([number, 4 + 8 * (number % 30), 0, 90])
    for what in range(8):
        yield bytes([0, what, 0, 60])
