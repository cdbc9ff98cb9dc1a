"""The account of a search for keys: how far it is, and what it costs where that is much."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import NamedTuple

from s3cache.entries import Keyed
from s3cache.envelope import LONGEST_KEY
from s3cache.patterns import Glob
from s3cache.watched import PAGE

logger = logging.getLogger("s3cache")

LARGE = 10_000
"""From so many entries on a search is logged with what it will cost."""


class KeyProgress(NamedTuple):
    """How far a search for keys has come."""

    seen: int
    """Entries looked at."""
    matched: int
    """Those of them whose keys fit the pattern."""
    position: float | None
    """0 to 1; None where it cannot be told: with readable names, and where the store lists in no order."""


Tell = Callable[[KeyProgress], object]


class Search:
    """One of them. ``place_of`` tells how much of a listing lies before a name, ``by_name`` that most entries cost no request."""

    def __init__(self, wanted: Glob, tell: Tell | None, place_of: Callable[[str], float | None], *, by_name: bool) -> None:
        self.matched = 0
        self._wanted = wanted
        self._tell = tell
        self._place_of = place_of
        self._by_name = by_name
        self._seen = 0
        self._without_key = 0

    def saw(self, name: str, keyed: Keyed | None) -> None:
        self._seen += 1
        self._without_key += keyed is not None and keyed.key is None
        if self._seen == LARGE:
            self._warn(self._place_of(name))
        if self._tell is not None and self._seen % PAGE == 0:
            self._tell(KeyProgress(self._seen, self.matched, self._place_of(name)))

    def end(self) -> None:
        if self._tell is not None:
            self._tell(KeyProgress(self._seen, self.matched, 1.0))
        if self._without_key:
            message = "%d entries have keys above %d bytes, of which the store has only digests: no pattern finds them."
            logger.warning(message, self._without_key, LONGEST_KEY)

    def _warn(self, place: float | None) -> None:
        """Says once what the search will cost, if it costs much for what it finds."""
        if self._by_name:
            if self.matched < self._seen / 2:
                message = (
                    "The search for keys like %r lists many more than it finds, with a request per thousand: %d of %d until now."
                )
                logger.warning(message, self._wanted.written, self.matched, self._seen)
            return
        entries = f"about {round(self._seen / place):,}" if place else f"more than {self._seen:,}"
        pages = f"{math.ceil(self._seen / place / PAGE):,}" if place else f"more than {self._seen // PAGE:,}"
        logger.warning(
            "The search for keys like %r reads the headers of %s entries, with a request for each and %s listings.",
            *(self._wanted.written, entries, pages),
        )
