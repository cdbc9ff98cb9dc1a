"""Every engine keeps the engine contract on every server, but for what ``expected.py`` says of that server."""

import pytest

from integration.places import AZURE_PAIRS, S3_PAIRS
from integration.repeating import RepeatingEngine
from s3cache.testing import EngineContract


@pytest.mark.parametrize("pair", S3_PAIRS + AZURE_PAIRS, ids=str, scope="session")
class TestContract(EngineContract):
    @pytest.fixture
    def engine(self, places, pair):
        engine = places.engine(pair)
        # rclone answers a PUT with 500 InternalError now and then; a cache repeats it.
        return RepeatingEngine(engine) if pair.server == "rclone" else engine
