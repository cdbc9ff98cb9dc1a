"""Groups with every engine on every server: one generation for all who make a group, and nothing comes back."""

import asyncio
import secrets

import pytest

from integration.places import AZURE_PAIRS, S3_PAIRS
from s3cache.generations import Generations
from tests.cache.test_races import at_once

PAIRS = pytest.mark.parametrize("pair", S3_PAIRS + AZURE_PAIRS, ids=str)
PROCESSES = 6


@pytest.fixture
def caches(places, pair):
    """Over one LOCATION. Nothing that was read of a group is used again, so they are to each other as other processes are."""
    prefix = secrets.token_hex(6)
    return [places.cache(pair, prefix, GROUP_TTL=0, MAX_ENTRIES=0) for _ in range(PROCESSES)]


def in_turn(call, count):
    return [call(number) for number in range(count)]


@PAIRS
def test_all_who_make_a_group_at_a_time_agree(caches):
    # Without conditions there is no race to win.
    together = at_once if caches[0].engine.features.conditional_writes else in_turn
    for turn in range(3):
        scopes = together(lambda number, turn=turn: caches[number].group(f"group-{turn}").pinned()._scope, PROCESSES)
        assert len({*scopes}) == 1
        assert len({cache.group(f"group-{turn}").pinned()._scope for cache in caches}) == 1


@PAIRS
def test_what_was_dropped_is_gone_for_all_and_stays_gone(caches):
    ours, theirs = (cache.group("g").group("h") for cache in caches[:2])
    for drop in (theirs.invalidate, caches[1].group("g").invalidate, caches[1].clear):
        ours.set_many({"a": 1, "b": 2})
        assert theirs.get_many(["a", "b"]) == {"a": 1, "b": 2}
        drop()
        assert ours.get_many(["a", "b"]) == {}
        assert theirs.get("a") is None


@PAIRS
def test_asynchronous_callers_see_the_same(caches):
    async def story():
        ours, theirs = (cache.group("g") for cache in caches[:2])
        await ours.aset("a", 1)
        assert await theirs.aget("a") == 1
        await theirs.ainvalidate()
        assert await ours.aget("a") is None

    asyncio.run(story())


@PAIRS
def test_a_lost_generation_brings_nothing_back(caches):
    group = caches[0].group("g")
    group.set("a", 1)
    operations: Generations = caches[0]._operations
    caches[0].engine.delete_objects([operations.group_name(group._group_key)])
    assert group.get("a") is None
    group.set("a", 2)
    assert caches[1].group("g").get("a") == 2
