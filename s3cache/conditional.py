"""Conditional writes: create if absent, and read, change, write back if nobody else wrote meanwhile.

Every write has an id of its own in the header, so a writer whose answer was lost recognises his write when he reads again. The
rule, for every failed attempt: read what is there now; our own write id means success; the same etag as before means that the
attempt may be repeated as it is, because only one of the two can be applied; anything else was written by somebody else.

On an engine without conditional writes both read first and then overwrite, and a race between the two steps can lose a write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from s3cache.engines.base import Etag, Features
from s3cache.entries import NOTHING, Entries, Sealed, Seen
from s3cache.envelope import Place
from s3cache.errors import EngineUnavailable, PreconditionFailed
from s3cache.retries import Retries
from s3cache.runtime import Runtime

LARGE = 1024 * 1024
"""The length of a body, in bytes, above which a look costs less than to send it in vain."""

Result = TypeVar("Result")


class Swap(NamedTuple):
    """How it ended: what was stored has this etag, or a rival stored something else."""

    etag: Etag = None
    rival: Seen | None = None
    unanswered: bool = False
    """Whether an attempt got no answer, so that the rival may have replaced it."""


class ConditionalWrites:
    """The conditional writes of one cache."""

    def __init__(self, entries: Entries, runtime: Runtime, features: Features) -> None:
        self._entries = entries
        self._runtime = runtime
        self._features = features

    async def create(self, place: Place, sealed: Sealed) -> bool:
        """Stores the entry if none counts as present; tells whether it did.

        Costs one PUT where there is no object, a GET more where an entry is present, and a second PUT where what is there
        counts as absent. A large body waits for a GET, if it cannot wait for the server's word: then it is one GET where an entry
        is present, and a GET and a PUT else.
        """
        seen = await self._entries.peek(place) if self._looks_first(sealed) else NOTHING
        retries = Retries(self._runtime)
        while not seen.alive:
            try:
                await self._entries.replace(place, sealed, seen)
                return True
            except (PreconditionFailed, EngineUnavailable) as error:
                await retries.wait_after(error)
                seen = await self._entries.peek(place)
                if seen.is_write(sealed.write_id):
                    return True
                if not seen.exists and isinstance(error, PreconditionFailed):
                    retries.contradicted(error)
                retries.raise_if_spent(error)
        return False

    def _looks_first(self, sealed: Sealed) -> bool:
        features = self._features
        large = len(sealed.body) > LARGE
        return not features.conditional_writes or (large and features.remote and not features.expect_continue)

    async def update(
        self, place: Place, change: Callable[[Seen], tuple[Sealed, Result] | None], *, repeatable: bool
    ) -> Result | None:
        """Replaces the entry by what ``change`` makes of it, and gives the result that came with it.

        ``change`` gives None where there is nothing to change, and so does this. ``repeatable`` says that applying the change twice
        does no harm. Costs one GET and one PUT, and the same again for each race lost.

        Raises EngineUnavailable, unless repeatable, where an attempt got no answer and another writer came in between.
        """
        retries = Retries(self._runtime)
        seen = await self._entries.read(place)
        while changed := change(seen):
            sealed, result = changed
            swap = await self.swap(place, sealed, seen, retries, repeatable=repeatable)
            if swap.rival is None:
                return result
            seen = swap.rival
        return None

    async def swap(
        self, place: Place, sealed: Sealed, seen: Seen, retries: Retries | None = None, *, repeatable: bool = True
    ) -> Swap:
        """Stores the entry if the name still holds what was ``seen``. Costs one PUT, and a GET where that got no clear answer."""
        retries, unanswered = retries or Retries(self._runtime), False
        while True:
            try:
                return Swap(etag=await self._entries.replace(place, sealed, seen))
            except (PreconditionFailed, EngineUnavailable) as error:
                unanswered = unanswered or isinstance(error, EngineUnavailable)
                await retries.wait_after(error)
                found = await self._entries.read(place)
                if found.is_write(sealed.write_id):
                    return Swap(etag=found.etag)
                if found.etag != seen.etag:
                    if unanswered and not repeatable:
                        raise EngineUnavailable(
                            f"A change of {place.name!r} may have been applied: the store did not answer, then somebody else wrote."
                        ) from error
                    return Swap(rival=found, unanswered=unanswered)
                if isinstance(error, PreconditionFailed):
                    retries.contradicted(error)
                retries.raise_if_spent(error)
