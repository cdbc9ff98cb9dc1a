"""From a user's key to Django's full key, and back: what KEY_FUNCTION and REVERSE_KEY_FUNCTION do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import BaseCache, default_key_func
from django.utils.module_loading import import_string

from s3cache.errors import NotSupported, OptionError
from s3cache.patterns import escaped

Reverse = Callable[[str], Any]
"""From a full key to what the caller wrote."""


def reverse_function(given: object) -> Reverse | None:
    """What REVERSE_KEY_FUNCTION names; None where it is not given. Raises OptionError for what is none."""
    function = given
    if isinstance(given, str):
        try:
            function = import_string(given)
        except Exception as error:  # whatever the import ends with
            raise OptionError(f"REVERSE_KEY_FUNCTION is {given!r}, which cannot be imported: {error}") from error
    if function is not None and not callable(function):
        raise OptionError(f"REVERSE_KEY_FUNCTION is {given!r}, which is not callable.")
    return function


def full_pattern(cache: BaseCache, pattern: str, version: int | None) -> str:
    """The pattern of full keys for one of the user's keys: of this version and KEY_PREFIX alone."""
    return str(cache.key_func(pattern, escaped(cache.key_prefix), cache.version if version is None else version))


def reversing(cache: BaseCache, version: int | None, reverse: Reverse | None) -> Reverse:
    """What gives the user's key for a full key of this version. Raises NotSupported where nobody knows how."""
    if reverse is not None:
        return reverse
    if cache.key_func is not default_key_func:
        raise NotSupported(
            "This cache has a KEY_FUNCTION, so its keys cannot be given as they were written. Set REVERSE_KEY_FUNCTION beside it "
            "in CACHES: a callable, or the dotted path of one, that makes the key of a full key. count and delete_pattern do "
            "without."
        )
    start = len(cache.make_key("", version=version))
    return lambda full: full[start:]
