"""What is alike on every server that speaks S3: options, buckets, and a first object."""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import Any

from integration.servers.base import Server

ACCESS_KEY = "s3cache"
SECRET_KEY = "s3cache-secret"
PATIENT = {"connect_timeout": 5, "read_timeout": 30}
"""Seconds, for a machine with an eighth of a core."""


def s3_server(name: str, port: int, access_key: str = ACCESS_KEY) -> Server:
    """A server whose kind OPTIONS["PROFILE"] has under the same name, once it has taken and given back an object."""
    url = f"http://127.0.0.1:{port}"
    keys = {"access_key": access_key, "secret_key": SECRET_KEY}
    options = {"PROFILE": name, "TOTAL_TIMEOUT": 60, "endpoint_url": url, "region_name": "us-east-1", **keys, **PATIENT}
    server = Server(name, url, options)
    make_bucket(server)
    return server


def make_bucket(server: Server) -> str:
    """A new bucket that has held an object: the first of all is slow, because Ceph then makes its pools."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    with closing(client(server)) as s3:
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="first", Body=b"body")
        s3.delete_object(Bucket=name, Key="first")
    return name


def client(server: Server, attempts: int = 10) -> Any:
    """boto3's own."""
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3",
        endpoint_url=server.url,
        region_name=server.options["region_name"],
        aws_access_key_id=server.options["access_key"],
        aws_secret_access_key=server.options["secret_key"],
        config=Config(
            **PATIENT,
            max_pool_connections=64,
            retries={"total_max_attempts": attempts},
            s3={"addressing_style": "path"},
            response_checksum_validation="when_required",
        ),
    )
