"""No compression: for values that are compressed already, as images are, and where CPU is dearer than storage."""

from __future__ import annotations

from typing import ClassVar

from s3cache.compressors import bounded
from s3cache.compressors.base import Buffer


class NoCompressor:
    """Gives the data as it is."""

    name: ClassVar[str] = "none"
    requires: ClassVar[tuple[str, ...]] = ()

    def compress(self, data: Buffer) -> bytes:
        return bytes(data)

    def decompress(self, data: Buffer, limit: int) -> bytes:
        return bytes(bounded.within(data, limit))
