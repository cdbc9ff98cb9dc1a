"""The engine ``storages``: any Django Storage. Here one is chosen; ``s3storage`` and ``plainstorage`` hold the two engines.

    OPTIONS = {"ENGINE": "storages", "storage": "media", ...}

``storage`` is an alias of STORAGES or the dotted path of a class; without it, the S3Storage that is installed, of django-storages
or of django-storages-s3. S3Storage and its subclasses are used through their boto3 client, with all that S3 can do; every other
Storage through Django's Storage API, with what that can do. The other lower-case options are the storage's own, and go before
those of an alias.

The cache makes storage objects of its own, so that nothing it sets on them reaches the rest of the site. S3Storage is
imported on first use; the module of any other storage already here, because only its class tells what it takes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import NamedTuple, Self, TypeAlias, cast

from django.conf import settings
from django.core.files.storage import Storage
from django.utils.module_loading import import_string

from s3cache.engines.base import Engine
from s3cache.engines.plainstorage import PlainStorageEngine
from s3cache.engines.s3storage import S3StorageEngine
from s3cache.engines.s3storagesettings import S3_MODULES
from s3cache.errors import OptionError
from s3cache.validation import known_names, shown

INSTALL = 'Install it with: pip install "django-s3-cache[storages]"'

Chosen: TypeAlias = S3StorageEngine | PlainStorageEngine


class StoragesEngine(Engine):
    """What ENGINE names. It is never made itself: ``from_options`` gives one of the two engines."""

    @classmethod
    def from_options(cls, location: str, options: Mapping[str, object]) -> Self:
        """The engine for the storage that the options name. Raises OptionError."""
        choice = choose(options)
        if choice.path.rpartition(".")[0] in S3_MODULES:
            check_installed(choice.path)
            engine: Chosen = S3StorageEngine.over(choice.path, None, location, choice.alias_options, choice.options)
        else:
            engine = for_class(load(choice.path), choice, location)
        return cast(Self, engine)  # each of the two keeps the contract


class Choice(NamedTuple):
    """Which storage, and what was said of it."""

    path: str
    """The dotted path of its class."""
    options: Mapping[str, object]
    """The cache's own lower-case options but for ``storage``."""
    alias_options: Mapping[str, object]
    """Those of the alias; empty where the cache names a class."""


def choose(options: Mapping[str, object]) -> Choice:
    given = dict(options)
    name = given.pop("storage", None)
    if name is None:
        return Choice(installed_s3_storage(), given, {})
    if not isinstance(name, str):
        raise OptionError(f"OPTIONS['storage'] is {shown(name)}; accepted: an alias of STORAGES, or the dotted path of a class.")
    if name in settings.STORAGES:
        entry = settings.STORAGES[name]
        return Choice(entry["BACKEND"], given, entry.get("OPTIONS") or {})
    if "." in name:
        return Choice(name, given, {})
    known = known_names(name, settings.STORAGES)
    raise OptionError(f"OPTIONS['storage'] is {name!r}, which is no alias of STORAGES. {known} A dotted path is accepted, too.")


def installed_s3_storage() -> str:
    """The two packages that have one exclude each other, because both are called ``storages``."""
    for module in S3_MODULES:
        if is_installed(module):
            return f"{module}.S3Storage"
    raise OptionError(
        "OPTIONS['ENGINE'] is 'storages', and neither django-storages nor django-storages-s3 is installed. "
        f"{INSTALL}, or name another Django Storage in OPTIONS['storage']."
    )


def check_installed(path: str) -> None:
    if not is_installed(path.rpartition(".")[0]):
        raise OptionError(f"OPTIONS['storage'] is {path!r}, which is not installed. {INSTALL}")


def is_installed(module: str) -> bool:
    """Imports nothing but the module's parents."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def load(path: str) -> type[Storage]:
    """The class at that path. Raises OptionError."""
    try:
        kind = import_string(path)
    except Exception as error:  # whatever a foreign module does while it is imported
        hint = f" {INSTALL}" if path.startswith("storages.") and not is_installed("storages") else ""
        raise OptionError(
            f"OPTIONS['storage'] is {path!r}, which cannot be imported: {type(error).__name__}: {error}.{hint}"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Storage)):
        raise OptionError(f"OPTIONS['storage'] is {path!r}, which is no Django Storage.")
    return kind


def for_class(kind: type[Storage], choice: Choice, location: str) -> Chosen:
    if any(one.__module__ in S3_MODULES for one in kind.__mro__):
        return S3StorageEngine.over(choice.path, kind, location, choice.alias_options, choice.options)
    return PlainStorageEngine.over(kind, location, choice.alias_options, choice.options)
