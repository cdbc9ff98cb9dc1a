"""The SQLite file: how it is made and opened, and what its errors mean.

Opening a file for SQLite by other means is left alone once the file has its name: closing it would release SQLite's own locks
(https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from urllib.parse import quote

from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable

# The body comes last: what stands before it is read without it.
TABLE = """
CREATE TABLE objects (
    name TEXT NOT NULL PRIMARY KEY COLLATE BINARY,
    etag TEXT NOT NULL,
    modified REAL NOT NULL,
    body BLOB NOT NULL
)"""

LASTING = frozenset(
    {sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB}
    | {sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_TOOBIG}
)
"""SQLite's codes for what will not mend itself. Any other, such as a lock or a full disk, is EngineUnavailable."""


def connect(path: str, timeout: float) -> sqlite3.Connection:
    """A connection to the file, which is made where there is none. ``timeout`` is in seconds. Raises sqlite3.Error and OSError."""
    if not os.path.exists(path):
        make_file(path)
    # IMMEDIATE: a transaction waits for its turn before it reads, and so cannot fail half way.
    connection = sqlite3.connect(
        f"file:{quote(path)}?mode=rw", uri=True, timeout=timeout, isolation_level="IMMEDIATE", check_same_thread=False
    )
    try:
        connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last writes, and breaks nothing
    except BaseException:
        connection.close()
        raise
    return connection


def make_file(path: str) -> None:
    """Make the file ready for use under another name, then give it its own: several processes may do so at once."""
    draft = f"{path}.{secrets.token_hex(8)}"
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # the file remembers it
            connection.execute(TABLE)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)


def translated(error: sqlite3.Error | OSError, path: str) -> EngineError:
    """SQLite's error as ours. An OSError says that the file cannot be opened."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CANTOPEN)
    if code & 0xFF in LASTING:  # the low byte tells the kind, the rest the details
        return EngineMisconfigured(
            f"The file {path} cannot hold a cache: {error}. It takes the path of a file that is made by this engine, in a "
            "directory that exists and that this process may write to."
        )
    return EngineUnavailable(f"SQLite failed on {path}: {error}.")
