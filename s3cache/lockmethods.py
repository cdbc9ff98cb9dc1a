"""What a cache has of locks: the one method that makes them."""

from __future__ import annotations

from s3cache.foundation import Foundation, checked_name
from s3cache.locks import Lock
from s3cache.lockterms import Terms


class LockMethods(Foundation):
    """Locks have keys of their own: no entry is in their way, and no method but this knows of them.

    A group's are those of its cache, for a name must not be two locks because a group was dropped.
    """

    def lock(
        self,
        name: str,
        timeout: float | None = None,
        blocking_timeout: float | None = None,
        *,
        auto_renew: bool = False,
        version: int | None = None,
    ) -> Lock:
        """The lock of that name, not yet acquired: others may take it ``timeout`` seconds after it was acquired or renewed.

        ``blocking_timeout`` is how many seconds to wait for it: None for ever, 0 not at all. With ``auto_renew`` it is renewed
        whenever a third of its time has passed, until it is released, or nobody refers to the object. Costs nothing.

        Raises ValueError for a time that is out of range, TypeError for what is none, NotSupported where two could hold it.
        """
        checked_name("lock", name)
        operations = self._operations
        operations.require_leases()
        terms = Terms.of(timeout, blocking_timeout, auto_renew, operations.total_timeout)
        return Lock(self, name, self.make_and_validate_key(name, version=version), terms)
