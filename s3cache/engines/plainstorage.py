"""The engine ``storages`` over any Django Storage but S3Storage: FileSystemStorage, InMemoryStorage, Azure, Google Cloud, SFTP, ...

Django's Storage API knows files, not objects, so this engine promises less than others: no etags, no conditions (add and incr are
not atomic), no batches. Who reads a file that is being written may find a part of it, or nothing; the envelope tells both from an
entry.

A set must replace. Storages would rather keep the file that exists and save the new one under another name; ``_save`` sees to it
that they replace, or says that they do not. LOCATION is a bare prefix in the storage. Where that is, its own options say.

https://docs.djangoproject.com/en/stable/ref/files/storage/
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

from s3cache.engines.base import Etag, Features, ObjectInfo, StoredObject
from s3cache.engines.plainstorageerrors import READ, WRITE, describe, may_mean_missing, meaning
from s3cache.engines.plainstoragesettings import Made, location_url, make_local, make_storage, options_of, parse_location
from s3cache.engines.s3errors import Meanings
from s3cache.errors import EngineError, EngineMisconfigured, NotSupported, ObjectNotFound, ObjectTooLarge
from s3cache.pieces import LARGE, Body, collected

LONGEST = 255
"""The longest name in bytes: all of it may be one file's."""
ATTEMPTS = 10
"""How often a file is saved while others keep taking its name."""
WRITERS = 64
DEEPEST = 100
"""A folder within more folders than these is one that holds itself."""
EPOCH = datetime.fromtimestamp(0, UTC)
"""Stands for the time of a file whose storage tells none: all are equally old then."""


class PlainStorageEngine:
    """The files of a storage. Its options are the storage's.

    Costs, in calls of the storage: a get 1, or 2 with ``limit``; a put 1, or 2 where the storage cannot replace; a listing 1 per
    folder and 2 per name.
    """

    def __init__(self, kind: type[Storage], prefix: str, options: Mapping[str, object]) -> None:
        here = issubclass(kind, FileSystemStorage | InMemoryStorage)
        self.prefix = prefix
        self.features = Features(
            conditional_writes=False,
            delete_batch=1,
            start_after=here,
            atomic_overwrites=False,
            max_name=LONGEST,
            remote=not here,
            concurrency=1 if here else 16,
        )
        self._kind = kind
        self._options = options
        self._making = threading.Lock()
        self._made: Made | None = make_local(kind, options) if here else None
        self.location = location_url(kind, prefix, options, self._made)
        # An InMemoryStorage has one position per file for all who read and write it.
        self._turn = threading.Lock() if issubclass(kind, InMemoryStorage) else contextlib.nullcontext()
        # Two who write to one file of a FileSystemStorage mix their bodies, and who writes while another removes it gets an error.
        # In other processes nothing can be done about it.
        self._writers = [threading.Lock() for _ in range(WRITERS)]

    @classmethod
    def over(cls, kind: type[Storage], location: str, alias_options: Mapping[str, object], given: Mapping[str, object]) -> Self:
        """An engine for this class of storage. Raises OptionError. Only storages of this machine are made already."""
        return cls(kind, parse_location(location), options_of(kind, alias_options, given))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        with self._errors("get_object", name, READ):
            storage = self._opened().storage
            size = 0 if limit is None else storage.size(name)
            if limit is not None and size > limit:
                raise ObjectTooLarge(f"{name!r} has more than {limit} bytes.", etag=None)
            with storage.open(name, "rb") as file:
                if first is not None:
                    return StoredObject(file.read(first), None)
                return StoredObject(read_body(file, size), None)

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> None:
        if if_match is not None and if_none_match:
            raise ValueError("put_object takes if_match or if_none_match, not both.")
        if if_match is not None or if_none_match:
            raise NotSupported("put_object takes no conditions here: Django's Storage API has none.")
        with self._writers[hash(name) % WRITERS], self._errors("put_object", name, WRITE):
            self._save(self._opened(), name, body)

    def _save(self, made: Made, name: str, body: bytes) -> None:
        saved = name
        for _ in range(ATTEMPTS):
            if not made.replaces:
                self._remove(made.storage, name)
            saved = made.storage.save(name, ContentFile(body, name))
            if saved == name:
                return
            made.storage.delete(saved)
        raise EngineMisconfigured(
            f"put_object of {name!r} at {self.location}: the storage saves it as {saved!r}, and a cache must replace what it "
            "stores. Set the storage's option for that, or choose another storage."
        )

    def delete_objects(self, names: Sequence[str], *, etags: Sequence[Etag] | None = None) -> None:
        if etags is not None:
            raise NotSupported("delete_objects takes no etags here: Django's Storage API has none.")
        for name in names:
            with self._writers[hash(name) % WRITERS], self._errors("delete_objects", name, WRITE):
                self._remove(self._opened().storage, name)

    def _remove(self, storage: Storage, name: str) -> None:
        """Most storages delete a missing file without a word; some raise."""
        try:
            storage.delete(name)
        except Exception as error:  # whatever a foreign storage raises
            if not self._says_missing(error, storage, name):
                raise

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        if start_after is not None and not self.features.start_after:
            raise NotSupported("list_objects takes no start_after here: a page of a remote storage costs too many requests.")
        return self._walk(prefix[: prefix.rfind("/") + 1], prefix, start_after or "")

    def _walk(self, folder: str, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
        if folder.count("/") > DEEPEST:
            raise EngineMisconfigured(f"list_objects at {self.location}: the storage's folders go in circles: {folder[:50]!r}…")
        for name in self._children(folder):
            behind = in_bytes(name) > in_bytes(start_after)
            if not name.startswith(prefix) or not (behind or start_after.startswith(name)):
                continue
            if name.endswith("/"):
                yield from self._walk(name, prefix, start_after)
            elif behind and (info := self._info(name)) is not None:
                yield info

    def _children(self, folder: str) -> list[str]:
        """The names in a folder, in S3's order. Those of folders end in a slash."""
        try:
            with self._errors("list_objects", folder, READ):
                return sorted(children(self._opened().storage, folder), key=in_bytes)
        except ObjectNotFound:
            return []

    def _info(self, name: str) -> ObjectInfo | None:
        """None for a file that is gone by now."""
        try:
            with self._errors("list_objects", name, READ):
                storage = self._opened().storage
                return ObjectInfo(name, storage.size(name), modified(storage, name))
        except ObjectNotFound:
            return None

    def asynchronous(self) -> None:
        """Django's storages have no asynchronous shape."""

    def close(self) -> None:
        """Lets go of a remote storage. One of this machine has nothing to let go of, and may hold the files."""
        if not self.features.remote:
            return
        with self._making:
            made, self._made = self._made, None
        if made is not None and callable(close := getattr(made.storage, "close", None)):
            close()

    def _opened(self) -> Made:
        opened = self._made
        if opened is None:
            with self._making:
                opened = self._made = self._made or make_storage(self._kind, self._options)
        return opened

    @contextlib.contextmanager
    def _errors(self, verb: str, name: str, meanings: Meanings) -> Iterator[None]:
        """Whatever a storage raises as an error of ours. ``meanings`` is what this verb reads differently."""
        try:
            with self._turn:
                yield
        except EngineError:
            raise
        except Exception as error:
            missing = meanings is READ and self._made is not None and self._says_missing(error, self._made.storage, name)
            found = ObjectNotFound if missing else meaning(error, meanings)
            known = {**self._options, **(vars(self._made.storage) if self._made else {})}
            raise found(f"{verb} of {name!r} at {self.location}: {describe(error, known)}") from error

    def _says_missing(self, error: Exception, storage: Storage, name: str) -> bool:
        """Whether the error stands for a missing file. Where only its words say so, the storage is asked."""
        if not may_mean_missing(error):
            return meaning(error, READ) is ObjectNotFound
        try:
            return not storage.exists(name)
        except Exception:  # then nobody knows
            return False


def read_body(file: Any, size: int) -> Body:
    """The whole file. That ``size`` was asked for before, and is not that of a file that was replaced since."""
    if size <= LARGE:
        return file.read()  # type: ignore[no-any-return]
    body = collected(size + 1, partial(read_into, file))
    return body if len(body) <= size else bytes(body) + file.read()


def read_into(file: Any, buffer: memoryview) -> int:
    """As the file's own ``readinto``, which not all storages have."""
    data = file.read(len(buffer))
    buffer[: len(data)] = data
    return len(data)


def children(storage: Any, folder: str) -> list[str]:
    directories, files = storage.listdir(folder.rstrip("/"))
    if hasattr(storage, "list_all"):  # AzureStorage lists all that lies below, each by its whole name
        root = f"{storage.location.strip('/')}/".lstrip("/")
        return [name.removeprefix(root) for name in files if name.startswith(root + folder)]
    return [f"{folder}{name}/" for name in directories] + [folder + name for name in files]


def in_bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


def modified(storage: Storage, name: str) -> datetime:
    try:
        return storage.get_modified_time(name).astimezone(UTC)
    except NotImplementedError:
        return EPOCH
