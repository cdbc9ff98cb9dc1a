"""What an author of an engine, a serializer or a compressor, and a test of a cache, can build on. Needs pytest.

    class TestAcmeEngine(EngineContract):
        @pytest.fixture
        def engine(self):
            return AcmeEngine(...)

``CountingEngine`` counts the requests that reach an engine. ``FlakyEngine`` fails on demand, before or after a write was applied.
s3cache itself never imports this package.
"""

import pytest

# Before the imports below: only then do the contracts' failing assertions show what they compared.
CONTRACTS = "engine_async engine_contract engine_listing engine_objects engine_races compressor_contract serializer_contract"
pytest.register_assert_rewrite(*(f"s3cache.testing.{module}" for module in CONTRACTS.split()))

from s3cache.testing.compressor_contract import CompressorContract  # noqa: E402  see above
from s3cache.testing.counting import CountingEngine  # noqa: E402  see above
from s3cache.testing.engine_contract import EngineContract  # noqa: E402  see above
from s3cache.testing.flaky import FlakyEngine  # noqa: E402  see above
from s3cache.testing.serializer_contract import SerializerContract  # noqa: E402  see above

__all__ = ["CompressorContract", "CountingEngine", "EngineContract", "FlakyEngine", "SerializerContract"]
