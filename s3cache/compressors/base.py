"""The compressor contract, tested by ``s3cache.testing.CompressorContract``.

``decompress(compress(data), limit)`` gives the data back where it is at most ``limit`` bytes long. Otherwise it raises a ValueError
that names the limit. It makes no more than about twice ``limit`` bytes on the way, whatever the input says of itself: a small
object cannot fill the memory. Truncated input, and input with something after its end, is never taken for the data: an Exception,
any, makes the entry a miss. Both methods take bytes or a memoryview and give bytes.

``name``, at most 8 ASCII letters and digits, is stored in every entry and means one format for ever: a changed format takes a
new name. ``requires`` names the modules that must be installed; they are imported on first use. The class is made without
arguments, and one instance may be used from many threads at once.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

Buffer = bytes | memoryview


class Compressor(Protocol):
    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]]

    def compress(self, data: Buffer) -> bytes: ...

    def decompress(self, data: Buffer, limit: int) -> bytes: ...
