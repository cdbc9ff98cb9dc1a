"""The compressor keeps s3cache's contract."""

from __future__ import annotations

import lzma

import pytest
from s3cache_sqlite.compressor import LzmaCompressor

from s3cache.compressors.base import Compressor
from s3cache.testing import CompressorContract


class TestLzmaCompressor(CompressorContract):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return LzmaCompressor()


def test_a_stream_that_demands_much_memory_is_refused() -> None:
    greedy = lzma.compress(b"body", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 8 * 1024 * 1024}])
    with pytest.raises(lzma.LZMAError, match="[Mm]emory"):
        LzmaCompressor().decompress(greedy, 1024)
