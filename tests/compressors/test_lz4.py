"""LZ4: the contract, and frames that lie about their content."""

import subprocess
import sys
import tracemalloc

import pytest
from lz4 import frame

from s3cache.compressors.lz4 import MAX_RATIO, LZ4Compressor
from s3cache.testing.compressor_contract import CompressorContract

STORED = bytes.fromhex(
    "04224d18684058000000000000002c21000000ff073c703e5468652073616d6520616761696e2e3c2f703e16002a502e3c2f703e00000000"
)


class TestLZ4Compressor(CompressorContract):
    @pytest.fixture
    def compressor(self):
        return LZ4Compressor()


def frame_with_size(size, data):
    """A frame whose header states a size that need not be true."""
    context = frame.create_compression_context()
    header = frame.compress_begin(context, source_size=size)
    return header + (len(data) | 1 << 31).to_bytes(4, "little") + data + bytes(4)


def peak_of(data, limit):
    tracemalloc.start()
    try:
        LZ4Compressor().decompress(data, limit)
    except Exception:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def test_what_an_earlier_release_wrote_is_read():
    assert LZ4Compressor().decompress(STORED, 100) == b"<p>The same again.</p>" * 4


def test_the_size_that_a_frame_states_is_believed_where_it_is_true():
    assert LZ4Compressor().decompress(frame_with_size(4, b"data"), 4) == b"data"


@pytest.mark.parametrize("size", [3, 5, 1 << 40, (1 << 63) - 1])
def test_a_lie_about_the_size_is_an_error_and_allocates_nothing(size):
    stored = frame_with_size(size, b"data")
    with pytest.raises(Exception, match="ERROR|truncated"):
        LZ4Compressor().decompress(stored, 1 << 30)
    assert peak_of(stored, 1 << 30) < 1 << 20


def test_a_small_object_under_a_large_limit_allocates_little():
    stored = LZ4Compressor().compress(b"data")
    assert peak_of(stored, 1 << 30) < 1 << 20


def test_the_best_case_stays_within_the_ratio_that_bounds_the_buffer():
    body = bytes(4 << 20)
    stored = frame.compress(body, block_size=frame.BLOCKSIZE_MAX4MB, compression_level=12)
    assert 0.95 * MAX_RATIO < len(body) / len(stored) < MAX_RATIO
    assert LZ4Compressor().decompress(stored, 4 << 20) == body


def test_a_second_frame_is_refused():
    with pytest.raises(ValueError, match="follows the end"):
        LZ4Compressor().decompress(STORED + STORED, 1000)


def test_lz4_is_imported_on_first_use():
    check = "import sys, s3cache.compressors.lz4 as z; z.LZ4Compressor(); assert 'lz4' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
