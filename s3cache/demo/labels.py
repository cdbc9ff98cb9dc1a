"""Which page and which of Django's APIs a stored object belongs to.

An object's name is a hash, which tells nothing. But every key that the cache is asked for goes through KEY_FUNCTION, a
setting of Django's caches: the one here remembers what each key was for, under the end of the name that it will have. Objects
written by another process stay unknown until their page is asked for.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from django.core.cache.backends.base import default_key_func

from s3cache.naming import object_name

LIMIT = 50_000
"""Keys to remember: far more than the library has pages, so only odd traffic reaches it."""

current_page: ContextVar[str] = ContextVar("current_page", default="")

APIS = {
    "views.decorators.cache.cache_page.": "cache_page",
    "views.decorators.cache.cache_header.": "cache_page",
    "template.cache.": "{% cache %}",
}


@dataclass(frozen=True, slots=True)
class Label:
    """What a key is for."""

    api: str
    """``cache_page``, ``{% cache %}`` or ``low-level``."""
    what: str
    """The page, or the key itself."""


UNKNOWN = Label("unknown", "not asked for by this process yet")

_labels: dict[str, Label] = {}


def make_key(key: str, key_prefix: str, version: int) -> str:
    """Django's own key function, which also remembers the key."""
    full_key = default_key_func(key, key_prefix, version)
    if len(_labels) < LIMIT:
        _labels[object_name("", full_key)] = label(key)
    return full_key


def label(key: str) -> Label:
    api = next((api for beginning, api in APIS.items() if key.startswith(beginning)), "low-level")
    if api == "low-level":
        return Label(api, key)
    if api == "{% cache %}":
        return Label(api, key.split(".")[2])
    headers = " (which headers it varies on)" if "cache_header" in key else ""
    return Label(api, page_name(current_page.get()) + headers)


def page_name(path: str) -> str:
    """How a page is called in the plot and the tables: by its module, or its path without slashes."""
    return path.removeprefix("/module/").partition("?")[0].strip("/") or "home"


def label_of(name: str) -> Label:
    """The label of a stored object; ``name`` may have any prefix before its hash."""
    return _labels.get("/".join(name.split("/")[-2:]), UNKNOWN)
