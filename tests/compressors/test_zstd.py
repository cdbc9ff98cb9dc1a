"""Zstandard: the contract, and frames made by hand (RFC 8878) that lie about what they need."""

import subprocess
import sys
import tracemalloc

import pytest

from s3cache.compressors.zstd import ZstdCompressor
from s3cache.testing.compressor_contract import CompressorContract

MAGIC = b"\x28\xb5\x2f\xfd"
STORED = bytes.fromhex("28b52ffd2058ed0000b03c703e5468652073616d6520616761696e2e3c2f703e01009ed26c02")


class TestZstdCompressor(CompressorContract):
    @pytest.fixture
    def compressor(self):
        return ZstdCompressor()


def last_block(data):
    """A raw block."""
    return (len(data) << 3 | 1).to_bytes(3, "little") + data


def frame_with_window(log, data):
    return MAGIC + b"\x00" + bytes([log - 10 << 3]) + last_block(data)


def frame_with_size(size, data):
    """A single segment, whose window is the size of the content, as it says."""
    return MAGIC + b"\xe0" + size.to_bytes(8, "little") + last_block(data)


def test_what_an_earlier_release_wrote_is_read():
    assert ZstdCompressor().decompress(STORED, 100) == b"<p>The same again.</p>" * 4


def test_a_window_of_8_mib_is_accepted():
    assert ZstdCompressor().decompress(frame_with_window(23, b"data"), 4) == b"data"


@pytest.mark.parametrize("log", [24, 27, 31, 41])
def test_a_frame_that_demands_a_larger_window_is_refused(log):
    with pytest.raises(Exception, match="too much memory"):
        ZstdCompressor().decompress(frame_with_window(log, b"data"), 4)


def test_the_size_that_a_frame_states_is_believed_where_it_is_true():
    assert ZstdCompressor().decompress(frame_with_size(4, b"data"), 4) == b"data"


@pytest.mark.parametrize("size", [3, 5, 1 << 23, 1 << 24, 1 << 40, (1 << 64) - 1])
def test_a_lie_about_the_size_is_an_error_and_allocates_nothing(size):
    tracemalloc.start()
    try:
        with pytest.raises(Exception, match="too much memory|corrupt|longer"):
            ZstdCompressor().decompress(frame_with_size(size, b"data"), 1 << 30)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_our_own_frames_need_far_less_than_the_bound():
    stored = ZstdCompressor().compress(bytes(16 << 20))
    assert stored[4] & 0x20 == 0  # no single segment, so a window descriptor follows
    assert stored[5] >> 3 <= 21 - 10


def test_a_second_frame_is_refused():
    with pytest.raises(ValueError, match="follows the end"):
        ZstdCompressor().decompress(STORED + STORED, 1000)


def test_zstd_is_imported_on_first_use():
    check = "import sys, s3cache.compressors.zstd as z; z.ZstdCompressor(); assert not {'_zstd', 'backports.zstd'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", check], check=True)
