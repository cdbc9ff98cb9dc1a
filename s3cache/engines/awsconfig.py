"""Credentials and region for the engines whose SDK does not look for them as boto3 does, so that all S3 engines find the same.

botocore does the searching, and renews temporary credentials before they expire. It takes a while to import, so it is left alone
where the options or the environment hold the keys.

https://docs.aws.amazon.com/boto3/latest/guide/credentials.html#configuring-credentials
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from s3cache.engines import awsplaces
from s3cache.engines.abandoned import Overdue, in_time
from s3cache.engines.s3errors import PLAIN, meaning_of, sentences
from s3cache.engines.s3options import S3Options
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable


class Keys(NamedTuple):
    """What a request is signed with."""

    access_key: str
    secret_key: str
    token: str | None = None
    """Goes along with temporary keys."""

    def __repr__(self) -> str:
        return f"Keys(access_key={self.access_key!r})"


class AwsConfig:
    """Who signs, and in which region. Reads nothing until it is asked, and then looks in boto3's order."""

    def __init__(self, options: S3Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._source: Callable[[], Keys] | None = None

    def keys(self) -> Keys | None:
        """The keys to sign a request with now; None where requests are not signed. Meant to be asked for every request.

        The first call searches, which may take files, a process and requests; those that follow cost one when the keys
        are about to expire. Raises EngineMisconfigured where there are none, EngineUnavailable where their source fails.
        """
        if self._options.signature_version == "unsigned":
            return None
        source = self._source
        if source is None:
            with self._lock:
                source = self._source = self._source or self._find()
        return source()

    def region(self) -> str | None:
        """``region_name``, else that of the environment, else that of the profile; None where none is named."""
        named = self._options.region_name or os.environ.get("AWS_DEFAULT_REGION")
        if named or not (self._names_profile() or awsplaces.has_shared_files(os.environ)):
            return named or None
        with self._lock, self._errors():
            return self._session.get_config_variable("region")  # type: ignore[no-any-return]

    def _find(self) -> Callable[[], Keys]:
        keys = self._at_hand()
        if keys is not None:
            checked(keys)
            return lambda: keys
        with self._errors():
            credentials = in_time(self._session.get_credentials)
        if credentials is None:
            raise EngineMisconfigured(f"There are no credentials. {self._looked_at()}")
        return functools.partial(self._frozen, credentials)

    def _at_hand(self) -> Keys | None:
        """The keys that need no botocore."""
        options = self._options
        if options.access_key is not None and options.secret_key is not None:
            return Keys(options.access_key, options.secret_key, options.security_token)
        found = None if self._names_profile() else awsplaces.environment_keys(os.environ)
        return found and Keys(*found)

    def _frozen(self, credentials: Any) -> Keys:
        with self._errors():
            renew_in_time(credentials)
            found = credentials.get_frozen_credentials()
        return checked(Keys(found.access_key, found.secret_key, found.token))

    @functools.cached_property
    def _session(self) -> Any:
        try:
            from botocore.session import Session
        except ImportError as error:
            raise EngineMisconfigured(NOT_INSTALLED) from error
        options = self._options
        session = Session(profile=options.session_profile)
        if options.region_name:  # also of the service that gives the keys of a role
            session.set_config_variable("region", options.region_name)
        session.set_default_client_config(service_config(options))
        return session

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """botocore's errors as ours, and whatever its sources raise: a file's OSError, a KeyError for what an answer lacks."""
        try:
            yield
        except EngineError:
            raise
        except Exception as error:
            said = self._options.redact(f"{type(error).__name__}: {error}".replace("\n", " "))
            raise meaning(error)(sentences(f"The credentials cannot be read: {said}", self._looked_at())) from error

    def _names_profile(self) -> bool:
        """A profile that is named must exist, so botocore looks for it, and finds all else in its order."""
        return self._options.session_profile is not None or any(name in os.environ for name in awsplaces.PROFILES)

    def _looked_at(self) -> str:
        return awsplaces.looked_at(self._options.session_profile, os.environ)


NOT_INSTALLED = (
    "Credentials that are neither in OPTIONS['access_key'] and OPTIONS['secret_key'] nor in the environment, and a region "
    'of the shared AWS files, need the package botocore. Install it with: pip install "botocore>=1.36".'
)


def service_config(options: S3Options) -> Any:
    """How patient a session is with STS and other services that hand out keys: as with the store. botocore would wait minutes."""
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": options.max_attempts}
    return Config(connect_timeout=options.connect_timeout, read_timeout=options.read_timeout, retries=retries)


def renew_in_time(credentials: Any, **_: object) -> None:
    """Where they are about to end. Their source is not waited for longer than the call has."""
    if can_end(credentials) and credentials.refresh_needed():
        in_time(credentials.get_frozen_credentials)


def can_end(credentials: Any) -> bool:
    return hasattr(credentials, "refresh_needed")


def checked(keys: Keys) -> Keys:
    """The keys. Raises EngineMisconfigured for those that no header can carry: an SDK may repeat them in its error, or panic."""
    if not all(text.isascii() and text.isprintable() for text in keys if text):
        raise EngineMisconfigured(
            "The credentials cannot be sent: a key or the session token holds a line break, or another character that is no "
            "part of one. Was it read from a file, with the break that ends it?"
        )
    return keys


def meaning(error: Exception) -> type[EngineError]:
    """Whether it can mend itself, as what a service answers or fails to answer; not what is written in a file or a variable."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return meaning_of(error.response.get("Error", {}).get("Code", ""), status, PLAIN)
    asked = (exceptions.MetadataRetrievalError, exceptions.CredentialRetrievalError)
    network = (exceptions.ConnectionError, exceptions.HTTPClientError, Overdue)
    mends = isinstance(error, (*asked, *network)) and not isinstance(error, exceptions.SSLError)
    return EngineUnavailable if mends else EngineMisconfigured
