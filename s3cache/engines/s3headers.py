"""The parameters of S3's requests as HTTP headers, for engines whose SDK does not know the parameters' names.

``request_headers(options)`` reads default_acl, object_parameters and request_parameters, and says what goes along with which
request. It refuses, by name, what it cannot put into a header.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#API_PutObject_RequestSyntax
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple, TypeAlias

from s3cache.engines.s3options import S3Options
from s3cache.errors import OptionError
from s3cache.validation import known_names

Headers: TypeAlias = dict[str, str]

ENCRYPTION = "x-amz-server-side-encryption"
LOCK = "x-amz-object-lock"
WRITTEN = {
    "ACL": "x-amz-acl",
    "BucketKeyEnabled": f"{ENCRYPTION}-bucket-key-enabled",
    "CacheControl": "Cache-Control",
    "ContentDisposition": "Content-Disposition",
    "ContentEncoding": "Content-Encoding",
    "ContentLanguage": "Content-Language",
    "ContentType": "Content-Type",
    "Expires": "Expires",
    "GrantFullControl": "x-amz-grant-full-control",
    "GrantRead": "x-amz-grant-read",
    "GrantReadACP": "x-amz-grant-read-acp",
    "GrantWriteACP": "x-amz-grant-write-acp",
    "ObjectLockLegalHoldStatus": f"{LOCK}-legal-hold",
    "ObjectLockMode": f"{LOCK}-mode",
    "ObjectLockRetainUntilDate": f"{LOCK}-retain-until-date",
    "SSEKMSEncryptionContext": f"{ENCRYPTION}-context",
    "SSEKMSKeyId": f"{ENCRYPTION}-aws-kms-key-id",
    "ServerSideEncryption": ENCRYPTION,
    "StorageClass": "x-amz-storage-class",
    "Tagging": "x-amz-tagging",
    "WebsiteRedirectLocation": "x-amz-website-redirect-location",
}
"""On writes."""
CUSTOMER_KEY = f"{ENCRYPTION}-customer-key"
ENCRYPTED = {
    "SSECustomerAlgorithm": f"{ENCRYPTION}-customer-algorithm",
    "SSECustomerKey": CUSTOMER_KEY,
    "SSECustomerKeyMD5": f"{CUSTOMER_KEY}-MD5",
}
"""On reads and writes."""
EVERYWHERE = {"ExpectedBucketOwner": "x-amz-expected-bucket-owner", "RequestPayer": "x-amz-request-payer"}
HEADERS = {**WRITTEN, **ENCRYPTED, **EVERYWHERE}


class RequestHeaders(NamedTuple):
    """What goes along with a request, by its kind."""

    put: Headers
    get: Headers
    other: Headers
    """Deletes and listings."""


def request_headers(options: S3Options) -> RequestHeaders:
    """Raises OptionError for a parameter, or a value, that no header can carry."""
    acl = {"x-amz-acl": header_value("OPTIONS['default_acl']", options.default_acl)} if options.default_acl else {}
    written = headers("object_parameters", options.object_parameters or {})
    given = headers("request_parameters", options.request_parameters or {})
    get = {name: given[name] for name in given if name in {*ENCRYPTED.values(), *EVERYWHERE.values()}}
    other = {name: given[name] for name in given if name in EVERYWHERE.values()}
    return RequestHeaders({**acl, **written, **given}, get, other)


def headers(option: str, parameters: Mapping[str, object]) -> Headers:
    found: Headers = {}
    for name, value in parameters.items():
        place = f"OPTIONS[{option!r}][{name!r}]"
        if name == "Metadata":
            found |= metadata(place, value)
        elif name == "SSECustomerKey" and "SSECustomerKeyMD5" not in parameters:
            found |= customer_key(place, value)
        elif name in HEADERS:
            found[HEADERS[name]] = header_value(place, value, http_date if name == "Expires" else datetime.isoformat)
        else:
            known = known_names(name, [*HEADERS, "Metadata"])
            raise OptionError(f"OPTIONS[{option!r}] has {name}, which this engine cannot send. {known}")
    return found


def metadata(place: str, given: object) -> Headers:
    if not isinstance(given, Mapping):
        raise OptionError(f"{place} is of type {type(given).__name__}; accepted: a dictionary of strings.")
    return {f"x-amz-meta-{header_value(place, name)}": header_value(place, given[name]) for name in given}


def customer_key(place: str, given: object) -> Headers:
    """The key as S3 wants it. Who gives its MD5, too, has seen to that."""
    if not isinstance(given, str | bytes):
        raise OptionError(f"{place} is of type {type(given).__name__}; accepted: the 32 bytes of a key, or text.")
    key = given.encode() if isinstance(given, str) else given
    digest = hashlib.md5(key, usedforsecurity=False).digest()
    return {CUSTOMER_KEY: base64.b64encode(key).decode(), f"{CUSTOMER_KEY}-MD5": base64.b64encode(digest).decode()}


def header_value(place: str, value: object, dated: Callable[[datetime], str] = datetime.isoformat) -> str:
    """A secret may be among them, so no message repeats one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return dated(value)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise OptionError(f"{place} is of type {type(value).__name__}; accepted: text of printable ASCII, True, False, or a date.")
    return value


def http_date(value: datetime) -> str:
    return format_datetime(value.astimezone(UTC), usegmt=True)
