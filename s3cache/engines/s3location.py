"""Where an S3 cache lies: LOCATION, its prefix, the endpoint, each read into the one form that names and URLs have.

No message repeats a text that may hold a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from s3cache.engines.profiles import is_amazon
from s3cache.errors import OptionError

BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,254}")
"""Wider than AWS's rule: old buckets have upper case and underscores, Ceph's tenants and access point ARNs have colons."""


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
        other = " gs:// and az:// are for the engine 'obstore'." if scheme.lower() in ("gs", "az") else ""
        raise OptionError(
            f"LOCATION is {found}; accepted: s3://bucket/prefix, or a bare prefix beside OPTIONS['bucket_name'].{other}"
        )
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
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", prefix):
        raise OptionError(f"{place} has a control character in its prefix, or one that has no UTF-8.")
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


def has_host(url: str) -> bool:
    """Whether this is an http or https URL that names a host, and a port only if it is a number."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", url)
    except ValueError:
        return False
