"""What the engines over a blocking SDK of S3 have in common: a bucket, and one connection to it.

A connection is whatever the SDK sends requests with. It is made on first use, once for all threads, and made anew after ``close``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Generic, Self, TypeVar

from s3cache.engines import s3options
from s3cache.engines.abandoned import in_time
from s3cache.engines.base import Etag, Features
from s3cache.engines.s3location import location_url
from s3cache.engines.s3options import Target
from s3cache.errors import NotSupported

Connection = TypeVar("Connection")


class BucketEngine(Generic[Connection]):
    """A subclass adds the other three verbs, and what raises NotImplementedError here."""

    concurrency = 1
    expect_continue = False
    """Both as in ``Features``."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.prefix = target.prefix
        self.location = location_url(target.bucket, target.prefix, target.options.endpoint_url)
        self.features: Features = replace(
            target.profile.features,
            concurrency=self.concurrency,
            expect_continue=self.expect_continue,
            max_attempts=target.options.max_attempts,
            attempt_timeout=target.options.connect_timeout + target.options.read_timeout,
        )
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        return cls(s3options.read(location, options, os.environ))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        """Costs one DELETE for one name, one POST for several, nothing for none.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        if etags is not None:
            raise NotSupported("delete_objects takes no etags here: too many stores would ignore them.")
        if len(names) == 1:
            self._delete_one(names[0])
        elif names:
            self._delete_many(names)

    def asynchronous(self) -> None:
        """The SDK has no asynchronous shape."""

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            self._disconnect(connection)

    def _connected(self) -> Connection:
        return self._connection or in_time(self._made)

    def _made(self) -> Connection:
        """Whoever needs it first makes it, which may take requests for credentials; nobody waits longer than his call has."""
        with self._lock:
            connection = self._connection = self._connection or self._connect()
        return connection

    def _connect(self) -> Connection:
        """Opens nothing yet."""
        raise NotImplementedError

    def _disconnect(self, connection: Connection) -> None:
        raise NotImplementedError

    def _delete_one(self, name: str) -> None:
        raise NotImplementedError

    def _delete_many(self, names: Sequence[str]) -> None:
        raise NotImplementedError
