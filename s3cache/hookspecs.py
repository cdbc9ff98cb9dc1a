"""The hooks of a plugin. A distribution offers a module of hooks under the entry-point group ``s3cache``::

    # acme_s3cache/hooks.py
    from s3cache.hookspecs import hookimpl

    @hookimpl
    def register_engines(register):
        register("acme", "acme_s3cache.engine:AcmeEngine")

    # pyproject.toml
    [project.entry-points.s3cache]
    acme = "acme_s3cache.hooks"

The import string is followed only when CACHES names "acme", so the module of hooks need not import any SDK.
"""

from __future__ import annotations

from collections.abc import Callable

import pluggy

PROJECT = "s3cache"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Register = Callable[[str, str], None]
"""Takes the name that OPTIONS will use and the import string, ``"package.module:Class"``."""


@hookspec
def register_engines(register: Register) -> None:
    """Register engines: classes that keep the contract of ``s3cache.engines.base``."""


@hookspec
def register_serializers(register: Register) -> None:
    """Register serializers (``s3cache.serializers.base``). The name must be the class's ``name``."""


@hookspec
def register_compressors(register: Register) -> None:
    """Register compressors (``s3cache.compressors.base``). The name must be the class's ``name``."""
