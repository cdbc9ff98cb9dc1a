"""What the four compressors share, beyond the contract: the limit to the byte, and damage at every place."""

import tracemalloc
from contextlib import contextmanager, suppress
from random import Random
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache import pieces
from s3cache.compressors import bounded
from s3cache.compressors.gzip import GzipCompressor
from s3cache.compressors.lz4 import LZ4Compressor
from s3cache.compressors.zlib import ZlibCompressor
from s3cache.compressors.zstd import ZstdCompressor

MIB = 1 << 20
COMPRESSORS = pytest.mark.parametrize(
    "compressor", [GzipCompressor(), LZ4Compressor(), ZlibCompressor(), ZstdCompressor()], ids=lambda compressor: compressor.name
)
bodies = st.binary(max_size=300) | st.builds(lambda body, times: body * times, st.binary(max_size=10), st.integers(0, 30_000))


@contextmanager
def small(at_once=7, part=5):
    """So that little is read, and made, at once, and a small body is made in many pieces."""
    with mock.patch.object(bounded, "AT_ONCE", at_once), mock.patch.object(pieces, "PART", part):
        yield


@COMPRESSORS
@given(bodies)
@settings(deadline=None)
def test_the_limit_is_exact(compressor, body):
    check_limit(compressor, body)


@COMPRESSORS
@given(bodies, st.integers(1, 500), st.integers(1, 500))
@settings(deadline=None)
def test_the_limit_is_exact_in_pieces_of_any_size(compressor, body, at_once, part):
    with small(at_once, part):
        check_limit(compressor, body)


def check_limit(compressor, body):
    stored = compressor.compress(body)
    assert compressor.decompress(stored, len(body)) == body
    assert compressor.decompress(stored, len(body) + 1) == body
    if body:
        with pytest.raises(ValueError, match=f"longer than the limit of {len(body) - 1} bytes"):
            compressor.decompress(stored, len(body) - 1)


@COMPRESSORS
@pytest.mark.parametrize("length", (bounded.AT_ONCE - 1, bounded.AT_ONCE, bounded.AT_ONCE + 1, 2 * bounded.AT_ONCE, 3 * MIB + 1))
@pytest.mark.parametrize("noise", (True, False), ids=("noise", "zeros"))
def test_a_body_of_several_pieces_is_whole(compressor, length, noise):
    body = Random(1).randbytes(length) if noise else bytes(length)
    stored = compressor.compress(body)
    assert compressor.decompress(stored, length) == body
    for spoilt in (stored[:-1], stored + b"x", stored + stored):
        with pytest.raises(Exception, match="."):
            compressor.decompress(spoilt, 2 * length)


@COMPRESSORS
@given(st.binary(max_size=200))
@settings(deadline=None)
def test_random_bytes_make_no_more_than_the_limit(compressor, data):
    try:
        assert len(compressor.decompress(data, 1000)) <= 1000
    except MemoryError:
        raise
    except Exception:
        return


@COMPRESSORS
@pytest.mark.parametrize("body", [b"", b"x", b"<p>The same again.</p>" * 20, bytes(70_000)], ids=len)
def test_truncated_input_is_an_error_wherever_it_ends(compressor, body):
    stored = compressor.compress(body)
    for length in range(len(stored)):
        with pytest.raises(Exception, match="."):
            compressor.decompress(stored[:length], MIB)
        with small(), pytest.raises(Exception, match="."):
            compressor.decompress(stored[:length], MIB)


@COMPRESSORS
@pytest.mark.parametrize("garbage", [b"\0", b"garbage", bytes(100)], ids=repr)
def test_anything_after_the_end_is_an_error(compressor, garbage):
    with pytest.raises(ValueError, match="follows the end"):
        compressor.decompress(compressor.compress(b"data") + garbage, MIB)
    with small(), pytest.raises(ValueError, match="follows the end"):
        compressor.decompress(compressor.compress(b"data") + garbage, MIB)


@COMPRESSORS
@pytest.mark.parametrize("length", (16 * MIB, 16 * MIB + 1, 64 * MIB))
def test_decompressing_takes_little_more_than_the_limit(compressor, length):
    stored = compressor.compress(bytes(length))
    tracemalloc.start()
    try:
        with suppress(ValueError):
            compressor.decompress(stored, 16 * MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * MIB
