"""Configuration -> the parts of one cache, put together and shared by all backend objects of this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from django.core.exceptions import SynchronousOnlyOperation

from s3cache import gcm, plugins, sharing
from s3cache.breaker import Breaker
from s3cache.codec import Codec, TextKind
from s3cache.compressors.base import Compressor
from s3cache.culling import Culler
from s3cache.encryption import Encryption
from s3cache.engines.base import AsyncEngine, Engine
from s3cache.entries import Entries
from s3cache.envelope import Envelopes
from s3cache.errors import OptionError
from s3cache.expiry import now_ms
from s3cache.flights import Flights
from s3cache.generations import known_generations
from s3cache.guards import Guards
from s3cache.layouts import Hashed, Layout, Readable
from s3cache.looks import Looks
from s3cache.naming import Digest, digest_under, sha256
from s3cache.nearcache import NearCache
from s3cache.operations import Operations
from s3cache.options import OWN_NAMES, READABLE, BreakerOptions, Configuration, Options
from s3cache.policy import Forgiving
from s3cache.proving import Proof
from s3cache.reads import NearReads, Reads
from s3cache.runtime import AsyncioRuntime, Blocking, BlockingRuntime, Runtime
from s3cache.sampling import SMALL, is_small, sample_of
from s3cache.secretkeys import as_bytes
from s3cache.signing import Checksum, Keyring
from s3cache.statistics import Announce, Statistics
from s3cache.sweeping import Sweeper
from s3cache.sweeps import Sweeps
from s3cache.watched import Watched


@dataclass(frozen=True)
class Assembly:
    """The parts that a backend calls."""

    operations: Operations
    """For ``runtime.finish``."""
    native: Operations | None
    """For ``await``; None where the engine has no native async."""
    statistics: Statistics
    engine: Engine
    near: NearCache | None
    breaker: Breaker
    flights: Flights


def no_cache(alias: str) -> Any:
    raise LookupError(f"There is no cache {alias!r}.")


def unheard(event: str, **details: object) -> None:
    """For events that nobody waits for."""


def assembled(
    configuration: Configuration,
    max_entries: int,
    text_kinds: tuple[TextKind, ...],
    announce: Announce = unheard,
    cache_named: Callable[[str], Any] = no_cache,
) -> Assembly:
    """The parts for a configuration. ``announce`` hears of events, ``cache_named`` finds the cache of an alias.

    Raises OptionError for a mistake that a serializer, a compressor or the engine finds.
    """
    options = configuration.options
    try:
        engine_options = sharing.hashable(configuration.engine_options)
    except RecursionError:
        raise OptionError("OPTIONS has a value that contains itself; accepted: values that can be written down.") from None
    key = (
        configuration.location,
        engine_options,
        options,
        configuration.signing_keys,
        max_entries,
        text_kinds,
    )

    def made() -> Assembly:
        engine = engine_of(configuration)
        near_caches: list[NearCache] = sharing.shared(("near caches", engine.location), list)
        announced = partial(announce, location=engine.location)
        return build(
            configuration,
            engine,
            max_entries,
            text_kinds,
            near_caches=near_caches,
            generations=sharing.shared(("generations", engine.location), lambda: generations_among(near_caches)),
            announce=announced,
            cache_named=cache_named,
        )

    return sharing.shared(key, made)


def build(
    configuration: Configuration,
    engine: Engine,
    max_entries: int,
    text_kinds: tuple[TextKind, ...],
    clock: Callable[[], int] = now_ms,
    near_caches: list[NearCache] | None = None,
    generations: Callable[[], NearCache] | None = None,
    announce: Announce = unheard,
    cache_named: Callable[[str], Any] = no_cache,
) -> Assembly:
    """The same, anew, over an engine and a clock (ms) that a test may have made.

    ``near_caches`` are those of all caches over the same objects, which the new one joins, and ``generations`` gives what they know
    of groups.
    """
    options, statistics, proof = configuration.options, Statistics(announce), Proof()
    check_times(options, engine)
    check_stampede(options, engine)
    patience = options.breaker or BreakerOptions()
    breaker = Breaker(patience.failures, patience.wait, statistics.circuit)
    near, near_caches = near_cache_of(options), [] if near_caches is None else near_caches
    if near is not None:
        near_caches.append(near)
    codec, envelopes, name_digest = codec_of(options, text_kinds), envelopes_of(configuration), name_digest_of(options)
    layout = layout_of(options, engine, name_digest)
    culler, sweeper = culler_of(options, engine, max_entries), sweeper_of(options, engine, max_entries)

    generations = generations or generations_among(near_caches)
    guards = Guards(options, engine, breaker, statistics, cache_named)

    def operations(shaped: AsyncEngine, runtime: Runtime) -> Operations:
        watched = Watched(shaped, statistics, near_caches)
        store = guards.guarded(watched, runtime)
        entries = Entries(store, envelopes, codec, statistics, proof, clock, (SynchronousOnlyOperation,))
        looks = Looks(store, culler, statistics, layout)
        if sweeper is not None and isinstance(layout, Readable):
            looks = Sweeps(store, sweeper, statistics, layout, entries, options.namespace)
        parts = store, entries, statistics
        reads = Reads(*parts) if near is None else NearReads(*parts, near)
        made = guards.kind(
            store,
            runtime,
            entries,
            reads,
            looks,
            statistics,
            options.namespace,
            name_digest=name_digest,
            total_timeout=guards.total_timeout,
            known_generations=generations,
            group_ttl=int(options.group_ttl * 1000),
            layout=layout,
        )
        if isinstance(made, Forgiving):
            made.substitute = guards.substitute(made, asynchronous=isinstance(runtime, AsyncioRuntime))
        return made

    native, threads = engine.asynchronous(), engine.features.concurrency
    blocking = Blocking(engine)
    guards.recover_over(Watched(blocking, statistics, near_caches))
    return Assembly(
        operations(blocking, BlockingRuntime(threads, lambda: sharing.threads_for(engine, threads))),
        operations(native, AsyncioRuntime()) if native else None,
        statistics,
        engine,
        near,
        breaker,
        Flights(),
    )


def check_times(options: Options, engine: Engine) -> None:
    """Raises OptionError where a single attempt may take longer than the whole call."""
    if engine.features.attempt_timeout > options.total_timeout:
        raise OptionError(
            f"OPTIONS['TOTAL_TIMEOUT'] is {options.total_timeout:g} seconds; accepted: at least connect_timeout + read_timeout, "
            f"which are {engine.features.attempt_timeout:g} together. Raise it, or lower these two."
        )


def check_stampede(options: Options, engine: Engine) -> None:
    """Raises OptionError where STAMPEDE cannot be kept. A cache that writes nothing has nothing to keep."""
    if options.stampede is None or options.read_only:
        return
    if not engine.features.conditional_writes:
        raise OptionError(
            "OPTIONS['STAMPEDE'] is given, and this store has no conditional writes that hold in a race, as its PROFILE says, so "
            "two callers could both be the one who computes. Leave STAMPEDE out, or use a store that has them: "
            "docs/reference/profiles.rst lists them."
        )
    if engine.features.remote and options.stampede.lease < options.total_timeout:
        raise OptionError(
            f"OPTIONS['STAMPEDE'] has a LEASE of {options.stampede.lease:g} seconds; accepted: at least TOTAL_TIMEOUT, which is "
            f"{options.total_timeout:g}, because storing what was computed may take so long; and longer than the computation takes."
        )


def near_cache_of(options: Options) -> NearCache | None:
    """What keeps entries in this process; None where nothing does."""
    near = options.near_cache
    if near is None:
        return None
    return NearCache(near.max_bytes, near.max_entry_bytes or near.max_bytes // 8, int(near.ttl * 1000))


def generations_among(near_caches: list[NearCache]) -> Callable[[], NearCache]:
    """What is known of groups, made on first use and told of all writes from then on."""
    return cache(partial(known_generations, near_caches))


def engine_of(configuration: Configuration) -> Engine:
    """The engine, shared by all caches of the same LOCATION and engine options."""
    kind: type[Engine] = plugins.find(plugins.ENGINE, configuration.options.engine)
    key = (kind, configuration.location, sharing.hashable(configuration.engine_options))
    try:
        return sharing.shared(key, lambda: kind.from_options(configuration.location, configuration.engine_options))
    except OptionError as error:
        capitals = sorted(name for name in configuration.engine_options if not name.isupper() and name.upper() in OWN_NAMES)
        if not capitals:
            raise
        names = ", ".join(f"{name.upper()!r}" for name in capitals)
        raise OptionError(f"{error} The cache's own options are written in capitals: {names}.") from error


def codec_of(options: Options, text_kinds: tuple[TextKind, ...]) -> Codec:
    accepted = [plugins.make(plugins.SERIALIZER, name, option="ACCEPT_SERIALIZERS") for name in options.accept_serializers]
    return Codec(
        plugins.make(plugins.SERIALIZER, options.serializer),
        plugins.make(plugins.COMPRESSOR, options.compressor),
        compressor_named,
        accepted=accepted,
        text_kinds=text_kinds,
        compress_min_bytes=options.compress_min_bytes,
        max_value_bytes=options.max_value_bytes,
    )


def compressor_named(name: str) -> Compressor:
    """The compressor that an entry names. An entry may name, but not import: no dotted path is followed."""
    if "." in name or ":" in name:
        raise OptionError(f"{name!r} is no compressor's name")
    return plugins.make(plugins.COMPRESSOR, name)


def culler_of(options: Options, engine: Engine, max_entries: int) -> Culler | None:
    """What keeps the cache at its limits; None without one. Raises OptionError for what the store's listing cannot serve."""
    if (not max_entries and options.max_bytes is None) or is_swept(options, max_entries):
        return None
    # A limit below 1 can only have been set on the instance, as Django's own tests do.
    most = max(1, max_entries) if max_entries else None
    return Culler(most, options.cull_frequency, max_bytes=options.max_bytes, sample=sample_of(engine.features, most))


def sweeper_of(options: Options, engine: Engine, max_entries: int) -> Sweeper | None:
    """The same where names are no fair sample. Raises OptionError where the store cannot be listed from a name on."""
    if not is_swept(options, max_entries):
        return None
    features = engine.features
    if not (features.start_after and features.ordered_listing):
        raise OptionError(
            f"OPTIONS['MAX_ENTRIES'] is {max_entries or None}, and OPTIONS['KEY_LAYOUT'] is 'readable'; accepted here: at most "
            f"{SMALL}, or None without MAX_BYTES. Beyond that a look of culling lists on from the name where the last one ended, "
            "which this store cannot do. Set both to None, and let a lifecycle rule of the bucket remove old objects."
        )
    single = features.delete_batch == 1 and features.remote
    return Sweeper(max_entries or None, options.cull_frequency, max_bytes=options.max_bytes, single=single)


def is_swept(options: Options, max_entries: int) -> bool:
    """Whether the cache has a limit that cannot be kept by samples."""
    small = max_entries and is_small(max_entries)
    return options.key_layout == READABLE and bool(max_entries or options.max_bytes) and not small


def envelopes_of(configuration: Configuration) -> Envelopes:
    keyring = Keyring(configuration.signing_keys) if configuration.signing_keys else None
    if configuration.options.signing and keyring is not None:
        return Envelopes(keyring, encryption=encryption_of(configuration))
    return Envelopes(Checksum(), keyring)


def encryption_of(configuration: Configuration) -> Encryption | None:
    """What encrypts entries; None where they are not. Raises OptionError where its package is not installed."""
    if not configuration.encryption_keys:
        return None
    plugins.require(gcm.PACKAGE, "OPTIONS['ENCRYPTION_KEYS'] is given", '"django-s3-cache[crypto]"')
    return Encryption(configuration.encryption_keys, os.urandom)


def layout_of(options: Options, engine: Engine, name_digest: Digest) -> Layout:
    """How entries are named."""
    if options.key_layout != READABLE:
        return Hashed(engine.prefix, name_digest)
    return Readable(engine.prefix, engine.features.max_name)


def name_digest_of(options: Options) -> Digest:
    """What makes objects' names of keys."""
    return sha256 if options.name_key is None else digest_under(as_bytes(options.name_key))
