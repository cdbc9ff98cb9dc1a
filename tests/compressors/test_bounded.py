"""What the four compressors share, beyond the contract: the limit to the byte, and damage at every place."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache.compressors.gzip import GzipCompressor
from s3cache.compressors.lz4 import LZ4Compressor
from s3cache.compressors.zlib import ZlibCompressor
from s3cache.compressors.zstd import ZstdCompressor

MIB = 1 << 20
COMPRESSORS = pytest.mark.parametrize(
    "compressor", [GzipCompressor(), LZ4Compressor(), ZlibCompressor(), ZstdCompressor()], ids=lambda compressor: compressor.name
)
bodies = st.binary(max_size=300) | st.builds(lambda body, times: body * times, st.binary(max_size=10), st.integers(0, 30_000))


@COMPRESSORS
@given(bodies)
@settings(deadline=None)
def test_the_limit_is_exact(compressor, body):
    stored = compressor.compress(body)
    assert compressor.decompress(stored, len(body)) == body
    assert compressor.decompress(stored, len(body) + 1) == body
    if body:
        with pytest.raises(ValueError, match=f"longer than the limit of {len(body) - 1} bytes"):
            compressor.decompress(stored, len(body) - 1)


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


@COMPRESSORS
@pytest.mark.parametrize("garbage", [b"\0", b"garbage", bytes(100)], ids=repr)
def test_anything_after_the_end_is_an_error(compressor, garbage):
    with pytest.raises(ValueError, match="follows the end"):
        compressor.decompress(compressor.compress(b"data") + garbage, MIB)


@COMPRESSORS
def test_decompressing_up_to_the_limit_makes_twice_the_limit_at_most(compressor):
    stored = compressor.compress(bytes(16 * MIB))
    tracemalloc.start()
    try:
        compressor.decompress(stored, 16 * MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 33 * MIB
