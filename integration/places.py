"""Where the tests work: pairs of an engine and a server, and on each server a bucket for each test process."""

from __future__ import annotations

import os
import secrets
from typing import Any, NamedTuple, Self

from integration import VARIABLE, servers
from integration.servers import azurite, s3
from s3cache import ObjectStoreCache
from s3cache.engines import S3_ENGINES
from s3cache.engines.base import Engine


class Pair(NamedTuple):
    engine: str
    server: str

    def __str__(self) -> str:
        return f"{self.engine}@{self.server}"


SERVERS = servers.from_text(os.environ.get(VARIABLE, "[]"))
"""Those that run."""
S3_SERVERS = [name for name in SERVERS if name != "azurite"]
S3_PAIRS = [Pair(engine, server) for server in S3_SERVERS for engine in S3_ENGINES]
AZURE_PAIRS = [Pair(engine, "azurite") for engine in ("obstore", "storages") if "azurite" in SERVERS]


class Places:
    """What is made is kept, because clients take long to build, and closed at the end."""

    def __init__(self) -> None:
        self._buckets: dict[str, str] = {}
        self._engines: dict[Pair, Engine] = {}
        self._caches: list[ObjectStoreCache] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for cache in self._caches:
            cache.engine.close()

    def bucket(self, server: str) -> str:
        if server not in self._buckets:
            make = azurite.make_container if server == "azurite" else s3.make_bucket
            self._buckets[server] = make(SERVERS[server])
        return self._buckets[server]

    def options(self, pair: Pair) -> dict[str, Any]:
        """OPTIONS in CACHES."""
        if pair == ("storages", "azurite"):
            return {"ENGINE": pair.engine, **azurite.storage_options(SERVERS[pair.server], self.bucket(pair.server))}
        return {"ENGINE": pair.engine, **SERVERS[pair.server].options}

    def location(self, pair: Pair, prefix: str = "") -> str:
        """LOCATION in CACHES; a new one unless ``prefix`` is given."""
        prefix = prefix or secrets.token_hex(6)
        if pair == ("storages", "azurite"):
            return prefix
        return f"{'az' if pair.server == 'azurite' else 's3'}://{self.bucket(pair.server)}/{prefix}"

    def cache(self, pair: Pair, prefix: str = "", **options: Any) -> ObjectStoreCache:
        """``options`` go before those of the server; None takes one away."""
        given = {name: value for name, value in {**self.options(pair), **options}.items() if value is not None}
        self._caches.append(ObjectStoreCache(self.location(pair, prefix), {"OPTIONS": given}))
        return self._caches[-1]

    def engine(self, pair: Pair) -> Engine:
        if pair not in self._engines:
            self._engines[pair] = self.cache(pair).engine
        return self._engines[pair]
