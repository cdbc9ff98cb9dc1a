"""The engine contract, part four: the async shape, or its absence. Its waiting is done by the loop that the test starts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from s3cache.engines.base import AsyncEngine, Engine
from s3cache.errors import NotModified, NotSupported, ObjectNotFound, ObjectTooLarge, PreconditionFailed
from s3cache.testing.engine_fixtures import THREADS, EngineFixtures, supported


def run(engine: Engine, sentence: Callable[[AsyncEngine], Awaitable[None]]) -> None:
    """Try the sentence on the async shape; where the features deny one, there must be none."""
    store = engine.asynchronous()
    assert (store is not None) is engine.features.native_async
    if store is not None:

        async def main(store: AsyncEngine) -> None:
            await sentence(store)

        asyncio.run(main(store))


async def names(store: AsyncEngine, prefix: str, start_after: str | None = None) -> list[str]:
    return sorted([info.name async for info in store.list_objects(prefix, start_after)])


async def won(store: AsyncEngine, name: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> bool:
    try:
        await store.put_object(name, body, if_match=if_match, if_none_match=if_none_match)
    except PreconditionFailed:
        return False
    return True


class AsyncContract(EngineFixtures):
    def test_async_both_shapes_have_the_same_features_and_prefix(self, engine: Engine) -> None:
        async def sentence(store: AsyncEngine) -> None:
            assert store.features == engine.features
            assert store.prefix == engine.prefix

        run(engine, sentence)

    def test_async_both_shapes_show_the_same_objects(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            etag = await store.put_object(name, b"async")
            assert engine.get_object(name).body == b"async"
            assert engine.get_object(name).etag == etag
            etag = engine.put_object(name, b"blocking")
            assert (await store.get_object(name)).body == b"blocking"
            assert (await store.get_object(name)).etag == etag

        run(engine, sentence)

    def test_async_get_returns_the_whole_body_or_its_first_bytes(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            etag = await store.put_object(name, b"whole body")
            assert (await store.get_object(name)).body == b"whole body"
            assert (await store.get_object(name, first=5)).body == b"whole"
            assert (await store.get_object(name, first=2048)).body == b"whole body"
            assert (await store.get_object(name, first=5)).etag == etag

        run(engine, sentence)

    def test_async_the_first_bytes_of_an_empty_object_are_empty(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            await store.put_object(name, b"")
            assert (await store.get_object(name, first=2048)).body == b""

        run(engine, sentence)

    def test_async_a_missing_object_is_not_found(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            for first in (None, 2048):
                with pytest.raises(ObjectNotFound):
                    await store.get_object(name, first=first)

        run(engine, sentence)

    def test_async_an_object_that_has_the_etag_is_not_modified(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            etag = await store.put_object(name, b"old")
            if etag is not None:
                with pytest.raises(NotModified):
                    await store.get_object(name, if_none_match=etag)
            await store.put_object(name, b"new")
            assert (await store.get_object(name, if_none_match=etag)).body == b"new"

        run(engine, sentence)

    def test_async_a_body_longer_than_the_limit_is_too_large(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            etag = await store.put_object(name, b"12345")
            assert (await store.get_object(name, limit=5)).body == b"12345"
            with pytest.raises(ObjectTooLarge) as caught:
                await store.get_object(name, limit=4)
            assert caught.value.etag == etag

        run(engine, sentence)

    def test_async_create_only_leaves_an_object_that_exists(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            with supported(engine.features.conditional_writes):
                assert await won(store, name, b"old", if_none_match=True)
                assert not await won(store, name, b"new", if_none_match=True)
                assert (await store.get_object(name)).body == b"old"

        run(engine, sentence)

    def test_async_if_match_replaces_only_the_object_of_that_etag(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            etag = await store.put_object(name, b"old") or "any"
            with supported(engine.features.conditional_writes):
                assert await won(store, name, b"new", if_match=etag)
                assert not await won(store, name, b"newer", if_match=etag)
                assert (await store.get_object(name)).body == b"new"
                await store.delete_objects([name])
                assert not await won(store, name, b"newest", if_match=etag)

        run(engine, sentence)

    def test_async_both_conditions_at_once_are_a_mistake(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            with pytest.raises(ValueError if engine.features.conditional_writes else (ValueError, NotSupported)):
                await store.put_object(name, b"body", if_match="any", if_none_match=True)

        run(engine, sentence)

    def test_async_of_racing_creators_exactly_one_wins(self, engine: Engine, name: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            with supported(engine.features.conditional_writes):
                wins = await asyncio.gather(*(won(store, name, b"%d" % n, if_none_match=True) for n in range(THREADS)))
                assert wins.count(True) == 1
                assert (await store.get_object(name)).body == b"%d" % wins.index(True)

        run(engine, sentence)

    def test_async_delete_removes_a_batch_and_minds_no_missing_name(self, engine: Engine, prefix: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            for part in "abc":
                await store.put_object(prefix + part, b"body")
            await store.delete_objects([prefix + part for part in "axb"][: engine.features.delete_batch])
            assert prefix + "a" not in await names(store, prefix)
            assert prefix + "c" in await names(store, prefix)

        run(engine, sentence)

    def test_async_delete_with_etags_spares_what_was_written_since(self, engine: Engine, prefix: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            etags = [await store.put_object(prefix + part, b"old") for part in "ab"]
            await store.put_object(prefix + "a", b"new")
            with supported(engine.features.conditional_batch_delete):
                await store.delete_objects([prefix + "a", prefix + "b"], etags=etags)
                assert await names(store, prefix) == [prefix + "a"]

        run(engine, sentence)

    def test_async_a_listing_shows_a_prefix_from_any_point(self, engine: Engine, prefix: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            for part in ("a", "b/1", "b/2", "b2", "c"):
                await store.put_object(prefix + part, b"12345")
            assert await names(store, prefix + "b/") == [prefix + "b/1", prefix + "b/2"]
            assert [info.size async for info in store.list_objects(prefix + "c")] == [5]
            with supported(engine.features.start_after):
                assert await names(store, prefix, start_after=prefix + "b/1") == [prefix + part for part in ("b/2", "b2", "c")]

        run(engine, sentence)

    def test_async_a_listing_may_be_closed_half_way(self, engine: Engine, prefix: str) -> None:
        async def sentence(store: AsyncEngine) -> None:
            for part in "abc":
                await store.put_object(prefix + part, b"body")
            async with aclosing(store.list_objects(prefix)) as listing:
                assert (await anext(listing)).name.startswith(prefix)
            assert len(await names(store, prefix)) == 3

        run(engine, sentence)
