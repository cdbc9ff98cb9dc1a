import pytest

from s3cache.compressors.none import NoCompressor
from s3cache.testing.compressor_contract import CompressorContract


class TestNoCompressor(CompressorContract):
    @pytest.fixture
    def compressor(self):
        return NoCompressor()


def test_the_stored_form_is_the_data():
    assert NoCompressor().compress(b"data") == b"data"
    assert NoCompressor().decompress(b"data", 4) == b"data"
