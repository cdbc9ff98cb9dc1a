"""Entries kept in this process for a short while, so that reading them again takes no request, or one without a body.

A structure and nothing more: ``reads`` asks the store, and says what was found; whoever writes says so, before and after. Two
rules keep an old value from staying behind.

- A write drops what is kept as it begins, whether or not it will succeed.
- What a read found is kept only if no write of that name was on its way when the read began, and none has begun since.

So a name has a history only while somebody reads or writes it, and none has to be remembered after that. Entries count in bytes,
and the least recently used leave first. All methods are safe for threads; what they lock is held for microseconds, never for I/O.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from s3cache.engines.base import Etag
from s3cache.envelope import Payload
from s3cache.expiry import is_expired

OVERHEAD = 500
"""Bytes that an entry takes besides its name, its etag and what it holds: measured with tracemalloc, and rounded up."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A verified entry. All moments are in milliseconds by the cache's clock."""

    held: object
    """The value itself where nobody can change it; else its uncompressed Payload, to be loaded anew for each caller."""
    etag: Etag
    expires_at: int
    checked_at: int
    """When the last read began that found it in the store."""
    compute_ms: int = 0
    """How long the value took to compute, where somebody measured it."""

    def is_fresh(self, now: int, ttl: int) -> bool:
        """Whether it may be used without a request. Not after a clock was set back: nobody knows then how old it is."""
        return 0 <= now - self.checked_at < ttl and not is_expired(self.expires_at, now)

    def checked(self, now: int) -> Kept:
        """The same, found unchanged by a read that began now."""
        return replace(self, checked_at=now)

    def size(self, name: str) -> int:
        """The bytes of memory that it takes."""
        held = self.held.body if isinstance(self.held, Payload) else self.held
        return sys.getsizeof(held) + sys.getsizeof(name) + sys.getsizeof(self.etag) + OVERHEAD


Found = Callable[[Kept | None], None]


class NearCache:
    """The entries that one configuration of this process keeps: at most ``max_bytes``, none above ``max_entry_bytes``.

    ``ttl`` is in milliseconds; with 0 no entry is ever fresh.
    """

    def __init__(self, max_bytes: int, max_entry_bytes: int, ttl: int) -> None:
        self.max_entry_bytes = max_entry_bytes
        self.ttl = ttl
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, tuple[Kept, int]] = OrderedDict()
        self._reads: dict[str, set[object]] = {}
        self._writes: dict[str, int] = {}
        # One that its holder may take again: the garbage collector may run a finalizer here that uses the cache.
        self._lock = threading.RLock()

    def get(self, name: str) -> Kept | None:
        """What is kept under the name, fresh or not, which makes it the most recently used."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is None:
                return None
            self._entries.move_to_end(name)
            return entry[0]

    @contextmanager
    def reading(self, name: str) -> Iterator[Found]:
        """For the length of a read: the function to call with the entry that it found, or None where it found none to keep.

        The function changes nothing once a write of the name has begun, or if one was on its way when the read began.
        """
        read = object()
        with self._lock:
            if name not in self._writes:
                self._reads.setdefault(name, set()).add(read)
        try:
            yield lambda kept: self._found(read, name, kept)
        finally:
            with self._lock:
                reads = self._reads.get(name, set())
                reads.discard(read)
                if not reads:
                    self._reads.pop(name, None)

    def begin_write(self, names: Sequence[str]) -> None:
        """These names are about to be written or deleted: what is kept of them goes, and what is being read is not kept."""
        with self._lock:
            for name in names:
                self._writes[name] = self._writes.get(name, 0) + 1
                self._reads.pop(name, None)
                self._drop(name)

    def end_write(self, names: Sequence[str]) -> None:
        """They were written or deleted, or the attempt is over: for each ``begin_write`` one of these."""
        with self._lock:
            for name in names:
                self._writes[name] -= 1
                if not self._writes[name]:
                    del self._writes[name]

    def clear(self) -> None:
        """All that is kept goes, and nothing of what is being read now is kept."""
        with self._lock:
            self._reads.clear()
            self._entries.clear()
            self._bytes = 0

    def drop(self, name: str) -> None:
        """Forgets what is kept under the name, because it is of no use."""
        with self._lock:
            self._drop(name)

    def gauges(self) -> dict[str, int]:
        """How many entries are kept now, and their bytes."""
        with self._lock:
            return {"near_entries": len(self._entries), "near_bytes": self._bytes}

    def _found(self, read: object, name: str, kept: Kept | None) -> None:
        with self._lock:
            if read not in self._reads.get(name, ()):
                return
            current = self._entries.get(name)
            self._drop(name)
            # Not what is older than what is there: either another read was later, or a clock was set back, and nobody knows.
            if kept is not None and (current is None or kept.checked_at >= current[0].checked_at):
                self._keep(name, kept, kept.size(name))

    def _keep(self, name: str, kept: Kept, size: int) -> None:
        if size > min(self.max_entry_bytes, self._max_bytes):
            return
        self._entries[name] = kept, size
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, name: str) -> None:
        _, size = self._entries.pop(name, (None, 0))
        self._bytes -= size
