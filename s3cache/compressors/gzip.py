"""gzip (RFC 1952): zlib's compression in the wrapping that command-line tools and browsers know."""

from __future__ import annotations

import zlib
from typing import ClassVar

from s3cache.compressors import bounded
from s3cache.compressors.base import Buffer
from s3cache.compressors.zlib import LEVEL

GZIP_HEADER = 16 + zlib.MAX_WBITS


class GzipCompressor:
    """One gzip member, with a CRC-32 of the data. Its time stamp is 0, so the same data gives the same bytes."""

    name: ClassVar[str] = "gzip"
    requires: ClassVar[tuple[str, ...]] = ()

    def compress(self, data: Buffer) -> bytes:
        return zlib.compress(data, LEVEL, GZIP_HEADER)

    def decompress(self, data: Buffer, limit: int) -> bytes:
        """Refuses a second member."""
        return bounded.decompress(zlib.decompressobj(GZIP_HEADER), data, limit)
