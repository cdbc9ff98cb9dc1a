"""The compressor ``lzma``: the XZ format of the standard library. Smaller than zstd, and many times slower."""

from __future__ import annotations

import lzma
from typing import ClassVar

from s3cache.compressors import bounded
from s3cache.compressors.base import Buffer

PRESET = 1
"""Its dictionary is 1 MiB. Larger ones help only values that are larger still."""
MEMORY = 4 * 1024 * 1024
"""What reading may take beside the value. An entry chooses its dictionary itself, up to 4 GiB: a larger one is refused."""


class LzmaCompressor:
    """One XZ stream, with a CRC-64 of the data."""

    name: ClassVar[str] = "lzma"
    requires: ClassVar[tuple[str, ...]] = ()

    def compress(self, data: Buffer) -> bytes:
        return lzma.compress(data, preset=PRESET)

    def decompress(self, data: Buffer, limit: int) -> bytes:
        """Refuses a second stream, and a stream that needs more than MEMORY."""
        return bounded.decompress(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY), data, limit)
