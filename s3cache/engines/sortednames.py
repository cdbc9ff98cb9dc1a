"""Names in order, for a listing that may begin anywhere among millions.

They lie in pieces short enough that an insertion into one is cheap: adding, removing and finding a point cost a few microseconds
among ten million names. The order is Python's own for text, which is that of the UTF-8 bytes.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator


class SortedNames:
    """Distinct names. The iterators that ``since`` and ``after`` return are not to be used across a change."""

    LONGEST = 2000

    def __init__(self) -> None:
        self._pieces: list[list[str]] = [[]]
        self._firsts: list[str] = [""]  # what a piece may begin with: no name of the piece is smaller

    def add(self, name: str) -> None:
        position = self._position(name)
        piece = self._pieces[position]
        insort(piece, name)
        if len(piece) > self.LONGEST:
            self._split(position)

    def remove(self, name: str) -> None:
        position = self._position(name)
        piece = self._pieces[position]
        del piece[bisect_left(piece, name)]
        if not piece and position:
            del self._pieces[position], self._firsts[position]

    def since(self, name: str) -> Iterator[str]:
        """The names from this one on, itself included."""
        return self._tail(name, bisect_left)

    def after(self, name: str) -> Iterator[str]:
        """The names behind this one."""
        return self._tail(name, bisect_right)

    def _tail(self, name: str, bisect: Callable[[list[str], str], int]) -> Iterator[str]:
        position = self._position(name)
        piece = self._pieces[position]
        yield from itertools.islice(piece, bisect(piece, name), None)
        for piece in itertools.islice(self._pieces, position + 1, None):
            yield from piece

    def _position(self, name: str) -> int:
        return bisect_right(self._firsts, name) - 1

    def _split(self, position: int) -> None:
        piece = self._pieces[position]
        half = len(piece) // 2
        self._pieces[position : position + 1] = [piece[:half], piece[half:]]
        self._firsts.insert(position + 1, piece[half])
