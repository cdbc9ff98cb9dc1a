"""Bodies in pieces, with pieces of one page and parts of a few bytes: what comes out is what went in, or Python's own error.

The input: where the payload begins 1 byte, how often the rest is repeated 1 byte, then the rest.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any
from unittest import mock

from s3cache import pieces
from s3cache.pieces import EncodedText, Pieces

SMALL: dict[str, Any] = {"PIECE": mmap.PAGESIZE, "PART": 8, "LARGE": 20}
MOST = 3 * mmap.PAGESIZE


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    body = data[2:] * data[1] if len(data) * data[1] < MOST else data[2:]
    start = min(data[0], len(body))
    with mock.patch.multiple(pieces, **SMALL):
        read(body, start)


def read(body: bytes, start: int) -> None:
    rest = body[start:]
    assert filled(body).behind(start).first(7) == rest[:7]
    assert bytes(filled(body).behind(start)) == rest
    assert filled(body).behind(start).joined() == rest
    assert b"".join(map(bytes, filled(body).behind(start).taken())) == rest
    text = decoded(lambda: rest.decode("utf-8", "surrogatepass"))
    assert decoded(filled(body).behind(start).text) == decoded(lambda: pieces.text_of(rest)) == text
    if isinstance(text, str):
        encoded = EncodedText(text)
        assert len(encoded) == len(rest)
        assert encoded.joined() == encoded.joined() == rest


def filled(body: bytes) -> Pieces:
    made = Pieces(len(body) or 1)
    position = 0

    def readinto(buffer: memoryview) -> int:
        nonlocal position
        part = body[position : position + len(buffer)]
        buffer[: len(part)] = part
        position += len(part)
        return len(part)

    made.fill(readinto)
    return made


def decoded(decode: object) -> object:
    try:
        return decode()  # type: ignore[operator]
    except UnicodeDecodeError:
        return UnicodeDecodeError


def seeds() -> Iterator[bytes]:
    for text in ("", "plain", "fünfzehn €uro 🐍", "\ud800x\udfff"):
        body = text.encode("utf-8", "surrogatepass")
        for start, times in ((0, 1), (3, 200), (1, 255)):
            yield bytes([start, times]) + body
            yield bytes([start, times]) + body[:-1]
