"""What every S3 engine is told: LOCATION and the lower-case options, read once and alike, so that changing ENGINE changes one word.

``read`` is the way in. It gives the bucket, the prefix and an ``S3Options``; what an engine cannot honour of these, it refuses
itself. The names are those of django-storages. Everything here is pure: no network, no files, no SDK. No message repeats what
may hold a secret; ``S3Options.redact`` does the same for texts that come from an SDK.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from s3cache.engines.profiles import PROFILES, Profile, is_amazon, profile_of
from s3cache.errors import OptionError
from s3cache.validation import Rule, build, flag, mapping, one_of, option, seconds, text, whole

BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,254}")
"""Wider than AWS's rule: old buckets have upper case and underscores, Ceph's tenants and access point ARNs have colons."""

SHORT = 6
"""Shorter secrets than this are redacted only where they stand alone."""

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


def has_host(url: str) -> bool:
    """Whether this is an http or https URL that names a host, and a port only if it is a number."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", url)
    except ValueError:
        return False


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
        """The message without the values of the options that are secret, longest first, in case one holds another."""
        given = [getattr(self, field.name) for field in dataclasses.fields(self) if field.metadata["secret"]]
        secrets = sorted({secret for value in given for secret in texts(value)}, key=len, reverse=True)
        for secret in secrets:
            # A short one may be part of any word, and what is left of the message must still be of use.
            pattern = re.escape(secret) if len(secret) >= SHORT else rf"(?<!\w){re.escape(secret)}(?!\w)"
            message = re.sub(pattern, "***", message)
        return message


def texts(value: object) -> Iterator[str]:
    """All that an option holds, however deep."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
    elif value not in (None, "", True, False):
        yield str(value)


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


def configured_endpoint(environ: Mapping[str, str]) -> str | None:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html"""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or None


def location_url(bucket: str, prefix: str, endpoint_url: str | None) -> str:
    """The engine's ``location``: one URL for one place, however it was written."""
    url = f"s3://{bucket}/{quote(prefix, errors='surrogatepass')}".rstrip("/")
    if endpoint_url is None or is_amazon(endpoint_url):
        return url
    return f"{url}?endpoint={endpoint_url.rstrip('/')}"


def parse_location(location: str) -> tuple[str, str]:
    """Bucket and prefix, each "" where LOCATION does not say it."""
    scheme, separator, rest = location.partition("://")
    if not separator:
        return "", parse_prefix(location, "LOCATION")
    if scheme.lower() != "s3":
        found = f"{scheme}://..." if scheme.isalnum() else "a URL of another kind"
        raise OptionError(f"LOCATION is {found}; accepted: s3://bucket/prefix, or a bare prefix beside OPTIONS['bucket_name'].")
    if "@" in rest:  # anywhere, because a secret key may hold a slash
        raise OptionError("LOCATION holds an @. Keys belong into OPTIONS['access_key'] and OPTIONS['secret_key'].")
    refuse_query(rest, "LOCATION")
    bucket, _, prefix = rest.partition("/")
    return bucket, parse_prefix(prefix, "LOCATION")


def parse_prefix(given: str, place: str) -> str:
    """The prefix as it stands in every name. S3 takes any text; what a person or a tool would misread is refused."""
    refuse_query(given, place)
    prefix = given.strip("/")
    if not prefix:
        return ""
    if any(part in ("", ".", "..") for part in prefix.split("/")):
        raise OptionError(f"{place} has an empty part, '.' or '..' in its prefix. Write it without: prefix/of/the/cache.")
    return f"{prefix}/"


def refuse_query(given: str, place: str) -> None:
    if "?" in given or "#" in given:
        raise OptionError(f"{place} has a query or a fragment (? or #). What it says belongs into OPTIONS.")


def same(what: str, name: str, first: str, second: str) -> str:
    """The value given in LOCATION, in OPTIONS, or alike in both."""
    if first and second and first != second:
        raise OptionError(f"LOCATION names another {what} than OPTIONS[{name!r}]. Give it once.")
    return first or second


def check_endpoint(url: str | None, place: str) -> None:
    if url is None:
        return
    if not has_host(url):
        raise OptionError(f"{place} is not a URL of the form http://host[:port] or https://host[:port].")
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise OptionError(f"{place} holds keys, a query or a fragment. Keys belong into access_key and secret_key.")


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


def check_parameters(options: S3Options) -> None:
    for name in ("object_parameters", "request_parameters"):
        own = sorted(RESERVED.intersection(getattr(options, name) or ()))
        if own:
            raise OptionError(f"OPTIONS[{name!r}] sets {', '.join(own)}, which the cache sets itself. Leave it out.")
