"""The SDKs under the S3 engines, each used by itself as its documentation shows: what the engines are measured against.

An ``Sdk`` is opened on a server's URL and closed at the end of its block. Each is imported only then, so that one that is not
installed does no harm.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

BUCKET = "benchmark"
REGION = "us-east-1"
ACCESS_KEY = "AKIDBENCHMARK"
SECRET_KEY = "a secret of nobody"


class Sdk(NamedTuple):
    """How it reads and writes one object of the BUCKET."""

    get: Callable[[str], Any]
    """Gives the body, as bytes or as a buffer of the SDK's own."""
    put: Callable[[str, bytes], object]


@contextmanager
def boto3_client(url: str) -> Iterator[Sdk]:
    import boto3

    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    with closing(boto3.client("s3", endpoint_url=url, region_name=REGION, **keys)) as client:
        yield Sdk(
            get=lambda name: client.get_object(Bucket=BUCKET, Key=name)["Body"].read(),
            put=lambda name, body: client.put_object(Bucket=BUCKET, Key=name, Body=body),
        )


@contextmanager
def minio_client(url: str) -> Iterator[Sdk]:
    from minio import Minio

    host = urlsplit(url).netloc
    client = Minio(endpoint=host, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False, region=REGION)

    def get(name: str) -> bytes:
        response = client.get_object(bucket_name=BUCKET, object_name=name)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def put(name: str, body: bytes) -> object:
        return client.put_object(bucket_name=BUCKET, object_name=name, data=io.BytesIO(body), length=len(body))

    yield Sdk(get, put)


@contextmanager
def s3_storage(url: str) -> Iterator[Sdk]:
    """Of django-storages or of django-storages-s3, which exclude each other."""
    try:
        from storages.backends.s3 import S3Storage
    except ModuleNotFoundError:
        from storages.s3 import S3Storage
    from django.core.files.base import ContentFile

    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    storage = S3Storage(bucket_name=BUCKET, endpoint_url=url, region_name=REGION, file_overwrite=True, **keys)

    def get(name: str) -> bytes:
        with storage.open(name) as file:
            return file.read()  # type: ignore[no-any-return]

    def put(name: str, body: bytes) -> None:
        assert storage.save(name, ContentFile(body)) == name  # it overwrites

    with closing(storage.connection.meta.client):
        yield Sdk(get, put)


@contextmanager
def obstore_store(url: str) -> Iterator[Sdk]:
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        BUCKET,
        endpoint=url,
        region=REGION,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        client_options={"allow_http": True},
    )
    yield Sdk(get=lambda name: obstore.get(store, name).bytes(), put=lambda name, body: obstore.put(store, name, body))
