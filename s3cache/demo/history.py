"""The times of the pages that were visited, for the plot. Kept in memory, by this process only."""

from __future__ import annotations

import statistics
import threading
from collections import deque
from dataclasses import dataclass, field, replace


@dataclass(slots=True)
class PageTimes:
    """What is remembered of one page."""

    compute_ms: float = 0
    """What computing it took, the last time."""
    cached_ms: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    """What the last loads from the cache took."""

    @property
    def typical_cached_ms(self) -> float | None:
        """The median of the last loads from the cache; None before the first."""
        return statistics.median(self.cached_ms) if self.cached_ms else None


class History:
    """The times of each page by its path. Safe for threads; knows only pages that were once computed, so it is bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: dict[str, PageTimes] = {}

    def add(self, path: str, compute_ms: float, cached_ms: float | None) -> None:
        """Remember a visit; ``cached_ms`` is None where the page did not come from the cache."""
        with self._lock:
            page = self._pages.setdefault(path, PageTimes())
            page.compute_ms = compute_ms
            if cached_ms is not None:
                page.cached_ms.append(cached_ms)

    def clear(self) -> None:
        with self._lock:
            self._pages.clear()

    def pages(self) -> list[tuple[str, PageTimes]]:
        """As they are at this moment, the costliest first."""
        with self._lock:
            pages = [(path, replace(page, cached_ms=page.cached_ms.copy())) for path, page in self._pages.items()]
        return sorted(pages, key=lambda item: item[1].compute_ms, reverse=True)


history = History()
