"""One entry of CACHES -> a checked ``Configuration``, without network and without touching a file.

UPPER_CASE options are the cache's own, in ``Options``; lower_case ones belong to the engine, which checks them itself. Every
mistake is an ImproperlyConfigured that says where, what was found, what is accepted and the nearest known name. Django does not
tell a backend its alias, so a message names the LOCATION.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

from django.core.exceptions import ImproperlyConfigured

from s3cache.engines import ENGINES
from s3cache.errors import OptionError
from s3cache.secretkeys import as_bytes, encryption_keys_of, listed, long_secret, long_secrets, one_or_more, secret, secrets
from s3cache.validation import (
    REQUIRED,
    Rule,
    build,
    duration,
    factor,
    flag,
    known_names,
    mapping,
    one_of,
    option,
    seconds,
    shown,
    strings,
    text,
    whole,
)

TOP_LEVEL: Mapping[str, Rule] = {
    "TIMEOUT": Rule(
        "a number of seconds, or None for no expiry",
        lambda value: value is None or type(value) is int or (type(value) is float and math.isfinite(value)),
    ),
    "KEY_PREFIX": Rule("a string", lambda value: isinstance(value, str)),
    "VERSION": Rule("a whole number", lambda value: type(value) is int),
    "KEY_FUNCTION": Rule(
        "a callable or the dotted path of one, or None", lambda value: value is None or callable(value) or isinstance(value, str)
    ),
    "REVERSE_KEY_FUNCTION": Rule(
        "a callable or the dotted path of one, or None", lambda value: value is None or callable(value) or isinstance(value, str)
    ),
    "OPTIONS": Rule(
        "a dictionary with string keys", lambda value: isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    ),
}

printable = Rule("a string of printable characters", lambda value: isinstance(value, str) and value.isprintable())


@dataclass(frozen=True)
class NearCacheOptions:
    """What stands in OPTIONS["NEAR_CACHE"]."""

    max_bytes: int = option(REQUIRED, whole(64 * 1024))
    ttl: float = option(5, duration())
    max_entry_bytes: int | None = option(None, whole(1024).or_none())
    """None: an eighth of ``max_bytes``."""


@dataclass(frozen=True)
class BreakerOptions:
    """What stands in OPTIONS["BREAKER"]."""

    failures: int = option(5, whole(1))
    wait: float = option(3, seconds())


@dataclass(frozen=True)
class StampedeOptions:
    """What stands in OPTIONS["STAMPEDE"]."""

    lease: float = option(REQUIRED, seconds())
    stale: float = option(0, duration())
    early: float = option(1.0, factor())


RAISE, MISS = "raise", "miss"
READABLE = "readable"


@dataclass(frozen=True)
class OnError:
    """What stands in OPTIONS["ON_ERROR"]."""

    read: str = option(RAISE, one_of(RAISE, MISS))
    write: str = option(RAISE, one_of(RAISE, MISS))

    @classmethod
    def of(cls, given: str | OnError) -> OnError:
        """One word is for both."""
        return cls(given, given) if isinstance(given, str) else given


@dataclass(frozen=True)
class Options:
    """The cache's own options. ``docs/reference/options.rst`` has them as a table."""

    engine: str = option("local", text())
    serializer: str = option("pickle", text())
    accept_serializers: tuple[str, ...] = option((), strings())
    compressor: str = option("none", text())
    compress_min_bytes: int = option(1024, whole(0))
    max_value_bytes: int = option(256 * 1024 * 1024, whole(1))
    max_entries: int | None = option(300, whole(0).or_none())
    max_bytes: int | None = option(None, whole(1).or_none())
    cull_frequency: int = option(3, whole(0))
    namespace: str = option("", printable)
    key_layout: str = option("hashed", one_of("hashed", READABLE))
    profile: str | None = option(None, text().or_none())
    """For the engine: what kind of store it talks to."""
    near_cache: NearCacheOptions | None = option(
        None, Rule("a dictionary with MAX_BYTES, or None", lambda value: value is None or isinstance(value, NearCacheOptions))
    )
    group_ttl: float = option(1, duration())
    total_timeout: float = option(10, seconds())
    on_error: str | OnError = option(
        RAISE,
        Rule(
            "'raise', 'miss', or a dictionary with 'read' and 'write' of these",
            lambda value: isinstance(value, OnError) or (type(value) is str and value in (RAISE, MISS)),
        ),
    )
    forbidden_is_miss: bool = option(False, flag())
    read_only: bool | str = option(
        False, Rule("True, False or 'dry'", lambda value: type(value) is bool or (type(value) is str and value == "dry"))
    )
    fallback: str | None = option(None, text().or_none())
    breaker: BreakerOptions | None = option(
        None, Rule("a dictionary with FAILURES and WAIT, or None", lambda value: value is None or isinstance(value, BreakerOptions))
    )
    stampede: StampedeOptions | None = option(
        None, Rule("a dictionary with LEASE, or None", lambda value: value is None or isinstance(value, StampedeOptions))
    )
    signing: bool = option(True, flag())
    signing_key: str | bytes | tuple[str | bytes, ...] | None = option(None, one_or_more.or_none(), secret=True)
    encryption_keys: str | bytes | tuple[str | bytes, ...] | None = option(None, long_secrets.or_none(), secret=True)
    name_key: str | bytes | None = option(None, long_secret.or_none(), secret=True)


OWN_NAMES = frozenset(one.name.upper() for one in fields(Options))


@dataclass(frozen=True)
class Configuration:
    """One checked entry of CACHES."""

    location: str = field(repr=False)
    options: Options
    engine_options: Mapping[str, object] = field(repr=False)
    given: frozenset[str]
    """The names of OPTIONS that were written down, and not left at their defaults."""
    signing_keys: tuple[bytes, ...] = field(repr=False)
    """The secrets to sign with, the current one first; empty where signing is off and there is none."""
    encryption_keys: tuple[bytes, ...] = field(repr=False)
    """The secrets to encrypt with, the current one first; empty where entries are not encrypted."""


def configure(location: object, params: Mapping[str, object], secret_key: Callable[[], str], fallbacks: list[str]) -> Configuration:
    """The configuration of one cache. Raises OptionError for every mistake that needs no engine to be seen.

    ``secret_key`` and ``fallbacks`` are Django's, used where SIGNING_KEY is not given.
    """
    place = text_of(location)
    check_top_level(params)
    given = dict(params.get("OPTIONS") or {})  # type: ignore[call-overload]  # a mapping, as check_top_level saw
    own = {name: value for name, value in given.items() if not name.islower()}
    if mapping().test(own.get("NEAR_CACHE")):
        own["NEAR_CACHE"] = near_cache_of(own["NEAR_CACHE"])
    if mapping().test(own.get("BREAKER")):
        own["BREAKER"] = build(BreakerOptions, own["BREAKER"], spelled=str.upper, where="OPTIONS['BREAKER']")
    if mapping().test(own.get("STAMPEDE")):
        own["STAMPEDE"] = build(StampedeOptions, own["STAMPEDE"], spelled=str.upper, where="OPTIONS['STAMPEDE']")
    if mapping().test(own.get("ON_ERROR")):
        own["ON_ERROR"] = build(OnError, own["ON_ERROR"], where="OPTIONS['ON_ERROR']")
    beside = "".join(f" {name!r} belongs beside OPTIONS." for name in sorted(TOP_LEVEL.keys() & own.keys()))
    options = build(Options, own, spelled=str.upper, hint=f"The engine's own options are written in lower case.{beside}")
    return Configuration(
        location=anchored(options.engine, place),
        options=options,
        engine_options={
            name: value for name, value in given.items() if name.islower() or (name == "PROFILE" and value is not None)
        },
        given=frozenset(given),
        signing_keys=signing_keys_of(options, secret_key, fallbacks),
        encryption_keys=encryption_keys_of(
            options.encryption_keys, options.name_key, options.signing, readable=options.key_layout == READABLE
        ),
    )


def near_cache_of(given: Mapping[str, object]) -> NearCacheOptions:
    """OPTIONS["NEAR_CACHE"] as checked options. Raises OptionError."""
    where = "OPTIONS['NEAR_CACHE']"
    options = build(NearCacheOptions, given, spelled=str.upper, where=where)
    if options.max_entry_bytes is not None and options.max_entry_bytes > options.max_bytes:
        raise OptionError(f"{where} has a MAX_ENTRY_BYTES of {options.max_entry_bytes}; accepted: at most MAX_BYTES.")
    return options


def anchored(engine: str, location: str) -> str:
    """A directory's path made absolute now, so that neither a chdir nor a fork moves the cache of this backend."""
    if not is_local(engine) or not location or "://" in location or location.lower().startswith("file:"):
        return location
    return os.path.abspath(location)


def is_local(engine: str) -> bool:
    """Whether OPTIONS["ENGINE"] names the engine whose LOCATION is a directory's path."""
    return engine in ("local", ENGINES["local"])


def text_of(location: object) -> str:
    """LOCATION as text. Raises OptionError for what is neither text nor a path."""
    text = location if isinstance(location, str) else os.fspath(location) if isinstance(location, os.PathLike) else None
    if type(text) is not str or "\0" in text or not is_path_text(text):
        raise OptionError(f"LOCATION is {shown(location)}; accepted: a string or a path.")
    return text


def is_path_text(text: str) -> bool:
    """Whether a file system could hold it: no lone surrogates but those that stand for undecodable bytes."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def check_top_level(params: Mapping[str, object]) -> None:
    """Raises OptionError for an unknown or mistyped entry beside OPTIONS, all of which Django itself would pass over in silence."""
    for name, value in params.items():
        if name not in TOP_LEVEL:
            place = " It is one of OPTIONS." if str(name).upper() in OWN_NAMES else ""
            raise OptionError(f"{name!r} is not known in CACHES. {known_names(name, {'BACKEND', 'LOCATION', *TOP_LEVEL})}{place}")
        if not TOP_LEVEL[name].test(value):
            found = f"of type {type(value).__name__}" if name == "OPTIONS" and value is not None else shown(value)
            raise OptionError(f"{name} is {found}; accepted: {TOP_LEVEL[name].accepts}.")


def check_fallback(alias: str | None, caches: Mapping[str, Mapping[str, object]]) -> None:
    """Raises OptionError where FALLBACK is no alias of CACHES, or leads round in a circle."""
    passed: list[str] = []
    while alias is not None:
        if alias in passed:
            circle = " -> ".join([*passed, alias])
            raise OptionError(f"OPTIONS['FALLBACK'] leads in a circle: {circle}; accepted: an alias that leads elsewhere.")
        if alias not in caches:
            known = known_names(alias, caches)
            raise OptionError(f"OPTIONS['FALLBACK'] is {alias!r}; accepted: an alias of CACHES. {known}")
        passed.append(alias)
        options = caches[alias].get("OPTIONS")
        following = options.get("FALLBACK") if isinstance(options, Mapping) else None
        alias = following if isinstance(following, str) else None


def signing_keys_of(options: Options, secret_key: Callable[[], str], fallbacks: list[str]) -> tuple[bytes, ...]:
    """The secrets to sign with and to accept. Raises OptionError where signing is on and there is none."""
    if options.signing_key is not None:
        return listed(options.signing_key)
    try:
        current = secret_key()
    except ImproperlyConfigured:
        current = ""
    if current:
        if not secret.test(current):
            raise OptionError(f"SECRET_KEY is {shown(current, secret=True)}; accepted: {secret.accepts}.")
        # A forgotten comma makes a string of the list, and would make a signing key of each of its letters.
        if not secrets.test(fallbacks):
            raise OptionError(f"SECRET_KEY_FALLBACKS is {shown(fallbacks, secret=True)}; accepted: {secrets.accepts}.")
        return tuple(as_bytes(key) for key in (current, *fallbacks))
    if options.signing:
        raise OptionError(
            "SECRET_KEY is empty and OPTIONS['SIGNING_KEY'] is not set, so entries cannot be signed. Set one of them; "
            "OPTIONS['SIGNING'] = False turns signing off, for stores that nobody else can write to."
        )
    return ()


@contextmanager
def improperly_configured(location: object) -> Iterator[None]:
    """Turns OptionError into ImproperlyConfigured that says which cache it is."""
    try:
        yield
    except OptionError as error:
        safe, message = without_userinfo(location), str(error)
        # The OptionError itself is left out of the chain, because a traceback would show its message as it was.
        if isinstance(location, str) and location != safe:
            message = message.replace(location, safe).replace(repr(location)[1:-1], safe)
        raise ImproperlyConfigured(f"Cache at {safe!r}: {message}") from error.__cause__


def without_userinfo(location: object) -> str:
    """LOCATION for a message: what stands before an @, slashes and all, or after a question mark may be a secret."""
    if not isinstance(location, str | os.PathLike):
        return f"of type {type(location).__name__}"
    return re.sub(r"\?.*", "?…", re.sub(r".*@", "…@", str(location), flags=re.DOTALL), flags=re.DOTALL)
