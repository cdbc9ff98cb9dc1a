"""How a plain Django Storage is made for a cache: its options, checked, and set so that it replaces files; its place as a URL."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from django.core.files.storage import FileSystemStorage, Storage

from s3cache.engines.plainstorageerrors import SECRET, describe
from s3cache.engines.s3location import parse_prefix
from s3cache.engines.s3storagesettings import defaults
from s3cache.errors import OptionError
from s3cache.validation import known_names, shown

REPLACING = {"file_overwrite": True, "overwrite_files": True, "allow_overwrite": True, "write_mode": "overwrite"}
"""What Google Cloud, Azure, the file system and Dropbox call it, and the value with which a save replaces a file."""


class Made(NamedTuple):
    """A storage object of the cache's own."""

    storage: Storage
    replaces: bool
    """Whether ``save`` overwrites; else the old file must go first."""


def options_of(kind: type[Storage], alias_options: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """The storage's options. Raises OptionError for one that it does not take, and for one that would keep it from replacing."""
    for name, value in given.items():
        if name in REPLACING and value != REPLACING[name]:
            raise OptionError(f"OPTIONS[{name!r}] is {shown(value)}, and a cache must replace what it stores. Leave it out.")
    options = {name: value for name, value in {**alias_options, **given}.items() if name not in REPLACING}
    known = accepted(kind)
    for name in options:
        if known is not None and name not in known:
            hint = " PROFILE is for stores that speak the S3 protocol." if name == "PROFILE" else ""
            raise OptionError(f"OPTIONS[{name!r}] is not an option of {path_of(kind)}. {known_names(name, known)}{hint}")
    return options


def accepted(kind: type[Storage]) -> set[str] | None:
    """The names of the options that a storage takes; None where it takes any."""
    if hasattr(kind, "get_default_settings"):
        return named(kind) | defaults(kind).keys()
    return None if takes_any(kind) else named(kind)


def named(kind: type[Storage]) -> set[str]:
    return {one.name for one in parameters(kind) if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}


def takes_any(kind: type[Storage]) -> bool:
    return any(one.kind is one.VAR_KEYWORD for one in parameters(kind))


def parameters(kind: type[Storage]) -> list[inspect.Parameter]:
    """Not those of the class, which Django's ``deconstructible`` hides."""
    return list(inspect.signature(kind.__init__).parameters.values())[1:]


def make_storage(kind: type[Storage], options: Mapping[str, object]) -> Made:
    """A new storage object that replaces files, if the class knows how. Raises whatever the class does."""
    given = dict(options)
    if issubclass(kind, FileSystemStorage) and ("allow_overwrite" in named(kind) or takes_any(kind)):
        given["allow_overwrite"] = True
    storage: Any = kind(**given)
    switches = [name for name in REPLACING if name != "allow_overwrite" and hasattr(storage, name)]
    for name in switches:
        setattr(storage, name, REPLACING[name])
    return Made(storage, bool(switches) or "allow_overwrite" in given)


def make_local(kind: type[Storage], options: Mapping[str, object]) -> Made:
    """The same for a storage of this machine, which reads nothing to be made. Raises OptionError."""
    try:
        made = make_storage(kind, options)
        rooted = not isinstance(made.storage, FileSystemStorage) or (made.storage.base_location and made.storage.location)
    except Exception as error:  # whatever a subclass does
        raise OptionError(f"{path_of(kind)} cannot be made: {describe(error, options)}") from error
    if not rooted:
        raise OptionError("OPTIONS['location'] is not given and MEDIA_ROOT is empty. Give the directory of the FileSystemStorage.")
    return made


def parse_location(location: str) -> str:
    """The prefix of every name. Raises OptionError."""
    if "://" in location or "\\" in location or location.startswith("/"):
        raise OptionError(
            "LOCATION is a path or a URL; accepted over a Django Storage: a bare prefix, such as site-cache, or nothing for the "
            "storage's root. Where the storage is, its own options say; a FileSystemStorage has OPTIONS['location']."
        )
    return parse_prefix(location, "LOCATION")


def location_url(kind: type[Storage], prefix: str, options: Mapping[str, object], made: Made | None) -> str:
    """The engine's ``location``: the directory; or the class, with a digest of those of its options that cannot be secret."""
    if made is not None and isinstance(made.storage, FileSystemStorage):
        return "file://" + quote(f"{made.storage.location}/{prefix}".rstrip("/"), errors="surrogateescape")
    told = sorted((name, repr(value)) for name, value in options.items() if not SECRET.search(name) and is_plain(value))
    digest = hashlib.sha256(repr(told).encode(errors="surrogatepass")).hexdigest()[:12]
    return f"storage://{path_of(kind)}/{quote(prefix, errors='surrogatepass')}".rstrip("/") + f"?options={digest}"


def is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def path_of(kind: type[Storage]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
