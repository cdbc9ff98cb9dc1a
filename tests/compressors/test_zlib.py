import pytest

from s3cache.compressors.zlib import ZlibCompressor
from s3cache.testing.compressor_contract import CompressorContract


class TestZlibCompressor(CompressorContract):
    @pytest.fixture
    def compressor(self):
        return ZlibCompressor()


def test_what_an_earlier_release_wrote_is_read():
    stored = bytes.fromhex("789cb329b00bc94855284ecc4d55484c4fccccd3b3d12fb0b3a15814000b9b1ce1")
    assert ZlibCompressor().decompress(stored, 100) == b"<p>The same again.</p>" * 4
