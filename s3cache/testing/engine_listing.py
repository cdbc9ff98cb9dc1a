"""The engine contract, part two: list_objects."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from s3cache.engines.base import Engine
from s3cache.testing.engine_fixtures import THREADS, EngineFixtures, listed, remove, supported


def put_all(engine: Engine, prefix: str, parts: list[str]) -> list[str]:
    """Objects of these names, in the order a listing has them."""
    names = [prefix + part for part in parts]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda name: engine.put_object(name, b"body"), names))
    return sorted(names, key=str.encode)


class ListingContract(EngineFixtures):
    def test_an_empty_prefix_lists_nothing(self, engine: Engine, prefix: str) -> None:
        assert listed(engine, prefix) == []

    def test_no_prefix_lists_everything(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"body")
        assert any(info.name == name for info in engine.list_objects())

    def test_a_prefix_does_not_show_its_neighbours(self, engine: Engine, prefix: str) -> None:
        put_all(engine, prefix, ["cache/1", "cache/2/3", "cache2/1", "cach/1", "cache-1"])
        assert listed(engine, prefix + "cache/") == [prefix + "cache/1", prefix + "cache/2/3"]

    def test_a_prefix_may_end_within_a_part(self, engine: Engine, prefix: str) -> None:
        put_all(engine, prefix, ["k/user=2e1", "k/user=2e2/x", "k/other", "l/user=2e1"])
        assert listed(engine, prefix + "k/user=2e") == [prefix + "k/user=2e1", prefix + "k/user=2e2/x"]

    def test_a_listing_follows_the_bytes_of_the_names(self, engine: Engine, prefix: str) -> None:
        names = put_all(engine, prefix, ["b/1", "b-", "b0", "b/10", "b/2/x", "a", "B", "é", "z", "b.c/1", "\U0001f9ca", "\uffee"])
        assert listed(engine, prefix) == names

    def test_a_listing_shows_size_time_and_etag(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"12345")
        [info] = engine.list_objects(name)
        assert info.name == name
        assert info.size == 5
        assert info.etag in (etag, None)
        assert info.modified.tzinfo is not None
        assert abs(info.modified - datetime.now(UTC)) < timedelta(hours=1)

    def test_a_listing_shows_the_last_write(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"a long old body")
        etag = engine.put_object(name, b"new")
        assert [(info.size, info.etag or etag) for info in engine.list_objects(name)] == [(3, etag)]

    @pytest.mark.parametrize(
        ("start_after", "shown"),
        [
            ("b/2", ["b/3", "b0", "c"]),
            ("b/1x", ["b/2", "b/3", "b0", "c"]),
            ("b", ["b/1", "b/2", "b/3", "b0", "c"]),
            ("b/", ["b/1", "b/2", "b/3", "b0", "c"]),
            ("b/4", ["b0", "c"]),
            ("b-x", ["b/1", "b/2", "b/3", "b0", "c"]),
            ("", ["a", "b/1", "b/2", "b/3", "b0", "c"]),
            ("c", []),
            ("d/e/f", []),
        ],
    )
    def test_a_listing_starts_after_a_name_that_may_not_exist(
        self, engine: Engine, prefix: str, start_after: str, shown: list[str]
    ) -> None:
        put_all(engine, prefix, ["a", "b/1", "b/2", "b/3", "b0", "c"])
        with supported(engine.features.start_after):
            assert listed(engine, prefix, start_after=prefix + start_after) == [prefix + part for part in shown]

    def test_a_listing_may_start_before_and_after_its_prefix(self, engine: Engine, prefix: str) -> None:
        [inside] = put_all(engine, prefix, ["m/1"])
        with supported(engine.features.start_after):
            assert listed(engine, prefix + "m/", start_after=prefix + "a") == [inside]
            assert listed(engine, prefix + "m/", start_after=prefix + "z") == []

    def test_more_than_a_thousand_names_are_listed_and_deleted(self, engine: Engine, prefix: str) -> None:
        names = put_all(engine, prefix, [f"{number % 16:x}/{number:04}" for number in range(1100)])
        assert listed(engine, prefix) == names
        with supported(engine.features.start_after):
            assert listed(engine, prefix, start_after=names[49]) == names[50:]
        remove(engine, names)
        assert listed(engine, prefix) == []

    def test_a_listing_is_an_iterator_that_may_be_dropped_half_way(self, engine: Engine, prefix: str) -> None:
        names = put_all(engine, prefix, ["a", "b/1", "b/2", "c"])
        listing = engine.list_objects(prefix)
        assert iter(listing) is listing
        assert next(listing).name in names
        del listing
        gc.collect()  # what was left open would warn now, and a warning fails the test
        assert listed(engine, prefix) == names

    def test_a_listing_survives_writes_and_deletes_meanwhile(self, engine: Engine, prefix: str) -> None:
        names = put_all(engine, prefix, ["a", "b/1", "b/2", "c/1", "c/2"])
        shown = []
        for info in engine.list_objects(prefix):
            shown.append(info.name)
            engine.delete_objects([info.name])
            engine.put_object(prefix + "0", b"new")
        assert set(names) <= set(shown) <= {*names, prefix + "0"}
