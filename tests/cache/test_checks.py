"""Each system check: a configuration that it warns of, and the nearest one that is fine. None touches the network."""

import socket

import pytest
from django.conf import settings
from django.core.checks import Error, Warning
from django.core.checks.registry import registry
from django.test import override_settings

from s3cache import ObjectStoreCache, checks

BACKEND = "s3cache.ObjectStoreCache"
REMOTE = {"ENGINE": "boto3", "MAX_ENTRIES": 1_000_000}
BUCKET = "s3://bucket/prefix"
PLACE = "/var/cache/site"


class Subclass(ObjectStoreCache):
    pass


def entry(location=PLACE, /, *, backend=BACKEND, params=None, **options):
    return {"BACKEND": backend, "LOCATION": location, **(params or {}), "OPTIONS": options}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a system check must not touch the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def found(*entries, **more):
    """The messages for these entries of CACHES: the first has the alias "default", the next "second" and so on."""
    aliases = dict(zip(("default", "second", "third"), entries, strict=False))
    with override_settings(CACHES=aliases, **more):
        return checks.check_caches(None)


def ids(*entries, **more):
    return [message.id for message in found(*entries, **more)]


def test_a_good_configuration_has_no_messages():
    assert ids(entry()) == []
    assert ids(entry(BUCKET, **REMOTE)) == []
    assert ids(entry("", ENGINE="memory")) == []


def test_no_cache_of_ours_has_no_messages():
    assert ids() == []
    other = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"ENGINE": "bot03"}}
    assert ids(other, {"BACKEND": "no.such.Backend"}, {}) == []


def test_the_checks_are_django_s_own_kind():
    assert checks.check_caches in registry.get_checks()
    assert "caches" in checks.check_caches.tags


# E001: it cannot be used


@pytest.mark.parametrize("backend", (BACKEND, "s3cache.backend.ObjectStoreCache", f"{__name__}.Subclass"))
def test_e001_a_mistake_is_an_error_that_names_the_alias(backend):
    [message] = found(entry(), entry(backend=backend, ENGINE="bot03"))
    assert isinstance(message, Error)
    assert message.id == "s3cache.E001"
    assert message.msg.startswith("CACHES['second'] cannot be used. Cache at '/var/cache/site': OPTIONS['ENGINE'] is 'bot03'")


def test_e001_every_alias_is_told_of():
    assert ids(entry(ENGINE="bot03"), entry(MAX_ENTRIES=-1), entry(params={"TIMEOUT": "x"})) == ["s3cache.E001"] * 3


def test_e001_location_may_be_left_out():
    assert ids({"BACKEND": BACKEND, "OPTIONS": {"ENGINE": "memory"}}) == []
    assert ids({"BACKEND": BACKEND}) == ["s3cache.E001"]


# W001: unsigned pickle


@pytest.mark.parametrize(
    ("options", "warned"),
    (
        ({"SIGNING": False}, True),
        ({"SIGNING": False, "SERIALIZER": "pickle"}, True),
        ({"SIGNING": False, "SERIALIZER": "json", "ACCEPT_SERIALIZERS": ["pickle"]}, True),
        ({"SIGNING": False, "SERIALIZER": "json"}, False),
        ({"SIGNING": False, "SERIALIZER": "msgpack", "ACCEPT_SERIALIZERS": ["json"]}, False),
        ({"SIGNING": True, "SERIALIZER": "pickle"}, False),
    ),
    ids=str,
)
def test_w001_unpickling_what_is_not_signed(options, warned):
    assert ("s3cache.W001" in ids(entry(**options))) is warned


def test_w001_says_what_to_do():
    [message] = found(entry(SIGNING=False))
    assert isinstance(message, Warning)
    assert "CACHES['default']" in message.msg
    assert "SIGNING" in message.hint


# W002: entries that the world can see


@pytest.mark.parametrize(
    ("location", "relation"),
    (
        ("/srv/media/cache", "inside MEDIA_ROOT"),
        ("/srv/media", "the same as MEDIA_ROOT"),
        ("/srv/media/", "the same as MEDIA_ROOT"),
        ("file:///srv/media/cache", "inside MEDIA_ROOT"),
        ("/srv/other/../media/cache", "inside MEDIA_ROOT"),
        ("/srv/static/cache", "inside STATIC_ROOT"),
        ("/srv/assets/cache", "inside STATICFILES_DIRS"),
        ("/srv/named/cache", "inside STATICFILES_DIRS"),
        ("/srv/media2", None),
        ("/srv/cache", None),
    ),
)
def test_w002_a_directory_that_is_served(location, relation):
    public = {"MEDIA_ROOT": "/srv/media", "STATIC_ROOT": "/srv/static", "STATICFILES_DIRS": ["/srv/assets", ("name", "/srv/named")]}
    messages = found(entry(location), **public)
    assert [message.id for message in messages] == (["s3cache.W002"] if relation else [])
    assert relation is None or relation in messages[0].msg


def test_w002_a_directory_around_one_that_is_served():
    [message] = found(entry("/srv"), MEDIA_ROOT="/srv/media")
    assert message.id == "s3cache.W002" and "around MEDIA_ROOT" in message.msg


def test_w002_symbolic_links_are_followed(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "media")
    assert ids(entry(str(tmp_path / "link" / "cache")), MEDIA_ROOT=tmp_path / "media") == ["s3cache.W002"]


def test_w002_a_directory_with_unusual_characters(tmp_path):
    assert ids(entry(str(tmp_path / "a b%20?#é" / "cache")), MEDIA_ROOT=tmp_path / "a b%20?#é") == ["s3cache.W002"]


def test_w002_what_lies_in_no_directory_is_not_meant():
    assert ids(entry(BUCKET, **REMOTE), MEDIA_ROOT="/") == []
    assert ids(entry("", ENGINE="memory"), MEDIA_ROOT="/") == []


# W003: one LOCATION, different settings


@pytest.mark.parametrize(
    ("options", "difference"),
    (
        ({"SERIALIZER": "json"}, "SERIALIZER"),
        ({"ACCEPT_SERIALIZERS": ["json"]}, "ACCEPT_SERIALIZERS"),
        ({"SIGNING_KEY": "another"}, "SIGNING_KEY"),
        ({"NAMESPACE": "staging"}, "NAMESPACE"),
        ({"KEY_LAYOUT": "readable"}, "KEY_LAYOUT"),
        ({"NAME_KEY": "another name key of forty bytes ......."}, "NAME_KEY"),
        ({"MAX_ENTRIES": 10}, "MAX_ENTRIES"),
        ({"MAX_BYTES": 2**30, "MAX_ENTRIES": 300}, "MAX_BYTES"),
        ({"CULL_FREQUENCY": 2}, "CULL_FREQUENCY"),
        ({"MAX_VALUE_BYTES": 100}, "MAX_VALUE_BYTES"),
        ({"COMPRESSOR": "zlib"}, None),
        ({}, None),
    ),
    ids=str,
)
def test_w003_aliases_of_one_location_must_agree(options, difference):
    messages = found(entry(), entry(**options))
    assert [message.id for message in messages] == (["s3cache.W003"] if difference else [])
    if difference:
        assert messages[0].msg.endswith(f"differ in {difference}.")
        assert "CACHES['default'] and CACHES['second'] share" in messages[0].msg
        assert "another" not in messages[0].msg


def test_w003_one_encrypts_with_another_key():
    keys = {"ENCRYPTION_KEYS": "one" * 20, "NAME_KEY": "name" * 20}
    [message] = found(entry(**keys), entry(**{**keys, "ENCRYPTION_KEYS": "another" * 20}))
    assert message.msg.endswith("differ in ENCRYPTION_KEYS.") and "another" not in message.msg
    assert ids(entry(**keys), entry(**{**keys, "ENCRYPTION_KEYS": ["one" * 20]})) == []


def test_w003_signing_on_and_off():
    [_, message] = found(entry(SERIALIZER="json"), entry(SERIALIZER="json", SIGNING=False))
    assert message.id == "s3cache.W003" and "SIGNING" in message.msg


@pytest.mark.parametrize("params", ({"KEY_PREFIX": "x"}, {"VERSION": 2}, {"TIMEOUT": 5}))
def test_w003_what_only_makes_other_keys_may_differ(params):
    assert ids(entry(), entry(params=params)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    (
        (entry("/var/cache/site"), entry("file:///var/cache/site/", SERIALIZER="json")),
        (entry(BUCKET, **REMOTE), entry("", bucket_name="bucket", location="prefix", **REMOTE, SERIALIZER="json")),
        (entry(BUCKET, **REMOTE), entry(BUCKET + "/", **REMOTE, read_timeout=9, SERIALIZER="json")),
    ),
)
def test_w003_one_location_may_be_written_in_two_ways(first, second):
    assert ids(first, second) == ["s3cache.W003"]


@pytest.mark.parametrize("location", ("s3://bucket/prefix2", "s3://bucket", "s3://other/prefix"))
def test_w003_other_locations_are_other_caches(location):
    assert ids(entry(BUCKET, **REMOTE), entry(location, **REMOTE, SERIALIZER="json")) == []


def test_w003_another_endpoint_is_another_location():
    options = {**REMOTE, "SERIALIZER": "json", "endpoint_url": "http://localhost:9000"}
    assert ids(entry(BUCKET, **REMOTE), entry(BUCKET, **options)) == []


# W004 and W005: limits


def test_w004_a_remote_store_with_django_s_default_limit():
    [message] = found(entry(BUCKET, ENGINE="boto3"))
    assert message.id == "s3cache.W004"
    assert "about 300 entries" in message.msg


def test_w004_a_limit_of_bytes_does_not_take_the_place_of_that_of_entries():
    assert ids(entry(MAX_BYTES=10**12)) == ["s3cache.W004"]
    assert ids(entry(MAX_BYTES=10**12, MAX_ENTRIES=None)) == []


@pytest.mark.parametrize("given", (300, 1_000_000, None))
def test_w004_a_limit_that_is_written_down_is_meant(given):
    assert ids(entry(BUCKET, ENGINE="boto3", MAX_ENTRIES=given)) == []


@pytest.mark.parametrize("limit", (None, 0))
def test_w005_neither_limit_nor_expiry(limit):
    [message] = found(entry(params={"TIMEOUT": None}, MAX_ENTRIES=limit))
    assert message.id == "s3cache.W005"
    assert f"MAX_ENTRIES is {limit!r}" in message.msg


@pytest.mark.parametrize(("timeout", "limit"), ((None, 300), (60, None), (60, 300)))
def test_w005_one_of_the_two_will_do(timeout, limit):
    assert ids(entry(params={"TIMEOUT": timeout}, MAX_ENTRIES=limit)) == []


def test_every_message_names_its_alias_and_says_what_to_do():
    public = {"MEDIA_ROOT": PLACE}
    messages = [
        *found(entry(params={"TIMEOUT": None}, SIGNING=False, MAX_ENTRIES=None), entry(), **public),
        *found(entry(BUCKET, ENGINE="boto3")),
    ]
    assert {message.id for message in messages} == {f"s3cache.W00{number}" for number in range(1, 6)}
    for message in messages:
        assert "CACHES['" in message.msg
        assert message.hint


def test_messages_can_be_silenced():
    with override_settings(SILENCED_SYSTEM_CHECKS=["s3cache.W001"]):
        [message] = found(entry(SIGNING=False))
        assert message.is_silenced()
    assert settings.SILENCED_SYSTEM_CHECKS == []


@pytest.mark.parametrize(("location", "expected"), (("cache", ["s3cache.W006"]), ("/srv/cache", []), ("file:///srv/cache", [])))
def test_w006_a_relative_directory(location, expected):
    assert ids(entry(location)) == expected
    assert ids(entry(location, ENGINE="memory")) == []


def test_w006_a_prefix_in_a_storage_is_no_relative_directory(tmp_path):
    storage = {"storage": "django.core.files.storage.FileSystemStorage", "location": str(tmp_path)}
    assert ids(entry("site/cache", ENGINE="storages", **storage)) == []


def test_w005_a_limit_of_bytes_is_a_limit():
    assert ids(entry(params={"TIMEOUT": None}, MAX_ENTRIES=None, MAX_BYTES=2**40)) == []


# W007: values too large for MAX_BYTES


@pytest.mark.parametrize(
    ("limits", "share"),
    (
        ({"MAX_BYTES": 1000, "MAX_ENTRIES": None}, 1000),
        ({"MAX_BYTES": 10**9, "MAX_ENTRIES": 100_000}, 10**7),
        ({"MAX_BYTES": 10**6, "MAX_ENTRIES": 300}, 10**6),
    ),
)
def test_w007_a_value_may_be_as_large_as_a_page_s_share_of_the_bytes(limits, share):
    [message] = found(entry(**limits, MAX_VALUE_BYTES=share + 1))
    assert message.id == "s3cache.W007" and str(share) in message.hint
    assert ids(entry(**limits, MAX_VALUE_BYTES=share)) == []


# W008: encryption, and FALLBACK

KEYS = {"ENCRYPTION_KEYS": "k" * 32, "NAME_KEY": "n" * 32}
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
FILES = {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/var/cache/other"}


@pytest.mark.parametrize("fallback", (entry("/var/cache/other"), FILES, {**FILES, "OPTIONS": {"MAX_ENTRIES": 10}}), ids=str)
def test_w008_what_is_encrypted_lies_elsewhere_as_it_is(fallback):
    [message] = found(entry(FALLBACK="second", **KEYS), fallback)
    assert message.id == "s3cache.W008" and "'second'" in message.msg


@pytest.mark.parametrize("fallback", (entry("/var/cache/other", **KEYS), LOCMEM), ids=str)
def test_w008_not_where_it_is_encrypted_too_or_stays_in_memory(fallback):
    assert ids(entry(FALLBACK="second", **KEYS), fallback) == []


def test_w008_not_where_nothing_is_encrypted():
    assert ids(entry(FALLBACK="second"), FILES) == []
    assert ids(entry(**KEYS), FILES) == []


# W009: no signature, and no pickle


@pytest.mark.parametrize("options", ({"SERIALIZER": "json"}, {"SERIALIZER": "msgpack", "ACCEPT_SERIALIZERS": ["json"]}))
def test_w009_entries_that_are_not_signed(options):
    [message] = found(entry(SIGNING=False, **options))
    assert message.id == "s3cache.W009" and "SIGNING" in message.hint
    assert ids(entry(SIGNING=True, **options)) == []


@pytest.mark.parametrize("serializers", ({}, {"SERIALIZER": "json"}, {"SERIALIZER": "json", "ACCEPT_SERIALIZERS": ["pickle"]}))
def test_no_cache_goes_without_signing_and_without_a_warning(serializers):
    [warning] = ids(entry(SIGNING=False, **serializers))
    assert warning in ("s3cache.W001", "s3cache.W009")
