"""The options of the S3 engines in obstore's words; what it has no word for is refused by name.

obstore signs the headers that it makes itself, and none else, so only the parameters it knows can go along with a request.
Everything here is pure, but for the file of certificates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from s3cache.engines.s3headers import CUSTOMER_KEY, WRITTEN, customer_key, header_value
from s3cache.engines.s3options import S3Options, Target
from s3cache.errors import EngineMisconfigured, OptionError

EVERYWHERE = "0.0.0.0/0,::/0,*"
PLAIN = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")
ATTRIBUTES = {**{name: WRITTEN[name] for name in PLAIN}, "StorageClass": "Storage-Class"}
"""Parameters of a write that obstore takes along with it, by the names that it gives them."""
SETTINGS = {
    "BucketKeyEnabled": "sse_bucket_key_enabled",
    "ChecksumAlgorithm": "checksum_algorithm",
    "SSEKMSKeyId": "sse_kms_key_id",
    "ServerSideEncryption": "server_side_encryption",
}
"""Parameters of a write that obstore takes for the store as a whole."""
NOT_TO_BE_UNSET = {"AWS_CHECKSUM_ALGORITHM": "ChecksumAlgorithm", "AWS_SERVER_SIDE_ENCRYPTION": "ServerSideEncryption"}
VIRTUAL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""A bucket whose name can stand in a host's, under a certificate for one level."""


def check_support(options: S3Options) -> None:
    """Raises OptionError for what obstore cannot be told."""
    instead = "The engine 'obstore' cannot send it. Leave it out, or set OPTIONS['ENGINE'] to 'boto3'."
    if options.signature_version == "s3":
        raise OptionError(f"OPTIONS['signature_version'] is 's3', the signature of old. {instead}")
    if options.default_acl is not None:
        raise OptionError(f"OPTIONS['default_acl'] is set. {instead}")
    accepted = {
        "object_parameters": {*ATTRIBUTES, *SETTINGS, "Metadata", "Tagging"},
        "request_parameters": {"RequestPayer", "SSECustomerAlgorithm", "SSECustomerKey"},
    }
    for name, known in accepted.items():
        unknown = sorted(set(getattr(options, name) or {}) - known)
        if unknown:
            raise OptionError(f"OPTIONS[{name!r}] has {', '.join(unknown)}. {instead} It knows: {', '.join(sorted(known))}.")


def check_environment(settings: Mapping[str, object], environ: Mapping[str, str]) -> None:
    """obstore follows these variables, and no value of its own arguments says "none"."""
    for variable, parameter in NOT_TO_BE_UNSET.items():
        if environ.get(variable) is not None and SETTINGS[parameter] not in settings and "sse_customer_key_base64" not in settings:
            raise EngineMisconfigured(
                f"The environment sets {variable}, which obstore would follow unasked. Unset it, or give {parameter} in "
                "OPTIONS['object_parameters']."
            )


def is_encrypted(options: S3Options) -> bool:
    return options.use_ssl if options.endpoint_url is None else urlsplit(options.endpoint_url).scheme == "https"


def written(options: S3Options) -> dict[str, Any]:
    """What goes along with every write. Raises OptionError for a value that no header can carry."""
    given = options.object_parameters or {}
    attributes = {"Content-Type": "application/octet-stream"}
    attributes |= {ATTRIBUTES[name]: header_value(place_of(name), given[name]) for name in given if name in ATTRIBUTES}
    place, metadata = place_of("Metadata"), given.get("Metadata", {})
    if not isinstance(metadata, Mapping) or set(metadata) & set(ATTRIBUTES.values()):
        raise OptionError(f"{place} is not a dictionary of names and texts.")
    attributes |= {header_value(place, name): header_value(place, value) for name, value in metadata.items()}
    tagging = dict(parse_qsl(header_value(place_of("Tagging"), given.get("Tagging", "")), keep_blank_values=True))
    return {"attributes": attributes} | ({"tags": tagging} if tagging else {})


def place_of(parameter: str) -> str:
    return f"OPTIONS['object_parameters'][{parameter!r}]"


def encryption(options: S3Options) -> dict[str, Any]:
    """What obstore is told of encryption and checksums. A customer's key is given raw, as boto3 takes it. Raises OptionError."""
    given, key = options.object_parameters or {}, (options.request_parameters or {}).get("SSECustomerKey")
    settings = {SETTINGS[name]: value for name, value in given.items() if name in SETTINGS}
    if key is not None:
        encoded = customer_key("OPTIONS['request_parameters']['SSECustomerKey']", key)[CUSTOMER_KEY]
        settings |= {"server_side_encryption": "sse-c", "sse_customer_key_base64": encoded}
    return settings


def security(options: S3Options) -> dict[str, Any]:
    if isinstance(options.verify, str):  # beside the authorities that the system trusts: obstore takes none away
        return {"root_certificate": Path(options.verify).read_bytes()}
    return {"allow_invalid_certificates": True} if options.verify is False else {}


def proxy(options: S3Options, url: str) -> dict[str, Any]:
    """The proxy for this URL. Where none is given, that of the environment counts, and with an empty dictionary none at all."""
    if options.proxies is None:
        return {}
    given = options.proxies.get(urlsplit(url).scheme)
    # obstore has no word for "none"; a proxy that is excluded everywhere keeps that of the environment out as well.
    return {"proxy_url": given} if given else {"proxy_url": "http://127.0.0.1:1", "proxy_excludes": EVERYWHERE}


def endpoint(target: Target, region: str) -> tuple[str, bool]:
    """The URL that obstore puts names behind, and whether the bucket stands in its host."""
    options, profile = target.options, target.profile
    style = options.addressing_style or profile.addressing_style or "auto"
    url = (options.endpoint_url or amazon(target, region)).rstrip("/")
    fits = options.endpoint_url is None and VIRTUAL.fullmatch(target.bucket) is not None
    virtual = style == "virtual" or (style == "auto" and fits)
    return (url.replace("://", f"://{target.bucket}.", 1) if virtual else url), virtual


def amazon(target: Target, region: str) -> str:
    """https://docs.aws.amazon.com/general/latest/gr/s3.html"""
    scheme = "https" if target.options.use_ssl else "http"
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    if target.profile.name == "express":
        zone = target.bucket.removesuffix("--x-s3").rpartition("--")[2]
        return f"{scheme}://s3express-{zone}.{region}.{domain}"
    return f"{scheme}://s3.{region}.{domain}"
