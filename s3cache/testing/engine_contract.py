"""The contract of ``s3cache/engines/base.py`` as tests: a sentence there is a test here. Every engine passes it, ours and others'.

An author subclasses ``EngineContract`` and gives it a fixture named ``engine``, which may use tmp_path and its like. What an
engine's features deny is tested too: it must raise NotSupported. The parts: ``engine_objects`` has get, put and delete,
``engine_listing`` the listing, ``engine_races`` the threads, ``engine_async`` the async shape.
"""

from __future__ import annotations

from s3cache.engines.base import Engine
from s3cache.testing.engine_async import AsyncContract
from s3cache.testing.engine_listing import ListingContract
from s3cache.testing.engine_objects import DeletingContract, ReadingContract, WritingContract
from s3cache.testing.engine_races import RacesContract


class EngineContract(ReadingContract, WritingContract, DeletingContract, ListingContract, RacesContract, AsyncContract):
    """Subclass it, with a fixture named ``engine``. It works in a shared bucket, and leaves nothing there."""

    def test_features_hang_together(self, engine: Engine) -> None:
        features = engine.features
        assert features.delete_batch >= 1
        assert features.max_name >= 80  # a hashed name under a short LOCATION
        assert features.conditional_writes or not features.conditional_batch_delete

    def test_the_prefix_ends_in_a_slash_or_is_empty(self, engine: Engine) -> None:
        assert engine.prefix == "" or engine.prefix.endswith("/")
        assert not engine.prefix.startswith("/")

    def test_the_location_is_a_url(self, engine: Engine) -> None:
        scheme, separator, _ = engine.location.partition("://")
        assert scheme.isalnum() and separator

    def test_a_closed_engine_can_be_used_again(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"body")
        engine.close()
        engine.close()
        assert engine.get_object(name).body == b"body"
