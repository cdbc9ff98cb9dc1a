"""The engine ``sqlite``: all objects in one SQLite file, which several processes of one machine may share.

Each verb is one SQL statement, and SQLite makes a statement atomic: the condition of a write is part of the statement that
writes. The etag is made anew for each write, so that it costs no reading of bodies.

An engine has one connection, opened on first use and used by one thread at a time. SQLite's write-ahead log lets the readers in
other processes go on while one writes: https://sqlite.org/wal.html
"""

from __future__ import annotations

import atexit
import os
import secrets
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote, unquote

from s3cache.engines.base import Etag, Features, ObjectInfo, StoredObject
from s3cache.errors import NotModified, ObjectNotFound, ObjectTooLarge, OptionError, PreconditionFailed
from s3cache.validation import build, option, seconds
from s3cache_sqlite.database import connect, translated

SCHEME = "sqlite://"
WHOLE = 2**31 - 1
"""More bytes than SQLite lets a body have."""
PAGE = 1000

READ = """
SELECT etag, length(body), CASE WHEN etag IS :known OR length(body) > :limit THEN NULL ELSE substr(body, 1, :first) END
FROM objects WHERE name = :name"""
CREATE = "INSERT INTO objects VALUES (:name, :etag, :modified, :body) ON CONFLICT DO NOTHING"
REPLACE = "UPDATE objects SET etag = :etag, modified = :modified, body = :body WHERE name = :name AND etag = :if_match"
WRITE = "INSERT OR REPLACE INTO objects VALUES (:name, :etag, :modified, :body)"
DELETE = "DELETE FROM objects WHERE name = :name AND (:etag IS NULL OR etag = :etag)"
LIST = f"SELECT name, length(body), modified, etag FROM objects WHERE name >= ? AND name IS NOT ? ORDER BY name LIMIT {PAGE}"


@dataclass(frozen=True)
class Options:
    """The lower-case options."""

    timeout: float = option(5.0, seconds())
    """How long a write waits for those of other processes."""


class SqliteEngine:
    """The objects in the SQLite file at ``path``, which the first request makes, for its owner only."""

    features = Features(conditional_writes=True, delete_batch=1000, conditional_batch_delete=True, remote=False)
    prefix = ""

    def __init__(self, path: str, options: Options) -> None:
        self._path = os.path.abspath(path)
        self._timeout = options.timeout
        self.location = SCHEME + quote(self._path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        ENGINES.add(self)

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        """An engine for a path or a URL of the form ``sqlite:///absolute/path``. Raises OptionError."""
        checked = build(Options, options)
        path = unquote(location.removeprefix(SCHEME)) if location.startswith(f"{SCHEME}/") else location
        if not path or "\0" in path or "://" in path or path == ":memory:":
            raise OptionError(f"LOCATION is {location!r}; the engine 'sqlite' takes the path of a file, or sqlite:///path.")
        if os.path.isdir(path):
            raise OptionError(f"LOCATION is {location!r}, which is a directory. Give the path of a file in it, such as objects.db.")
        return cls(path, checked)

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        asked = {"name": name, "known": if_none_match, "limit": limit, "first": WHOLE if first is None else first}
        with self._connected() as connection:
            row = connection.execute(READ, asked).fetchone()
        if row is None:
            raise ObjectNotFound(f"There is no object {name!r}.")
        etag, size, body = row
        if etag == if_none_match:
            raise NotModified(f"The object {name!r} still has the etag {etag}.")
        if limit is not None and size > limit:
            raise ObjectTooLarge(f"The object {name!r} has {size} bytes, more than {limit}.", etag=etag)
        return StoredObject(body or b"", etag)  # to SQLite no part of an empty body is NULL

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        if if_none_match and if_match is not None:
            raise ValueError("put_object takes if_match or if_none_match, not both.")
        statement = CREATE if if_none_match else WRITE if if_match is None else REPLACE
        etag = secrets.token_hex(16)
        row = {"name": name, "etag": etag, "modified": time.time(), "body": body, "if_match": if_match}
        with self._connected() as connection:
            written = connection.execute(statement, row).rowcount
        if not written:
            raise PreconditionFailed(f"The object {name!r} is there already, or does not have the etag {if_match}.")
        return etag

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        with self._connected() as connection:
            rows = zip(names, etags or [None] * len(names), strict=True)
            connection.executemany(DELETE, ({"name": name, "etag": etag} for name, etag in rows))

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        while page := self._page(max(prefix, start_after or ""), start_after):
            for name, size, modified, etag in page:
                if not name.startswith(prefix):
                    return
                yield ObjectInfo(name, size, datetime.fromtimestamp(modified, UTC), etag)
            start_after = page[-1][0]

    def asynchronous(self) -> None:
        """None: SQLite has nothing that an event loop could wait for."""

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _page(self, start: str, after: str | None) -> list[tuple[str, int, float, str]]:
        with self._connected() as connection:
            return connection.execute(LIST, (start, after)).fetchall()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone. What it writes is committed at the end, or undone by an error."""
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = connect(self._path, self._timeout)
                with self._connection:
                    yield self._connection
        except (sqlite3.Error, OSError) as error:
            raise translated(error, self._path) from error


ENGINES: weakref.WeakSet[SqliteEngine] = weakref.WeakSet()


def close_all() -> None:
    for engine in list(ENGINES):
        engine.close()


# A child process must not touch, nor even close, a connection of its parent, who opens a new one when he needs it:
# https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork
os.register_at_fork(before=close_all)
atexit.register(close_all)
