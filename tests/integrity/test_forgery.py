"""What somebody makes who can write to the store: downgraded flags, planted pickles, names of other serializers and compressors.

Without the key nothing of it is read. With the key, or where signing is off, values can be forged, and code is run only by a cache
that reads pickles.
"""

import json
import pickle
import sys

import msgpack
import pytest

from s3cache.plugins import installed_plugins
from tests.integrity.support import SECRET, Trap, absent, answers, field, header_length

PICKLE = pickle.dumps(Trap())
READERS = {
    "pickle": {"SERIALIZER": "pickle"},
    "json": {"SERIALIZER": "json"},
    "json that accepts pickle": {"SERIALIZER": "json", "ACCEPT_SERIALIZERS": ["pickle"]},
    "msgpack that accepts all": {"SERIALIZER": "msgpack", "ACCEPT_SERIALIZERS": ["json", "pickle"]},
    "with a near cache": {"SERIALIZER": "pickle", "NEAR_CACHE": {"MAX_BYTES": 100_000}},
    "with fallback keys": {"SERIALIZER": "pickle", "SIGNING_KEY": [SECRET, "earlier"]},
    "compressing": {"SERIALIZER": "pickle", "COMPRESSOR": "zlib", "COMPRESS_MIN_BYTES": 1},
}
PLANTED = {
    "bare": lambda vault: PICKLE,
    "unsigned": lambda vault: vault.forged(PICKLE),
    "unsigned with the flag of a signature": lambda vault: vault.forged(PICKLE, flags=1),
    "unsigned with unknown flags": lambda vault: vault.forged(PICKLE, flags=2),
    "signed with another key": lambda vault: vault.forged(PICKLE, secret="guessed"),
    "signed as unsigned": lambda vault: vault.forged(PICKLE, secret="guessed", flags=0),
    "behind a genuine header": lambda vault: genuine_header(vault) + PICKLE,
    "behind a genuine header, cut to its length": lambda vault: cut_to_length(vault),
    "with a genuine signature": lambda vault: with_genuine_signature(vault),
}
each_reader = pytest.mark.parametrize("options", READERS.values(), ids=READERS)
each_planted = pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)


def genuine_header(vault):
    body = vault.written(list(range(50)))
    return body[: header_length(body)]


def cut_to_length(vault):
    body = vault.written(list(range(50)))
    return body[: header_length(body)] + PICKLE.ljust(len(body) - header_length(body), b"\0")


def with_genuine_signature(vault):
    forged, body = vault.forged(PICKLE, secret="guessed"), vault.written(list(range(50)))
    mac = slice(header_length(body) - 32, header_length(body))
    key_id = slice(40, 44)
    return forged[: key_id.start] + body[key_id] + forged[key_id.stop : -len(PICKLE) - 32] + body[mac] + PICKLE


# --- without the key --------------------------------------------------------------------------------------------------------


@each_planted
@each_reader
def test_a_planted_pickle_is_a_miss_and_never_runs(vault, options, plant):
    vault = vault(**options)
    body = plant(vault)
    assert answers(vault, body) == absent(good_header=body.startswith(genuine_header_of(vault, body)))


def genuine_header_of(vault, body):
    """The header that vouches for something else, or what nothing begins with."""
    header = body[: header_length(body)] if body.startswith(b"\x89S3C") else b""
    vault.put(header)
    return header if vault.cache.has_key("key") else b"\0"


@pytest.mark.parametrize("serializer", ("pickle", "json", "msgpack", "str", "bytes", "safestr"))
def test_an_entry_without_signature_is_a_miss_whatever_it_is(vault, serializer):
    vault = vault(ACCEPT_SERIALIZERS=["json", "msgpack"])
    assert answers(vault, vault.forged(b"1", serializer)) == absent()


@pytest.mark.parametrize(
    ("tag", "genuine", "forged"),
    ((0x82, "zlib", "none"), (0x82, "zlib", "gzip"), (0x81, "json", "str"), (0x81, "json", "pickle"), (0x81, "json", "msgpack")),
)
def test_another_compressor_or_serializer_in_a_signed_header_is_a_miss(vault, tag, genuine, forged):
    vault = vault(SERIALIZER="json", COMPRESSOR="zlib", ACCEPT_SERIALIZERS=["pickle", "msgpack"])
    body = vault.written(["the same"] * 500)
    assert field(tag, genuine) in body
    changed = body.replace(field(tag, genuine), field(tag, forged))
    shorter = len(body) - len(changed)
    for length in (header_length(body), header_length(body) - shorter):
        assert answers(vault, changed[:6] + length.to_bytes(2, "big") + changed[8:]) == absent()


def test_a_signature_taken_off_is_a_miss(vault):
    vault = vault(SERIALIZER="json")
    payload = json.dumps({"role": "admin"}).encode()
    for flags in range(256):
        vault.put(vault.forged(payload, "json", flags=flags))
        assert vault.call.get("key") is None


@pytest.mark.parametrize("key_id", (bytes(4), b"\xff" * 4, b"none"))
def test_a_key_id_of_nobody_s_is_a_miss(vault, key_id):
    vault = vault()
    body = vault.written("value")
    assert answers(vault, body[:40] + key_id + body[44:]) == absent()


# --- with the key, or without signing ---------------------------------------------------------------------------------------

KNOWING = pytest.mark.parametrize("secret", (SECRET, None), ids=("who knows the key", "without signing"))
TOUCHED = {"touch": True}
"""It asks for a good header and payload, and for no value."""
NO_PICKLES = {"SERIALIZER": "json", "ACCEPT_SERIALIZERS": ["msgpack"]}


@KNOWING
@pytest.mark.parametrize(
    "serializer", ("pickle", "Pickle", "PICKLE", "pickle\0", " pickle", "", "s3cache.serializers.pickle", "nosuch")
)
def test_a_cache_that_is_not_to_read_pickles_never_does(vault, secret, serializer):
    vault = vault(SIGNING=secret is not None, **NO_PICKLES)
    assert answers(vault, vault.forged(PICKLE, serializer, secret=secret)) == absent()


@KNOWING
@pytest.mark.parametrize("serializer", ("json", "msgpack", "str", "safestr"))
def test_a_pickle_under_another_name_is_no_more_than_bytes(vault, secret, serializer):
    vault = vault(SIGNING=secret is not None, **NO_PICKLES)
    assert answers(vault, vault.forged(PICKLE, serializer, secret=secret)) == absent(good_header=True) | TOUCHED


@KNOWING
@pytest.mark.parametrize(
    "compressor", ("os.system", "os:system", "s3cache.compressors.zlib.ZlibCompressor", "nosuch", "", "pickle", "None")
)
def test_an_entry_makes_nothing_be_imported(vault, secret, compressor):
    vault = vault(SIGNING=secret is not None, **NO_PICKLES)
    installed_plugins()  # which the operator chose, and which load when a name is looked for
    before = set(sys.modules)
    assert answers(vault, vault.forged(b"1", "json", compressor, secret=secret)) == absent(good_header=True) | TOUCHED
    assert set(sys.modules) == before


@KNOWING
@pytest.mark.parametrize("written", (json.dumps({"a": [1]}).encode(), msgpack.packb({"a": [1]})), ids=("json", "msgpack"))
def test_values_can_be_forged(vault, secret, written):
    vault = vault(SIGNING=secret is not None, **NO_PICKLES)
    vault.put(vault.forged(written, "json" if written.startswith(b"{") else "msgpack", secret=secret))
    assert vault.call.get("key") == {"a": [1]}


@pytest.mark.parametrize("options", (READERS["pickle"], READERS["json that accepts pickle"]))
def test_without_signing_a_planted_pickle_is_executed(vault, options, executed):
    """What SIGNING=False gives up; the check s3cache.W001 warns of it."""
    vault = vault(SIGNING=False, **options)
    vault.put(vault.forged(PICKLE))
    vault.call.get("key")
    assert executed == ["trapped"]
    executed.clear()


def test_without_signing_a_pickle_is_not_executed_where_only_a_signed_one_was_written(vault):
    """The flag says that it is signed, so it is checked, though signing is off here."""
    vault = vault(SIGNING=False)
    assert answers(vault, vault.forged(PICKLE, secret="guessed")) == absent()
