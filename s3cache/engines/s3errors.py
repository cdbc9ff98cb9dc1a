"""What S3's error codes and HTTP statuses mean, for every engine that speaks its protocol.

Read first the code, then what the verb makes of code and status, then the status, then its class.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from s3cache.errors import (
    Conflict,
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    NotModified,
    NotSupported,
    ObjectNotFound,
    PreconditionFailed,
)

Meanings: TypeAlias = Mapping[str | int, type[EngineError]]
"""What an error code or an HTTP status says."""

CODES: Meanings = {
    "NoSuchBucket": EngineMisconfigured,
    "AccessDenied": EngineMisconfigured,
    "SlowDown": EngineUnavailable,
    "Throttling": EngineUnavailable,
    "ThrottlingException": EngineUnavailable,
    "RequestLimitExceeded": EngineUnavailable,
    "RequestTimeout": EngineUnavailable,
    "IncompleteBody": EngineUnavailable,
    "BadDigest": EngineUnavailable,
}
STATUSES: Meanings = {
    304: NotModified,
    408: EngineUnavailable,
    409: EngineUnavailable,
    412: PreconditionFailed,
    429: EngineUnavailable,
    501: NotSupported,
}
PLAIN: Meanings = {}
READ: Meanings = {404: ObjectNotFound}
# Ceph answers a lost race with 500 UnknownError (16, 18) or 409 (20); S3 with 409 ConditionalRequestConflict. Any other 500 is an
# unknown outcome.
CREATE: Meanings = {409: Conflict, "UnknownError": Conflict}
REPLACE: Meanings = {404: PreconditionFailed, **CREATE}


def meaning_of(code: str, status: int, meanings: Meanings) -> type[EngineError]:
    """The error that an answer stands for; ``meanings`` is what the verb reads in its own way."""
    refused = EngineMisconfigured if 300 <= status < 500 else EngineUnavailable
    return CODES.get(code) or meanings.get(code) or meanings.get(status) or STATUSES.get(status) or refused
