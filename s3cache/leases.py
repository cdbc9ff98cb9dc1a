"""Leases: an object that says who may do something, for how long, and the how-manieth he is.

    <prefix>.s3c/<kind>/<64 hex>       a signed entry whose value is the JSON of a ``Record``

It is taken, renewed and released by compare-and-swap on its etag, and never deleted while anybody counts on its tokens: a released
lease stays as it is, marked so, and the next holder's token is the stored one plus one. So tokens only grow, and a store that
refuses a smaller one than it has seen is safe from a holder who came to a halt and does not know that his time is over.
https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html

When a lease is over, nobody's wall clock is asked. The holder counts from before he sent the request that took it. Another counts
from when he first saw that write (``watching``), and swaps on its etag: had the holder renewed it meanwhile, it would have another.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import NamedTuple

from s3cache.conditional import Swap
from s3cache.engines.base import Etag
from s3cache.entries import MISSING, Sealed, Seen
from s3cache.envelope import Place
from s3cache.errors import LockError, NotSupported
from s3cache.expiry import NEVER
from s3cache.naming import internal_name
from s3cache.parts import Parts
from s3cache.timed import of_one_entry
from s3cache.watching import Clock, Watch, elapsed


class Record(NamedTuple):
    """What is stored."""

    token: int
    seconds: float
    """How long it is held, from the write on."""
    holder: str
    """Random, for each time that it is taken: by this a holder knows a renewal of his whose answer was lost."""
    released: bool = False

    def encode(self) -> bytes:
        return json.dumps(self._asdict()).encode()

    @classmethod
    def decode(cls, value: object, name: str) -> Record:
        """Raises LockError for what is no record: a token from it would be a guess."""
        try:
            fields = json.loads(value)  # type: ignore[arg-type]  # any value; what is no text raises TypeError
            return cls(int(fields["token"]), float(fields["seconds"]), str(fields["holder"]), bool(fields["released"]))
        except (TypeError, ValueError, KeyError, OverflowError):
            raise unreadable(name) from None


@dataclass(frozen=True, slots=True)
class Lease:
    """Held, as far as its holder knows."""

    place: Place
    record: Record
    etag: Etag
    until: float
    """When it is over, on the clock that it was taken by."""

    @property
    def token(self) -> int:
        return self.record.token


class Leases(Parts):
    """What one cache can do with leases. None of it is forgiven in an outage: nobody shall believe to hold what he does not."""

    @of_one_entry
    async def take_lease(self, kind: str, key: str, seconds: float, watch: Watch) -> Lease | None:
        """The lease, or None where somebody else holds it. Costs one GET, and one PUT if it is free, else what ``Watch`` says.

        Raises LockError where the object cannot be read, NotSupported where the store has no conditional writes.
        """
        self.require_leases()
        place = self._lease_place(kind, key)
        seen = await self._entries.read(place)
        before = self._record(place, seen) if seen.exists else None
        if before and not (before.released or await watch.is_over(self._engine, place.name, seen, before.seconds)):
            return None
        record = Record(before.token + 1 if before else 1, seconds, secrets.token_hex(16))
        began = watch.clock()
        swap = await self._conditional.swap(place, self._lease_sealed(place, record), seen)
        return None if swap.rival else Lease(place, record, swap.etag, began + seconds)

    @of_one_entry
    async def renew_lease(self, lease: Lease, seconds: float, clock: Clock = elapsed) -> Lease:
        """The same lease, for so long from now on, also where it was over and nobody has taken it since. Costs one PUT.

        Raises LockError where somebody else has it by now.
        """
        began, record = clock(), lease.record._replace(seconds=seconds)
        swap = await self._swapped(lease, record)
        if swap.rival:
            raise lost(lease)
        return Lease(lease.place, record, swap.etag, began + seconds)

    @of_one_entry
    async def release_lease(self, lease: Lease, clock: Clock = elapsed) -> None:
        """Frees it, and keeps its token. Costs one PUT. Raises LockError where somebody else had it before."""
        swap = await self._swapped(lease, lease.record._replace(released=True))
        if swap.rival is None or self._own(lease, swap.rival):  # freed now, or by a try before whose answer was lost
            return
        # Before its time is over nobody takes a lease that is not free: then the try that got no answer has freed it.
        if not (swap.unanswered and clock() < lease.until):
            raise lost(lease)

    @of_one_entry
    async def is_leased(self, kind: str, key: str, watch: Watch) -> bool:
        """Whether somebody holds it, for all that is known. Costs one GET, and what ``Watch`` says. Raises LockError where it
        cannot be read.
        """
        self.require_leases()
        place = self._lease_place(kind, key)
        seen = await self._entries.read(place)
        if not seen.exists:
            return False
        record = self._record(place, seen)
        return not (record.released or await watch.is_over(self._engine, place.name, seen, record.seconds))

    def require_leases(self) -> None:
        """Raises NotSupported where two could hold one lease."""
        if not self._engine.features.conditional_writes:
            raise NotSupported(
                "This store has no conditional writes that hold in a race, as its engine or PROFILE says, so two could hold one "
                "lock. Use a store that has: docs/reference/profiles.rst lists them."
            )

    async def _swapped(self, lease: Lease, record: Record) -> Swap:
        """Puts the record in the lease's place, also over a renewal of the same holder that he has not heard of."""
        place, seen = lease.place, Seen(True, lease.etag)
        while True:
            swap = await self._conditional.swap(place, self._lease_sealed(place, record), seen)
            if swap.rival is None:
                return swap
            own = self._own(lease, swap.rival)
            if own is None or own.released:
                return swap
            seen = swap.rival

    def _own(self, lease: Lease, seen: Seen) -> Record | None:
        """The record that was seen, if it is the lease's holder's."""
        record = self._record(lease.place, seen) if seen.exists else None
        return record if record is not None and record.holder == lease.record.holder else None

    def _record(self, place: Place, seen: Seen) -> Record:
        value = self._entries.value(place, seen)
        if value is MISSING:
            raise unreadable(place.name)
        return Record.decode(value, place.name)

    def _lease_sealed(self, place: Place, record: Record) -> Sealed:
        return self._entries.sealed(place, self._entries.codec.encode(record.encode()), NEVER)

    def _lease_place(self, kind: str, key: str) -> Place:
        return Place(internal_name(self._engine.prefix, kind, key, self._name_digest), key, self._namespace)


def lost(lease: Lease) -> LockError:
    return LockError(
        f"The lock {lease.place.key!r} with the token {lease.token} is lost: its time was over and somebody else has taken it, or "
        "its object was removed."
    )


def unreadable(name: str) -> LockError:
    return LockError(
        f"The object {name!r} should be a lock, and cannot be read: it is damaged, or signed or encrypted with a key that this "
        "cache does not know. Give the key as a further one, or delete the object when nobody holds the lock; tokens then begin "
        "at 1 again."
    )
