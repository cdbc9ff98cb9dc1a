"""S3 behind the obstore engine: from the options that all S3 engines share to what obstore is told.

obstore reads the variables AWS_* of the environment, many of them in ways of its own. So everything is set explicitly, and the two
that cannot be overruled are refused.

https://developmentseed.org/obstore/latest/api/store/aws/
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from s3cache.deadlines import Limit
from s3cache.engines import s3options
from s3cache.engines.awsconfig import AwsConfig
from s3cache.engines.obstoreerrors import NO_ETAG, Advice
from s3cache.engines.obstores3settings import (
    check_environment,
    check_support,
    encryption,
    endpoint,
    is_encrypted,
    proxy,
    security,
    written,
)
from s3cache.engines.obstoreservice import Kind, Service, check_prefix, transport
from s3cache.engines.s3errors import CERTIFICATE, NOT_S3, UNREACHABLE, Meanings, advice, write_meanings
from s3cache.engines.s3location import location_url
from s3cache.errors import OptionError
from s3cache.validation import build, flag, option

RENEWAL = timedelta(minutes=1)
"""Less than five minutes: obstore then asks for the keys again, at most ten times a second, and gets renewed ones at once."""


@dataclasses.dataclass(frozen=True)
class OwnOptions:
    """What this engine has beyond the others."""

    unsigned_payload: bool = option(False, flag())
    """Sign the headers alone, and leave the body to TLS: large writes cost a third of the CPU time. Only over https."""


class S3Service(Service):
    """A bucket. Its options are ``S3Options``, and ``unsigned_payload``."""

    advice = Advice(advice, UNREACHABLE, CERTIFICATE, NOT_S3)

    def __init__(self, location: str, given: Mapping[str, object], environ: Mapping[str, str]) -> None:
        own = {field.name for field in dataclasses.fields(OwnOptions)}
        self.own = build(OwnOptions, {name: value for name, value in given.items() if name in own})
        self.target = s3options.read(location, {name: value for name, value in given.items() if name not in own}, environ)
        options = self.target.options
        self.prefix = self.target.prefix
        self.location = location_url(self.target.bucket, self.prefix, options.endpoint_url)
        self.features = dataclasses.replace(
            self.target.profile.features,
            server_date=False,
            native_async=True,
            concurrency=64,
            max_attempts=options.max_attempts,
            attempt_timeout=options.connect_timeout + options.read_timeout,
        )
        check_prefix(self.prefix)
        check_support(options)
        if self.own.unsigned_payload and not is_encrypted(options):
            raise OptionError("OPTIONS['unsigned_payload'] needs https: without TLS nothing would protect the body on its way.")
        self.written = written(options)
        self._encryption = encryption(options)
        self._aws = AwsConfig(options)

    def write_meanings(self, *, if_match: bool, if_none_match: bool) -> Meanings:
        return write_meanings(self.target.profile, if_match=if_match, if_none_match=if_none_match)

    def is_overtaken(self, error: BaseException) -> bool:
        return not self.target.profile.etag_of_every_write and NO_ETAG in str(error)

    def version(self, etag: str) -> dict[str, str]:
        return {"e_tag": self.target.profile.if_match(etag)}

    def redact(self, message: str) -> str:
        return self.target.options.redact(message)

    def make(self, kind: Kind, seconds: float) -> Any:
        from obstore import store

        options, profile = self.target.options, self.target.profile
        check_environment(self._encryption, os.environ)
        region = self._aws.region() or "us-east-1"
        url, virtual = endpoint(self.target, region)
        unsigned = options.signature_version == "unsigned"
        return store.S3Store(
            self.target.bucket,
            region=region,
            # Alone, the first of the two would give way to AWS_ENDPOINT_URL_S3.
            endpoint=url,
            aws_endpoint_url_s3=url,
            virtual_hosted_style_request=virtual,
            s3_express=profile.name == "express",
            skip_signature=unsigned,
            unsigned_payload=self.own.unsigned_payload,
            disable_bulk_delete=not kind.bulk,
            disable_tagging=False,
            conditional_put="etag",
            copy_if_not_exists="multipart",  # of no use here, but a value that makes no sense would stop obstore
            request_payer="RequestPayer" in (options.request_parameters or {}),
            **self._encryption,
            credential_provider=None if unsigned else self._credential,
            **transport(options, kind, seconds, plain_http=url.startswith("http:"), **security(options), **proxy(options, url)),
        )

    def _credential(self) -> Any:
        """The keys, as obstore asks for them: once for those of the options, which no source renews."""
        options = self.target.options
        with Limit(options.connect_timeout + options.read_timeout):  # obstore's threads know nothing of an asynchronous call's time
            keys = self._aws.keys()
        assert keys is not None  # unsigned requests do not ask
        renewed = options.access_key is None
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": datetime.now(UTC) + RENEWAL if renewed else None,
        }
