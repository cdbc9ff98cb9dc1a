"""An encrypted cache does all that another does, shows nothing of keys and values, and takes no entry that is not its own."""

import contextlib
import hashlib
import itertools
import json
import logging
import os
import re
import subprocess
import sys
from functools import partial

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.safestring import SafeString
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache import ObjectStoreCache
from s3cache.engines import S3_ENGINES
from s3cache.engines.memory import MemoryEngine
from s3cache.naming import digest_under, object_name
from s3cache.testing import CountingEngine
from tests.cache.support import cache_over, stored
from tests.servers import s3_options

SECRET, EARLIER, NAME_KEY = "an encryption key of 40 bytes ..........", "an earlier key, too long to guess it ...", b"names" * 8
OPTIONS = {"ENCRYPTION_KEYS": SECRET, "NAME_KEY": NAME_KEY}
CLEAR = {"NAME_KEY": NAME_KEY}
"""As ``OPTIONS``, without encryption: the names are the same."""
GET, PUT, DELETE = "get_object", "put_object", "delete_objects"


def name_of(cache, key):
    return object_name(cache.engine.prefix, cache.make_key(key), digest_under(NAME_KEY))


def body_of(cache, key="key"):
    return cache.engine.get_object(name_of(cache, key)).body


@pytest.fixture(params=("memory", "local"))
def engine(request, make_engine):
    return CountingEngine(make_engine(request.param))


@pytest.fixture
def make_cache(engine, clock):
    """``make_cache(**options)``: caches over the same objects."""
    return lambda **options: cache_over(engine, clock, **options)


@pytest.fixture
def cache(make_cache):
    return make_cache(**OPTIONS)


# --- it is a cache ----------------------------------------------------------------------------------------------------------

VALUES = {
    "text": "text",
    "safe": SafeString("<p>"),
    "bytes": b"\0bytes",
    "none": None,
    "object": {"list": [1, 2.5, ("tuple",)]},
    "compressed": "x" * 10_000,
    "large": os.urandom(5_000_000),
    "large text": "ünïcödé " * 1_000_000,
    "k" * 2000: "under a long key",
    "lone \ud800 surrogate": 1,
}


@pytest.mark.filterwarnings("ignore:.*memcached:Warning")
def test_every_value_comes_back(make_cache, called, mode):
    call = called(make_cache(COMPRESSOR="zlib", **OPTIONS), mode)
    assert call.set_many(VALUES) == []
    assert call.get_many(VALUES) == VALUES
    for key, value in VALUES.items():
        found = call.get(key)
        assert found == value and type(found) is type(value)


def test_every_method_works(call, clock):
    assert call.add("key", 1, timeout=10) is True
    assert call.add("key", 2) is False
    assert call.incr("key") == 2
    assert call.decr("key", 5) == -3
    assert call.touch("key", 100) is True
    clock.advance(50)
    assert call.get("key") == -3
    assert call.incr_version("key") == 2
    assert call.get("key") is None
    assert call.decr_version("key", version=2) == 1
    assert call.get_or_set("key", "unused") == -3
    assert call.get_or_set("other", lambda: "computed") == "computed"
    assert call.has_key("other") is True
    assert call.delete("other") is True
    assert call.delete("other") is False
    call.delete_many(["key", "missing"])
    assert call.get("key") is None


@pytest.fixture
def call(cache, called, mode):
    return called(cache, mode)


def test_incr_keeps_the_expiry_and_touch_changes_it(call, clock):
    call.set("number", 1, timeout=10)
    call.incr("number")
    call.set("touched", 1, timeout=10)
    call.touch("touched", 20)
    clock.advance(10)
    assert call.get_many(["number", "touched"]) == {"touched": 1}


@pytest.mark.parametrize(
    "change", (lambda cache: cache.incr("key"), lambda cache: cache.touch("key"), lambda cache: cache.set("key", 1))
)
def test_whatever_writes_encrypts_anew(cache, change):
    cache.set("key", 1)
    before = body_of(cache)
    change(cache)
    after = body_of(cache)
    assert before[91:123] != after[91:123]
    assert before[123:150] != after[123:150] and before[-17:] != after[-17:]


def test_a_large_entry_is_touched_and_moved(cache, clock):
    value = os.urandom(5_000_000)
    cache.set("key", value, timeout=10)
    assert cache.touch("key", 100)
    clock.advance(50)
    assert cache.incr_version("key") == 2
    assert cache.get("key", version=2) == value


def test_clear_and_culling_know_the_names(make_cache, engine):
    cache = make_cache(MAX_ENTRIES=10, **OPTIONS)
    cache.set_many(dict.fromkeys(range(40), "value"))
    assert 0 < len(stored(engine)) <= 10
    cache.clear()
    assert stored(engine) == []


def test_it_costs_the_same_requests(cache, engine, call):
    costs = {}
    for name, use in {
        "set": lambda: call.set("key", 1),
        "get": lambda: call.get("key"),
        "add": lambda: call.add("new", 1),
        "add in vain": lambda: call.add("key", 1),
        "incr": lambda: call.incr("key"),
        "touch": lambda: call.touch("key"),
        "has_key": lambda: call.has_key("key"),
        "delete": lambda: call.delete("key"),
        "delete in vain": lambda: call.delete("key"),
        "delete_many": lambda: call.delete_many(["new", "missing"]),
    }.items():
        engine.requests.clear()
        use()
        costs[name] = dict(engine.requests)
    assert costs == {
        "set": {PUT: 1},
        "get": {GET: 1},
        "add": {PUT: 1},
        "add in vain": {PUT: 1, GET: 1},
        "incr": {GET: 1, PUT: 1},
        "touch": {GET: 1, PUT: 1},
        "has_key": {GET: 1},
        "delete": {GET: 1, DELETE: 1},
        "delete in vain": {GET: 1},
        "delete_many": {DELETE: 1},
    }
    assert stored(engine) == []


def test_what_needs_no_value_decrypts_none(cache, engine):
    """The payload is damaged, which nobody sees who reads the header alone."""
    cache.set("key", "value" * 1000)
    body = bytearray(body_of(cache))
    body[-1] ^= 1
    engine.put_object(name_of(cache, "key"), bytes(body))
    assert cache.has_key("key") is True
    assert cache.meta("key").size == 5000
    assert cache.add("key", "new") is False
    assert cache.get("key") is None
    assert cache.get_or_set("key", "new") == "new"
    assert cache.get("key") == "new"


def test_the_near_cache_keeps_what_was_decrypted(make_cache, engine, call):
    cache = make_cache(NEAR_CACHE={"MAX_BYTES": 1_000_000}, **OPTIONS)
    cache.set_many({"text": "text", "object": [1]})
    assert [cache.get("text"), cache.get("object")] == ["text", [1]]
    engine.requests.clear()
    assert [cache.get("text"), cache.get("object")] == ["text", [1]]
    assert engine.requests == {}
    cache.incr_version("text")
    assert cache.get("text") is None


# --- nothing shows ----------------------------------------------------------------------------------------------------------

words = st.text("GHIJKLMNOPqrstuvwxyz", min_size=8, max_size=60)


@settings(max_examples=50)
@given(key=words | words.map(lambda key: key * 40), word=words, kind=st.sampled_from((str, str.encode, lambda word: [word])))
@pytest.mark.filterwarnings("ignore:.*memcached:Warning")
def test_no_part_of_a_key_or_a_value_is_in_the_store(key, word, kind):
    engine = MemoryEngine()
    cache = cache_over(engine, SERIALIZER="json", **OPTIONS)
    cache.set(key, kind(word))
    cache.touch(key, 1000)
    cache.add(f"{key}+", kind(word))
    cache.get_or_set(f"{key}-", kind(word))
    full = cache.make_key(key).encode()
    shown = b"".join(name.encode() + engine.get_object(name).body for name in stored(engine))
    for text in (key.encode(), word.encode()):
        assert not any(text[start : start + 8] in shown for start in range(len(text) - 7))
    assert hashlib.sha256(full).digest() not in shown
    assert hashlib.sha256(full).hexdigest()[2:].encode() not in shown
    assert not any(secret in shown for secret in (SECRET.encode(), NAME_KEY))


def test_it_shows_of_an_entry_what_the_docs_say(cache, clock):
    """Sizes, moments, and the names of serializer and compressor."""
    cache.set("key", "value", timeout=10)
    body = body_of(cache)
    assert body[8:16] == (clock.now + 10_000).to_bytes(8, "big")
    assert body[16:24] == clock.now.to_bytes(8, "big")
    assert body[44:52] == (len("value") + 16).to_bytes(8, "big")
    assert b"\x81\0\3str\x82\0\4none" in body


# --- what is not its own ----------------------------------------------------------------------------------------------------


def stores_clear(make_cache):
    make_cache(**CLEAR).set("key", 41)
    return make_cache(**OPTIONS)


def stores_encrypted(make_cache):
    make_cache(**OPTIONS).set("key", 41)
    return make_cache(**CLEAR)


def stores_under_a_removed_key(make_cache):
    make_cache(**{**OPTIONS, "ENCRYPTION_KEYS": EARLIER}).set("key", 41)
    return make_cache(**OPTIONS)


def stores_under_another_key(make_cache):
    cache = make_cache(**OPTIONS)
    cache.set("another-key", 41)
    cache.engine.put_object(name_of(cache, "key"), body_of(cache, "another-key"))
    return cache


FOREIGN = pytest.mark.parametrize(
    "spoil",
    (stores_clear, stores_encrypted, stores_under_a_removed_key, stores_under_another_key),
    ids=lambda spoil: spoil.__name__,
)


@FOREIGN
def test_what_is_not_its_own_is_absent_for_every_method(make_cache, called, mode, spoil):
    call = called(spoil(make_cache), mode)
    assert call.get("key") is None
    assert call.get_many(["key"]) == {}
    assert call.has_key("key") is False
    assert call.touch("key") is False
    for method in (call.incr, call.decr, call.incr_version):
        with pytest.raises(ValueError, match="not found"):
            method("key")
    assert call.add("key", "new") is True
    assert call.get("key") == "new"


@FOREIGN
def test_one_get_or_set_heals_it(make_cache, spoil):
    cache = spoil(make_cache)
    assert cache.get_or_set("key", "new") == "new"
    assert cache.get("key") == "new"


@FOREIGN
def test_delete_finds_no_entry_and_removes_the_object(make_cache, engine, spoil):
    cache = spoil(make_cache)
    assert cache.delete("key") is False
    assert name_of(cache, "key") not in stored(engine)


@FOREIGN
def test_it_is_logged_without_keys_and_secrets(make_cache, caplog, spoil):
    caplog.set_level(logging.DEBUG, "s3cache")
    spoil(make_cache).get("key")
    [record] = caplog.records
    assert name_of(make_cache(**OPTIONS), "key") in record.getMessage()
    for hidden in (SECRET, EARLIER, NAME_KEY.decode(), ":1:key"):
        assert hidden not in caplog.text


def test_without_the_name_key_an_entry_is_not_found(make_cache, engine):
    make_cache(**OPTIONS).set("key", 1)
    assert make_cache(ENCRYPTION_KEYS=SECRET, NAME_KEY="b" * 32).get("key") is None
    assert make_cache().get("key") is None
    assert len(stored(engine)) == 1


# --- rotation ---------------------------------------------------------------------------------------------------------------


def test_an_entry_of_an_earlier_key_is_read_while_it_is_in_the_list(make_cache):
    make_cache(**{**OPTIONS, "ENCRYPTION_KEYS": EARLIER}).set_many({"read": 1, "touched": 1, "counted": 1, "added": 1})
    both = make_cache(**{**OPTIONS, "ENCRYPTION_KEYS": [SECRET, EARLIER.encode()]})
    assert both.get("read") == 1
    assert both.add("added", 2) is False
    assert both.touch("touched") is True
    assert both.incr("counted") == 2
    assert make_cache(**OPTIONS).get_many(["read", "touched", "counted", "added"]) == {"touched": 1, "counted": 2}


def test_a_list_of_one_key_is_that_key(make_cache):
    make_cache(**OPTIONS).set("key", 1)
    assert make_cache(**{**OPTIONS, "ENCRYPTION_KEYS": (SECRET.encode(),)}).get("key") == 1


def test_rotating_the_signing_key_loses_nothing(make_cache):
    make_cache(SIGNING_KEY="old", **OPTIONS).set("key", 1)
    assert make_cache(SIGNING_KEY=["new", "old"], **OPTIONS).get("key") == 1


# --- in a bucket ------------------------------------------------------------------------------------------------------------


def test_every_engine_reads_what_the_others_encrypted(moto_server):
    bucket = moto_server.make_bucket()
    values = {"text": "text", "object": [1, "two"], "large": os.urandom(5_000_000)}
    with contextlib.ExitStack() as stack:
        caches = {}
        for name in S3_ENGINES:
            caches[name] = ObjectStoreCache(
                f"s3://{bucket}/cache", {"OPTIONS": {"ENGINE": name, **OPTIONS, **s3_options(moto_server.url)}}
            )
            stack.callback(caches[name].engine.close)
        for writer, reader in itertools.permutations(caches.values(), 2):
            writer.clear()
            writer.set_many(values)
            assert reader.get_many(values) == values
            assert reader.touch("text") and writer.get("text") == "text"
            assert not reader.add("object", 1)


# --- options ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ENCRYPTION_KEYS": SECRET}, "without OPTIONS['NAME_KEY']"),
        ({"ENCRYPTION_KEYS": SECRET, "NAME_KEY": None}, "without OPTIONS['NAME_KEY']"),
        ({**OPTIONS, "SIGNING": False}, "OPTIONS['SIGNING'] is False"),
        ({**OPTIONS, "ENCRYPTION_KEYS": []}, "accepted: text or bytes, 32 bytes or more"),
        ({**OPTIONS, "ENCRYPTION_KEYS": ""}, "accepted: text or bytes, 32 bytes or more"),
        ({**OPTIONS, "ENCRYPTION_KEYS": "too short"}, "accepted: text or bytes, 32 bytes or more"),
        ({**OPTIONS, "ENCRYPTION_KEYS": b"x" * 31}, "accepted: text or bytes, 32 bytes or more"),
        ({**OPTIONS, "ENCRYPTION_KEYS": [SECRET, "too short"]}, "accepted: text or bytes, 32 bytes or more"),
        ({**OPTIONS, "ENCRYPTION_KEYS": [SECRET, None]}, "or a list or tuple of such, the newest first"),
        ({**OPTIONS, "ENCRYPTION_KEYS": {SECRET: 1}}, "or a list or tuple of such, the newest first"),
        ({**OPTIONS, "ENCRYPTION_KEYS": "\ud800" * 40}, "accepted: text or bytes, 32 bytes or more"),
        ({**OPTIONS, "NAME_KEY": "too short"}, "accepted: text or bytes, 32 bytes or more"),
        ({**OPTIONS, "NAME_KEY": [NAME_KEY]}, "accepted: text or bytes, 32 bytes or more"),
    ],
)
def test_a_mistake_is_told(options, said):
    with pytest.raises(ImproperlyConfigured, match=re.escape(said)) as caught:
        ObjectStoreCache("", {"OPTIONS": {"ENGINE": "memory", **options}})
    for hidden in ("too short", SECRET, NAME_KEY.decode(), "xxxx"):
        assert hidden not in str(caught.value)


def test_a_key_that_is_accepted_is_told_how_to_make():
    with pytest.raises(ImproperlyConfigured, match="accepted") as caught:
        ObjectStoreCache("", {"OPTIONS": {"ENGINE": "memory", **OPTIONS, "NAME_KEY": "too short"}})
    [command] = re.findall(r"python -c '(.*?)'", str(caught.value))
    run = partial(subprocess.run, [sys.executable, "-c", command], stdout=subprocess.PIPE, text=True, check=True)
    made, other = run().stdout.strip(), run().stdout.strip()
    assert ObjectStoreCache("", {"OPTIONS": {"ENGINE": "memory", "ENCRYPTION_KEYS": made, "NAME_KEY": other}}).get("key") is None


def test_a_secret_is_not_for_both():
    secret = "0123456789abcdef" * 2
    with pytest.raises(ImproperlyConfigured, match="NAME_KEY'] is one of"):
        ObjectStoreCache("", {"OPTIONS": {"ENGINE": "memory", "ENCRYPTION_KEYS": [secret], "NAME_KEY": secret}})


def test_where_its_package_is_missing_the_cache_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ImproperlyConfigured, match=re.escape('pip install "django-s3-cache[crypto]"')):
        ObjectStoreCache("without the package", {"OPTIONS": {"ENGINE": "memory", **OPTIONS}})
    assert ObjectStoreCache("without the package", {"OPTIONS": {"ENGINE": "memory", **CLEAR}}).get("key") is None


def test_its_package_is_imported_on_first_use():
    source = f"""
import sys
from django.conf import settings
settings.configure(SECRET_KEY="secret")
from s3cache import ObjectStoreCache
cache = ObjectStoreCache("", {{"OPTIONS": {{"ENGINE": "memory", "ENCRYPTION_KEYS": {SECRET!r}, "NAME_KEY": {NAME_KEY!r}}}}})
before = "cryptography" in sys.modules
cache.set("key", 1)
print([before, "cryptography" in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert json.loads(told.lower()) == [False, True]
