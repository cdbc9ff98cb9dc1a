"""The operations that find keys: by the headers of all entries, or by readable names.

A pattern without a wildcard is one key: its entry is looked at, and no other.

Hashed names tell nothing of keys, so for any other pattern every entry under LOCATION is listed and its header read,
several at once. Each header is verified, and the key in it must give the object's name; what is expired, foreign or damaged is left
out. A key above 1,024 bytes is not in its header, only a digest of it is, so no such pattern finds it.

Readable names are the keys. Those that begin like the pattern are listed, and nothing is read: what has expired is among them until
it is culled, and what somebody else has put there. Keys that are too long for a name are found by their headers, as above.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from s3cache.bulk import BulkOperations
from s3cache.engines.base import Etag, ObjectInfo
from s3cache.entries import Keyed
from s3cache.naming import LONGEST_PART, is_digest_name, is_hashed_name, readable_part
from s3cache.patterns import Glob
from s3cache.runtime import batched, jobs
from s3cache.searches import Search, Tell


class Found(NamedTuple):
    """An entry whose key fits."""

    key: str
    """Django's full key."""
    name: str
    etag: Etag


Looked = tuple[str, Keyed | None]
"""The name of an entry, and its key if it counts as present and the key is its own."""


class Scans(BulkOperations):
    """Patterns are of Django's full keys."""

    async def matching(self, wanted: Glob, tell: Tell | None = None) -> AsyncGenerator[Found, None]:
        """What fits the pattern, lazily, in no promised order. ``tell`` hears of each thousand entries, and of the end.

        Without a wildcard it costs one GET of 2 KiB; else a listing per thousand objects under LOCATION, and a GET of 2 KiB per
        entry there, several at once. With readable names a listing per thousand keys that begin like the pattern, and one, with a
        GET each, for those too long for a name; a store that does not list in order lists all keys. What is written or removed
        meanwhile may or may not appear. Holds no more than a few hundred names.
        """
        search = Search(wanted, tell, self._place_of, by_name=self._layout.readable)
        async with aclosing(self._candidates(wanted)) as answers:
            async for name, keyed in answers:
                search.saw(name, keyed)
                if keyed is not None and keyed.key is not None and wanted.matches(keyed.key):
                    search.matched += 1
                    yield Found(keyed.key, name, keyed.etag)
        search.end()

    async def list_matching(self, wanted: Glob) -> list[str]:
        """The full keys that fit. Costs what ``matching`` does."""
        async with aclosing(self.matching(wanted)) as matching:
            return [found.key async for found in matching]

    async def count_matching(self, wanted: Glob) -> int:
        """How many fit. Costs what ``matching`` does."""
        async with aclosing(self.matching(wanted)) as matching:
            return sum([1 async for _ in matching])

    async def delete_matching(self, wanted: Glob, tell: Tell | None = None) -> int:
        """Removes what fits, and gives how many that were. Costs what ``matching`` does, and a delete per ``features.delete_batch``
        entries, several at once.

        One that is written again in between stays where ``features.conditional_batch_delete``.
        """

        async def delete(batch: Sequence[Found]) -> int:
            etags = [found.etag for found in batch] if self._engine.features.conditional_batch_delete else None
            await self._engine.delete_objects([found.name for found in batch], etags=etags)
            return len(batch)

        work = jobs(delete, batched(self.matching(wanted, tell), self._engine.features.delete_batch))
        async with aclosing(self._runtime.each(work)) as counts:
            return sum([count async for count in counts])

    def _candidates(self, wanted: Glob) -> AsyncGenerator[Looked, None]:
        """The entries among which all are that fit."""
        if wanted.is_literal:
            return self._by_key(wanted.prefix)
        return self._by_name(wanted.prefix) if self._layout.readable else self._by_header(self._listed(is_hashed_name))

    async def _by_key(self, key: str) -> AsyncGenerator[Looked, None]:
        """The entry of that key, where it is present."""
        place = self._place(key)
        seen = await self._entries.peek(place)
        if seen.alive:
            yield place.name, Keyed(key, seen.etag)

    async def _by_name(self, prefix: str) -> AsyncGenerator[Looked, None]:
        """The entries whose keys begin so, and all whose keys their names do not show."""
        features, location = self._engine.features, self._engine.prefix
        room = min(LONGEST_PART, features.max_name - len(f"{location}k/".encode())) if features.ordered_listing else 0
        async with aclosing(self._engine.list_objects(f"{location}k/{readable_part(prefix)[:room]}")) as listing:
            async for info in listing:
                key = self._layout.key_of(info.name)
                if key is not None:
                    yield info.name, Keyed(key, info.etag)
        async with aclosing(self._by_header(self._listed(is_digest_name, "d/"))) as answers:
            async for looked in answers:
                yield looked

    def _by_header(self, entries: AsyncGenerator[ObjectInfo, None]) -> AsyncGenerator[Looked, None]:
        return self._runtime.each(jobs(self._looked_at, entries))

    async def _looked_at(self, info: ObjectInfo) -> Looked:
        keyed = await self._entries.keyed(info.name, self._namespace)
        strange = keyed is not None and keyed.key is not None and self.name_of(keyed.key) != info.name
        return info.name, None if strange else keyed

    def _place_of(self, name: str) -> float | None:
        """How much of a listing lies before that name, where that can be told."""
        told = self._engine.features.ordered_listing and not self._layout.readable
        return self._layout.position(name) if told else None
