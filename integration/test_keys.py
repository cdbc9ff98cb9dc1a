"""Keys with every engine on every server, in both layouts: odd names arrive as they were, and patterns find and delete by them."""

import asyncio
import secrets
from contextlib import aclosing

import pytest

from integration.places import AZURE_PAIRS, S3_PAIRS
from s3cache.patterns import escaped

pytestmark = pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")

PAIRS = pytest.mark.parametrize("pair", S3_PAIRS + AZURE_PAIRS, ids=str)
ODD_KEYS = [
    "",
    "a/b//../c",
    "../..",
    "naïve ключ 鍵",
    "\ud800",
    "Key",
    "key",
    "KEY",
    "a\nb",
    "*",
    "[a]",
    "a\\b",
    "=61",
    "a=61",
    "\0",
    "?",
    "+ %2f",
]
LONG = ["k" * 247, "k" * 248, "k" * 249, "K" * 82, "K" * 83, "k" * 900, "k" * 1000]
"""Around the longest that a readable name can show."""


@pytest.fixture(params=("hashed", "readable"))
def cache(request, places, pair):
    return places.cache(pair, secrets.token_hex(6), KEY_LAYOUT=request.param, MAX_ENTRIES=0)


@PAIRS
def test_keys_come_back_as_they_were_written(cache):
    cache.set_many(dict.fromkeys(ODD_KEYS + LONG, 1))
    assert sorted(cache.keys()) == sorted(ODD_KEYS + LONG)
    assert [cache.keys(escaped(key)) for key in ODD_KEYS + LONG] == [[key] for key in ODD_KEYS + LONG]


@PAIRS
def test_a_pattern_deletes_what_fits_and_nothing_else(cache):
    cache.set_many({f"{kind}:{number}": number for kind in ("user", "page") for number in range(30)})
    cache.set("user:1", 1, version=2)
    assert cache.delete_pattern("user:1*") == 11
    assert cache.count("user:*") == 19 and cache.count("page:*") == 30
    assert cache.keys(version=2) == ["user:1"]
    cache.clear()
    assert cache.keys(version=2) == cache.keys() == []


@PAIRS
def test_asynchronous_callers_find_the_same_and_may_leave_early(cache):
    cache.set_many({f"key:{number}": number for number in range(40)})

    async def story():
        async with aclosing(cache.aiter_keys("key:*")) as keys:
            async for key in keys:
                assert key.startswith("key:")
                break
        assert await cache.acount("key:1*") == 11
        assert await cache.adelete_pattern("key:*") == 40
        assert await cache.akeys() == []

    asyncio.run(story())
