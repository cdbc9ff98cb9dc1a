"""Decompression that stops at a limit: the loop is the stream's own, which zlib, zstd and lz4 offer in the same shape."""

from __future__ import annotations

from typing import Any, TypeVar

from s3cache.compressors.base import Buffer

Data = TypeVar("Data", bytes, Buffer)


def decompress(stream: Any, data: Buffer, limit: int) -> bytes:
    """What one whole stream holds, at most ``limit`` bytes.

    ``stream`` is a fresh decompressor with ``decompress(data, max_length)``, ``eof`` and ``unused_data``. Raises ValueError where
    there is more, where the stream does not end, and where something follows its end.
    """
    body: bytes = within(stream.decompress(data, limit + 1), limit)  # the byte too many tells "full" from "more to come"
    if not stream.eof:
        raise ValueError("The compressed data is truncated.")
    if stream.unused_data:
        raise ValueError("Something follows the end of the compressed data.")
    return body


def within(body: Data, limit: int) -> Data:
    """The body, if it is at most ``limit`` bytes long. Raises ValueError."""
    if len(body) > limit:
        raise ValueError(f"The decompressed value is longer than the limit of {limit} bytes.")
    return body
