"""The engine over the MinIO SDK: light, and at home with every S3 store.

The verbs come first, each one call of the SDK, then what its answers say. ``s3bucket`` has what all engines over such an SDK
share; ``minioclients`` makes the client on first use, and the SDK is imported then; ``miniopool`` tells what an ``Exchange`` is
for, and ``minioerrors`` what errors say.
"""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from s3cache.engines.base import Etag, ObjectInfo, StoredObject
from s3cache.engines.minioclients import Connection, connect
from s3cache.engines.minioerrors import describe, meaning, sdk_errors
from s3cache.engines.miniopool import Exchange
from s3cache.engines.profiles import Profile
from s3cache.engines.s3answers import ForeignAnswer, Head, check_conditions, read_object
from s3cache.engines.s3bucket import BucketEngine
from s3cache.engines.s3errors import PLAIN, READ, Meanings, write_meanings
from s3cache.engines.s3headers import request_headers
from s3cache.engines.s3options import Target
from s3cache.errors import EngineMisconfigured, EngineUnavailable, ObjectNotFound, OptionError

LEAST_PART = 5 * 1024 * 1024
"""The SDK accepts no smaller part_size."""


class MinioEngine(BucketEngine[Connection]):
    """A bucket, seen through the MinIO SDK. Options: ``S3Options``. Raises what ``engines/base.py`` says."""

    requires = ("minio",)
    concurrency = 32

    def __init__(self, target: Target) -> None:
        check_options(target)
        super().__init__(target)
        self._headers = request_headers(target.options)

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        """Costs one GET; two for the first bytes of an empty object.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        condition = {} if if_none_match is None else {"If-None-Match": if_none_match}
        exchange = Exchange({**self._headers.get, **condition})
        with self._request(exchange, "get_object", name, READ) as client:
            fetch(client, exchange, {"bucket_name": self.target.bucket, "object_name": name}, first)
            return read_object(name, head_of(exchange), exchange.response, first=first, limit=limit)

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        """Costs one PUT.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        profile = self.target.profile
        check_conditions(profile, if_match, if_none_match)
        condition = condition_of(profile, if_match, if_none_match)
        meanings = write_meanings(profile, if_match=if_match is not None, if_none_match=if_none_match)
        exchange = Exchange({**self._headers.put, **condition})
        with self._request(exchange, "put_object", name, meanings) as client:
            client.put_object(
                bucket_name=self.target.bucket,
                object_name=name,
                data=io.BytesIO(body),
                length=len(body),
                part_size=max(len(body), LEAST_PART),  # or the SDK sends a larger body in parts
            )
            every = self.target.profile.etag_of_every_write
            return etag_of(exchange) if every else exchange.response.headers.get("ETag") or None

    def _delete_one(self, name: str) -> None:
        exchange = Exchange(self._headers.other)
        with contextlib.suppress(ObjectNotFound), self._request(exchange, "delete_objects", name, READ) as client:
            client.remove_object(bucket_name=self.target.bucket, object_name=name)

    def _delete_many(self, names: Sequence[str]) -> None:
        exchange = Exchange(self._headers.other, root=b"DeleteResult")
        with self._request(exchange, "delete_objects", f"{names[0]} and {len(names) - 1} more", PLAIN) as client:
            named = [deletable()(name=name) for name in names]
            raise_failures(exchange, client.remove_objects(bucket_name=self.target.bucket, delete_object_list=named))

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        """Costs one GET per thousand names, as they are reached.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        listing: Iterator[Any] | None = None
        asked: set[str] = set()
        while True:
            exchange = Exchange(self._headers.other, root=b"ListBucketResult", asked=asked)
            with self._request(exchange, "list_objects", prefix, PLAIN) as client:
                listing = listing or client.list_objects(
                    bucket_name=self.target.bucket, prefix=prefix, recursive=True, start_after=start_after
                )
                entry = next(listing, None)
                info = None if entry is None else info_of(entry)
            if info is None:
                return
            yield info

    def _connect(self) -> Connection:
        return connect(self.target)

    def _disconnect(self, connection: Connection) -> None:
        connection.pool.clear()

    @contextlib.contextmanager
    def _request(self, exchange: Exchange, verb: str, about: str, meanings: Meanings) -> Iterator[Any]:
        """The client, and the SDK's errors as ours. ``meanings`` is what this verb reads differently."""
        try:
            client = self._connected().client
            with exchange:
                yield client
        except (EngineMisconfigured, EngineUnavailable) as error:  # the credentials', which know no place
            raise type(error)(f"{verb} of {about!r} at {self.location}: {error}") from (error.__cause__ or error)
        except sdk_errors() as error:
            what = self.target.options.redact(describe(error, exchange))
            raise meaning(error, exchange, meanings)(f"{verb} of {about!r} at {self.location}: {what}") from error


def check_options(target: Target) -> None:
    """Refuses what the SDK cannot do."""
    options = target.options
    if options.signature_version == "s3":
        raise OptionError("OPTIONS['signature_version'] is 's3'; the engine 'minio' signs with 's3v4', or not at all ('unsigned').")
    if target.profile.name == "express":
        raise OptionError("The engine 'minio' cannot open the sessions of a directory bucket. Use the engine boto3 or obstore.")
    if urlsplit(options.endpoint_url or "").path.strip("/"):
        raise OptionError("OPTIONS['endpoint_url'] has a path, which the engine 'minio' cannot use: http(s)://host[:port].")


def condition_of(profile: Profile, if_match: Etag, if_none_match: bool) -> dict[str, str]:
    if if_none_match:
        return {"If-None-Match": "*"}
    return {} if if_match is None else {"If-Match": profile.if_match(if_match)}


@functools.cache
def deletable() -> Any:
    """The SDK's class for a name in a batch, which has moved after 7.2.20."""
    try:
        from minio.deleteobjects import DeleteObject
    except ImportError:
        from minio.models import DeleteRequest

        return DeleteRequest.Object
    return DeleteObject


def raise_failures(exchange: Exchange, failures: Iterator[Any]) -> None:
    """DeleteObjects tells of each object that it could not delete in an answer that is a success."""
    from minio.error import S3Error

    for failure in failures:
        if failure.code != "NoSuchKey":
            raise S3Error(
                response=exchange.response,
                code=failure.code,
                message=f"{failure.name}: {failure.message}",
                resource=None,
                request_id=None,
                host_id=None,
            )


def fetch(client: Any, exchange: Exchange, wanted: dict[str, str], first: int | None) -> None:
    """GetObject. An empty object has no first byte and answers 416, without its etag: it is then asked for whole."""
    if first is None:
        client.get_object(**wanted)
        return
    from minio.error import MinioException

    try:
        client.get_object(**wanted, offset=0, length=max(first, 1))
    except MinioException:
        if exchange.status != 416:
            raise
        client.get_object(**wanted)


def etag_of(exchange: Exchange) -> Etag:
    """Every S3 store gives one; a web server may say 200 without."""
    etag: Etag = exchange.response.headers.get("ETag")
    if not etag:
        raise ForeignAnswer("the answer has no ETag")
    return etag


def head_of(exchange: Exchange) -> Head:
    headers = exchange.response.headers
    length = headers.get("Content-Length", "")
    return Head(
        etag_of(exchange),
        answered_at(headers.get("Date")),
        int(length) if length.isdigit() else None,
        headers.get("Content-Range", ""),
    )


@functools.lru_cache(maxsize=8)
def answered_at(date: str | None) -> datetime | None:
    """Remembered, because many answers come in one second."""
    return None if date is None else parsedate_to_datetime(date)


def info_of(entry: Any) -> ObjectInfo:
    """The SDK takes the quotes off the etags of a listing, and leaves what it did not find at None."""
    if entry.size is None or entry.last_modified is None:
        raise ValueError(f"the listing does not say the size, or the age, of {entry.object_name!r}")
    etag = None if entry.etag is None else '"{}"'.format(entry.etag.strip('"'))
    return ObjectInfo(entry.object_name, entry.size, entry.last_modified, etag)
