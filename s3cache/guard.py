"""How requests are made to a store that may be slow, or away: none after the call's time, some again, none on an open circuit.

Every part of a cache calls its engine through the guard, so that the same holds for all engines: what they and their SDKs do not
repeat is repeated here, where the deadline and the circuit breaker see each attempt. Conditional writes are not: a repeated one
meets its own first attempt (``conditional``). Requests of calls that have no time of their own, those on many entries, get as much
each as a call on one.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar, cast

from s3cache import deadlines
from s3cache.breaker import Breaker, Kind
from s3cache.deadlines import Limit
from s3cache.engines.base import Etag, ObjectInfo, StoredObject
from s3cache.errors import AccessDenied, CircuitOpen, EngineError, EngineUnavailable, ObjectNotFound
from s3cache.runtime import END, Runtime, following
from s3cache.watched import PAGE, Watched

FIRST_WAIT = 0.1
"""Seconds: at most so long before the second attempt, twice as long before each further one."""
LONGEST_WAIT = 2.0

Result = TypeVar("Result")
Request = Callable[[], Coroutine[Any, Any, Result]]


class Guard:
    """An engine in the async shape. ``total_timeout`` in seconds."""

    def __init__(
        self, engine: Watched, runtime: Runtime, breaker: Breaker, total_timeout: float, *, forbidden_is_miss: bool = False
    ) -> None:
        self.features = engine.features
        self.prefix = engine.prefix
        self._engine = engine
        self._runtime = runtime
        self._breaker = breaker
        self._seconds = total_timeout
        self._forbidden_is_miss = forbidden_is_miss
        self.forget = engine.forget
        self.forget_all = engine.forget_all
        self.raise_if_open = breaker.raise_if_open

    async def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        request = partial(self._engine.get_object, name, first=first, if_none_match=if_none_match, limit=limit)
        try:
            return await self._answered(request, "read", self.features.max_attempts)
        except AccessDenied as error:
            if not self._forbidden_is_miss:
                raise
            raise ObjectNotFound(f"{name!r} counts as absent (FORBIDDEN_IS_MISS): {error}") from error

    async def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        conditional = if_none_match or if_match is not None
        request = partial(self._engine.put_object, name, body, if_match=if_match, if_none_match=if_none_match)
        with Limit(self._seconds):
            deadlines.allow(len(body))
            return await self._written([name], request, 1 if conditional else self.features.max_attempts)

    async def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        await self._written(names, partial(self._engine.delete_objects, names, etags=etags), self.features.max_attempts)

    async def list_objects(self, prefix: str = "", start_after: str | None = None) -> AsyncGenerator[ObjectInfo, None]:
        """A page that did not come is asked for again from the last name on, where the store lists so."""
        last, failed, listed = start_after, 0, 0
        while True:
            try:
                async with aclosing(self._engine.list_objects(prefix, last)) as listing:
                    while (info := await self._listed(listing, asks=listed % PAGE == 0)) is not END:
                        last, failed, listed = cast(ObjectInfo, info).name, 0, listed + 1
                        yield cast(ObjectInfo, info)
                return
            except EngineUnavailable as error:
                failed, listed = failed + 1, 0
                begun = last != start_after
                if begun and not (self.features.start_after and self.features.ordered_listing):
                    raise
                await self._wait_after(error, failed, self.features.max_attempts)

    async def _listed(self, listing: AsyncGenerator[ObjectInfo, None], *, asks: bool) -> object:
        """The next of a listing, or END. Within a page it is mostly there already, and says nothing of the store."""
        if asks:
            return await self._answered(partial(following, listing), "read", 1)
        with Limit(self._seconds):
            try:
                return await following(listing)
            except EngineUnavailable as error:
                self._breaker.failed(error)
                raise

    async def _written(self, names: Sequence[str], request: Request[Result], attempts: int) -> Result:
        try:
            return await self._answered(request, "write", attempts)
        except CircuitOpen:
            for name in names:
                self.forget(name)
            raise

    async def _answered(self, request: Request[Result], kind: Kind, attempts: int) -> Result:
        """What the store answers to one of the attempts."""
        breaker, attempt, began = self._breaker, 0, time.monotonic()
        with Limit(self._seconds):
            while True:
                raise_if_over()
                breaker.check()
                try:
                    answer = await request()
                except EngineUnavailable as error:
                    attempt += 1
                    breaker.failed(error, kind, spent=self._spent_since(began))
                    await self._wait_after(error, attempt, attempts)
                except EngineError:
                    breaker.answered(kind)
                    raise
                except BaseException:
                    breaker.left()
                    raise
                else:
                    breaker.answered(kind)
                    return answer

    def _spent_since(self, began: float) -> bool:
        """Whether a request with its repetitions, and not the lost races before it, took the call's time. An engine that counts
        time in steps ends it when up to three tenths of that are left.
        """
        return deadlines.left() <= 0.3 * self._seconds and time.monotonic() - began >= self._seconds / 2

    async def _wait_after(self, error: EngineUnavailable, attempt: int, attempts: int) -> None:
        """Raises the error where there is no further attempt.

        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        seconds = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)))
        if attempt >= attempts or self._breaker.state != "closed" or seconds >= deadlines.left():
            raise error
        await self._runtime.sleep(seconds)


def raise_if_over() -> None:
    if deadlines.left() <= 0:
        raise EngineUnavailable("The call has had all the time that TOTAL_TIMEOUT gives it.")
