"""Genuine entries in the wrong place: under another key, version, prefix, namespace or site, or living longer than they may."""

import itertools
import struct

import pytest

from s3cache.engines.memory import MemoryEngine
from tests.cache.support import name_of
from tests.integrity.support import SECRET, absent, answers

SIGNINGS = pytest.mark.parametrize("signing", (True, False), ids=("signed", "unsigned"))
PLACES = [("key", 1), ("key", 2), ("key", 12), ("key2", 1), ("2:key", 1), ("k" * 2000, 1), ("ü", 1), ("", 1)]


class Under(MemoryEngine):
    """A part of a store: what another engine has, under a prefix."""

    def __init__(self, prefix, store=None):
        super().__init__()
        self.prefix = prefix
        if store is not None:
            self._objects, self._names = store._objects, store._names


@pytest.fixture(autouse=True)
def any_key_will_do(recwarn):
    """Django warns of keys that memcached would refuse."""


@SIGNINGS
def test_an_entry_under_another_key_or_version_is_a_miss(vault, signing):
    vault = vault(SIGNING=signing)
    cache, engine = vault.cache, vault.engine
    for number, (key, version) in enumerate(PLACES):
        cache.set(key, number, version=version)
    bodies = {place: vault.stored(*place) for place in PLACES}
    for (key, version), taken_from in itertools.permutations(PLACES, 2):
        engine.put_object(name_of(cache, key, version), bodies[taken_from])
        assert vault.call.get(key, version=version) is None
        assert vault.call.has_key(key, version=version) is False
        assert vault.call.touch(key, version=version) is False
        assert vault.call.add(key, "new", version=version) is True


@SIGNINGS
@pytest.mark.parametrize("timeouts", ((None, None), (100, 1000)))
def test_entries_that_changed_places_are_both_misses(vault, signing, timeouts):
    vault = vault(SIGNING=signing)
    names = [name_of(vault.cache, key) for key in ("one", "other")]
    for key, timeout in zip(("one", "other"), timeouts, strict=True):
        vault.cache.set(key, "equal values", timeout)
    bodies = [vault.engine.get_object(name).body for name in names]
    for name, body in zip(names, reversed(bodies), strict=True):
        vault.engine.put_object(name, body)
    assert vault.call.get_many(["one", "other"]) == {}


@SIGNINGS
def test_an_entry_of_another_key_prefix_is_a_miss(vault, signing):
    ours, theirs = vault(SIGNING=signing), vault(SIGNING=signing, params={"KEY_PREFIX": "theirs"})
    assert answers(ours, theirs.written({"role": "admin"})) == absent()


@SIGNINGS
@pytest.mark.parametrize(
    ("ours", "theirs"), (("", "site/"), ("site/", ""), ("site/", "site/site/"), ("a/", "b/"), ("site-a/", "site-ab/"))
)
def test_an_entry_of_another_prefix_is_a_miss(vault, signing, ours, theirs):
    store = Under(ours)
    vault, other = vault(SIGNING=signing, engine=store), vault(SIGNING=signing, engine=Under(theirs, store))
    assert vault.name.removeprefix(ours) == other.name.removeprefix(theirs)
    assert answers(vault, other.written({"role": "admin"})) == absent()


@SIGNINGS
@pytest.mark.parametrize(("ours", "theirs"), (("", "staging"), ("production", "staging"), ("production", ""), ("a", "aa")))
def test_an_entry_of_another_namespace_is_a_miss(vault, signing, ours, theirs):
    other = vault(SIGNING=signing, NAMESPACE=theirs)
    assert answers(vault(SIGNING=signing, NAMESPACE=ours), other.written({"role": "admin"})) == absent()


@pytest.mark.parametrize("ours", ({}, {"SIGNING": False}))
def test_an_entry_of_a_site_with_another_key_is_a_miss(vault, ours):
    other = vault(SIGNING_KEY="the key of staging")
    assert answers(vault(**ours), other.written({"role": "admin"})) == absent()


@pytest.mark.parametrize("moment", (0, 1_700_000_100_000, 2**62, 2**63 - 1, 2**63, 2**64 - 1))
@pytest.mark.parametrize("timeout", (10, 1))
def test_a_longer_life_is_a_miss_before_and_after_the_true_end(vault, moment, timeout):
    vault = vault()
    body = vault.written("value", timeout)
    longer = body[:8] + struct.pack(">Q", moment) + body[16:]
    assert answers(vault, longer) == absent()
    vault.clock.advance(timeout)
    assert answers(vault, longer) == absent()


def test_an_expired_entry_stays_a_miss_until_it_is_written_anew(vault):
    vault = vault()
    body = vault.written("value", 10)
    vault.clock.advance(10)
    assert answers(vault, body) == absent()


def test_an_earlier_entry_of_the_same_key_is_genuine_until_it_expires(vault):
    """What signing does not stop; docs/explanation/security.rst says so."""
    vault = vault()
    earlier = vault.written("earlier", 10)
    vault.written("later", 1000)
    vault.put(earlier)
    assert vault.call.get("key") == "earlier"
    vault.clock.advance(10)
    assert vault.call.get("key") is None


@pytest.mark.parametrize("moment", (2**63, 2**64 - 1))
@pytest.mark.parametrize("secret", (SECRET, None), ids=("signed", "unsigned"))
def test_an_end_beyond_all_that_we_write_does_no_harm(vault, moment, secret):
    vault = vault(SIGNING=secret is not None, SERIALIZER="json")
    vault.put(vault.forged(b"41", "json", secret=secret, expires_at=moment))
    assert vault.call.get("key") == 41
    assert vault.call.incr("key") == 42
    assert vault.call.touch("key", 10) is True
    assert vault.call.incr_version("key") == 2
