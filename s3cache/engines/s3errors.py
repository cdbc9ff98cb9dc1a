"""What S3's error codes and HTTP statuses mean, and what to do about them, for every engine that speaks its protocol.

Read first the code, then what the verb makes of code and status, then the status, then its class. A status alone never says that
an object is missing: S3 says so with a code, and whatever else answers 404 is no store, or not the one that was meant.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from s3cache.engines.profiles import Profile
from s3cache.errors import (
    AccessDenied,
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
    "AccessDenied": AccessDenied,
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
    429: EngineUnavailable,
    501: NotSupported,
}
PLAIN: Meanings = {}
MISSING = ("NoSuchKey", "NoSuchVersion", "NotFound")
"""The codes of a missing object."""
READ: Meanings = dict.fromkeys(MISSING, ObjectNotFound)
REPLACE: Meanings = dict.fromkeys(MISSING, PreconditionFailed)


def write_meanings(profile: Profile, *, if_match: bool, if_none_match: bool) -> Meanings:
    """What a PUT's answer says. Any 5xx that the profile does not call a lost race is an unknown outcome."""
    if not if_match and not if_none_match:
        return PLAIN
    return {**(REPLACE if if_match else PLAIN), 412: PreconditionFailed, **dict.fromkeys(profile.lost_race, Conflict)}


def meaning_of(code: str, status: int, meanings: Meanings) -> type[EngineError]:
    """The error that an answer stands for; ``meanings`` is what the verb reads in its own way."""
    refused = EngineMisconfigured if 300 <= status < 500 else EngineUnavailable
    return CODES.get(code) or meanings.get(code) or meanings.get(status) or STATUSES.get(status) or refused


KEYS = "Check OPTIONS['access_key'] and ['secret_key'], or where else the credentials come from: they must be of this endpoint."
RENEW = "The temporary credentials have ended, or lack their OPTIONS['security_token']: renew them."
REGION = "Set OPTIONS['region_name'] to the bucket's region, and check OPTIONS['endpoint_url']: http:// or https://, and the host."
NOT_S3 = "What answers there is no S3 store. Check OPTIONS['endpoint_url']: http:// or https://, the host and the port."
PROXY = (
    "It has no error code of S3's: a proxy answers there, or something that is no S3 store. If that goes on, check "
    "OPTIONS['endpoint_url']: http:// or https://, the host and the port."
)
UNREACHABLE = "Check OPTIONS['endpoint_url'], and that its host can be reached from this machine."
OVERDUE = "The request did not end within OPTIONS['TOTAL_TIMEOUT'] of the call."
CERTIFICATE = (
    "Check that OPTIONS['endpoint_url'] begins with https:// only where the server speaks TLS, and that its host is the "
    "certificate's; OPTIONS['verify'] names a file of further certificates to trust."
)
PERMISSION = (
    "Allow these credentials s3:GetObject, s3:PutObject and s3:DeleteObject on the objects, and s3:ListBucket on the bucket: "
    "without the last, S3 says this of a missing object, too, which OPTIONS['FORBIDDEN_IS_MISS'] makes a miss."
)
ADVICE = {
    "NoSuchBucket": "Create the bucket, or correct its name in LOCATION or OPTIONS['bucket_name'].",
    "AccessDenied": PERMISSION,
    "AllAccessDisabled": PERMISSION,
    "InvalidAccessKeyId": KEYS,
    "SignatureDoesNotMatch": KEYS,
    "InvalidToken": RENEW,
    "ExpiredToken": RENEW,
    "TokenRefreshRequired": RENEW,
    "RequestTimeTooSkewed": "Set the clock of this machine, and keep it set by a time service.",
    "AuthorizationHeaderMalformed": REGION,
    "PermanentRedirect": REGION,
    "TemporaryRedirect": REGION,
    "NotImplemented": "Set OPTIONS['PROFILE'] to the kind of store this is, and leave out parameters that it does not know.",
}
"""What to do about an answer, by its code."""
UNCODED = {3: REGION, 4: NOT_S3, 5: PROXY}
"""The same for an answer without one, by the first digit of its status."""


def advice(code: str, status: int) -> str:
    """What to do about an answer; "" where that is not known. An SDK that found no code may give the status in its place."""
    return UNCODED.get(status // 100, "") if code in ("", str(status)) else ADVICE.get(code, "")


LONGEST = 1000
"""How much of what a store said is repeated: it may be a page, or megabytes."""
BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def sentences(said: str, what_to_do: str) -> str:
    """What the store or the SDK said, in one line, and the advice after it."""
    said = cut(BLANK.sub(" ", said).strip())
    return f"{said.rstrip(' .')}. {what_to_do}" if what_to_do else said


def cut(said: str) -> str:
    """Not within a word: half a secret would not be recognized as one any more."""
    return said if len(said) <= LONGEST else said[:LONGEST].rpartition(" ")[0] + " …"
