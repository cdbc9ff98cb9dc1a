"""Google Cloud Storage and Azure Blob Storage behind the obstore engine, each with options of its own.

What the options leave open, obstore finds as the tools of the vendor do: in the variables GOOGLE_* and AZURE_* of the
environment, in the files of the vendor's command line, in the metadata of the machine.

https://developmentseed.org/obstore/latest/api/store/gcs/ and https://developmentseed.org/obstore/latest/api/store/azure/
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from s3cache.engines import s3location
from s3cache.engines.base import Etag, Features
from s3cache.engines.obstoreerrors import Advice
from s3cache.engines.obstoreservice import Kind, Service, check_prefix, transport
from s3cache.engines.redaction import redacted
from s3cache.engines.s3errors import Meanings
from s3cache.errors import Conflict, EngineMisconfigured, ObjectNotFound, OptionError, PreconditionFailed
from s3cache.validation import build, flag, option, seconds, text, whole

REACH = "Check that the vendor's host, or that of OPTIONS['endpoint'], can be reached from this machine."
CERTIFICATE = "Check that OPTIONS['endpoint'] begins with https:// only where the server speaks TLS, and is the certificate's host."
FOREIGN = "What answers there is no store of this kind. Check OPTIONS['endpoint']."
MISSING = "Create the bucket or container, or correct its name in LOCATION."
FORBIDDEN = "Check the credentials in OPTIONS, or where else they come from, and what they are allowed to do."
PROFILE = "PROFILE, bucket_name and the AWS names are for s3://."
ADVICE = {"NoSuchBucket": MISSING, "ContainerNotFound": MISSING, 401: FORBIDDEN, 403: FORBIDDEN}


def answered(code: str, status: int) -> str:
    return ADVICE.get(code) or ADVICE.get(status) or ""


CONTAINER = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{1,221}")


@dataclasses.dataclass(frozen=True)
class NetworkOptions:
    """Those that both have, and with the meaning they have for S3."""

    settings: ClassVar[Mapping[str, str]]
    """Where obstore calls an option something else."""

    endpoint: str | None = option(None, text().or_none())
    """Of a store that is not the vendor's own, such as an emulator."""
    connect_timeout: float = option(1.0, seconds())
    read_timeout: float = option(3.0, seconds())
    max_attempts: int = option(3, whole(1))
    max_pool_connections: int = option(64, whole(1))


NETWORK = {field.name for field in dataclasses.fields(NetworkOptions)} - {"endpoint"}


@dataclasses.dataclass(frozen=True)
class GcsOptions(NetworkOptions):
    """The options of gs://."""

    settings = {"endpoint": "base_url", "service_account_path": "service_account"}

    service_account_path: str | None = option(None, text().or_none())
    """A file with the key of a service account, in JSON."""
    service_account_key: str | None = option(None, text().or_none(), secret=True)
    """The same JSON as text."""
    application_credentials: str | None = option(None, text().or_none())
    """A file of ``gcloud auth application-default login``."""
    bearer_token: str | None = option(None, text().or_none(), secret=True)
    """Is not renewed."""


@dataclasses.dataclass(frozen=True)
class AzureOptions(NetworkOptions):
    """The options of az://."""

    settings = {"sas_token": "sas_key", "bearer_token": "token"}

    account_name: str | None = option(None, text().or_none())
    account_key: str | None = option(None, text().or_none(), secret=True)
    sas_token: str | None = option(None, text().or_none(), secret=True)
    """A shared access signature, as the portal shows it."""
    bearer_token: str | None = option(None, text().or_none(), secret=True)
    """Is not renewed."""
    tenant_id: str | None = option(None, text().or_none())
    client_id: str | None = option(None, text().or_none())
    client_secret: str | None = option(None, text().or_none(), secret=True)
    federated_token_file: str | None = option(None, text().or_none())
    use_azure_cli: bool = option(False, flag())
    use_emulator: bool = option(False, flag())
    """Azurite at its usual place, 127.0.0.1:10000, with its well-known account."""


class CloudService(Service):
    """What both have in common."""

    advice = Advice(answered, REACH, CERTIFICATE, FOREIGN)
    options: NetworkOptions

    def _read(self, location: str) -> tuple[str, str]:
        """The bucket of LOCATION, and what the endpoint adds to the engine's location."""
        check_texts(self.options)
        waits = self.options.connect_timeout + self.options.read_timeout
        self.features = dataclasses.replace(self.features, max_attempts=self.options.max_attempts, attempt_timeout=waits)
        scheme, _, rest = location.partition("://")
        if "@" in rest:
            raise OptionError("LOCATION holds an @. Keys and accounts belong into OPTIONS.")
        bucket, _, prefix = rest.partition("/")
        self.prefix = s3location.parse_prefix(prefix, "LOCATION")
        check_prefix(self.prefix)
        if not CONTAINER.fullmatch(bucket):
            raise OptionError(f"LOCATION names no bucket or container; accepted: {scheme.lower()}://name/prefix.")
        return bucket, f"{scheme.lower()}://{bucket}/{quote(self.prefix)}".rstrip("/")

    def redact(self, message: str) -> str:
        return redacted(self.options, message)

    def _settings(self) -> dict[str, Any]:
        """What was given, in obstore's words."""
        given = ((field.name, getattr(self.options, field.name)) for field in dataclasses.fields(self.options))
        return {
            self.options.settings.get(name, name): value
            for name, value in given
            if name not in NETWORK and value not in (None, False)
        }

    def _transport(self, kind: Kind, seconds: float) -> dict[str, Any]:
        plain_http = (self.options.endpoint or "").startswith("http:") or getattr(self.options, "use_emulator", False)
        return transport(self.options, kind, seconds, plain_http=plain_http)


def check_texts(options: NetworkOptions) -> None:
    """Raises OptionError for an endpoint that is none, or holds keys, and for what would make obstore panic."""
    endpoint = options.endpoint
    if endpoint is not None and (not s3location.has_host(endpoint) or re.search("[@?#]", endpoint)):
        raise OptionError(
            "OPTIONS['endpoint'] holds something else; accepted: http://host[:port] or https://host[:port], without keys."
        )
    for name, value in vars(options).items():
        if name != "service_account_key" and isinstance(value, str) and not (value.isascii() and value.isprintable()):
            raise OptionError(f"OPTIONS[{name!r}] holds a line break, or another character that no header can carry.")


class GcsService(CloudService):
    """A bucket of Google's. Its conditions go by the generation, so the etag here carries both: ``generation:etag``."""

    features = Features(conditional_writes=True, delete_batch=1, native_async=True, concurrency=64)

    def __init__(self, location: str, given: Mapping[str, object]) -> None:
        self.options = build(GcsOptions, given, hint=PROFILE)
        self.bucket, url = self._read(location)
        self.location = url + (f"?endpoint={self.options.endpoint.rstrip('/')}" if self.options.endpoint else "")

    def make(self, kind: Kind, seconds: float) -> Any:
        from obstore import store

        return store.GCSStore(self.bucket, skip_signature=False, **self._settings(), **self._transport(kind, seconds))

    def etag(self, about: Mapping[str, Any]) -> Etag:
        """None in a listing, which tells no generation."""
        return f"{about['version']}:{about['e_tag']}" if about["version"] else None

    def version(self, etag: str) -> dict[str, str]:
        return {"version": etag.partition(":")[0]}

    def if_none_match(self, etag: str) -> str:
        return etag.partition(":")[2]


class AzureService(CloudService):
    """A container of Azure's. It lists in alphabetical order, and does not say of what: Azurite's is not that of UTF-8."""

    features = Features(conditional_writes=True, delete_batch=256, ordered_listing=False, native_async=True, concurrency=64)
    plain_meanings: Meanings = {"ContainerNotFound": EngineMisconfigured}
    read_meanings: Meanings = {"BlobNotFound": ObjectNotFound, **plain_meanings}

    def __init__(self, location: str, given: Mapping[str, object]) -> None:
        self.options: AzureOptions = build(AzureOptions, given, hint=PROFILE)
        self.container, url = self._read(location)
        places = {"account": self.options.account_name, "endpoint": self.options.endpoint}
        query = "&".join(f"{name}={value.rstrip('/')}" for name, value in places.items() if value)
        self.location = f"{url}?{query}" if query else url

    def make(self, kind: Kind, seconds: float) -> Any:
        from obstore import store

        unset = {"use_emulator": False, "use_fabric_endpoint": False, "skip_signature": False, "disable_tagging": False}
        return store.AzureStore(self.container, **(unset | self._settings()), **self._transport(kind, seconds))

    def write_meanings(self, *, if_match: bool, if_none_match: bool) -> Meanings:
        return {
            409: Conflict,
            412: PreconditionFailed,
            "BlobAlreadyExists": PreconditionFailed,
            "BlobNotFound": PreconditionFailed,
            **self.plain_meanings,
        }

    def etag(self, about: Mapping[str, Any]) -> Etag:
        """In quotes, as elsewhere; a listing tells it without."""
        etag: str = about["e_tag"]
        return etag if etag.endswith('"') else f'"{etag}"'
