"""A place for a cache of each engine, in moto or in a directory."""

import pytest

from tests.processes.support import S3, entry


@pytest.fixture
def made(request, tmp_path):
    """A function that gives an entry of CACHES in a place of this test's own, for an engine."""

    def make(engine, **options):
        if engine not in (*S3, "obstore"):
            return entry(engine, tmp_path, **options)
        return entry(engine, request.getfixturevalue("bucket"), request.getfixturevalue("moto"), **options)

    return make
