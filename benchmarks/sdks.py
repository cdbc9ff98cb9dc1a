"""The SDKs under the S3 engines, each used by itself as its documentation shows: what the engines are measured against.

An ``Sdk`` is opened on a bucket and closed at the end of its block. Each is imported only then, so that one that is not
installed does no harm. Only one thing is not as they come: bodies above 5 MB go in one part, as s3cache sends them, because the
fast servers know no parts.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.endpoints import REGION, Bucket

MANY = 1 << 30
"""Bytes: more than any body here."""
LEAST_PART = 5 << 20
"""minio takes no less."""


class Sdk(NamedTuple):
    """How it reads and writes one object of the bucket."""

    get: Callable[[str], Any]
    """Gives the body, as bytes or as a buffer of the SDK's own."""
    put: Callable[[str, bytes], object]


@contextmanager
def boto3_client(bucket: Bucket) -> Iterator[Sdk]:
    import boto3

    keys = {"aws_access_key_id": bucket.access_key, "aws_secret_access_key": bucket.secret_key}
    with closing(boto3.client("s3", endpoint_url=bucket.url, region_name=REGION, **keys)) as client:
        yield Sdk(
            get=lambda name: client.get_object(Bucket=bucket.name, Key=name)["Body"].read(),
            put=lambda name, body: client.put_object(Bucket=bucket.name, Key=name, Body=body),
        )


@contextmanager
def minio_client(bucket: Bucket) -> Iterator[Sdk]:
    from minio import Minio

    host = urlsplit(bucket.url)
    secure = host.scheme == "https"
    client = Minio(endpoint=host.netloc, access_key=bucket.access_key, secret_key=bucket.secret_key, secure=secure, region=REGION)

    def get(name: str) -> bytes:
        response = client.get_object(bucket_name=bucket.name, object_name=name)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def put(name: str, body: bytes) -> object:
        part = max(len(body), LEAST_PART)
        return client.put_object(bucket_name=bucket.name, object_name=name, data=io.BytesIO(body), length=len(body), part_size=part)

    yield Sdk(get, put)


@contextmanager
def s3_storage(bucket: Bucket) -> Iterator[Sdk]:
    """Of django-storages or of django-storages-s3, which exclude each other."""
    try:
        from storages.backends.s3 import S3Storage
    except ModuleNotFoundError:
        from storages.s3 import S3Storage
    from boto3.s3.transfer import TransferConfig
    from django.core.files.base import ContentFile

    keys = {"access_key": bucket.access_key, "secret_key": bucket.secret_key}
    whole = TransferConfig(multipart_threshold=MANY)
    storage = S3Storage(
        bucket_name=bucket.name, endpoint_url=bucket.url, region_name=REGION, file_overwrite=True, transfer_config=whole, **keys
    )

    def get(name: str) -> bytes:
        with storage.open(name) as file:
            return file.read()  # type: ignore[no-any-return]

    def put(name: str, body: bytes) -> None:
        assert storage.save(name, ContentFile(body)) == name  # it overwrites

    with closing(storage.connection.meta.client):
        yield Sdk(get, put)


@contextmanager
def obstore_store(bucket: Bucket) -> Iterator[Sdk]:
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        bucket.name,
        endpoint=bucket.url,
        region=REGION,
        access_key_id=bucket.access_key,
        secret_access_key=bucket.secret_key,
        client_options={"allow_http": True},
    )
    yield Sdk(
        get=lambda name: obstore.get(store, name).bytes(),
        put=lambda name, body: obstore.put(store, name, body, use_multipart=False),
    )


SDKS: Mapping[str, Callable[[Bucket], AbstractContextManager[Sdk]]] = {
    "boto3": boto3_client,
    "minio": minio_client,
    "storages": s3_storage,
    "obstore": obstore_store,
}
"""By engine. The packages have the same names."""
