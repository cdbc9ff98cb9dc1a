"""The options of django-s3-cache 1.x in today's words. ``translate`` is the way in, and pure.

1.x read OPTIONS alone, took its names in capitals or in small letters, and dropped in silence what it did not know. Here a name
is in one of these tables, or one of today's, or an error: ``ALIASES`` has a second name of the same thing, ``RENAMED`` what only
has another name today, ``CONVERTED`` what is said in other words, and ``GONE`` what nothing is left of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from s3cache import legacyvalues
from s3cache.errors import OptionError
from s3cache.legacyvalues import Options
from s3cache.options import OWN_NAMES
from s3cache.validation import known_names

ALIASES = {
    "access_key_id": "access_key",
    "secret_access_key": "secret_key",
    "storage_bucket_name": "bucket_name",
    "is_gzipped": "gzip",
}
RENAMED = ("access_key", "secret_key", "security_token", "bucket_name", "location")
SWITCHES = ("gzip", "use_ssl", "encryption", "reduced_redundancy")

FOR_URLS = "It shaped the URLs of files, and a cache makes none. Remove it."
GONE = {
    "bucket_acl": "The cache makes no buckets. Make the bucket private with your provider's tools, and remove the option.",
    "auto_create_bucket": "The cache makes no buckets. Make it once with your provider's tools, and remove the option.",
    "origin": "The cache makes no buckets. Write the bucket's region as OPTIONS['region_name'].",
    "preload_metadata": "Nothing is listed in advance any more. Remove it.",
    "gzip_content_types": "OPTIONS['COMPRESSOR'] compresses every value that it makes smaller. Remove it.",
    "file_name_charset": "The names of objects are plain ASCII. Remove it.",
    "file_overwrite": "A write always replaces the entry. Remove it.",
    "max_memory_size": "OPTIONS['MAX_VALUE_BYTES'] bounds the size of a value. Remove it.",
    "querystring_auth": FOR_URLS,
    "querystring_expire": FOR_URLS,
    "custom_domain": FOR_URLS,
    "url_protocol": FOR_URLS,
    "secure_urls": f"{FOR_URLS} OPTIONS['USE_SSL'] says how the store is reached.",
}

CONVERTED: Mapping[tuple[str, ...], Callable[..., Options]] = {
    ("host", "port", "use_ssl"): legacyvalues.endpoint,
    ("proxy", "proxy_port"): legacyvalues.proxies,
    ("calling_format",): legacyvalues.addressing,
    ("gzip",): legacyvalues.compressor,
    ("default_acl",): legacyvalues.access,
    ("encryption",): legacyvalues.encryption,
    ("reduced_redundancy",): legacyvalues.storage_class,
    ("headers",): legacyvalues.parameters,
}
KNOWN = {*RENAMED, *GONE, *(name for names in CONVERTED for name in names)}
NO_ACL = ("local", "memory", "obstore")
"""Engines that cannot send one."""


class Translated(NamedTuple):
    """What ObjectStoreCache is told."""

    location: str
    options: Options
    notices: list[str]
    """One text for each thing that is given and does nothing."""


def translate(location: str, given: Mapping[str, Any]) -> Translated:
    """LOCATION and OPTIONS of a 1.x cache, and whatever was added since, in today's words. Leaves ``given`` as it is.

    Of 1.x's options None and "" mean that they are not given, as they did. Raises OptionError for a name that neither 1.x nor
    today's options have, for two that contradict each other, and for what cannot be said in today's words.
    """
    old, spelled = recognized(given)
    options = {name: value for name, value in given.items() if canonical(name) not in KNOWN}
    refuse_unknown(options)
    options.update((name, old[name]) for name in RENAMED if name in old)
    for names, convert in CONVERTED.items():
        sources = [spelled[name] for name in names if name in old]
        if sources:
            add(options, convert(*map(old.get, names)), sources)
    notices = [f"OPTIONS[{spelled[name]!r}] does nothing since django-s3-cache 2.0. {GONE[name]}" for name in GONE if name in old]
    if options.get("default_acl") and (engine := given.get("ENGINE")) in NO_ACL:
        del options["default_acl"]
        notices.append(f"OPTIONS[{spelled['default_acl']!r}] does nothing with the engine {engine!r}. Remove it, or take boto3.")
    if location and "ENGINE" not in given and not is_s3(location):
        notices.append(
            "LOCATION of a cache whose BACKEND is AmazonS3Cache does nothing, as ever, unless it is s3://bucket/prefix or OPTIONS "
            "has an ENGINE. Remove it, or write it as OPTIONS['LOCATION'] if it is the prefix you want."
        )
        location = ""
    return Translated(location, options, notices)


def is_s3(location: str) -> bool:
    return location.lower().startswith("s3://")


def canonical(name: str) -> str:
    return ALIASES.get(name.lower(), name.lower())


def recognized(given: Mapping[str, Any]) -> tuple[Options, dict[str, str]]:
    """1.x's options that are given, by their one name, and how each is spelled. Raises OptionError where spellings differ."""
    old: Options = {}
    spelled: dict[str, str] = {}
    for name, value in given.items():
        known = canonical(name)
        if known not in KNOWN or value is None or value == "":
            continue
        if known in SWITCHES and value not in (True, False):
            raise OptionError(f"OPTIONS[{name!r}] is of type {type(value).__name__}; accepted: True or False.")
        if known in old and old[known] != value:
            raise OptionError(f"OPTIONS[{spelled[known]!r}] and OPTIONS[{name!r}] are one option with two values. Give one.")
        old[known], spelled[known] = bool(value) if known in SWITCHES else value, name
    return old, spelled


def refuse_unknown(options: Iterable[str]) -> None:
    """Of what is not 1.x's. Names in small letters are the engine's, which looks at them itself."""
    for name in options:
        if not name.islower() and name not in OWN_NAMES:
            known = {*OWN_NAMES, *(one.upper() for one in (*KNOWN, *ALIASES))}
            hint = "The engine's own options are written in lower case."
            raise OptionError(f"OPTIONS[{name!r}] is not an option. {known_names(name, known)} {hint}")


def add(options: Options, more: Mapping[str, Any], sources: Iterable[str]) -> None:
    """Raises OptionError where today's option is given, too, and says otherwise."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(options.get(name), Mapping):
            options[name] = inner = {**options[name]}
            add(inner, value, sources)
        elif name in options and options[name] != value:
            raise OptionError(f"OPTIONS has {' and '.join(sources)}, and {name!r} that says otherwise. Leave out one of the two.")
        else:
            options[name] = value
