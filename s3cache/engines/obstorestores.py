"""What can be behind a LOCATION of the obstore engine: its scheme decides, and with it the options that there are.

    s3://bucket/prefix       obstores3: the options of every S3 engine
    gs://bucket/prefix       obstoreclouds.GcsOptions
    az://container/prefix    obstoreclouds.AzureOptions
    file:///directory        none
    memory:///name           none

Everything here is done at construction: nothing is opened, and obstore is not imported.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from s3cache.engines.base import Features
from s3cache.engines.obstoreclouds import AzureService, GcsService
from s3cache.engines.obstores3 import S3Service
from s3cache.engines.obstoreservice import Kind, Service
from s3cache.errors import OptionError
from s3cache.validation import build


@dataclass(frozen=True)
class NoOptions:
    """A directory and memory have none."""


class DirectoryService(Service):
    """Only to have it: the engine ``local`` is faster and has compare-and-swap, which object_store lacks for directories."""

    features = Features(
        conditional_writes=False, delete_batch=1, ordered_listing=False, max_name=255, native_async=True, remote=False
    )

    def __init__(self, location: str) -> None:
        parts = urlsplit(location)
        self.path = unquote(parts.path)
        if parts.netloc or parts.query or parts.fragment or not self.path.strip("/"):
            raise OptionError("LOCATION is no URL of a directory; accepted: file:///path/of/the/directory.")
        self.location = f"file://{quote(self.path.rstrip('/'))}"

    def make(self, kind: Kind, seconds: float) -> Any:
        from obstore import store

        return store.LocalStore(self.path, mkdir=True)


class MemoryService(Service):
    """One store for each engine; caches of one LOCATION share the engine."""

    features = Features(conditional_writes=True, delete_batch=1000, native_async=True, remote=False)

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")

    def make(self, kind: Kind, seconds: float) -> Any:
        return self._store

    @functools.cached_property
    def _store(self) -> Any:
        from obstore import store

        return store.MemoryStore()


SERVICES = {"gs": GcsService, "az": AzureService}
WITHOUT_OPTIONS = {"file": DirectoryService, "memory": MemoryService}


def read(location: str, options: Mapping[str, object], environ: Mapping[str, str]) -> Service:
    """The service of LOCATION. Raises OptionError for a scheme nobody knows, and for every mistake in the options."""
    scheme = location.partition("://")[0].lower() if "://" in location else "s3"
    if scheme == "s3":
        return S3Service(location, options, environ)
    if scheme in WITHOUT_OPTIONS:
        build(NoOptions, options, hint=f"A {scheme}:// LOCATION has none; PROFILE is for s3://.")
        return WITHOUT_OPTIONS[scheme](location)
    if scheme not in SERVICES:
        raise OptionError("LOCATION is a URL of another kind; accepted: s3://, gs://, az://, file:///directory, memory:///name.")
    return SERVICES[scheme](location, options)
