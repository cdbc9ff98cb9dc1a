"""What every S3 engine is told: LOCATION and the lower-case options, read once and alike, so that changing ENGINE changes one word.

``read`` is the way in. It gives a ``Target``; what an engine cannot honour of it, it refuses itself. The names are those of
django-storages. Everything here is pure: no network, no files, no SDK. No message repeats what may hold a secret;
``S3Options.redact`` does the same for texts that come from an SDK.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

from s3cache.engines.profiles import PROFILES, Profile, profile_of
from s3cache.engines.redaction import redacted
from s3cache.engines.s3location import BUCKET, check_endpoint, configured_endpoint, has_host, parse_location, parse_prefix, same
from s3cache.errors import OptionError
from s3cache.validation import Rule, build, flag, mapping, one_of, option, seconds, text, whole

OBJECT = {"Bucket", "Key", "VersionId", "PartNumber", "Range", "Body", "ContentLength", "ContentMD5", "Delete"}
CONDITIONS = {"IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"}
LISTING = {"Prefix", "Delimiter", "StartAfter", "ContinuationToken", "MaxKeys", "EncodingType"}
RESERVED = OBJECT | CONDITIONS | LISTING
"""Parameters of a request that are the cache's own to set."""


def certificates() -> Rule:
    return Rule("True, False or the path of a file of certificates", lambda value: isinstance(value, bool) or text().test(value))


def proxy_urls() -> Rule:
    """Each URL must parse here, because an SDK's complaint about it would repeat its password."""
    return Rule(
        "a dictionary from 'http' or 'https' to a proxy's URL, http://[user:password@]host[:port]",
        lambda value: (
            isinstance(value, Mapping) and all(key in ("http", "https") and is_proxy_url(url) for key, url in value.items())
        ),
    )


def is_proxy_url(value: object) -> bool:
    return isinstance(value, str) and has_host(value if "://" in value else f"http://{value}")


def is_line(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


ONE_LINE = Rule("text without line breaks and other control characters", lambda value: is_line(value) or not isinstance(value, str))
"""What SDKs would send, or stumble over, where a text is meant. Values of other types are theirs to judge."""
PARAMETERS = {
    "Metadata": Rule(
        "a dictionary of texts without line breaks",
        lambda value: isinstance(value, Mapping) and all(map(is_line, (*value, *value.values()))),
    ),
    "SSECustomerKey": Rule("the 32 bytes of a key, or text", lambda value: isinstance(value, str | bytes)),
}
"""The parameters of a request over which an SDK stumbles without saying why."""


@dataclasses.dataclass(frozen=True)
class S3Options:
    """The options that all S3 engines share. Without ``access_key`` the SDK looks for credentials in boto3's order."""

    bucket_name: str | None = option(None, text().or_none())
    location: str | None = option(None, Rule("a string", lambda value: isinstance(value, str)).or_none())
    """The prefix of every name, beside ``bucket_name``."""
    endpoint_url: str | None = option(None, text().or_none())
    """http:// or https:// of a store that is not AWS."""
    region_name: str | None = option(None, text().or_none())
    access_key: str | None = option(None, text().or_none(), secret=True)
    secret_key: str | None = option(None, text().or_none(), secret=True)
    security_token: str | None = option(None, text().or_none(), secret=True)
    session_profile: str | None = option(None, text().or_none())
    """A profile of the shared AWS configuration files."""
    addressing_style: str | None = option(None, one_of("auto", "path", "virtual").or_none())
    signature_version: str | None = option(None, one_of("s3v4", "s3", "unsigned").or_none())
    """``unsigned`` sends no credentials at all, for a store that asks for none."""
    use_ssl: bool = option(True, flag())
    """Only where no ``endpoint_url`` says it."""
    verify: bool | str | None = option(None, certificates().or_none())
    """False does not check the server's certificate; a path names the certificates to trust."""
    proxies: Mapping[str, str] | None = option(None, proxy_urls().or_none(), secret=True)
    """An empty dictionary: no proxy, whatever the environment says."""
    default_acl: str | None = option(None, text().or_none())
    object_parameters: Mapping[str, object] | None = option(None, mapping().or_none(), secret=True)
    """On every write, by the names of S3's PutObject: StorageClass, ServerSideEncryption, Tagging, ..."""
    request_parameters: Mapping[str, object] | None = option(None, mapping().or_none(), secret=True)
    """On every request that knows them: RequestPayer, ExpectedBucketOwner, SSECustomerKey, ..."""
    connect_timeout: float = option(1.0, seconds())
    """Seconds until a connection stands."""
    read_timeout: float = option(3.0, seconds())
    """Seconds between two pieces of an answer."""
    max_attempts: int = option(3, whole(1))
    """How often a request goes out in all. A conditional write goes out once."""
    max_pool_connections: int = option(64, whole(1))
    profile: str | None = option(None, one_of(*PROFILES).or_none())
    """What kind of store it is; None: as its host tells. It is the cache's option PROFILE, handed on."""

    def redact(self, message: str) -> str:
        return redacted(self, message)


class Target(NamedTuple):
    """What an engine works on, and how."""

    bucket: str
    prefix: str
    """Text that ends in ``/``, or "" for the bucket's root."""
    profile: Profile
    options: S3Options


def read(location: str, given: Mapping[str, object], environ: Mapping[str, str]) -> Target:
    """What LOCATION and the checked options say together.

    LOCATION is ``s3://bucket/prefix``, or a bare prefix beside ``bucket_name``, or empty beside it: then the cache is at the
    bucket's root. Where no ``endpoint_url`` is given, that of the environment counts, as with AWS's own tools. Raises
    OptionError for every mistake in either.
    """
    options = build(S3Options, given, spelled=spelled)
    check_endpoint(options.endpoint_url, "OPTIONS['endpoint_url']")
    if options.endpoint_url is None:
        options = dataclasses.replace(options, endpoint_url=configured_endpoint(environ))
        check_endpoint(options.endpoint_url, "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL of the environment")
    check_credentials(options)
    check_parameters(options)
    bucket, prefix = parse_location(location)
    bucket = same("bucket", "bucket_name", bucket, options.bucket_name or "")
    prefix = same("prefix", "location", prefix, parse_prefix(options.location or "", "OPTIONS['location']"))
    if not bucket:
        raise OptionError("No bucket is given. Write LOCATION as s3://bucket/prefix, or set OPTIONS['bucket_name'].")
    if not BUCKET.fullmatch(bucket):
        raise OptionError("The bucket's name is not one that S3 accepts: letters and digits, with . - _ or : between them.")
    profile = PROFILES[options.profile] if options.profile else profile_of(bucket, options.endpoint_url)
    return Target(bucket, prefix, profile, options)


def spelled(field: str) -> str:
    """The option's name. PROFILE is the cache's own, handed on by it."""
    return field.upper() if field == "profile" else field


def check_credentials(options: S3Options) -> None:
    if (options.access_key is None) != (options.secret_key is None):
        raise OptionError("OPTIONS['access_key'] and OPTIONS['secret_key'] belong together: give both, or neither.")
    if options.security_token is not None and options.access_key is None:
        raise OptionError("OPTIONS['security_token'] needs OPTIONS['access_key'] and OPTIONS['secret_key'].")
    if options.session_profile is not None and options.access_key is not None:
        raise OptionError("OPTIONS['session_profile'] and OPTIONS['access_key'] exclude each other: give one of the two.")
    for name in ("access_key", "secret_key", "security_token"):
        value = getattr(options, name) or ""
        if not (value.isascii() and value.isprintable()):  # an SDK would repeat it in its error, escaped, or panic
            raise OptionError(f"OPTIONS[{name!r}] holds a line break, or another character that no header can carry.")
    if not (options.region_name or "").isprintable():
        raise OptionError("OPTIONS['region_name'] holds a line break, or another character that is no part of a region's name.")


def check_parameters(options: S3Options) -> None:
    for option_name in ("object_parameters", "request_parameters"):
        parameters = getattr(options, option_name) or {}
        own = sorted(RESERVED.intersection(parameters))
        if own:
            raise OptionError(f"OPTIONS[{option_name!r}] sets {', '.join(own)}, which the cache sets itself. Leave it out.")
        for name, value in parameters.items():
            rule = PARAMETERS.get(name, ONE_LINE)
            if not rule.test(value):
                found = f"OPTIONS[{option_name!r}][{name!r}] is of type {type(value).__name__}"
                raise OptionError(f"{found}; accepted: {rule.accepts}.")
