"""Every engine keeps the engine contract on every server, but for what ``expected.py`` says of that server."""

import pytest

from integration.places import AZURE_PAIRS, S3_PAIRS
from s3cache.testing import EngineContract


@pytest.mark.parametrize("pair", S3_PAIRS + AZURE_PAIRS, ids=str, scope="session")
class TestContract(EngineContract):
    @pytest.fixture
    def engine(self, places, pair):
        return places.engine(pair)
