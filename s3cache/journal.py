"""Which entries were written elsewhere while the store was away, so that what the store still has of them is out of date."""

from __future__ import annotations

import threading
from collections.abc import Sequence

MOST = 10_000
"""So many names are remembered; of more it is only known that there are."""


class Journal:
    """Names of objects, each once. Safe for threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.RLock()
        self._names: dict[str, None] = {}
        self._everything = False

    def add(self, *names: str) -> None:
        with self._lock:
            for name in names:
                if len(self._names) < self._most:
                    self._names[name] = None
                elif name not in self._names:
                    self._everything = True

    def add_all(self) -> None:
        """Whatever the store has."""
        with self._lock:
            self._everything = True

    @property
    def names(self) -> Sequence[str]:
        with self._lock:
            return tuple(self._names)

    @property
    def is_empty(self) -> bool:
        return not self._names and not self._everything

    def take(self) -> tuple[Sequence[str], bool]:
        """The names, and whether there are others, too. They are forgotten; who cannot deal with them adds them again."""
        with self._lock:
            names, everything = tuple(self._names), self._everything
            self._names, self._everything = {}, False
            return names, everything
