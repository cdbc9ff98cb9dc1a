"""The engine ``memory``: objects in this process, gone with it. For tests, and the reference of the engine contract.

A dictionary holds the objects, and ``SortedNames`` their names a second time, in order, so that a listing can begin anywhere in a
store of millions. Reading takes no lock: what the dictionary holds is never changed, only replaced.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote, unquote

from s3cache.engines.base import Etag, Features, ObjectInfo, StoredObject
from s3cache.engines.sortednames import SortedNames
from s3cache.errors import NotModified, ObjectNotFound, ObjectTooLarge, PreconditionFailed
from s3cache.runtime import Blocking
from s3cache.validation import build

PAGE = 1000
SCHEME = "memory:///"

WRITES = itertools.count(1)
"""Numbers the writes to all stores. The number is the etag: it costs nothing, and no two bodies ever share one."""


@dataclass(frozen=True)
class Options:
    """The lower-case options: none."""


class MemoryEngine:
    """A store that begins empty. ``clock`` gives the seconds since the epoch that a listing shows as ``modified``."""

    features = Features(conditional_writes=True, delete_batch=1000, conditional_batch_delete=True, native_async=True, remote=False)
    prefix = ""

    def __init__(self, name: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self.location = SCHEME + quote(name, errors="surrogateescape")
        self._clock = clock
        self._objects: dict[str, tuple[StoredObject, float]] = {}
        self._names = SortedNames()
        self._lock = threading.Lock()

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        """A new store: caches of one LOCATION have one store because they share the engine. Raises OptionError for any option."""
        build(Options, options, hint="The engine 'memory' has none; those of a bucket belong to boto3, minio, obstore or storages.")
        return cls(unquote(location.removeprefix(SCHEME)) if location.startswith(SCHEME) else location)

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        try:
            stored, _ = self._objects[name]
        except KeyError as error:
            raise ObjectNotFound(f"There is no object {name!r}.") from error
        if if_none_match is not None and if_none_match == stored.etag:
            raise NotModified(f"The object {name!r} still has the etag {if_none_match}.")
        if limit is not None and len(stored.body) > limit:
            raise ObjectTooLarge(f"The object {name!r} has {len(stored.body)} bytes, more than {limit}.", etag=stored.etag)
        return stored if first is None else StoredObject(bytes(stored.body)[:first], stored.etag)

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        if if_none_match and if_match is not None:
            raise ValueError("if_match and if_none_match cannot both be given.")
        with self._lock:
            current = self._etag(name)
            if (if_none_match and current is not None) or (if_match is not None and if_match != current):
                raise PreconditionFailed(f"The object {name!r} has the etag {current}.")
            if current is None:
                self._names.add(name)
            etag = f"{next(WRITES):x}"
            self._objects[name] = StoredObject(body, etag), self._clock()
            return etag

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        with self._lock:
            for name, etag in zip(names, [None] * len(names) if etags is None else etags, strict=True):
                current = self._etag(name)
                if current is not None and etag in (None, current):
                    del self._objects[name]
                    self._names.remove(name)

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        after = start_after if start_after is not None and start_after >= prefix else None
        page = self._page(prefix, after)
        while page:
            yield from page
            page = self._page(prefix, page[-1].name)

    def asynchronous(self) -> Blocking:
        """Nothing in it waits, so coroutines that never suspend are its native ones."""
        return Blocking(self)

    def close(self) -> None:
        """Nothing: the objects stay."""

    def _etag(self, name: str) -> Etag:
        current = self._objects.get(name)
        return None if current is None else current[0].etag

    def _page(self, prefix: str, after: str | None) -> list[ObjectInfo]:
        """Up to PAGE objects: the first under the prefix, or the next after that name."""
        with self._lock:
            names = itertools.islice(self._names.since(prefix) if after is None else self._names.after(after), PAGE)
            return [self._info(name) for name in itertools.takewhile(lambda name: name.startswith(prefix), names)]

    def _info(self, name: str) -> ObjectInfo:
        stored, modified = self._objects[name]
        return ObjectInfo(name, len(stored.body), datetime.fromtimestamp(modified, UTC), stored.etag)
