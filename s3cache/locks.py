"""Locks: ``cache.lock(name, timeout)`` is held by one at a time, across processes and machines, for so long.

    with cache.lock("report", timeout=60) as lock:
        store.write(report, token=lock.token)

A lock is a lease (``leases``): it ends by itself when its holder is gone. So a holder who comes to a halt may go on when somebody
else has it. What must not happen then is prevented by the token, which is greater for each holder than for all before: whoever is
written to refuses a token below one that it has seen. docs/howto/lock.rst tells more.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from s3cache.errors import LockError
from s3cache.holders import Holder
from s3cache.renewals import AsTask, OnThread
from s3cache.runtime import finish


class Lock(Holder):
    """One holder's way to a lock: acquired, or entered by ``with`` or ``async with``, by one thread or task at a time.

    It may be used again after it was released. It is not re-entrant. A child process that is forked while it is held does not
    hold it.
    """

    def __repr__(self) -> str:
        return f"<Lock {self.name!r}, {'not held' if self.token is None else f'held with token {self.token}'}>"

    @property
    def held(self) -> bool:
        """Whether it is held, for all that the holder knows: its time is not over, and it was not found lost. Costs nothing."""
        return self._current is not None

    @property
    def token(self) -> int | None:
        """The fencing token, greater than that of every holder before; None while it is not held."""
        lease = self._current
        return None if lease is None else lease.token

    def acquire(self, blocking: bool = True, blocking_timeout: float | None = None) -> bool:
        """Whether it was to be had within ``blocking_timeout`` seconds: None stands for what ``cache.lock`` was given; without
        ``blocking`` it is tried once. Costs one GET and one PUT, and for each look at a lock that somebody holds one GET.
        """
        return finish(self._acquire(self._blocking, OnThread, self._terms.wait(blocking, blocking_timeout)))

    async def aacquire(self, blocking: bool = True, blocking_timeout: float | None = None) -> bool:
        return await self._acquire(self._awaiting, AsTask, self._terms.wait(blocking, blocking_timeout))

    def release(self) -> None:
        """Frees it for the next holder. Costs one PUT. Raises LockError where it is not held, or was lost."""
        self._refuse_other_kind()
        finish(self._release(self._blocking))

    async def arelease(self) -> None:
        await self._release(self._awaiting)

    def extend(self, seconds: float | None = None) -> None:
        """Has it end so many seconds from now, by default the ``timeout`` that it was made with. Costs one PUT.

        Raises LockError where it is not held, or was lost; ValueError for a time that ``auto_renew`` would change again.
        """
        finish(self._extend(self._blocking, self._terms.extension(seconds)))

    async def aextend(self, seconds: float | None = None) -> None:
        await self._extend(self._awaiting, self._terms.extension(seconds))

    def locked(self) -> bool:
        """Whether anybody holds it, for all that can be known. Costs one GET."""
        return finish(self._locked(self._blocking))

    async def alocked(self) -> bool:
        return await self._locked(self._awaiting)

    def __enter__(self) -> Self:
        self._entered(self.acquire())
        return self

    async def __aenter__(self) -> Self:
        self._entered(await self.aacquire())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        finish(self._leave(self._blocking, error))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._leave(self._awaiting, error)

    def _entered(self, acquired: bool) -> None:
        if not acquired:
            raise LockError(
                f"The lock {self.name!r} was not to be had within {self._terms.patience:g} seconds: somebody else holds it."
            )
