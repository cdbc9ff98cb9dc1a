"""Each behaviour is written once, and runs over engine x serializer x sync/async.

``call`` has the cache's methods under their blocking names, whichever way they are called; ``cache`` is the same cache itself.
"""

import pytest

from s3cache.engines import S3_ENGINES
from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from s3cache.plugins import ENGINE, find
from tests.cache.outages import Other
from tests.cache.support import Clock, RemoteEngine, cache_over, callers
from tests.servers import s3_options

COMBINATIONS = [(engine, serializer) for engine in ("local", "memory") for serializer in ("pickle", "json", "msgpack")]
COMBINATIONS += [(engine, "pickle") for engine in S3_ENGINES]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def bucket_engine(moto_server):
    """``bucket_engine(name)``: one of each S3 engine for all tests, because their clients take long to build."""
    engines = {}

    def made(name):
        if name not in engines:
            location = f"s3://{moto_server.make_bucket()}/cache"
            engines[name] = find(ENGINE, name).from_options(location, s3_options(moto_server.url))
        return engines[name]

    yield made
    for engine in engines.values():
        engine.close()


@pytest.fixture
def make_engine(request, tmp_path):
    """An empty engine by name."""

    def make(name):
        if name == "memory":
            return MemoryEngine()
        if name == "local":
            return LocalEngine.from_options(str(tmp_path / "cache"), {})
        engine = request.getfixturevalue("bucket_engine")(name)
        engine.delete_objects([info.name for info in engine.list_objects()])
        return engine

    return make


@pytest.fixture(params=("memory", "local", *S3_ENGINES))
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


@pytest.fixture
def as_mode(called, mode):
    """``as_mode(cache)``: the methods of a cache that the test builds itself."""
    return lambda cache: called(cache, mode)


@pytest.fixture(params=("native async", "blocking"))
def store(request, make_engine):
    """One that can be away. It has one attempt for each request, so that a call's failures are easy to count."""
    return RemoteEngine(make_engine("memory" if request.param == "native async" else "local"))


@pytest.fixture
def other():
    """What FALLBACK names."""
    return Other()
