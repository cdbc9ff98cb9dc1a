"""What this plugin registers. Nothing is imported here but the decorator: a class is imported once CACHES names it."""

from __future__ import annotations

from s3cache.hookspecs import Register, hookimpl


@hookimpl
def register_engines(register: Register) -> None:
    register("sqlite", "s3cache_sqlite.engine:SqliteEngine")


@hookimpl
def register_compressors(register: Register) -> None:
    register("lzma", "s3cache_sqlite.compressor:LzmaCompressor")
