"""LZ4 frames: the fastest both ways, and half as large again as zstd's."""

from __future__ import annotations

from typing import ClassVar

from s3cache.compressors import bounded
from s3cache.compressors.base import Buffer

# A byte of input makes at most 255 bytes: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
MAX_RATIO = 255


class LZ4Compressor:
    """One LZ4 frame, which states the size of its content, at lz4's own default level 0."""

    name: ClassVar[str] = "lz4"
    requires: ClassVar[tuple[str, ...]] = ("lz4",)

    def compress(self, data: Buffer) -> bytes:
        from lz4 import frame

        body: bytes = frame.compress(data)
        return body

    def decompress(self, data: Buffer, limit: int) -> bytes:
        """Refuses a second frame."""
        from lz4 import frame

        # The decompressor allocates all that it may return at once, so a small body must not be given a large limit.
        return bounded.decompress(frame.LZ4FrameDecompressor(), data, min(limit, MAX_RATIO * len(data)))
