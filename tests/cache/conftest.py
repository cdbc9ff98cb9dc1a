"""Each behaviour is written once, and runs over engine x serializer x sync/async.

``call`` has the cache's methods under their blocking names, whichever way they are called; ``cache`` is the same cache itself.
"""

import pytest

from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from tests.cache.support import Clock, cache_over, callers
from tests.servers import s3_options

COMBINATIONS = [(engine, serializer) for engine in ("local", "memory") for serializer in ("pickle", "json", "msgpack")]
COMBINATIONS.append(("boto3", "pickle"))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def bucket_engine(moto_server):
    """One for all tests, because its clients take long to build."""
    engine = Boto3Engine.from_options(f"s3://{moto_server.make_bucket()}/cache", s3_options(moto_server.url))
    yield engine
    engine.close()


@pytest.fixture
def make_engine(request, tmp_path):
    """An empty engine by name."""

    def make(name):
        if name == "memory":
            return MemoryEngine()
        if name == "local":
            return LocalEngine.from_options(str(tmp_path / "cache"), {})
        engine = request.getfixturevalue("bucket_engine")
        engine.delete_objects([info.name for info in engine.list_objects()])
        return engine

    return make


@pytest.fixture(params=("memory", "local", "boto3"))
def engine(request, make_engine):
    return make_engine(request.param)


@pytest.fixture(params=COMBINATIONS, ids="-".join)
def cache(request, make_engine, clock):
    engine, serializer = request.param
    return cache_over(make_engine(engine), clock, SERIALIZER=serializer, COMPRESSOR="zlib")


@pytest.fixture
def called():
    """``called(cache, mode)``: a cache's methods under their blocking names, for mode "sync" or "async"."""
    with callers() as called:
        yield called


@pytest.fixture(params=("sync", "async"))
def mode(request):
    return request.param


@pytest.fixture
def call(cache, called, mode):
    return called(cache, mode)
