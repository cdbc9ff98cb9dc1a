"""Any bytes at all, given to ``decompress`` with a limit: an Exception, or at most as many bytes.

And compressed by the same compressor they are what comes back, unless they are more than the limit. The first byte says how much is
read, and made, at once; it changes nothing but which frames
that no compressor makes the library refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from unittest import mock

from s3cache import pieces
from s3cache.compressors import COMPRESSORS, bounded
from s3cache.plugins import COMPRESSOR, make

NAMES = sorted(set(COMPRESSORS) - {"none"})
LIMIT = 10_000


def checks(name: str) -> Callable[[bytes], None]:
    compressor = make(COMPRESSOR, name)

    def check(data: bytes) -> None:
        step = 1 + data[0] if data else 1
        body = decompressed(data[1:])
        assert body is None or len(body) <= LIMIT
        with mock.patch.object(bounded, "AT_ONCE", 3 * step), mock.patch.object(pieces, "PART", step):
            assert decompressed(data[1:]) in (body, None) or body is None
            round_trip(data, 5 * step)

    def decompressed(data: bytes) -> bytes | None:
        """None where it raises."""
        try:
            return compressor.decompress(data, LIMIT)
        except MemoryError:
            raise
        except Exception:
            return None

    def round_trip(data: bytes, limit: int) -> None:
        try:
            assert compressor.decompress(compressor.compress(data), limit) == data
        except ValueError:
            assert len(data) > limit

    return check


def seeds_of(name: str) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        compress = make(COMPRESSOR, name).compress
        for body in (b"", b"x", b"<p>The same again.</p>" * 20, bytes(LIMIT), bytes(LIMIT + 1), bytes(range(256)) * 3):
            for step in (b"\0", b"\x20", b"\xff"):
                yield step + compress(body)
                yield step + compress(body)[:-1]

    return seeds
