import gzip
import zlib

import pytest

from s3cache.compressors.gzip import GzipCompressor
from s3cache.testing.compressor_contract import CompressorContract

STORED = bytes.fromhex("1f8b0800000000000003b329b00bc94855284ecc4d55484c4fccccd3b3d12fb0b3a1581400734b823358000000")


class TestGzipCompressor(CompressorContract):
    @pytest.fixture
    def compressor(self):
        return GzipCompressor()


def test_what_an_earlier_release_wrote_is_read():
    assert GzipCompressor().decompress(STORED, 100) == b"<p>The same again.</p>" * 4


def test_the_time_stamp_is_0_so_that_equal_data_gives_equal_bytes():
    assert GzipCompressor().compress(b"data")[4:8] == bytes(4)


def test_every_gunzip_reads_it():
    assert gzip.decompress(GzipCompressor().compress(b"data")) == b"data"


def test_a_second_member_is_refused():
    with pytest.raises(ValueError, match="follows the end"):
        GzipCompressor().decompress(STORED + STORED, 1000)


def test_a_zlib_stream_is_not_gzip():
    with pytest.raises(zlib.error):
        GzipCompressor().decompress(zlib.compress(b"data"), 100)
