"""One rule for every method: what counts as absent, and what becomes of it.

Three tables. ``HEADER``: the header tells already, because it does not verify, is expired, or names a serializer that is not
accepted. Every method treats such an object as if nothing were there, and add replaces it. ``PAYLOAD``: the header is good, the
payload is not what it says. ``VALUE``: header and payload are as they were written, but no value comes of them here. In all three,
get is a miss and one get_or_set heals.
"""

import pickle
import sys

import pytest

from tests.cache.support import cache_over, name_of, stored

SECRET = "a-signing-key-that-nobody-may-see"
UNPICKLED = []


def spring(mark):
    """Pickled by its name, where ``UNPICKLED.append`` would take a copy of the list along."""
    UNPICKLED.append(mark)


class Trap:
    """Its unpickling leaves a trace."""

    def __reduce__(self):
        return spring, ("trapped",)


class Gone:
    """The class of a value, gone by the time that the value is read."""


class Bench:
    """A cache, its methods as ``call``, and ways to put the wrong thing where it keeps "key"."""

    options = {"SIGNING_KEY": SECRET, "SERIALIZER": "json", "MAX_VALUE_BYTES": 2000}

    def __init__(self, engine, clock, called, monkeypatch):
        self.engine = engine
        self.clock = clock
        self.called = called
        self.monkeypatch = monkeypatch
        self.configure()

    def configure(self, **options):
        self.cache = self.sibling(**options)
        self.call = self.called(self.cache)
        self.name = name_of(self.cache, "key")

    def sibling(self, **options):
        """A cache over the same objects that is configured otherwise."""
        return cache_over(self.engine, self.clock, **{**self.options, **options})

    def put(self, body):
        self.engine.put_object(self.name, body)

    def store(self, change=bytes, value=41, timeout=None, **options):
        """Stores a good entry as another site would, then changes its bytes."""
        self.sibling(**options).set("key", value, timeout)
        self.put(change(self.engine.get_object(self.name).body))


def flipped(position):
    """A change of one bit in the byte at that position."""

    def change(body):
        changed = bytearray(body)
        changed[position] ^= 1
        return bytes(changed)

    return change


def expired(bench):
    bench.sibling().set("key", 41, 10)
    bench.clock.advance(10)


def moved(bench):
    bench.sibling().set("another-key", 41)
    bench.put(bench.engine.get_object(name_of(bench.cache, "another-key")).body)


def class_gone(bench):
    bench.configure(SERIALIZER="pickle")
    bench.store(value=Gone(), SERIALIZER="pickle")
    bench.monkeypatch.delattr(sys.modules[__name__], "Gone")


HEADER = {
    "expired": expired,
    "empty": lambda bench: bench.put(b""),
    "foreign": lambda bench: bench.put(b"<html>" * 1000),
    "a bare pickle": lambda bench: bench.put(pickle.dumps(Trap())),
    "cut in the fixed part": lambda bench: bench.store(lambda body: body[:50]),
    "cut in the signature": lambda bench: bench.store(lambda body: body[:130]),
    "moved from another name": moved,
    "unsigned": lambda bench: bench.store(SIGNING=False),
    "signed with another key": lambda bench: bench.store(SIGNING_KEY="another-key"),
    "of another namespace": lambda bench: bench.store(NAMESPACE="staging"),
    "of another format version": lambda bench: bench.store(flipped(4)),
    "of unknown flags": lambda bench: bench.store(flipped(5)),
    "of a changed expiry": lambda bench: bench.store(flipped(12), timeout=1000),
    "pickled in a json cache": lambda bench: bench.store(value=Trap(), SERIALIZER="pickle"),
    "msgpack in a json cache": lambda bench: bench.store(SERIALIZER="msgpack"),
}

PAYLOAD = {
    "damaged": lambda bench: bench.store(flipped(-1)),
    "cut": lambda bench: bench.store(lambda body: body[:-1]),
    "followed by garbage": lambda bench: bench.store(lambda body: body + b"garbage"),
    "huge": lambda bench: bench.store(value="0" * 1_000_000, MAX_VALUE_BYTES=10**7),
}

VALUE = {
    "a decompression bomb": lambda bench: bench.store(value="0" * 1_000_000, COMPRESSOR="zlib", MAX_VALUE_BYTES=10**7),
    "too large": lambda bench: bench.store(value="0" * 2001, MAX_VALUE_BYTES=10**7),
    "of a class that is gone": class_gone,
}


def kinds(*tables):
    table = {kind: spoil for one in tables for kind, spoil in one.items()}
    return pytest.mark.parametrize("spoil", table.values(), ids=table)


@pytest.fixture
def make_bench(make_engine, clock, called, monkeypatch):
    UNPICKLED.clear()
    yield lambda engine, mode: Bench(make_engine(engine), clock, lambda cache: called(cache, mode), monkeypatch)
    assert UNPICKLED == []


@pytest.fixture(params=(("memory", "async"), ("local", "sync")), ids="-".join)
def bench(request, make_bench):
    return make_bench(*request.param)


@kinds(HEADER, PAYLOAD, VALUE)
def test_get_is_a_miss(bench, spoil):
    spoil(bench)
    assert bench.call.get("key") is None
    assert bench.call.get("key", "default") == "default"
    assert bench.call.get_many(["key", "missing"]) == {}


@kinds(HEADER, PAYLOAD, VALUE)
def test_in_a_bucket_as_anywhere_get_is_a_miss_and_one_get_or_set_heals(make_bench, spoil):
    bench = make_bench("boto3", "sync")
    spoil(bench)
    assert bench.call.get("key") is None
    assert bench.call.get_or_set("key", "new") == "new"
    assert bench.call.get("key") == "new"
    assert bench.call.delete("key") is True


@kinds(HEADER)
def test_in_a_bucket_as_anywhere_a_bad_header_is_no_entry(make_bench, spoil):
    bench = make_bench("boto3", "async")
    spoil(bench)
    assert bench.call.has_key("key") is False
    assert bench.call.touch("key") is False
    assert bench.call.add("key", "new") is True
    assert bench.call.get("key") == "new"


@kinds(HEADER, PAYLOAD, VALUE)
def test_a_read_leaves_the_object(bench, spoil):
    spoil(bench)
    before = bench.engine.get_object(bench.name)
    bench.call.get("key")
    bench.call.has_key("key")
    assert bench.engine.get_object(bench.name).etag == before.etag


@kinds(HEADER, PAYLOAD)
@pytest.mark.parametrize("timeout", (10, None))
def test_touch_is_false_and_revives_nothing(bench, spoil, timeout):
    spoil(bench)
    assert bench.call.touch("key", timeout) is False
    assert bench.call.get("key") is None


@kinds(HEADER, PAYLOAD, VALUE)
@pytest.mark.parametrize("method", ("incr", "decr"))
def test_incr_and_decr_are_a_value_error(bench, spoil, method):
    spoil(bench)
    before = bench.engine.get_object(bench.name)
    with pytest.raises(ValueError, match="not found"):
        getattr(bench.call, method)("key")
    assert bench.engine.get_object(bench.name).etag == before.etag


@kinds(HEADER, PAYLOAD)
@pytest.mark.parametrize("method", ("incr_version", "decr_version"))
def test_a_change_of_version_is_a_value_error(bench, spoil, method):
    spoil(bench)
    before = stored(bench.engine)
    with pytest.raises(ValueError, match="not found"):
        getattr(bench.call, method)("key")
    assert stored(bench.engine) == before


@kinds(HEADER, PAYLOAD, VALUE)
def test_set_replaces(bench, spoil):
    spoil(bench)
    bench.call.set("key", "new")
    assert bench.call.get("key") == "new"


@kinds(HEADER, PAYLOAD, VALUE)
def test_one_get_or_set_heals(bench, spoil):
    spoil(bench)
    assert bench.call.get_or_set("key", "new") == "new"
    assert bench.call.get("key") == "new"


@kinds(HEADER, PAYLOAD, VALUE)
def test_delete_removes_the_object(bench, spoil):
    spoil(bench)
    bench.call.delete("key")
    assert bench.name not in stored(bench.engine)


@kinds(HEADER)
def test_without_a_good_header_it_is_not_there(bench, spoil):
    spoil(bench)
    assert bench.call.has_key("key") is False
    assert bench.call.delete("key") is False


@kinds(HEADER)
def test_without_a_good_header_touch_with_zero_is_false_and_removes(bench, spoil):
    spoil(bench)
    assert bench.call.touch("key", 0) is False
    assert bench.name not in stored(bench.engine)


@kinds(HEADER)
def test_without_a_good_header_add_replaces(bench, spoil):
    spoil(bench)
    assert bench.call.add("key", "new") is True
    assert bench.call.get("key") == "new"
    assert bench.call.add("key", "newer") is False


@kinds(PAYLOAD, VALUE)
def test_with_a_good_header_it_counts_as_there(bench, spoil):
    spoil(bench)
    assert bench.call.has_key("key") is True
    assert bench.call.add("key", "new") is False
    assert bench.call.delete("key") is True


@kinds(VALUE)
def test_touch_and_incr_version_need_no_value(bench, spoil):
    spoil(bench)
    assert bench.call.touch("key", None) is True
    assert bench.call.incr_version("key") == 2
    assert bench.call.has_key("key", version=2) is True
    assert bench.call.get("key", version=2) is None


@kinds({kind: HEADER[kind] for kind in HEADER if kind != "expired"}, PAYLOAD, VALUE)
def test_it_is_logged_with_its_name_and_without_secrets(bench, spoil, caplog):
    spoil(bench)
    bench.call.get("key")
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert bench.name in record.getMessage()
    assert SECRET not in caplog.text
    assert bench.cache.stats()["unusable"] == 1


def test_an_expired_entry_is_a_plain_miss(bench, caplog):
    expired(bench)
    bench.call.get("key")
    assert caplog.records == []
    assert {name: count for name, count in bench.cache.stats().items() if count} == {"misses": 1, "requests_get": 1}


def test_a_failure_to_load_is_logged_once(bench, caplog):
    class_gone(bench)
    for _ in range(5):
        bench.call.get("key")
    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "AttributeError" in record.getMessage()
    assert bench.cache.stats()["unusable"] == 5


def test_a_different_failure_to_load_is_logged_too(bench, caplog):
    bench.sibling(MAX_VALUE_BYTES=10**7).set_many({"key": "0" * 2001, "other": "0" * 2002})
    for _ in range(2):
        bench.call.get_many(["key", "other"])
    assert len(caplog.records) == 2


def test_a_signed_entry_is_read_where_signing_is_off_and_its_key_is_known(bench):
    bench.store(value="signed")
    assert bench.sibling(SIGNING=False).get("key") == "signed"
    assert bench.sibling(SIGNING=False, SIGNING_KEY="another-key").get("key") is None


@pytest.mark.parametrize("spoil", (flipped(60), flipped(9), flipped(-1), lambda body: body[:-1], lambda body: body + b"x"))
def test_damage_is_found_without_signing_too(bench, spoil):
    bench.configure(SIGNING=False)
    bench.store(spoil, SIGNING=False)
    assert bench.call.get("key") is None
    assert bench.call.get_or_set("key", "new") == "new"
    assert bench.call.get("key") == "new"


def test_an_entry_of_an_earlier_signing_key_is_read_while_that_is_a_fallback(bench):
    bench.store(value="old", SIGNING_KEY="earlier")
    assert bench.call.get("key") is None
    assert bench.sibling(SIGNING_KEY=[SECRET, "earlier"]).get("key") == "old"


def test_a_touched_entry_of_an_earlier_key_is_signed_with_the_current_one(bench):
    bench.store(value="old", SIGNING_KEY="earlier")
    bench.sibling(SIGNING_KEY=[SECRET, "earlier"]).touch("key")
    assert bench.call.get("key") == "old"
