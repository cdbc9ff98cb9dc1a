"""What the operations of one cache are made of, and what all of them do: give an entry its place, and seal values.

The operations themselves are in families, each a class over these parts: ``bulk``, ``lifetimes``, ``leases``. ``operations`` joins
them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

from s3cache.conditional import ConditionalWrites
from s3cache.entries import MISSING, Entries, Sealed
from s3cache.envelope import Payload, Place
from s3cache.errors import CircuitOpen
from s3cache.expiry import deadline
from s3cache.layouts import Hashed, Layout
from s3cache.looks import Looks
from s3cache.naming import Digest, sha256
from s3cache.nearcache import NearCache
from s3cache.reads import Reads
from s3cache.runtime import Runtime
from s3cache.statistics import Observer
from s3cache.watched import Store


def no_generations() -> NearCache:
    """Keeps nothing."""
    return NearCache(0, 0, 0)


class Parts:
    """``total_timeout`` is what a call on one entry may take, in seconds; ``group_ttl``, in milliseconds, for how long one of the
    ``known_generations`` is used without a request. Those are made on first use: who has no groups need not tell them of writes.
    """

    def __init__(
        self,
        engine: Store,
        runtime: Runtime,
        entries: Entries,
        reads: Reads,
        looks: Looks,
        observer: Observer,
        namespace: str = "",
        total_timeout: float = math.inf,
        name_digest: Digest = sha256,
        known_generations: Callable[[], NearCache] = no_generations,
        group_ttl: int = 0,
        layout: Layout | None = None,
    ) -> None:
        self._engine = engine
        self._runtime = runtime
        self._entries = entries
        self._reads = reads
        self._looks = looks
        self._observer = observer
        self._namespace = namespace
        self.total_timeout = total_timeout
        self._name_digest = name_digest
        self._known = known_generations
        self._group_ttl = group_ttl
        self._layout = layout or Hashed(engine.prefix, name_digest)

    @cached_property
    def _conditional(self) -> ConditionalWrites:
        return ConditionalWrites(self._entries, self._runtime, self._engine.features)

    def at_hand(self, key: str) -> object:
        """The value if a near cache has it and it takes no request, else MISSING."""
        place = self._place(key)
        held = self._reads.at_hand(place) if self._reads.near else MISSING
        return held if held is MISSING else self._reads.load(place, held, MISSING)

    def name_of(self, key: str) -> str:
        return self._layout.name_of(key)

    def _place(self, key: str) -> Place:
        return Place(self.name_of(key), key, self._namespace)

    def encode(self, value: object) -> Payload:
        """What other operations take in place of a value, for callers who must serialize it elsewhere."""
        return self._entries.codec.encode(value)

    def decode(self, payload: Payload) -> object:
        """The value of what ``encode`` gave."""
        return self._entries.codec.decode(payload)

    def _payload(self, value: object) -> Payload:
        return value if isinstance(value, Payload) else self._entries.codec.encode(value)

    def _sealed(self, place: Place, value: object, timeout: float | None) -> Sealed:
        expires_at = deadline(timeout, self._entries.clock())
        return self._entries.sealed(place, self._payload(value), expires_at)

    def _refuse_in_vain(self, name: str) -> None:
        """Raises CircuitOpen before a value is serialized for nobody."""
        try:
            self._engine.raise_if_open()
        except CircuitOpen:
            self._engine.forget(name)
            raise
