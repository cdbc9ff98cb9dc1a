"""All S3 engines share their entries, over every ordered pair of them."""

import pytest

from s3cache import ObjectStoreCache
from tests.interchange import InterchangeContract
from tests.servers import s3_options


@pytest.fixture(scope="module")
def shared_bucket(moto_server):
    return moto_server.make_bucket()


class TestInterchange(InterchangeContract):
    @pytest.fixture
    def open_cache(self, moto, shared_bucket):
        opened = []

        def make(engine, prefix, **options):
            given = {"OPTIONS": {"ENGINE": engine, **s3_options(moto), **options}}
            opened.append(ObjectStoreCache(f"s3://{shared_bucket}/{prefix}", given))
            return opened[-1]

        yield make
        for cache in opened:
            cache.engine.close()
