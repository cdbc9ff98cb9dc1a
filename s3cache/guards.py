"""What stands between the operations of one cache and a store that may be away, as its options have it: the guard, the policy, the
fallback with its recovery, and READ_ONLY.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from s3cache.breaker import Breaker
from s3cache.engines.base import Engine
from s3cache.fallback import Fallback, key_for
from s3cache.guard import Guard
from s3cache.journal import Journal
from s3cache.operations import Operations
from s3cache.options import MISS, OnError, Options
from s3cache.policy import EmptyCache, Forgiving, Substitute
from s3cache.readonly import DryRun, ReadOnly
from s3cache.recovery import Recovery
from s3cache.runtime import Runtime
from s3cache.statistics import Observer
from s3cache.watched import Store, Watched


class Guards:
    """For both shapes of one engine. ``cache_named`` finds the cache of an alias."""

    def __init__(
        self, options: Options, engine: Engine, breaker: Breaker, observer: Observer, cache_named: Callable[[str], Any]
    ) -> None:
        self._options = options
        self._on_error = OnError.of(options.on_error)
        self._remote = engine.features.remote
        self._breaker = breaker
        self._observer = observer
        self._journal = Journal()
        # A cache that may not write has nothing to make good, and must not delete for it.
        self._other = partial(cache_named, options.fallback) if options.fallback and not options.read_only else None
        self._key_for = partial(key_for, engine.location, options.namespace)
        self.total_timeout = options.total_timeout if self._remote else math.inf

    def guarded(self, engine: Watched, runtime: Runtime) -> Store:
        """A directory and memory need none, unless another cache stands in for them: they end when they end."""
        if not self._remote and self._other is None:
            return engine
        return Guard(engine, runtime, self._breaker, self.total_timeout, forbidden_is_miss=self._options.forbidden_is_miss)

    @property
    def kind(self) -> type[Operations]:
        """The simplest that does what the options say."""
        if self._options.read_only:
            return DryRun if self._options.read_only == "dry" else ReadOnly
        forgiving = MISS in (self._on_error.read, self._on_error.write) or self._other
        return Forgiving if forgiving else Operations

    def substitute(self, operations: Operations, *, asynchronous: bool) -> Substitute:
        """Who answers where the store does not."""
        empty = EmptyCache(self._observer, reads=self._on_error.read == MISS, writes=self._on_error.write == MISS)
        if self._other is None:
            return empty
        return Fallback(
            self._other,
            empty,
            self._journal,
            self._breaker,
            self._observer,
            operations.name_of,
            operations.group_name,
            self._key_for,
            operations.decode,
            asynchronous=asynchronous,
        )

    def recover_over(self, engine: Watched) -> None:
        """Has the journal cleared over this engine before the circuit closes."""
        if self._other is not None:
            self._breaker.recovery = Recovery(engine, self._journal, self._breaker, self._other, self._key_for, self.total_timeout)
