"""Large bodies piece by piece, so that a value grows while the body that it comes from goes, and both are never there as a whole.

    StoredObject.body -> Pieces.behind(header) -> joined(), text() or whole()
    text -> EncodedText -> the body to store

Up to ``LARGE`` bytes none of this pays, and a body is plain bytes. Memory goes back to the system early where that takes advice, as
Linux does; elsewhere body and value are there at the same time.
"""

from __future__ import annotations

import copy
import io
import mmap
from codecs import utf_8_decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeAlias

LARGE = 4 << 20
"""A body of more bytes is read as Pieces, and a text of more characters is written in pieces."""
PIECE = 1 << 20
"""The length of a piece in bytes. Pieces begin at the borders of memory pages."""
PART = 1 << 16
"""How many bytes are decoded to text at once. A PIECE is a whole number of them."""

Buffer: TypeAlias = bytes | memoryview


class Streamed:
    """What is consumed piece by piece. Its length is in bytes, and known before and after."""

    def __len__(self) -> int:
        raise NotImplementedError

    def taken(self) -> Iterator[Buffer]:
        """The pieces, each of which goes when the next is asked for."""
        raise NotImplementedError

    def buffered(self, before: bytes = b"") -> io.BytesIO:
        """All in one, behind ``before``. No copy is made of the whole."""
        # Zeros take no memory until they are overwritten, and BytesIO writes into a buffer that nobody else holds.
        buffer = io.BytesIO(bytes(len(before) + len(self)))
        buffer.write(before)
        for piece in self.taken():
            buffer.write(piece)
        return buffer

    def joined(self) -> bytes:
        """All in one. No copy is made of the whole."""
        return self.buffered().getvalue()

    def whole(self) -> Buffer:
        """All in one, to be read and let go."""
        return self.joined()

    def text(self) -> str:
        """Decoded from UTF-8, lone surrogates too. Raises UnicodeDecodeError."""
        raise NotImplementedError


class Pieces(Streamed):
    """A body that is consumed once: ``taken``, ``joined`` and ``text`` let go of each piece as soon as it is passed.

    It lies in a mapping of its own, whose pages return to the system at once. Freed by malloc, they would stay with the process.
    """

    def __init__(self, room: int) -> None:
        """Empty, with room for that many bytes."""
        self._memory = mmap.mmap(-1, room, access=mmap.ACCESS_COPY)
        advise(self._memory, "MADV_HUGEPAGE")
        self._view = memoryview(self._memory)
        self._start = self._end = 0

    def append(self, data: Buffer) -> None:
        """Adds a copy of the data. Raises ValueError where there is no room for it."""
        end = self._end + len(data)
        self._view[self._end : end] = data
        self._end = end

    def fill(self, readinto: Callable[[memoryview], int]) -> None:
        """Adds what ``readinto(buffer)`` puts there until it is nothing, or there is no room."""
        while (free := self._view[self._end : self._end + PIECE]) and (count := readinto(free)):
            self._end += count

    def behind(self, start: int) -> Pieces:
        """The same body without the first ``start`` bytes, which are within the first piece; consumed with one of both."""
        rest = copy.copy(self)
        rest._start = start
        return rest

    def __len__(self) -> int:
        return self._end - self._start

    def first(self, length: int) -> bytes:
        """The first bytes. Nothing is consumed."""
        return bytes(self.whole()[:length])

    def __bytes__(self) -> bytes:
        """A copy of all. Nothing is consumed."""
        return bytes(self.whole())

    def whole(self) -> memoryview:
        """All in one, without a copy. Nothing is consumed."""
        try:
            return self._view[self._start : self._end].toreadonly()
        except ValueError:
            raise RuntimeError("The body was consumed already.") from None

    def taken(self) -> Iterator[memoryview]:
        body = self.whole()
        self._view.release()
        for start in range(0, self._end, PIECE):
            yield body[max(start - self._start, 0) : start - self._start + PIECE]
            advise(self._memory, "MADV_DONTNEED", start, PIECE)

    def text(self) -> str:
        return _text((part for piece in self.taken() for part in cut(piece)), self._end)


def advise(memory: mmap.mmap, advice: str, *extent: int) -> None:
    """Where the system takes that advice. Nothing but speed and size depends on it."""
    with suppress(AttributeError, OSError):
        memory.madvise(getattr(mmap, advice), *extent)


class EncodedText(Streamed):
    """Text to be encoded as UTF-8, which may be consumed again and again."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._length = len(text) if text.isascii() else sum(map(len, self.taken()))

    def __len__(self) -> int:
        return self._length

    def taken(self) -> Iterator[bytes]:
        return (self._text[start : start + PIECE].encode("utf-8", "surrogatepass") for start in range(0, len(self._text), PIECE))

    def text(self) -> str:
        return self._text


Body: TypeAlias = bytes | Pieces
"""What an engine reads."""


def whole(body: Buffer | Streamed) -> Buffer:
    """All in one, to be read and let go."""
    return body.whole() if isinstance(body, Streamed) else body


def joined(body: Buffer | Streamed) -> bytes:
    """All in one, in bytes of its own."""
    return body.joined() if isinstance(body, Streamed) else bytes(body)


def text_of(body: Buffer) -> str:
    """Decoded from UTF-8, lone surrogates too. Raises UnicodeDecodeError."""
    if len(body) <= LARGE:
        return str(body, "utf-8", "surrogatepass")
    return _text(cut(body), len(body))


def cut(data: Buffer) -> Iterator[Buffer]:
    """The data in parts that are decoded at once: malloc lets a text grow where it is while these are short."""
    return (data[start : start + PART] for start in range(0, len(data), PART))


def _text(parts: Iterator[Buffer], length: int) -> str:
    """Text lengthened by one part after the other, cut from ``length`` bytes.

    Where it begins with a long stretch of ASCII and goes on with other characters, it is widened when the first of them is met, and
    is there twice for that moment.
    """
    # Formatting asks for a part when its turn comes, where str.join wants to have all parts first.
    return ("{0}" * (length // PART + 2)).format(_Decoding(parts))


class _Decoding:
    """Formatted again and again, it gives the text of one part after the other; in the end nothing, if nothing is missing."""

    def __init__(self, parts: Iterator[Buffer]) -> None:
        self._parts = parts
        self._rest = b""

    def __format__(self, spec: str) -> str:
        part = next(self._parts, b"")
        data = self._rest + part if self._rest else part
        text, end = utf_8_decode(data, "surrogatepass", not part)
        self._rest = bytes(data[end:])
        return text


def collected(room: int, readinto: Callable[[memoryview], int]) -> Body:
    """What ``readinto(buffer)`` puts there until it is nothing, at most ``room`` bytes; Pieces, where they are many."""
    pieces = Pieces(room)
    pieces.fill(readinto)
    return pieces if len(pieces) > LARGE else bytes(pieces)
