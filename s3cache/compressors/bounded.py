"""Decompression that stops at a limit: the loop is the stream's own, which zlib, zstd and lz4 offer in nearly the same shape.

Up to ``AT_ONCE`` bytes are made at once, and what is larger grows piece by piece, so that neither a bomb nor a large value takes
much more memory on the way than in the end.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, TypeVar

from s3cache.compressors.base import Buffer
from s3cache.pieces import cut

AT_ONCE = 1 << 18

Data = TypeVar("Data", bytes, Buffer)


def decompress(stream: Any, data: Buffer, limit: int) -> bytes:
    """What one whole stream holds, at most ``limit`` bytes.

    ``stream`` is a fresh decompressor with ``decompress(data, max_length)``, ``eof`` and ``unused_data``. Raises ValueError where
    there is more, where the stream does not end, and where something follows its end.
    """
    pieces = _pieces(stream, data, min(AT_ONCE, limit + 1))  # the byte too many tells "full" from "more to come"
    first = within(next(pieces, b""), limit)
    second = next(pieces, None)
    return first if second is None else _joined(chain((first, second), pieces), limit)


def _pieces(stream: Any, data: Buffer, room: int) -> Iterator[bytes]:
    """What the stream makes of the data, up to ``room`` bytes at once, and none only if there is no data."""
    for part in cut(data):
        if stream.eof:
            raise ValueError("Something follows the end of the compressed data.")
        made = stream.decompress(part, room)
        yield made
        while len(made) == room and not stream.eof:
            # zlib gives back what it has not read yet; the others keep it.
            made = stream.decompress(getattr(stream, "unconsumed_tail", b""), room)
            yield made
    if not stream.eof:
        raise ValueError("The compressed data is truncated.")
    if stream.unused_data:
        raise ValueError("Something follows the end of the compressed data.")


def _joined(pieces: Iterable[bytes], limit: int) -> bytes:
    """All in one, and never there a second time. Raises ValueError as soon as they are more than ``limit`` bytes."""
    body = io.BytesIO()
    for piece in pieces:
        body.write(piece)
        _check(body.tell(), limit)
    return body.getvalue()


def within(body: Data, limit: int) -> Data:
    """The body, if it is at most ``limit`` bytes long. Raises ValueError."""
    _check(len(body), limit)
    return body


def _check(length: int, limit: int) -> None:
    if length > limit:
        raise ValueError(f"The decompressed value is longer than the limit of {limit} bytes.")
