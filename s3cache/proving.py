"""Whether a store honours conditional writes, found out before the first one where that is not certain.

A store that ignores If-None-Match or If-Match overwrites and says 200: two machines then both win one ``add``, and increments
are lost in silence. So an engine says in ``features.proven`` whether it is certain, and where it is not, five requests on
an object of its own under ``<prefix>.s3c/`` settle it, once per process and cache. The proof is of the conditions, not of races
between them: no few requests could prove those.

Who comes while the first is still trying tries for himself, because waiting for another's requests would need a lock that both
threads and tasks can wait for. A probe that cannot be deleted, for want of permission or of an answer, is left behind: it is a few
bytes, and what it proved holds.
"""

from __future__ import annotations

import contextlib
import secrets

from s3cache.engines.base import AsyncEngine, Etag
from s3cache.errors import Conflict, EngineError, EngineMisconfigured, EngineUnavailable, NotSupported, PreconditionFailed

OTHER_ETAG = '"00000000000000000000000000000000"'
ADVICE = (
    "add, incr and touch rely on conditional writes. On Ceph, switch the bucket's versioning off. Else set OPTIONS['PROFILE'] to "
    "the kind of store this is; 'plain' does without them, and then they work, but are not atomic."
)
QUOTES = "Some stores want the ETag in quotes, as the profiles 'r2' and 'rustfs' send it, others without."


class Proof:
    """That the store behind one cache honours conditional writes."""

    def __init__(self) -> None:
        self._done = False

    async def ensure(self, engine: AsyncEngine) -> None:
        """Returns if the store honours them. Costs five requests the first time, where ``features.proven`` is false.

        Raises EngineMisconfigured where the store ignores or refuses them, EngineUnavailable where that cannot be told now, and
        whatever a request raises; then the next call tries again.
        """
        if not self._done:
            if engine.features.conditional_writes and not engine.features.proven:
                await Probe(engine).run()
            self._done = True


class Probe:
    """An object that nobody else knows, written on conditions that hold, and on others."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._name = f"{engine.prefix}.s3c/probe-{secrets.token_hex(16)}"

    async def run(self) -> None:
        try:
            etag = await self._create()
            try:
                await self._overwrite("If-None-Match", if_none_match=True)
                await self._overwrite("If-Match", if_match=OTHER_ETAG)
                await self._replace(etag)
            finally:
                await self._delete()
        except Conflict as error:
            raise EngineUnavailable(
                f"Whether the store honours conditional writes cannot be told now: it tells of a race where none is ({error})."
            ) from error

    async def _create(self) -> Etag:
        try:
            return await self._engine.put_object(self._name, b"probe", if_none_match=True)
        except Conflict:
            raise
        except (NotSupported, PreconditionFailed, EngineMisconfigured) as error:
            await self._engine.put_object(self._name, b"probe")  # which fails alike where the condition has nothing to do with it
            await self._delete()
            raise refused("If-None-Match", error) from error

    async def _overwrite(self, header: str, *, if_match: Etag = None, if_none_match: bool = False) -> None:
        try:
            await self._engine.put_object(self._name, b"probe, overwritten", if_match=if_match, if_none_match=if_none_match)
        except Conflict:
            raise
        except PreconditionFailed:
            return
        except (NotSupported, EngineMisconfigured) as error:
            raise refused(header, error) from error
        raise EngineMisconfigured(f"The store ignores {header}: it overwrote an object that should have stayed. {ADVICE}")

    async def _replace(self, etag: Etag) -> None:
        if etag is None:
            raise EngineMisconfigured(f"The store gives no ETag for what it stores, which If-Match needs. {ADVICE}")
        try:
            await self._engine.put_object(self._name, b"probe, replaced", if_match=etag)
        except Conflict:
            raise
        except (NotSupported, PreconditionFailed, EngineMisconfigured) as error:
            raise refused("If-Match", error) from error

    async def _delete(self) -> None:
        with contextlib.suppress(EngineError):
            await self._engine.delete_objects([self._name])


def refused(header: str, error: EngineError) -> EngineMisconfigured:
    quotes = f" {QUOTES}" if header == "If-Match" else ""
    return EngineMisconfigured(f"The store refuses {header} on a write where it should not ({error}).{quotes} {ADVICE}")
