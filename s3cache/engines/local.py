"""The engine ``local``: a directory, where an object is a file that holds its body and nothing else. POSIX only.

A body is written to a temporary file, which then gets its name in one step: a reader sees the old body or the new one, whatever
else writes, clears or is killed meanwhile. A killed process leaves no more than a temporary file behind, which a listing removes an
hour later. Nothing is flushed to the disk, for this is a cache: after a power cut a file may be torn, and the envelope in it shows
that.

Writes and deletes of a name hold the same one of 256 lock files, so a condition that was met still holds when the write is made.

The etag is the file's version, as ``localfiles`` explains it, and not a hash of the body. It costs no reading: not for the header
of a large object, nor for a revalidation, a condition or a listing. A file that has its name never changes again.
"""

from __future__ import annotations

import errno
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Self, TypeVar
from urllib.parse import quote, unquote

from s3cache.engines import localfiles as files
from s3cache.engines.base import Etag, Features, ObjectInfo, StoredObject
from s3cache.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    NotModified,
    ObjectNotFound,
    ObjectTooLarge,
    OptionError,
    PreconditionFailed,
)
from s3cache.validation import build

PRIVATE = ".s3cache-local"
"""The folder of the lock files and the temporary files. No object's name begins with it."""
LOCKS = 256
STALE = 3600
"""The age in seconds at which a temporary file counts as left by a killed process."""
ATTEMPTS = 10
"""How often a write is tried while others remove the directories that it needs."""

NO_PARTS = frozenset({"", ".", ".."})
"""What no part of a name can be."""

UNFIT = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EXDEV}
    | {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
)
"""Errors that will not mend themselves. Any other, such as a full disk or too many open files, is EngineUnavailable."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Options:
    """The lower-case options: none."""


class LocalEngine:
    """The files in and under a directory, which the first write makes. They are their owner's only, as Django's cache files are."""

    features = Features(
        conditional_writes=True, delete_batch=1000, conditional_batch_delete=True, max_name=files.LONGEST, remote=False
    )
    prefix = ""

    def __init__(self, directory: str) -> None:
        self._root = os.path.join(os.path.abspath(directory), "")
        self.location = "file://" + quote(os.path.abspath(directory), errors="surrogateescape")
        self._locks = f"{self._root}{PRIVATE}/locks"
        self._temporary = f"{self._root}{PRIVATE}/temporary"

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        """An engine for a path, absolute or relative to the working directory of now, or a ``file:///`` URL. It has no options.

        Raises OptionError for any option, and for a LOCATION that is empty, another kind of URL, or there but not a directory.
        """
        build(Options, options, hint="The engine 'local' has none; those of a bucket belong to boto3, minio, obstore or storages.")
        directory = directory_of(location)
        if os.path.exists(directory) and not os.path.isdir(directory):
            raise OptionError(f"LOCATION is {location!r}, which is not a directory. Give a directory; the first write makes it.")
        return cls(directory)

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        try:
            file = os.open(self._path(name), files.READ)
            try:
                status = files.regular(os.fstat(file))
                size, etag = status.st_size, files.version(status)
                if if_none_match is not None and if_none_match == etag:
                    raise NotModified(f"The object {name!r} still has the etag {etag}.")
                if limit is not None and size > limit:
                    raise ObjectTooLarge(f"The object {name!r} has {size} bytes, more than {limit}.", etag=etag)
                return StoredObject(files.read(file, size if first is None else min(first, size)), etag)
            finally:
                os.close(file)
        except OSError as error:
            if error.errno in files.NOTHING_HERE:
                raise ObjectNotFound(f"There is no object {name!r}.") from error
            raise self._translated(error) from error

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        if if_none_match and if_match is not None:
            raise ValueError("if_match and if_none_match cannot both be given.")
        path = self._path(name)
        try:
            return self._in_directories(path, lambda: self._write(name, path, body, if_match, if_none_match))
        except FileExistsError as error:
            raise PreconditionFailed(f"There is an object {name!r} already.") from error
        except OSError as error:
            raise self._translated(error) from error

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        for name, etag in zip(names, [None] * len(names) if etags is None else etags, strict=True):
            self._delete(name, self._path(name), etag)

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        """Also removes the temporary files that killed processes left."""
        folder = prefix[: prefix.rfind("/") + 1]
        if folder and not is_name(folder[:-1]):
            return
        try:
            files.discard_older(self._temporary, time.time() - STALE)
            for name, entry in files.walk(self._root, folder, prefix, start_after or "", PRIVATE + "/"):
                if (status := files.status_of(entry)) is not None:
                    modified = datetime.fromtimestamp(status.st_mtime, UTC)
                    yield ObjectInfo(name, status.st_size, modified, files.version(status))
        except OSError as error:
            raise self._translated(error) from error

    def asynchronous(self) -> None:
        """None: a file system has nothing that an event loop could wait for."""

    def close(self) -> None:
        """Nothing: no file is kept open."""

    def _path(self, name: str) -> str:
        if not is_name(name):
            raise ValueError(
                f"{name!r} cannot be the name of a file: its parts must not be empty, '.' or '..', nor the first one {PRIVATE!r}, "
                "and NUL is in none of them."
            )
        return self._root + name

    def _locked(self, name: str) -> AbstractContextManager[None]:
        return files.locked(f"{self._locks}/{zlib.crc32(name.encode()) % LOCKS:02x}")

    def _write(self, name: str, path: str, body: bytes, if_match: Etag, create_only: bool) -> str:
        temporary = f"{self._temporary}/{token_hex(16)}"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, files.FILE_MODE)
        try:
            files.write(file, body)
            with self._locked(name):
                if if_match is not None and if_match != files.version_of(path):
                    raise PreconditionFailed(f"The object {name!r} does not have the etag {if_match}.")
                etag = files.stamp(file)
                files.publish(temporary, path, create_only=create_only)
                return etag
        except BaseException:
            files.discard(temporary)
            raise
        finally:
            os.close(file)

    def _delete(self, name: str, path: str, etag: Etag) -> None:
        def delete() -> None:
            with self._locked(name):
                if etag in (None, files.version_of(path)):
                    files.discard(path)

        try:
            if os.path.lexists(path):  # nothing is made where there is nothing
                self._in_directories(path, delete)
        except OSError as error:
            raise self._translated(error) from error

    def _in_directories(self, path: str, action: Callable[[], Answer]) -> Answer:
        """Do what needs directories: make them where they are missing, again where another process has removed them meanwhile."""
        for _ in range(ATTEMPTS):
            try:
                return action()
            except FileNotFoundError as error:
                missing = error
            with suppress(FileNotFoundError):
                for directory in (self._locks, self._temporary, os.path.dirname(path)):
                    files.make_directory(directory)
        raise EngineUnavailable(
            f"The directories under {self._root} cannot be made, or other processes keep removing them."
        ) from missing

    def _translated(self, error: OSError) -> EngineError:
        if error.errno in UNFIT:
            return EngineMisconfigured(
                f"The directory {self._root} cannot hold a cache: {error}. It takes a directory that this process may write, "
                "on a file system with hard links, flock and times to the microsecond."
            )
        return EngineUnavailable(f"The file system of {self._root} failed: {error}.")


def is_name(name: str) -> bool:
    """Whether the name can be that of a file below the directory, and not of a private one."""
    parts = name.split("/")
    return parts[0] != PRIVATE and "\0" not in name and NO_PARTS.isdisjoint(parts)


def directory_of(location: str) -> str:
    """The path that LOCATION gives. Raises OptionError."""
    path = location
    if location.lower().startswith("file:///") and "?" not in location and "#" not in location:
        path = unquote(location[len("file://") :], errors="surrogateescape")
    elif "://" in location or location.lower().startswith("file:"):
        path = ""
    if not path or "\0" in path:
        hint = " For a bucket, set OPTIONS['ENGINE'] to an engine for S3, such as 'boto3'." if location.startswith("s3:") else ""
        raise OptionError(
            f"LOCATION is {location!r}. The engine 'local' takes the path of a directory, such as BASE_DIR / 'cache', or a "
            f"URL of the form file:///absolute/path.{hint}"
        )
    return path
