"""What an author of an engine, a serializer or a compressor, and a test of a cache, can build on.

    class TestAcmeEngine(EngineContract):
        @pytest.fixture
        def engine(self):
            return AcmeEngine(...)

The contracts need pytest. ``CountingEngine`` counts the requests that reach an engine, ``FlakyEngine`` fails on demand, before or
after a write was applied; these two work in any test. s3cache itself never imports this package.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from s3cache.testing.counting import CountingEngine
from s3cache.testing.flaky import FlakyEngine

if TYPE_CHECKING:
    from s3cache.testing.compressor_contract import CompressorContract
    from s3cache.testing.engine_contract import EngineContract
    from s3cache.testing.serializer_contract import SerializerContract

__all__ = ["CompressorContract", "CountingEngine", "EngineContract", "FlakyEngine", "SerializerContract"]

CONTRACTS = {
    "CompressorContract": "compressor_contract",
    "EngineContract": "engine_contract",
    "SerializerContract": "serializer_contract",
}
REWRITTEN = ("engine_async", "engine_listing", "engine_objects", "engine_races", *CONTRACTS.values())

if "pytest" in sys.modules:
    # Before they are imported: only then do their failing assertions show what they compared.
    sys.modules["pytest"].register_assert_rewrite(*(f"{__name__}.{module}" for module in REWRITTEN))


def __getattr__(name: str) -> Any:
    """A contract, on first use."""
    if name not in CONTRACTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{CONTRACTS[name]}"), name)
