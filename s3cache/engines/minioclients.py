"""How the minio engine's client is made: for which host, in which region, and signing with what.

``miniopool`` makes the pool of connections under it, and tells why the engine brings its own.
"""

from __future__ import annotations

import importlib
import weakref
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from s3cache.engines.awsconfig import AwsConfig
from s3cache.engines.miniopool import make_pool
from s3cache.engines.s3options import S3Options, Target
from s3cache.version import __version__

REGION = "us-east-1"
"""Where none is named. The SDK would ask the store for it otherwise, with a request more."""


class Connection(NamedTuple):
    client: Any
    pool: Any


def connect(target: Target) -> Connection:
    """Opens no connection yet. Raises what the SDK does: a ValueError for what it refuses, an OSError for an unreadable file."""
    from minio import Minio

    options = target.options
    config = AwsConfig(options)
    region = config.region() or REGION
    endpoint = urlsplit(endpoint_url(options, region))
    signer: Any = Signer(config, region)
    pool = make_pool(options, endpoint.geturl(), signer.sign)
    client = Minio(
        endpoint=endpoint.netloc,
        secure=endpoint.scheme == "https",
        region=region,
        credentials=None if options.signature_version == "unsigned" else signer,
        http_client=pool,
    )
    weakref.finalize(client, pool.clear)  # the client does it too, but when Python ends that is too late
    client.set_app_info(app_name="s3cache", app_version=__version__)
    address(client, options.addressing_style or target.profile.addressing_style)
    return Connection(client, pool)


class Signer:
    """The SDK's ``Provider``, by its one method, over the keys that every S3 engine finds."""

    def __init__(self, config: AwsConfig, region: str) -> None:
        self._config = config
        self._region = region
        self._credentials = importlib.import_module("minio.credentials").Credentials

    def retrieve(self) -> Any:
        """The credentials for one request."""
        keys = self._config.keys()
        assert keys is not None, "an unsigned request asks for no credentials"
        return self._credentials(access_key=keys.access_key, secret_key=keys.secret_key, session_token=keys.token)

    def sign(self, method: str, url: str, headers: Any) -> None:
        """Once more, after headers were added to what the SDK has signed."""
        from minio.signer import sign_v4_s3

        credentials = self.retrieve()
        if credentials.session_token:
            headers["X-Amz-Security-Token"] = credentials.session_token
        sign_v4_s3(
            method=method,
            url=urlsplit(url),
            region=self._region,
            headers=headers,
            credentials=credentials,
            content_sha256=headers["x-amz-content-sha256"],
            date=datetime.fromisoformat(headers["x-amz-date"]),
        )


def endpoint_url(options: S3Options, region: str) -> str:
    amazon = f"s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    return options.endpoint_url or f"{'https' if options.use_ssl else 'http'}://{amazon}"


def address(client: Any, style: str | None) -> None:
    """Untold, the SDK puts the bucket into the path, and at Amazon's into the host."""
    if style == "path":
        client.disable_virtual_style_endpoint()
    elif style == "virtual":
        client.enable_virtual_style_endpoint()
