"""What an author of an engine, and a test of a cache, can build on. Needs pytest; s3cache itself never imports it.

    class TestAcmeEngine(EngineContract):
        @pytest.fixture
        def engine(self):
            return AcmeEngine(...)

``CountingEngine`` counts the requests that reach an engine. ``FlakyEngine`` fails on demand, before or after the write was applied.
"""

import pytest

# Before the imports below: only then do failing assertions of the contract show what they compared.
pytest.register_assert_rewrite(
    *(
        f"s3cache.testing.{module}"
        for module in ("engine_async", "engine_contract", "engine_listing", "engine_objects", "engine_races")
    )
)

from s3cache.testing.counting import CountingEngine  # noqa: E402  see above
from s3cache.testing.engine_contract import EngineContract  # noqa: E402  see above
from s3cache.testing.flaky import FlakyEngine  # noqa: E402  see above

__all__ = ["CountingEngine", "EngineContract", "FlakyEngine"]
