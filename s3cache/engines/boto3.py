"""The engine over boto3, AWS's own SDK for Python, by public means only.

The four verbs come first, then what the SDK's answers and errors say. ``boto3clients`` makes the clients on first use, under a
lock, and boto3 is imported then; ``s3errors`` knows what S3's codes mean.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from s3cache.engines import s3options
from s3cache.engines.base import Etag, Features, ObjectInfo, StoredObject
from s3cache.engines.boto3clients import Connection, connect, parse_timestamp
from s3cache.engines.s3errors import CREATE, PLAIN, READ, REPLACE, Meanings, meaning_of
from s3cache.engines.s3options import S3Options
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable, NotSupported, ObjectNotFound, ObjectTooLarge

# conditional_batch_delete is false although AWS honours an ETag per object (September 2025): Ceph up to 18 and moto ignore it
# without a word, and a delete that was not conditional after all loses a fresh entry.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
FEATURES = Features(conditional_writes=True, delete_batch=1000, server_date=True)


class Boto3Engine:
    """A bucket, seen through boto3. Options: ``S3Options``. Raises what ``engines/base.py`` says."""

    requires = ("boto3",)

    def __init__(self, bucket: str, prefix: str, options: S3Options) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.location = s3options.location_url(bucket, prefix, options.endpoint_url)
        self.options = options
        self.features = features_of(bucket)
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        return cls(*s3options.read(location, options))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"

    def get_object(
        self, name: str, *, first: int | None = None, if_none_match: Etag = None, limit: int | None = None
    ) -> StoredObject:
        """Costs one GET; two for the first bytes of an empty object.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        with self._errors("get_object", name, READ):
            connection = self._connected()
            parameters = {**connection.parameters["GetObject"], "Key": name}
            if first is not None:
                parameters["Range"] = f"bytes=0-{max(first, 1) - 1}"
            if if_none_match is not None:
                parameters["IfNoneMatch"] = if_none_match
            answer = fetch(connection.retrying, parameters)
            with contextlib.closing(answer["Body"]) as body:
                if limit is not None and whole_size(answer) > limit:
                    raise ObjectTooLarge(f"{name!r} has more than {limit} bytes.", etag=answer.get("ETag"))
                data = read_body(body, answer.get("ContentLength"), first, limit)
                if limit is not None and len(data) > limit:
                    raise ObjectTooLarge(f"{name!r} has more than {limit} bytes.", etag=answer.get("ETag"))
                return StoredObject(data, answer.get("ETag"), answered_at(answer))

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        """Costs one PUT.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        if if_match is not None and if_none_match:
            raise ValueError("put_object takes if_match or if_none_match, not both.")
        meanings = CREATE if if_none_match else REPLACE if if_match is not None else PLAIN
        with self._errors("put_object", name, meanings):
            connection = self._connected()
            parameters = {**connection.parameters["PutObject"], "Key": name, "Body": body}
            if if_none_match:
                parameters["IfNoneMatch"] = "*"
            if if_match is not None:
                # Without its quotes, and without the mark of a weak one, which a compressing proxy adds. AWS, MinIO and moto
                # take both forms; Ceph up to 18 and DigitalOcean Spaces answer 412 to the quoted one, which looks like a lost
                # race for ever. A store that insists on quotes says so with a 400.
                parameters["IfMatch"] = if_match.removeprefix("W/").strip('"')
            client = connection.retrying if meanings is PLAIN else connection.once
            return client.put_object(**parameters).get("ETag")  # type: ignore[no-any-return]

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

    def _delete_one(self, name: str) -> None:
        with contextlib.suppress(ObjectNotFound), self._errors("delete_objects", name, READ):
            connection = self._connected()
            connection.retrying.delete_object(**connection.parameters["DeleteObject"], Key=name)

    def _delete_many(self, names: Sequence[str]) -> None:
        with self._errors("delete_objects", f"{names[0]} and {len(names) - 1} more", PLAIN):
            connection = self._connected()
            listed = {"Objects": [{"Key": name} for name in names], "Quiet": True}
            answer = connection.retrying.delete_objects(**connection.parameters["DeleteObjects"], Delete=listed)
            raise_failures(connection.retrying, answer)

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        """Costs one GET per thousand names, as they are reached.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        if start_after is not None and not self.features.start_after:
            raise NotSupported("list_objects takes no start_after here: directory buckets have none.")
        return self._listing({"Prefix": prefix} | ({"StartAfter": start_after} if start_after else {}))

    def _listing(self, parameters: dict[str, str]) -> Iterator[ObjectInfo]:
        token: str | None = ""
        while token is not None:
            with self._errors("list_objects", parameters["Prefix"], PLAIN):
                connection = self._connected()
                page = connection.retrying.list_objects_v2(**connection.parameters["ListObjectsV2"], **parameters)
            for entry in page.get("Contents", ()):
                yield ObjectInfo(entry["Key"], entry["Size"], entry["LastModified"], entry.get("ETag"))
            token = page.get("NextContinuationToken")
            parameters["ContinuationToken"] = token or ""

    def asynchronous(self) -> None:
        """boto3 has no asynchronous shape."""

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.retrying.close()
            connection.once.close()

    def _connected(self) -> Connection:
        connection = self._connection
        if connection is None:
            with self._lock:
                connection = self._connection = self._connection or connect(self.bucket, self.options)
        return connection

    @contextlib.contextmanager
    def _errors(self, verb: str, about: str, meanings: Meanings) -> Iterator[None]:
        """The SDK's errors as ours. ``meanings`` is what this verb reads differently."""
        try:
            yield
        except sdk_errors() as error:
            what = self.options.redact(describe(error))
            raise meaning(error, meanings)(f"{verb} of {about!r} at {self.location}: {what}") from error


def meaning(error: Exception, meanings: Meanings) -> type[EngineError]:
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return EngineMisconfigured if is_lasting(error) else EngineUnavailable
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return meaning_of(code, status, meanings)


def is_lasting(error: Exception) -> bool:
    """Whether it will not mend itself. Of TLS only a connection that ends in the handshake may: a busy server does that."""
    from botocore.exceptions import BotoCoreError, SSLError

    if isinstance(error, SSLError):
        return "EOF" not in str(error)
    return isinstance(error, BotoCoreError) and not isinstance(error, transport_errors())


def describe(error: Exception) -> str:
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return f"{type(error).__name__}: {error}".replace("\n", " ")
    said = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return ": ".join(str(said[part]) for part in ("Code", "Message") if said.get(part)) or f"HTTP status {status}"


@functools.cache
def sdk_errors() -> tuple[type[Exception], ...]:
    """All that boto3 raises over configuration, transport and answers. A TypeError is a mistake of ours and stays one."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    return BotoCoreError, ClientError, ResponseParserError, HTTPError, OSError, ValueError


@functools.cache
def transport_errors() -> tuple[type[Exception], ...]:
    """Those of botocore's own errors that can mend themselves. The others speak of configuration."""
    from botocore import exceptions

    return (
        exceptions.ConnectionError,
        exceptions.HTTPClientError,
        exceptions.IncompleteReadError,
        exceptions.ChecksumError,
        exceptions.FlexibleChecksumError,
        exceptions.MetadataRetrievalError,
        exceptions.CapacityNotAvailableError,
    )


def raise_failures(client: Any, answer: dict[str, Any]) -> None:
    """DeleteObjects tells of each object that it could not delete in an answer that is a success."""
    for failure in answer.get("Errors", ()):
        if failure.get("Code") != "NoSuchKey":
            about = {**failure, "Message": f"{failure.get('Key')}: {failure.get('Message')}"}
            raise client.exceptions.ClientError({**answer, "Error": about}, "DeleteObjects")


def fetch(client: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """GetObject. An empty object has no first byte and answers 416, without its etag: it is then asked for whole."""
    try:
        return client.get_object(**parameters)  # type: ignore[no-any-return]
    except client.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 416:
            raise
    parameters.pop("Range", None)
    return client.get_object(**parameters)  # type: ignore[no-any-return]


def read_body(body: Any, length: int | None, first: int | None, limit: int | None) -> bytes:
    """The body, and no more of one that is longer than asked for, or of unknown length, than settles the matter."""
    most = first if first is not None else None if limit is None else limit + 1
    if most is None or (length is not None and length <= most):
        return body.read()  # type: ignore[no-any-return]
    return body.read(most)  # type: ignore[no-any-return]


def whole_size(answer: dict[str, Any]) -> int:
    """Of the object, of which the answer may be a part."""
    total = answer.get("ContentRange", "").rpartition("/")[2]
    return int(total) if total.isdigit() else answer.get("ContentLength", 0)


def answered_at(answer: dict[str, Any]) -> datetime | None:
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return None if date is None else parse_timestamp(date)


def features_of(bucket: str) -> Features:
    """A directory bucket (S3 Express) lists in no order and from no point.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-considerations.html
    """
    directory = bucket.endswith("--x-s3")
    return dataclasses.replace(FEATURES, ordered_listing=not directory, start_after=not directory)
