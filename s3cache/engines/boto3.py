"""The engine over boto3, AWS's own SDK for Python, by public means only.

The verbs come first, then what the SDK's answers and errors say. ``s3bucket`` has what all engines over such an SDK share;
``boto3clients`` makes the client on first use, and boto3 is imported then; ``s3errors`` knows what S3's codes mean.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from s3cache import deadlines
from s3cache.engines.abandoned import Overdue
from s3cache.engines.awsplaces import looked_at
from s3cache.engines.base import Etag, ObjectInfo, StoredObject
from s3cache.engines.boto3clients import Connection, check_etag, connect, parse_timestamp, pays_to_wait
from s3cache.engines.s3answers import BROKEN_OFF, ForeignAnswer, Head, check_conditions, read_object
from s3cache.engines.s3bucket import BucketEngine
from s3cache.engines.s3errors import (
    CERTIFICATE,
    KEYS,
    NOT_S3,
    OVERDUE,
    PLAIN,
    READ,
    UNREACHABLE,
    Meanings,
    advice,
    meaning_of,
    sentences,
    write_meanings,
)
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable, NotSupported, ObjectNotFound

UNUSABLE = (FileNotFoundError, PermissionError, KeyError, RuntimeError)
"""What boto3 lets through of a source of credentials that says what cannot be used."""
INVALID_HEADER = re.compile(r"Invalid header value .*", re.DOTALL)
"""Followed by the value, which may be a session token."""


class Boto3Engine(BucketEngine[Connection]):
    """A bucket, seen through boto3. Options: ``S3Options``. Raises what ``engines/base.py`` says."""

    requires = ("boto3",)
    concurrency = 16
    expect_continue = True

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
            return connection.do(partial(read, connection.client, parameters, first, limit))

    def put_object(self, name: str, body: bytes, *, if_match: Etag = None, if_none_match: bool = False) -> Etag:
        """Costs one PUT.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        check_conditions(self.target.profile, if_match, if_none_match)
        meanings = write_meanings(self.target.profile, if_match=if_match is not None, if_none_match=if_none_match)
        with self._errors("put_object", name, meanings):
            connection = self._connected()
            parameters = {**connection.parameters["PutObject"], "Key": name, "Body": body}
            if if_none_match:
                parameters["IfNoneMatch"] = "*"
            if if_match is not None:
                parameters["IfMatch"] = self.target.profile.if_match(if_match)
            waits = pays_to_wait(len(body), if_none_match)
            answer = connection.do(partial(connection.client.put_object, **parameters), waits=waits)
            if self.target.profile.etag_of_every_write:
                check_etag(answer)
            return answer.get("ETag") or None

    def _delete_one(self, name: str) -> None:
        with contextlib.suppress(ObjectNotFound), self._errors("delete_objects", name, READ):
            connection = self._connected()
            connection.do(partial(connection.client.delete_object, **connection.parameters["DeleteObject"], Key=name))

    def _delete_many(self, names: Sequence[str]) -> None:
        with self._errors("delete_objects", f"{names[0]} and {len(names) - 1} more", PLAIN):
            connection = self._connected()
            named = {"Objects": [{"Key": name} for name in names], "Quiet": True}
            parameters = {**connection.parameters["DeleteObjects"], "Delete": named}
            answer = connection.do(partial(connection.client.delete_objects, **parameters))
            raise_failures(connection.client, answer)

    def list_objects(self, prefix: str = "", start_after: str | None = None) -> Iterator[ObjectInfo]:
        """Costs one GET per thousand names, as they are reached.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        if start_after is not None and not self.features.start_after:
            raise NotSupported("list_objects takes no start_after here: directory buckets have none.")
        return self._listing({"Prefix": prefix} | ({"StartAfter": start_after} if start_after else {}))

    def _listing(self, parameters: dict[str, str]) -> Iterator[ObjectInfo]:
        asked: set[str] = set()
        token: str | None = ""
        while token is not None:
            with self._errors("list_objects", parameters["Prefix"], PLAIN):
                connection = self._connected()
                given = {**connection.parameters["ListObjectsV2"], **parameters}
                page = connection.do(partial(connection.client.list_objects_v2, **given))
                infos = [info_of(entry) for entry in page.get("Contents", ())]
                token = next_token(page, asked)
            yield from infos
            parameters["ContinuationToken"] = token or ""

    def _connect(self) -> Connection:
        return connect(self.target)

    def _disconnect(self, connection: Connection) -> None:
        connection.close()

    @contextlib.contextmanager
    def _errors(self, verb: str, about: str, meanings: Meanings) -> Iterator[None]:
        """The SDK's errors as ours. ``meanings`` is what this verb reads differently."""
        try:
            yield
        except EngineUnavailable as error:  # of a request that was not begun
            raise EngineUnavailable(f"{verb} of {about!r} at {self.location}: {error}") from error
        except sdk_errors() as error:
            what = self.target.options.redact(describe(error))
            if lacks_credentials(error):
                self.close()  # boto3 looks for them only when it makes a client
                what = sentences(what, looked_at(self.target.options.session_profile, os.environ))
            raise meaning(error, meanings)(f"{verb} of {about!r} at {self.location}: {what}") from error


def meaning(error: Exception, meanings: Meanings) -> type[EngineError]:
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return EngineMisconfigured if is_lasting(error) else EngineUnavailable
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return meaning_of(code, status, meanings)


def is_lasting(error: Exception) -> bool:
    """Whether it will not mend itself. Of TLS only a connection that ends in the handshake may: a busy server does that.

    Of Python's own errors those will not that speak of a file, of an answer that lacks a key, of a set of keys that has ended.
    """
    from botocore.exceptions import BotoCoreError, SSLError

    if isinstance(error, SSLError):
        return "EOF" not in str(error)
    if INVALID_HEADER.search(str(error)):
        return True
    return isinstance(error, (BotoCoreError, ForeignAnswer, *UNUSABLE)) and not isinstance(error, transport_errors())


def lacks_credentials(error: Exception) -> bool:
    from botocore.exceptions import NoCredentialsError

    return isinstance(error, NoCredentialsError)


def describe(error: Exception) -> str:
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        text = INVALID_HEADER.sub("a key, a token or a parameter holds a line break", str(error))
        return sentences(f"{type(error).__name__}: {text}".replace("\n", " "), advice_without_answer(error))
    said = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    what = ": ".join(str(said[part]) for part in ("Code", "Message") if said.get(part)) or f"HTTP status {status}"
    return sentences(what, advice(said.get("Code", ""), status))


def advice_without_answer(error: Exception) -> str:
    """What to do where no answer came, or none that can be read."""
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    if isinstance(error, ForeignAnswer):
        return error.advice
    kinds = {
        exceptions.SSLError: CERTIFICATE,
        (exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError): KEYS,
        (exceptions.ConnectionError, exceptions.HTTPClientError, Overdue): UNREACHABLE if deadlines.left() else OVERDUE,
        ResponseParserError: NOT_S3,
    }
    return next((said for kind, said in kinds.items() if isinstance(error, kind)), "")


@functools.cache
def sdk_errors() -> tuple[type[Exception], ...]:
    """All that boto3 raises over configuration, transport and answers. A TypeError is a mistake of ours and stays one."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    return BotoCoreError, ClientError, ResponseParserError, HTTPError, OSError, OverflowError, ValueError, *UNUSABLE


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
        exceptions.CredentialRetrievalError,
        exceptions.CapacityNotAvailableError,
    )


def raise_failures(client: Any, answer: dict[str, Any]) -> None:
    """DeleteObjects tells of each object that it could not delete in an answer that is a success."""
    for failure in answer.get("Errors", ()):
        if failure.get("Code") != "NoSuchKey":
            about = {**failure, "Message": f"{failure.get('Key')}: {failure.get('Message')}"}
            raise client.exceptions.ClientError({**answer, "Error": about}, "DeleteObjects")


def read(client: Any, parameters: dict[str, Any], first: int | None, limit: int | None) -> StoredObject:
    answer = fetch(client, parameters)
    with contextlib.closing(answer["Body"]) as body:
        check_etag(answer)
        return read_object(parameters["Key"], head_of(answer), body, first=first, limit=limit)


def fetch(client: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """GetObject. An empty object has no first byte and answers 416, without its etag: it is then asked for whole."""
    try:
        return client.get_object(**parameters)  # type: ignore[no-any-return]
    except client.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 416:
            raise
    parameters.pop("Range", None)
    return client.get_object(**parameters)  # type: ignore[no-any-return]


def info_of(entry: dict[str, Any]) -> ObjectInfo:
    return ObjectInfo(entry["Key"], entry["Size"], entry["LastModified"], entry.get("ETag"))


def next_token(page: dict[str, Any], asked: set[str]) -> str | None:
    """What to ask for the next page with; None after the last. A store without ListObjectsV2 would stop here, or go in circles."""
    if not page.get("IsTruncated"):
        return None
    token: str = page.get("NextContinuationToken", "")
    if not token or token in asked:
        raise ForeignAnswer(BROKEN_OFF)
    asked.add(token)
    return token


def head_of(answer: dict[str, Any]) -> Head:
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    answered_at = None if date is None else parse_timestamp(date)
    return Head(answer.get("ETag"), answered_at, answer.get("ContentLength"), answer.get("ContentRange", ""))
