"""The looks of a cache with readable names: a listing from where the last look ended, by whomever, and the deletes of its victims.

What one look hands on to the next is an object that is signed as entries are::

    <prefix>.s3c/sweeps/<64 hex>

It is written without a condition. Of looks at the same time the last to write stands, and what it writes is whole: the others have
passed, and removed, the same for nothing. Nobody depends on the object: without it a sweep begins anew.
"""

from __future__ import annotations

from contextlib import aclosing

from s3cache import sweepstate
from s3cache.codec import RAW, UNCOMPRESSED
from s3cache.engines.base import AsyncEngine
from s3cache.entries import Entries
from s3cache.envelope import Payload, Place
from s3cache.errors import ObjectNotFound, ObjectTooLarge
from s3cache.expiry import NEVER
from s3cache.fields import Described
from s3cache.layouts import Readable
from s3cache.looks import Looks
from s3cache.naming import internal_name
from s3cache.pages import check_order, remove
from s3cache.pieces import whole
from s3cache.sampling import Listed
from s3cache.statistics import Observer
from s3cache.sweeping import NAMES, Reached, Sweep, Sweeper

KIND = "sweeps"


class Sweeps(Looks):
    """Takes the looks that fall to this process."""

    def __init__(
        self, engine: AsyncEngine, sweeper: Sweeper, observer: Observer, layout: Readable, entries: Entries, namespace: str
    ) -> None:
        super().__init__(engine, None, observer, layout)
        self._sweeper = sweeper
        self._folders = layout.folders
        self._owns = layout.owns
        self._entries = entries
        self._place = Place(internal_name(engine.prefix, KIND, namespace), namespace, namespace)

    def _is_due(self, name: str, size: int) -> bool:
        return self._sweeper.wrote(size)

    async def _look(self, written: str) -> None:
        """Costs one GET, one PUT, one listing per thousand names with two more at most, and the deletes.

        What is found is handed on before the deletes, so that the next look need not wait for them. Those that fail are for the
        next sweep.
        """
        sweep = await self._read() or self._sweeper.first()
        victims, seen, room = dict[str, Listed](), 0, NAMES
        for _ in range(2):  # behind the last name once more from the first
            reached, listed = await self._from(sweep.after, room)
            sweep = self._sweeper.passes(sweep, reached, victims, written)
            seen, room = seen + len(reached.entries), room - listed
            if sweep.after or not room:
                break
        await self._engine.put_object(self._place.name, self._sealed(sweep))
        doomed, batch = [*victims.values()], self._engine.features.delete_batch
        for start in range(0, len(doomed), batch):
            await remove(self._engine, doomed[start : start + batch])
        self._observer.looked(seen, len(doomed))

    async def _read(self) -> Sweep | None:
        """What the look before has handed on; None where it is not to be had."""
        try:
            stored = await self._engine.get_object(self._place.name, limit=sweepstate.LONGEST)
        except (ObjectNotFound, ObjectTooLarge) as error:
            seen = self._entries.unread(self._place, error)
        else:
            seen = self._entries.seen(self._place, stored)
        payload = self._entries.payload(self._place, seen)
        return sweepstate.decode(whole(payload.body), self._sweeper.limits) if payload else None

    def _sealed(self, sweep: Sweep) -> bytes:
        payload = Payload(sweepstate.encode(sweep), Described(RAW, UNCOMPRESSED))
        return self._entries.sealed(self._place, payload, NEVER).body

    async def _from(self, after: str, room: int) -> tuple[Reached, int]:
        """What comes after that name, and in how many names it was found. EngineMisconfigured where they come in disorder."""
        entries, last, listed = list[Listed](), after, 0
        for folder in self._folders:
            if after >= folder and not after.startswith(folder):
                continue
            async with aclosing(self._engine.list_objects(folder, max(after, folder))) as listing:
                async for info in listing:
                    listed, last = listed + 1, info.name
                    if self._owns(info.name):
                        entries.append(Listed(info.name, 0.0, info.modified, info.size, info.etag))
                    if listed == room:
                        break
            if listed == room:
                break
        check_order(entries, after)
        return Reached(entries, last, listed < room), listed
