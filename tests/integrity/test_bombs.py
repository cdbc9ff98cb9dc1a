"""Small objects that ask for much memory, and lengths that are not what they say: misses, and little memory.

All of them are made by somebody who knows the key, or for a cache that does not sign: from others nothing is even looked at.
"""

import json

import lz4.frame
import msgpack
import pytest

from s3cache.compressors import COMPRESSORS
from s3cache.plugins import COMPRESSOR, make
from tests.integrity.support import SECRET, absent, answers
from tests.memory_worker import peaks

MIB = 1 << 20
LIMIT = 8 * MIB
MOST = LIMIT * 5 // 4 + 8 * MIB
"""Growing takes an eighth more than there is, and zstd's window may be 8 MiB."""
KNOWING = pytest.mark.parametrize("secret", (SECRET, None), ids=("who knows the key", "without signing"))
TOUCHED = {"touch": True}
"""It asks for a good header and payload, and for no value."""


def memory_taken(action):
    """By all of the process, and by what Python allocates for it; and what came of it."""
    taken, result = peaks(action)
    return max(taken), result


@pytest.fixture
def vault(vault, request):
    secret = request.getfixturevalue("secret")
    return vault(SIGNING=secret is not None, SERIALIZER="json", ACCEPT_SERIALIZERS=["msgpack"], MAX_VALUE_BYTES=LIMIT)


@KNOWING
@pytest.mark.parametrize("serializer", ("bytes", "json"))
@pytest.mark.parametrize("compressor", sorted(set(COMPRESSORS) - {"none"}))
def test_a_compression_bomb_takes_no_more_than_max_value_bytes(vault, secret, serializer, compressor):
    bomb = make(COMPRESSOR, compressor).compress(bytes(10 * LIMIT))
    body = vault.forged(bomb, serializer, compressor, secret=secret)
    taken, found = memory_taken(lambda: answers(vault, body))
    assert found == absent(good_header=True) | TOUCHED
    assert taken < MOST


def zstd_frame(content_size, window=0x58):
    """An empty frame that states any size of its content; ``window`` is RFC 8878's descriptor, None for one segment."""
    descriptor = b"\xe0" if window is None else bytes([0xC0, window])
    return b"\x28\xb5\x2f\xfd" + descriptor + content_size.to_bytes(8, "little") + b"\x01\x00\x00"


def lz4_frame(content_size):
    """The same; its checksum, one byte, is found by trying."""
    for checksum in range(256):
        frame = b"\x04\x22\x4d\x18\x68\x70" + content_size.to_bytes(8, "little") + bytes([checksum]) + bytes(4)
        try:
            lz4.frame.get_frame_info(frame)
        except RuntimeError:
            continue
        return frame


STATED = {
    f"{compressor}, {size:#x}": (compressor, frame(size))
    for size in (2**31, 2**32, 2**63, 2**64 - 1)
    for compressor, frame in (
        ("zstd", zstd_frame),
        ("zstd", lambda size: zstd_frame(size, window=None)),
        ("zstd", lambda size: zstd_frame(size, window=0xFF)),
        ("lz4", lz4_frame),
    )
}


@KNOWING
@pytest.mark.parametrize(("compressor", "frame"), STATED.values(), ids=STATED)
def test_what_a_compressed_payload_says_of_its_size_is_not_believed(vault, secret, compressor, frame):
    body = vault.forged(frame, "bytes", compressor, secret=secret)
    vault.put(body)
    taken, found = memory_taken(lambda: vault.call.get("key", "absent"))
    assert found in ("absent", b"")
    assert taken < MOST


LENGTHS = {
    "msgpack": [
        *(
            kind + size + rest
            for kind in (b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xc9")
            for size in (b"\xff" * 4, b"\x7f\xff\xff\xff")
            for rest in (b"", b"\x01" * 50)
        ),
        b"\xdd\xff\xff\xff\xff" * 1000,
        b"\xdd\x00\x00\x03\xe8" * 1000,
    ],
    "json": [b"[" * MIB, b'{"a":' * MIB, b"9" * MIB, b'{"!tuple":[' * (MIB // 2), b'"' + b"\\u0000" * 10, b"[1,"],
}


@KNOWING
@pytest.mark.parametrize(
    ("serializer", "payload"), [(name, payload) for name, all_ in LENGTHS.items() for payload in all_], ids=range(28)
)
def test_what_a_value_says_of_its_length_is_not_believed(vault, secret, serializer, payload):
    body = vault.forged(payload, serializer, secret=secret)
    taken, found = memory_taken(lambda: answers(vault, body))
    assert found == absent(good_header=True) | TOUCHED
    assert taken < MOST


@KNOWING
@pytest.mark.parametrize("length", (0, 1, 3, 5, 2**16, 2**31, 2**32, 2**32 + 4, 2**63 - 1, 2**63, 2**64 - 1))
def test_a_wrong_length_of_the_payload_is_a_miss(vault, secret, length):
    body = vault.forged(b"1234", "json", secret=secret, payload_length=length)
    taken, found = memory_taken(lambda: answers(vault, body))
    assert found == absent(good_header=True)
    assert taken < 4 * MIB


@KNOWING
def test_any_wrong_length_of_the_header_is_a_miss(vault, secret):
    right = len(vault.forged(b"", "json", secret=secret))
    for length in (*range(2200), 2**12, 2**15 - 1, 2**15, 2**16 - 1):
        vault.put(vault.forged(b"1" * 100, "json", secret=secret, length=length))
        assert (vault.cache.get("key") is None) is (length != right), length


@KNOWING
def test_an_object_larger_than_any_entry_is_not_read(vault, secret):
    body = vault.forged(bytes(4 * LIMIT), "bytes", secret=secret)
    taken, found = memory_taken(lambda: answers(vault, body))
    assert found == absent(good_header=True)
    assert taken < 4 * MIB


@KNOWING
@pytest.mark.parametrize(("serializer", "dumps"), (("json", lambda value: json.dumps(value).encode()), ("msgpack", msgpack.packb)))
def test_a_value_of_exactly_max_value_bytes_is_read(vault, secret, serializer, dumps):
    value = "x" * (LIMIT - len(dumps("x" * LIMIT)) + LIMIT)
    vault.put(vault.forged(dumps(value), serializer, secret=secret))
    assert vault.call.get("key") == value
