"""The engine ``storages`` over an S3Storage, of django-storages or of django-storages-s3: the verbs of the engine ``boto3``.

S3Storage itself spends up to three requests on a read, and its writes take no conditions. So a storage object is made as it
would be for files, with its options and its way to get a client, and then only that is used: ``storage.connection.meta.client``.
Each verb costs, raises and promises what it does on the engine ``boto3``.

An object makes a client for each thread; one of them, which is safe to use from all, is kept. What ``client_config`` says goes
before the cache's own settings of timeouts, connections and checksums, and cannot make the SDK repeat anything.

The client sends over the connections of the engine ``boto3``, but for those of a subclass that gets its session or its client in
a way of its own, which may verify certificates in a way of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from s3cache.engines import s3options
from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.boto3clients import (
    REFUSED,
    Connection,
    make_config,
    make_core,
    one_attempt,
    over_sockets,
    request_parameters,
    tuned,
)
from s3cache.engines.s3options import Target
from s3cache.engines.s3storagesettings import added_by, options_of, s3_base
from s3cache.errors import EngineMisconfigured, OptionError

PASSED_ON = ("access_key", "secret_key", "security_token", "session_profile", "endpoint_url", "region_name", "use_ssl", "verify")
"""What a storage object makes its client with, beside the config."""


WAYS = ("connection", "_create_session")
"""Where a storage gets its client."""


class S3StorageEngine(Boto3Engine):
    """A bucket, seen through the client of an S3Storage. Options: those of the storage, and ``S3Options``."""

    def __init__(self, target: Target, path: str, client_config: Any = None, more: Mapping[str, object] | None = None) -> None:
        super().__init__(target)
        self._path = path
        self._client_config = client_config
        self._more = more or {}

    @classmethod
    def over(
        cls,
        path: str,
        kind: type[Any] | None,
        location: str,
        alias_options: Mapping[str, object],
        given: Mapping[str, object],
    ) -> Self:
        """An engine over the storage class at ``path``; ``kind`` is that class where it is a subclass. Raises OptionError."""
        options = options_of(location, kind, alias_options, given)
        more = {name: options.pop(name) for name in added_by(kind) & options.keys()} if kind else {}
        client_config = checked_config(options.pop("client_config", None))
        if client_config is not None and client_config.proxies:
            options["proxies"] = client_config.proxies  # they may hold passwords, which S3Options keeps out of messages
        try:
            return cls(s3options.read(location, options, os.environ), path, client_config, more)
        except OptionError as error:
            elsewhere = "What OPTIONS do not say comes from an alias of STORAGES, or from Django's AWS_ settings."
            raise OptionError(f"{error} {elsewhere}" if options.keys() - given.keys() else str(error)) from error

    def _connect(self) -> Connection:
        options = self.target.options
        try:
            kind = import_string(self._path)
            config = make_config(options, self.target.profile)
            for theirs in (getattr(kind, "config", None), self._client_config):
                config = config if theirs is None else config.merge(theirs)
            client = tuned(self._client(kind, config.merge(one_attempt())))
            sockets = None if goes_own_ways(kind) else over_sockets(client, make_core(options), options)
            return Connection(client, request_parameters(client, self.target.bucket, options), sockets)
        except (ImproperlyConfigured, ImportError, OSError, TypeError, ValueError) as error:
            raise EngineMisconfigured(f"{self._path} {REFUSED}: {options.redact(str(error))}") from error

    def _client(self, kind: type[Any], config: Any) -> Any:
        place = {"bucket_name": self.target.bucket, "location": self.target.prefix.rstrip("/")}
        options = {name: getattr(self.target.options, name) for name in PASSED_ON}
        storage = kind(**place, **options, client_config=config, **self._more)
        storage.client_config = config  # a class with an attribute ``config`` has put that in its place
        return storage.connection.meta.client


def goes_own_ways(kind: type[Any]) -> bool:
    base = s3_base(kind)
    return any(getattr(kind, name, None) is not getattr(base, name, None) for name in WAYS)


def checked_config(given: Any) -> Any:
    """Raises OptionError for what is no Config. That class itself is the SDK's, and not imported for this."""
    if given is not None and not hasattr(given, "merge"):
        raise OptionError(f"OPTIONS['client_config'] is of type {type(given).__name__}; accepted: a botocore.config.Config.")
    return given
