"""What an S3Storage is told, and where: the options of both packages, sorted into what a cache uses and what it cannot.

Options count in this order, the last first: Django's settings (AWS_STORAGE_BUCKET_NAME and so on, as S3Storage reads them), what a
subclass says, the OPTIONS of an alias of STORAGES, the cache's own. LOCATION goes before the bucket and the location of the first
three. Credentials are taken from one of these places, never pieced together from several.

https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from s3cache.errors import OptionError

S3_MODULES = ("storages.backends.s3", "storages.s3", "storages.backends.s3boto3")
"""Where the packages have their S3Storage and its variants."""

CREDENTIALS = {
    "access_key": ("AWS_S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
    "secret_key": ("AWS_S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    "security_token": ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    "session_profile": ("AWS_S3_SESSION_PROFILE",),
}
USED = {
    **CREDENTIALS,
    "bucket_name": ("AWS_STORAGE_BUCKET_NAME",),
    "location": ("AWS_LOCATION",),
    "endpoint_url": ("AWS_S3_ENDPOINT_URL",),
    "region_name": ("AWS_S3_REGION_NAME",),
    "addressing_style": ("AWS_S3_ADDRESSING_STYLE",),
    "signature_version": ("AWS_S3_SIGNATURE_VERSION",),
    "use_ssl": ("AWS_S3_USE_SSL",),
    "verify": ("AWS_S3_VERIFY",),
    "proxies": ("AWS_S3_PROXIES",),
    "default_acl": ("AWS_DEFAULT_ACL",),
    "object_parameters": ("AWS_S3_OBJECT_PARAMETERS",),
    "client_config": ("AWS_S3_CLIENT_CONFIG",),
}
"""The storage's options that a cache uses, and the Django settings that they default to."""

URLS = "it is for the URLs of files, and an entry has none. Leave it out."
GZIP = "it is for files of certain content types. Set OPTIONS['COMPRESSOR'] to 'gzip', or better to 'zstd'."
UPLOADS = "an entry is sent in one request, not in parts. Leave it out; OPTIONS['max_pool_connections'] bounds the connections."
UNUSED = {
    **dict.fromkeys(("custom_domain", "public_domain", "url_protocol", "querystring_auth", "querystring_expire"), URLS),
    **dict.fromkeys(("cloudfront_key_id", "cloudfront_key", "cloudfront_signer"), URLS),
    **dict.fromkeys(("gzip", "gzip_content_types"), GZIP),
    **dict.fromkeys(("transfer_config", "use_threads"), UPLOADS),
    "max_memory_size": "an entry never becomes a temporary file. OPTIONS['MAX_VALUE_BYTES'] bounds what is held in memory.",
    "file_name_charset": "names are always written in UTF-8. Leave it out.",
}
"""Options of S3Storage that mean nothing to a cache: refused in the cache's OPTIONS, passed over wherever else they stand."""


def options_of(
    location: str, kind: type[Any] | None, alias_options: Mapping[str, object], given: Mapping[str, object]
) -> dict[str, object]:
    """What all places say together. ``kind`` is the class where it is a subclass of S3Storage.

    Raises OptionError for what the cache's own OPTIONS should not ask of an S3Storage.
    """
    refuse_unused(given)
    alias = {name: value for name, value in alias_options.items() if name not in UNUSED}
    options: dict[str, object] = {}
    for layer in (of_environment(), of_settings(), of_class(kind) if kind else {}, alias):
        overlay(options, private({name: value for name, value in layer.items() if is_said(value)}))
    if location:
        options.pop("location", None)
    if "://" in location:
        options.pop("bucket_name", None)
    overlay(options, given)
    options.pop("file_overwrite", None)  # of an alias it may be False: a put of the client always replaces
    return options


def private(layer: Mapping[str, object]) -> dict[str, object]:
    """Without what opens files to the world: that is said of a site's files, and must not be true of a cache's entries."""
    kept = {name: value for name, value in layer.items() if name != "default_acl"}
    parameters = kept.get("object_parameters")
    if isinstance(parameters, Mapping):
        kept["object_parameters"] = {
            name: value for name, value in parameters.items() if not re.fullmatch("ACL|Grant.*", str(name))
        }
    return kept


def overlay(options: dict[str, object], layer: Mapping[str, object]) -> None:
    if layer.keys() & CREDENTIALS.keys():
        for name in CREDENTIALS:
            options.pop(name, None)
    options |= layer


def refuse_unused(given: Mapping[str, object]) -> None:
    for name in given:
        if name in UNUSED:
            raise OptionError(f"OPTIONS[{name!r}] is an option of S3Storage that a cache cannot use: {UNUSED[name]}")
    if given.get("file_overwrite", True) is not True:
        raise OptionError("OPTIONS['file_overwrite'] is not True, and a cache must replace what it stores. Leave it out.")


def of_environment() -> dict[str, object]:
    """The variables that only S3Storage reads. The others are boto3's to find, in its order."""
    said: dict[str, object] = {
        "access_key": os.environ.get("AWS_S3_ACCESS_KEY_ID"),
        "secret_key": os.environ.get("AWS_S3_SECRET_ACCESS_KEY"),
        "session_profile": os.environ.get("AWS_S3_SESSION_PROFILE"),
    }
    if said["access_key"]:
        said["security_token"] = os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_SECURITY_TOKEN")
    return said


def of_settings() -> dict[str, object]:
    found = ((option, getattr(settings, name, None)) for option, names in USED.items() for name in reversed(names))
    return {option: value for option, value in found if is_said(value)}


def of_class(kind: type[Any]) -> dict[str, object]:
    """What a subclass says on its own: the defaults that it changes, and its attributes, which go before them."""
    usual, changed = defaults(s3_base(kind)), defaults(kind)
    said = {name: value for name, value in changed.items() if name in USED and value != usual[name]}
    return said | {name: getattr(kind, name) for name in USED if hasattr(kind, name)}


def added_by(kind: type[Any]) -> frozenset[str]:
    """The names of the options that a subclass takes beside those of S3Storage."""
    return frozenset(defaults(kind).keys() - defaults(s3_base(kind)).keys())


def s3_base(kind: type[Any]) -> type[Any]:
    return next(one for one in kind.__mro__ if one.__module__ in S3_MODULES)


def defaults(kind: type[Any]) -> dict[str, object]:
    """What a storage of django-storages begins with, and so takes. Raises OptionError.

    The method is called on an object that was never initialised, because that may want options that are not there yet.
    """
    unborn: Any = object.__new__(kind)
    try:
        return dict(unborn.get_default_settings())
    except Exception as error:  # whatever a foreign class does
        raise OptionError(f"{kind.__name__}.get_default_settings() raises {type(error).__name__}: {error}.") from error


def is_said(value: object) -> bool:
    """S3Storage takes None and empty text for nothing at all; False and an empty dictionary say something."""
    return value is not None and value != ""
