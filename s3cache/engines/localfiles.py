"""What the engine ``local`` asks of a file system: versions of files, whole reads and writes, locks, and a walk in S3's order.

Each function raises the OSError that it meets. A file or folder that has vanished is no error where its absence is an answer, for
other processes may remove what they like.

**A version** tells the bodies of one name apart without reading them: it is the time of modification and the size. The time that
a kernel gives stands still for milliseconds, so ``stamp`` sets it, from a clock of nanoseconds. Two stamps for one name differ, as
they are made in turn, under its lock, and a turn takes longer than ``GRAIN``. (A clock set back would have to meet an old stamp to
the microsecond, with a body of the same size.)
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from operator import itemgetter

from django.core.files import locks

from s3cache.engines import localswap
from s3cache.pieces import LARGE, Body, collected

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""An object is a regular file, and no link to one. Opening a FIFO would otherwise wait for its writer, for ever."""
NOTHING_HERE = frozenset({errno.ENOENT, errno.EISDIR, errno.ELOOP, errno.ENXIO})
"""No object: nothing, a directory, a symbolic link, a FIFO or a socket."""
TEMPORARY = re.compile(r"[0-9a-f]{32}")
"""The name of a temporary file: ``secrets.token_hex(16)``."""
LONGEST = 255
"""The longest name of an object, in bytes: all of it may be one file's."""
GRAIN = 1000
"""The coarsest step, in nanoseconds, in which a file system may keep times."""


def version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def status_of(path: str | os.DirEntry[str]) -> os.stat_result | None:
    """The status of a regular file; None for anything else, for nothing, and for what this process may not look at."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, PermissionError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def regular(status: os.stat_result) -> os.stat_result:
    """The status of a regular file; an OSError for that of anything else."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.ENXIO, "Not a regular file")
    return status


def version_of(path: str) -> str | None:
    status = status_of(path)
    return None if status is None else version(status)


def stamp(file: int) -> str:
    """Give an open file a new version, and return it."""
    now = time.time_ns()
    os.utime(file, ns=(now, now))
    status = os.fstat(file)
    if not 0 <= now - status.st_mtime_ns < GRAIN:
        raise OSError(errno.ENOTSUP, "The file system does not keep times to the microsecond")
    return version(status)


def read(file: int, size: int) -> Body:
    """The next ``size`` bytes of an open file, fewer only where it ends."""
    if size > LARGE:
        return collected(size, lambda buffer: os.readv(file, [buffer]))
    body = os.read(file, size)
    while len(body) < size and (more := os.read(file, size - len(body))):
        body += more
    return body


def write(file: int, body: bytes) -> None:
    """The whole body: one system call takes at most 2 GiB, and less on a full disk."""
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(file, rest) :]


def publish(temporary: str, path: str, *, create_only: bool) -> None:
    """Give a finished file its name, in one step. With ``create_only`` a FileExistsError says that the name is taken."""
    if create_only:
        try:
            os.link(temporary, path)
        except FileExistsError:
            if status_of(path) is not None:
                raise
            os.replace(temporary, path)  # what is there is no object
        else:
            discard(temporary)
    elif status_of(path) is not None and localswap.exchanged(temporary, path):
        discard(temporary)  # the old file by now
    else:
        os.replace(temporary, path)


def discard(path: str) -> None:
    """Removes whatever has the name, but for a directory."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        if not os.path.isdir(path):
            raise


def discard_older(folder: str, before: float) -> None:
    """Remove the temporary files of a folder that were last modified before that time, in seconds since the epoch.

    Only what is named as one, and not by way of a link: whoever could plant one would have files removed elsewhere.
    """
    if os.path.islink(folder) or os.path.islink(os.path.dirname(folder)):
        return
    for name, entry in entries(folder, ""):
        with suppress(OSError):  # on a read-only file system it stays, and does no harm
            if TEMPORARY.fullmatch(name) and (status := status_of(entry)) is not None and status.st_mtime < before:
                discard(entry.path)


def make_directory(path: str) -> None:
    """Make the directory and its parents, all of them for their owner only: os.makedirs gives its mode to the last alone."""
    try:
        os.mkdir(path, DIRECTORY_MODE)
    except FileExistsError:
        pass
    except FileNotFoundError:
        make_directory(os.path.dirname(path))
        with suppress(FileExistsError):
            os.mkdir(path, DIRECTORY_MODE)


_open_locks: set[int] = set()
"""The lock files that this process has open now."""


def _close_locks() -> None:
    """A forked child has those of its parent's threads open as well, and would keep the locks of a parent that is killed."""
    while _open_locks:
        os.close(_open_locks.pop())


os.register_at_fork(after_in_child=_close_locks)


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Exclude the other threads and processes that lock this file.

    It is opened each time. That costs no more than checking that a file kept open is still the one in the directory, and neither
    threads nor a forked child share a lock by sharing a descriptor.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    _open_locks.add(file)
    try:
        if not locks.lock(file, locks.LOCK_EX):
            raise OSError(errno.ENOLCK, "This platform has no file locks", path)
        try:
            yield
        finally:
            locks.unlock(file)  # closing it would not do: a child forked meanwhile may have it open too
    finally:
        _open_locks.discard(file)
        os.close(file)


def walk(root: str, folder: str, prefix: str, start_after: str, hidden: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Name and entry of all in and below a folder that begins with ``prefix`` and comes after ``start_after``, in order.

    Names are relative to ``root``; it ends in a slash, as do ``folder`` (but for "") and ``hidden``, the folder to leave out. A
    folder sorts by its name with the slash, as what is in it does. It is read when its turn comes, if it can hold what is wanted;
    one that this process may not read is somebody else's, and passed over.
    """

    def wanted(name: str) -> bool:
        within = name.endswith("/") and start_after.startswith(name)
        return name.startswith(prefix) and (name > start_after or within) and name != hidden and len(name) <= LONGEST

    found = [(name, entry) for name, entry in entries(root, folder) if wanted(name)]
    for name, entry in sorted(found, key=itemgetter(0)):
        if name.endswith("/"):
            yield from walk(root, name, prefix, start_after, hidden)
        else:
            yield name, entry


def entries(root: str, folder: str) -> list[tuple[str, os.DirEntry[str]]]:
    """What is in a folder, in no order. The names of folders end in a slash; a symbolic link is not one."""
    found = []
    passed_over = [FileNotFoundError, PermissionError] if folder else [FileNotFoundError]
    with suppress(*passed_over), os.scandir(root + folder) as scan:
        for entry in scan:
            slash = "/" if entry.is_dir(follow_symlinks=False) else ""
            found.append((f"{folder}{entry.name}{slash}", entry))
    return found
