"""From the command line to a Django that is set up, over a cache that answers; or a sentence that says why not."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Iterator

import django
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from s3cache.demo.settings import settings
from s3cache.demo.store import has_entries, store, try_out
from s3cache.errors import EngineError


class DemoFailed(Exception):
    """Why the demo cannot start, in a sentence."""


@contextlib.contextmanager
def location(arguments: argparse.Namespace) -> Iterator[str]:
    """The cache's LOCATION: the one given, or for ``local`` a directory that goes in the end."""
    if arguments.location is not None or arguments.engine != "local":
        given = arguments.location or ""
        yield absolute(given) if arguments.engine == "local" else given
        return
    with tempfile.TemporaryDirectory(prefix="s3cache-demo-", ignore_cleanup_errors=True) as directory:
        yield directory


def absolute(place: str) -> str:
    """A path as the shell's user means it: relative to the working directory. URLs, and "", are left to the engine."""
    return os.path.abspath(place) if place and ":" not in place.partition("/")[0] else place


def configure(arguments: argparse.Namespace, place: str) -> None:
    """Set Django up, and make sure that the cache can be built and reached, and cleared by --check without loss."""
    values = settings(arguments.engine, place, dict(arguments.option), arguments.host, quiet=arguments.check)
    django_settings.configure(**values)
    django.setup()
    try:
        if arguments.check and not arguments.clear:
            refuse_entries()
        try_out()
    except ImproperlyConfigured as error:
        raise DemoFailed(str(error) if place else without_place(str(error))) from error
    except EngineError as error:
        raise DemoFailed(str(error)) from error
    except TypeError as error:
        reason = "the demo uses cache_page, which stores HttpResponse objects and needs the serializer 'pickle'"
        raise DemoFailed(f"{reason}. The serializer says: {error}") from error


def refuse_entries() -> None:
    """Before anything is written there: even a probe may cull."""
    if has_entries():
        raise DemoFailed(
            f"{store().engine.location} already holds cache entries, and --check would remove all of them. "
            "Give an empty --location, or --clear if they may go."
        )


def without_place(message: str) -> str:
    """The message for who gave no --location and would be told of a cache at ''."""
    rest = message.removeprefix("Cache at '': ")
    return f"--location is missing. {rest}" if "LOCATION" in rest else rest
