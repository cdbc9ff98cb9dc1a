"""Django system checks of CACHES, without network. Each has an id with a heading in ``docs/reference/checks.rst``.

A mistake is an Error and stops ``manage.py``; what may hurt later is a Warning. SILENCED_SYSTEM_CHECKS silences what is meant so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from s3cache.backend import ObjectStoreCache
from s3cache.options import READABLE, is_local
from s3cache.sampling import PAGE

Caches = dict[str, ObjectStoreCache]

IN_PROCESS = tuple(f"django.core.cache.backends.{name}" for name in ("dummy.DummyCache", "locmem.LocMemCache"))

LIMITS = ("max_entries", "max_bytes", "cull_frequency", "max_value_bytes")
AGREED = ("serializer", "accept_serializers", "signing", "name_key", "namespace", "key_layout", *LIMITS)


@register(Tags.caches)
def check_caches(app_configs: object, **keywords: object) -> list[CheckMessage]:
    """All checks, over every alias whose BACKEND is ObjectStoreCache or a subclass."""
    caches: Caches = {}
    messages: list[CheckMessage] = []
    for alias, entry in settings.CACHES.items():
        backend = backend_of(entry)
        if backend is None:
            continue
        try:
            caches[alias] = built(backend, entry)
        except ImproperlyConfigured as error:
            messages.append(Error(f"CACHES[{alias!r}] cannot be used. {error}", id="s3cache.E001"))
    for alias, cache in caches.items():
        messages += [
            *unsigned(alias, cache),
            *relative(alias, cache, settings.CACHES[alias]),
            *exposed(alias, cache),
            *limits(alias, cache),
            *large_values(alias, cache),
            *revealed(alias, cache),
        ]
    return [*messages, *shared_locations(caches)]


def backend_of(entry: Mapping[str, Any]) -> type[ObjectStoreCache] | None:
    """The entry's class if it is ours; None for others, and for one that Django itself will complain of."""
    try:
        found = import_string(entry["BACKEND"])
    except (ImportError, LookupError, TypeError, AttributeError):
        return None
    return found if isinstance(found, type) and issubclass(found, ObjectStoreCache) else None


def built(backend: type[ObjectStoreCache], entry: Mapping[str, Any]) -> ObjectStoreCache:
    params = {name: value for name, value in entry.items() if name not in ("BACKEND", "LOCATION")}
    return backend(entry.get("LOCATION", ""), params)


def unsigned(alias: str, cache: ObjectStoreCache) -> Iterator[CheckMessage]:
    options = cache.configuration.options
    if options.signing:
        return
    if "pickle" in (options.serializer, *options.accept_serializers):
        yield Warning(
            f"CACHES[{alias!r}] unpickles entries that are not signed: whoever can write to its LOCATION can run code here.",
            hint="Leave OPTIONS['SIGNING'] on, or set OPTIONS['SERIALIZER'] to 'json' or 'msgpack' (which cannot keep what "
            "cache_page stores).",
            id="s3cache.W001",
        )
    else:
        yield Warning(
            f"CACHES[{alias!r}] reads entries that are not signed: whoever can write to its LOCATION can have any value accepted.",
            hint="Leave OPTIONS['SIGNING'] on. If nobody else can write there, or the values do not matter, silence this check.",
            id="s3cache.W009",
        )


def relative(alias: str, cache: ObjectStoreCache, entry: Mapping[str, Any]) -> Iterator[CheckMessage]:
    location = str(entry.get("LOCATION", ""))
    if is_local(cache.configuration.options.engine) and not location.startswith(("/", "file:")):
        yield Warning(
            f"CACHES[{alias!r}] is elsewhere wherever the working directory is another: its LOCATION {location!r} is relative.",
            hint="Write an absolute path, such as BASE_DIR / 'cache'.",
            id="s3cache.W006",
        )


def exposed(alias: str, cache: ObjectStoreCache) -> Iterator[CheckMessage]:
    directory = directory_of(cache)
    if directory is None:
        return
    for name, public in public_directories():
        relation = relation_of(directory, public)
        if relation is not None:
            yield Warning(
                f"CACHES[{alias!r}] may show its entries to the world: its LOCATION is {relation} {name}.",
                hint=f"Choose a LOCATION that has nothing to do with {name}.",
                id="s3cache.W002",
            )


def relation_of(directory: Path, public: Path) -> str | None:
    """How a directory lies to one that the world can see; None if they have nothing to do with each other."""
    if directory == public:
        return "the same as"
    if public in directory.parents:
        return "inside"
    return "around" if directory in public.parents else None


def directory_of(cache: ObjectStoreCache) -> Path | None:
    """The directory that a cache lies in, symbolic links followed; None for one that is elsewhere."""
    location = urlsplit(cache.engine.location)
    return Path(unquote(location.path)).resolve() if location.scheme == "file" else None


def public_directories() -> Iterator[tuple[str, Path]]:
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        if getattr(settings, name, None):
            yield name, Path(getattr(settings, name)).resolve()
    for directory in getattr(settings, "STATICFILES_DIRS", ()):
        yield "STATICFILES_DIRS", Path(directory[1] if isinstance(directory, list | tuple) else directory).resolve()


def limits(alias: str, cache: ObjectStoreCache) -> Iterator[CheckMessage]:
    """Whether MAX_ENTRIES is what somebody wants of an object store."""
    options = cache.configuration.options
    given = "MAX_ENTRIES" in cache.configuration.given
    if (cache.engine.features.remote or options.max_bytes is not None) and not given:
        yield Warning(
            f"CACHES[{alias!r}] keeps about {options.max_entries} entries only: MAX_ENTRIES is left at Django's default.",
            hint="Set OPTIONS['MAX_ENTRIES'] to what the store may hold, say 1_000_000; None means no limit.",
            id="s3cache.W004",
        )
    if not options.max_entries and options.max_bytes is None and cache.default_timeout is None:
        yield Warning(
            f"CACHES[{alias!r}] grows for ever: MAX_ENTRIES is {options.max_entries!r}, MAX_BYTES and TIMEOUT are None.",
            hint="Set one of them. If a lifecycle rule of the bucket removes old objects, silence this check.",
            id="s3cache.W005",
        )


def large_values(alias: str, cache: ObjectStoreCache) -> Iterator[CheckMessage]:
    """Whether one value may be larger than all that a look of culling may leave on its page."""
    options = cache.configuration.options
    if options.max_bytes is None:
        return
    sampled = options.max_entries if options.key_layout != READABLE else None
    share = int(options.max_bytes * min(1.0, PAGE / (sampled or PAGE)))
    if options.max_value_bytes > share:
        yield Warning(
            f"CACHES[{alias!r}] may not keep to MAX_BYTES: a value may have {options.max_value_bytes:,} bytes, and a page of the "
            f"listing, by which culling goes, may hold {share:,}.",
            hint=f"Set OPTIONS['MAX_VALUE_BYTES'] to {share} or less, or MAX_BYTES higher. If such large values are not stored, "
            "silence this check.",
            id="s3cache.W007",
        )


def revealed(alias: str, cache: ObjectStoreCache) -> Iterator[CheckMessage]:
    """Whether what is encrypted in the store lies in another cache as it is, while the store is away."""
    fallback = cache.configuration.options.fallback
    if not cache.configuration.encryption_keys or fallback not in settings.CACHES:
        return
    entry = settings.CACHES[fallback]
    if entry.get("BACKEND") not in IN_PROCESS and not entry.get("OPTIONS", {}).get("ENCRYPTION_KEYS"):
        yield Warning(
            f"CACHES[{alias!r}] is encrypted, and its FALLBACK {fallback!r} is not: values lie there as they are.",
            hint="Give it ENCRYPTION_KEYS, too, or name a cache in the process's memory. If it is protected otherwise, silence "
            "this check.",
            id="s3cache.W008",
        )


def shared_locations(caches: Caches) -> Iterator[CheckMessage]:
    """Aliases over the same objects whose settings would make each other's entries absent, or cull each other's."""
    for (first, one), (second, other) in combinations(caches.items(), 2):
        if one.engine.location == other.engine.location and (different := differing(one, other)):
            yield Warning(
                f"CACHES[{first!r}] and CACHES[{second!r}] share the LOCATION {one.engine.location!r}, "
                f"but differ in {', '.join(different)}.",
                hint="They read, cull and clear the same objects. Give each a LOCATION of its own, or the same settings.",
                id="s3cache.W003",
            )


def differing(one: ObjectStoreCache, other: ObjectStoreCache) -> list[str]:
    """The settings that aliases of one LOCATION must agree on, and do not."""
    first, second = one.configuration, other.configuration
    names = [name.upper() for name in AGREED if getattr(first.options, name) != getattr(second.options, name)]
    if first.signing_keys != second.signing_keys:
        names.append("SIGNING_KEY")
    if first.encryption_keys != second.encryption_keys:
        names.append("ENCRYPTION_KEYS")
    return names
