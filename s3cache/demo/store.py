"""The cache of the demo, with what it has beyond Django's API."""

from __future__ import annotations

from typing import cast

from django.core.cache import caches
from django.http import HttpResponse

from s3cache.backend import ObjectStoreCache

PROBE = "demo-probe"


def store() -> ObjectStoreCache:
    """Raises ImproperlyConfigured for every mistake in CACHES."""
    return cast(ObjectStoreCache, caches["default"])


def has_entries() -> bool:
    """Whether ``clear`` would remove anything. Costs one listing request, more where there is much that is no entry.

    Raises what ``try_out`` raises, but for TypeError.
    """
    return any(True for _ in store().objects())


def try_out() -> None:
    """Keep a small page and take it away again: three or four requests.

    Raises ImproperlyConfigured for a mistake in CACHES, EngineError where the store does not answer or refuses, and TypeError
    where the serializer cannot keep a whole response, as ``cache_page`` asks it to.
    """
    store().set(PROBE, HttpResponse("a page"))
    store().delete(PROBE)
