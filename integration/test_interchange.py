"""All S3 engines share their entries on Ceph, too. ``tests/test_interchange.py`` has the same on moto alone."""

import pytest

from integration.places import Pair
from tests.interchange import InterchangeContract


@pytest.mark.parametrize("server", ("ceph", "moto"))
class TestInterchange(InterchangeContract):
    @pytest.fixture
    def open_cache(self, places, server):
        return lambda engine, prefix, **options: places.cache(Pair(engine, server), prefix, **options)
