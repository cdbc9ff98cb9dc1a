"""moto, as ``tests.servers`` starts it, beside the others for what is compared over all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from integration.servers.base import Server
from integration.servers.s3 import s3_server
from tests.servers import Moto


@contextmanager
def running() -> Iterator[Server]:
    moto = Moto()
    try:
        yield s3_server("moto", urlsplit(moto.url).port or 0)
    finally:
        moto.stop()
