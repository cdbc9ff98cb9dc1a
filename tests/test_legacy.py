"""The settings of django-s3-cache 1.x work as they stand, and its bugs do not come back."""

import copy
import hashlib
import pickle
import re
import subprocess
import sys
import warnings
from urllib.parse import urlsplit

import boto3
import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from s3cache import AmazonS3Cache, EngineMisconfigured, ObjectStoreCache, OptionError
from s3cache.engines.storages import installed_s3_storage
from s3cache.legacy import LegacyOptionWarning, default_engine, warn_once
from s3cache.legacyoptions import ALIASES, KNOWN
from tests.servers import s3_options
from tests.test_docs import DOCS, samples

GUIDE = DOCS / "howto" / "upgrade-from-django-s3-cache.rst"
KEYS = {"ACCESS_KEY": "test-key", "SECRET_KEY": "test-secret-of-nobody"}
ENGINES = ("boto3", "minio", "obstore")


def shown(value):
    """A parameter in a test's name, the same in every process."""
    return re.sub(r" at 0x\w+", "", str(value))


@pytest.fixture(autouse=True)
def warn_anew():
    warn_once.cache_clear()


@pytest.fixture
def reached(moto):
    """Where the store is, in the words of 1.x."""
    place = urlsplit(moto)
    return {"HOST": place.hostname, "PORT": place.port, "USE_SSL": False}


@pytest.fixture(params=["", *ENGINES])
def engine(request):
    """OPTIONS with one word more: the name of an engine; first without that word, which makes it ``storages`` here."""
    return {"ENGINE": request.param} if request.param else {}


@pytest.fixture
def make(reached, bucket):
    """A cache in a fresh bucket."""

    def make(timeout=300, **options):
        given = {**KEYS, **reached, "BUCKET_NAME": bucket, "PROFILE": "moto", **options}
        return AmazonS3Cache("", {"TIMEOUT": timeout, "OPTIONS": given})

    return make


@pytest.fixture
def client(moto):
    """The store as any other program sees it."""
    client = boto3.client(
        "s3", endpoint_url=moto, aws_access_key_id="test-key", aws_secret_access_key="nobody", region_name="us-east-1"
    )
    yield client
    client.close()


@pytest.fixture
def names(client, bucket):
    """The names of all objects in the bucket, ours and others'."""

    def names():
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {entry["Key"] for page in pages for entry in page.get("Contents", ())}

    return names


@pytest.fixture
def stored(client, bucket, names):
    """What a HEAD request says of the one object in the bucket, and its body."""

    def stored():
        (name,) = names()
        return client.get_object(Bucket=bucket, Key=name)

    return stored


def old_name(key):
    """Where 1.x kept a key's entry."""
    return hashlib.sha1(f":1:{key}".encode()).hexdigest()


def test_the_example_of_the_old_readme_works_unchanged(moto, bucket, names, engine):
    options = {
        "ACCESS_KEY": "Your AWS access key",
        "SECRET_KEY": "Your AWS secret access key",
        "BUCKET_NAME": bucket,
        "LOCATION": "directory_prefix",
    }
    settings = {"default": {"BACKEND": "s3cache.AmazonS3Cache", "OPTIONS": {**options, **engine}}}
    with override_settings(CACHES=settings, AWS_S3_ENDPOINT_URL=moto):
        cache = caches["default"]
        assert cache.get("key") is None
        cache.set("key", {"a": [1, 2]}, 60)
        assert cache.get("key") == {"a": [1, 2]}
        assert cache.add("key", "other") is False
        assert cache.incr_version("key") == 2
        assert cache.has_key("key", version=2)
    assert {name.partition("/")[0] for name in names()} == {"directory_prefix"}


def test_one_word_more_makes_it_another_engine(make, engine):
    kind = type(make(**engine).engine).__name__
    assert kind == {"": "S3Storage"}.get(engine.get("ENGINE", ""), engine.get("ENGINE", "").title()) + "Engine"


def test_an_engine_that_is_not_for_s3_takes_the_location_that_1x_did_not_read(tmp_path):
    with override_settings(AWS_STORAGE_BUCKET_NAME="media", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="s"):
        cache = AmazonS3Cache(str(tmp_path), {"OPTIONS": {"ENGINE": "local", "IS_GZIPPED": True}})
    cache.set("key", "value")
    assert cache.get("key") == "value"
    assert cache.engine.location == f"file://{tmp_path}"


def test_without_an_engine_it_runs_on_what_is_nearest_to_1x():
    packages = {"boto3", "storages.backends.s3"}
    assert default_engine(packages.__contains__) == "storages"
    assert default_engine({"boto3", "storages.s3"}.__contains__) == "storages"
    assert default_engine({"boto3", "storages.backends.s3boto"}.__contains__) == "boto3"
    for missing in ({"storages.backends.s3"}, set()):
        with pytest.raises(OptionError, match=r'needs boto3.*pip install "django-s3-cache\[boto3\]".*ENGINE'):
            default_engine(missing.__contains__)


def test_it_has_all_that_the_cache_of_today_has(make):
    cache = make()
    cache.set("key", 1)
    assert isinstance(cache, ObjectStoreCache)
    assert cache.touch("key", 60) is True
    assert cache.incr("key") == 2
    assert cache.delete("key") is True
    assert cache.delete("key") is False


def test_todays_options_can_be_added(make, stored):
    make(SERIALIZER="json", SIGNING_KEY="a key", COMPRESSOR="zlib", max_attempts=1).set("key", [1])
    assert make(SERIALIZER="json", SIGNING_KEY="a key").get("key") == [1]
    assert make(SERIALIZER="json").get("key") is None
    assert b"json" in stored()["Body"].read()


def test_the_settings_are_left_as_they_are(make, reached, bucket):
    options = {**KEYS, **reached, "BUCKET_NAME": bucket, "LOCATION": "/x/", "REDUCED_REDUNDANCY": True, "BUCKET_ACL": "private"}
    before = copy.deepcopy(options)
    with pytest.warns(LegacyOptionWarning):
        AmazonS3Cache("", {"OPTIONS": options})
    assert options == before


# NOTE-3 of 1.x's README: clearing and culling emptied the bucket.


@pytest.fixture
def foreign(client, bucket, names):
    """Objects of others beside, above and below the cache's, and under a prefix that begins alike."""
    entry = f"ab/{'c' * 62}.s3c"
    theirs = {
        "root.txt",
        entry,
        f"cache2/{entry}",
        f"cache2/{old_name('key')}",
        f"cach/{entry}",
        "cache.txt",
        "cache/readme.txt",
        f"cache/{old_name('key')}",
        f"cache/below/{entry}",
        f"below/cache/{entry}",
    }
    for name in theirs:
        client.put_object(Bucket=bucket, Key=name, Body=b"precious")
    return theirs


@pytest.mark.parametrize("location", ["cache", "/cache/", "cache/"])
def test_clearing_touches_only_the_caches_own_objects(make, names, foreign, location, engine):
    cache = make(LOCATION=location, **engine)
    cache.set_many({"a": 1, "b": 2})
    ours = names() - foreign
    assert len(ours) == 2
    assert all(name.startswith("cache/") for name in ours)
    cache.clear()
    assert names() == foreign
    assert cache.get("a") is None


@pytest.mark.parametrize("location", ["cache", "/cache/", "cache/"])
def test_culling_touches_only_the_caches_own_objects(make, names, foreign, location):
    cache = make(LOCATION=location, MAX_ENTRIES=4, CULL_FREQUENCY=1)
    for number in range(20):
        cache.set(f"key-{number}", number)
    assert foreign < names()
    assert len(names() - foreign) <= 4


def test_at_the_buckets_root_all_but_entries_is_foreign_too(make, names, foreign, client, bucket):
    entry = f"ab/{'c' * 62}.s3c"
    cache = make()
    cache.set("key", 1)
    cache.clear()
    assert names() == foreign - {entry}


def test_what_1x_stored_is_never_read_culled_or_cleared(make, client, bucket, names):
    client.put_object(Bucket=bucket, Key=f"cache/{old_name('key')}", Body=pickle.dumps(2**40) + pickle.dumps("old"))
    cache = make(LOCATION="cache")
    assert cache.get("key") is None
    assert cache.add("key", "new") is True
    cache.delete("key")
    cache.clear()
    assert names() == {f"cache/{old_name('key')}"}


def test_the_guide_knows_how_to_remove_what_1x_stored(make, client, bucket, names, foreign):
    (sample,) = (source for _, source in samples(GUIDE) if "def remove_old_objects" in source)
    page = {}
    exec(sample, page)
    make(LOCATION="cache").set("key", 1)
    before = names()
    page["remove_old_objects"](client, bucket, "/cache/")
    assert before - names() == {f"cache/{old_name('key')}"}
    client.put_object(Bucket=bucket, Key=old_name("key"), Body=b"old")
    page["remove_old_objects"](client, bucket)
    assert old_name("key") not in names()
    assert f"cache2/{old_name('key')}" in names()


def test_the_cache_of_today_reads_on_what_was_stored(moto, bucket, make):
    make(LOCATION="/pages/").set("key", "value")
    today = ObjectStoreCache(f"s3://{bucket}/pages", {"OPTIONS": {"ENGINE": "boto3", **s3_options(moto)}})
    assert today.get("key") == "value"


# The cap of 1,000, and the timeout of None.


def test_more_than_a_thousand_entries_are_kept_and_cleared(make, names, foreign):
    cache = make(LOCATION="cache", MAX_ENTRIES=5000)
    assert cache._max_entries == 5000
    assert cache.set_many({str(number): number for number in range(1010)}) == []
    assert len(names() - foreign) == 1010
    cache.clear()
    assert names() == foreign


def test_the_limits_default_to_djangos(make):
    options = make().configuration.options
    assert (options.max_entries, options.cull_frequency) == (300, 3)


def test_a_timeout_of_none_keeps_an_entry_for_ever(make):
    cache = make(timeout=0)  # the default keeps nothing
    cache.set("default", 1)
    cache.set("for-ever", 1, None)
    cache.set("for-ever", 1, timeout=None)
    assert cache.get("default") is None
    assert cache.get("for-ever") == 1
    assert cache.add("added-for-ever", 1, None)
    assert cache.get("added-for-ever") == 1


# What the options do in the store.


def test_is_gzipped_compresses_at_last(make, stored, engine):
    make(IS_GZIPPED=True, **engine).set("key", "all work and no play " * 1000)
    assert stored()["ContentLength"] < 1000
    assert make(**engine).get("key") == "all work and no play " * 1000


def test_what_is_said_of_objects_reaches_the_store(make, stored, engine):
    headers = {"Cache-Control": "no-store", "x-amz-meta-owner": "we"}
    make(REDUCED_REDUNDANCY=True, ENCRYPTION=True, HEADERS=headers, **engine).set("key", 1)
    said = stored()
    assert said["StorageClass"] == "REDUCED_REDUNDANCY"
    assert said["ServerSideEncryption"] == "AES256"
    assert said["CacheControl"] == "no-store"
    assert said["Metadata"] == {"owner": "we"}


@pytest.mark.parametrize(("given", "sent"), [(None, None), ("private", None), ("public-read", "public-read")])
def test_an_acl_is_sent_only_where_it_is_not_the_usual_one(proxy, bucket, given, sent):
    place = urlsplit(proxy.url)
    reached = {"HOST": place.hostname, "PORT": place.port, "USE_SSL": False}
    with override_settings(AWS_DEFAULT_ACL="public-read-write"):
        cache = AmazonS3Cache("", {"OPTIONS": {**KEYS, **reached, "BUCKET_NAME": bucket, "DEFAULT_ACL": given}})
        cache.set("key", 1)
    (put,) = (request for request in proxy.requests if request.method == "PUT")
    assert put.headers["x-amz-acl"] == sent
    cache.engine.close()


# The settings that 1.x shared with django-storages.


@pytest.mark.parametrize(
    "names_of_keys", [("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_S3_ACCESS_KEY_ID", "AWS_S3_SECRET_ACCESS_KEY")]
)
def test_bucket_keys_and_host_may_stand_in_djangos_settings(moto, bucket, names, engine, names_of_keys):
    access_key, secret_key = names_of_keys
    place = urlsplit(moto)
    said = {
        access_key: "test-key",
        secret_key: "test-secret-of-nobody",
        "AWS_STORAGE_BUCKET_NAME": bucket,
        "AWS_LOCATION": "from-settings",
        "AWS_S3_HOST": place.hostname,
        "AWS_S3_PORT": place.port,
        "AWS_S3_USE_SSL": False,
    }
    with override_settings(**said):
        cache = AmazonS3Cache("", {"OPTIONS": {"PROFILE": "moto", **engine}})
        cache.set("key", 1)
        assert cache.get("key") == 1
    assert {name.partition("/")[0] for name in names()} == {"from-settings"}


def target_of(location="", **options):
    """What the engine was told."""
    return AmazonS3Cache(location, {"OPTIONS": {"ENGINE": "boto3", **options}}).engine.target


MEDIA = {
    "AWS_STORAGE_BUCKET_NAME": "media",
    "AWS_LOCATION": "files",
    "AWS_ACCESS_KEY_ID": "media-key",
    "AWS_SECRET_ACCESS_KEY": "media-secret",
    "AWS_SESSION_TOKEN": "media-token",
    "AWS_S3_ENDPOINT_URL": "https://media.example.com",
    "AWS_S3_REGION_NAME": "eu-west-1",
    "AWS_S3_ENCRYPTION": True,
}


@override_settings(**MEDIA)
def test_options_go_before_settings():
    target = target_of(
        **KEYS, BUCKET_NAME="cache", LOCATION="x", HOST="s3-eu-west-2.amazonaws.com", object_parameters={"Tagging": "a"}
    )
    options = target.options
    assert (target.bucket, target.prefix, options.region_name, options.endpoint_url) == ("cache", "x/", "eu-west-2", None)
    assert (options.access_key, options.secret_key, options.security_token) == (*KEYS.values(), None)
    assert options.object_parameters == {"ServerSideEncryption": "AES256", "Tagging": "a"}


@override_settings(**MEDIA)
def test_a_location_of_today_goes_before_bucket_and_location_of_the_settings():
    target = target_of("s3://cache/x")
    assert (target.bucket, target.prefix, target.options.access_key) == ("cache", "x/", "media-key")


@override_settings(**MEDIA)
def test_keys_come_with_their_token_or_from_a_profile():
    assert target_of().options.security_token == "media-token"
    options = target_of(session_profile="mine").options
    assert (options.session_profile, options.access_key, options.secret_key, options.security_token) == ("mine", None, None, None)


@override_settings(**MEDIA, AWS_S3_HOST="s3-eu-west-3.amazonaws.com")
def test_the_settings_of_today_go_before_those_of_old():
    options = target_of().options
    assert (options.endpoint_url, options.region_name) == ("https://media.example.com", "eu-west-1")


@override_settings(**MEDIA, AWS_DEFAULT_ACL="public-read", AWS_S3_OBJECT_PARAMETERS={"ACL": "public-read"})
@pytest.mark.parametrize("engine", ["boto3", "storages"])
def test_how_a_site_shows_its_files_is_not_how_it_shows_its_cache(engine):
    options = target_of(ENGINE=engine).options
    assert options.default_acl is None
    assert options.object_parameters == {"ServerSideEncryption": "AES256"}


@override_settings(**MEDIA)
def test_a_storage_that_is_named_has_settings_of_its_own():
    target = target_of(ENGINE="storages", storage=installed_s3_storage(), bucket_name="b", **KEYS)
    assert target.bucket == "b"
    assert "ServerSideEncryption" not in (target.options.object_parameters or {})


@override_settings(AWS_S3_CALLING_FORMAT="boto.s3.connection.VHostCallingFormat")
def test_a_mistake_in_a_setting_says_that_it_is_one():
    with pytest.raises(ImproperlyConfigured, match="VHostCallingFormat; accepted: .*Django's settings do: AWS_S3_CALLING_FORMAT"):
        target_of(BUCKET_NAME="b")


# Warnings, mistakes, and the guide.


@pytest.mark.parametrize("name", sorted({*KNOWN, *ALIASES}))
def test_an_option_of_1x_stands_in_the_guide(name):
    assert f"``{name.upper()}``" in GUIDE.read_text()


def test_what_is_gone_warns_once_for_each_option():
    gone = {"BUCKET_NAME": "b", "PRELOAD_METADATA": True, "QUERYSTRING_AUTH": False}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            AmazonS3Cache("unused", {"OPTIONS": gone})
    assert [warning.category for warning in caught] == [LegacyOptionWarning] * 3
    assert {str(warning.message).split()[0] for warning in caught} == {
        "OPTIONS['PRELOAD_METADATA']",
        "OPTIONS['QUERYSTRING_AUTH']",
        "LOCATION",
    }


def test_such_a_warning_is_shown_unless_somebody_hides_it():
    program = (
        "from django.conf import settings; settings.configure(SECRET_KEY='x'); from s3cache import AmazonS3Cache;"
        "AmazonS3Cache('', {'OPTIONS': {'ENGINE': 'memory', 'URL_PROTOCOL': 'https:'}})"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={}, check=True).stderr
    assert "LegacyOptionWarning: OPTIONS['URL_PROTOCOL'] does nothing since django-s3-cache 2.0. It shaped the URLs" in shown


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"OPTIONS": {"BUKET_NAME": "b"}}, r"OPTIONS\['BUKET_NAME'\] is not an option.*Did you mean 'BUCKET_NAME'\?"),
        ({"OPTIONS": {"BUCKET_NAME": "b", "bucket_nam": "b"}}, r"OPTIONS\['bucket_nam'\]"),
        ({"OPTIONS": {"BUCKET_NAME": "b", "ACCESS_KEY": "hunter2"}}, r"'access_key'.*'secret_key'.* belong together"),
        ({"OPTIONS": {"BUCKET_NAME": "b", "MAX_ENTRIES": "many"}}, r"OPTIONS\['MAX_ENTRIES'\] is 'many'"),
        ({"OPTIONS": {}}, r"No bucket is given"),
        ({"OPTIONS": None}, r"OPTIONS is None"),
        ({"OPTIONS": {1: 2}}, r"accepted: a dictionary with string keys"),
        ({"ACCESS_KEY": "hunter2"}, r"'ACCESS_KEY' is not known in CACHES"),
        ({}, r"No bucket is given"),
    ],
    ids=shown,
)
def test_a_mistake_is_improperly_configured(params, complaint):
    with pytest.raises(ImproperlyConfigured, match=complaint) as caught:
        AmazonS3Cache("", params)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("location", [None, 5])
def test_a_location_that_is_no_text_is_improperly_configured(location):
    with pytest.raises(ImproperlyConfigured, match="LOCATION is .*; accepted: a string or a path"):
        AmazonS3Cache(location, {"OPTIONS": {"BUCKET_NAME": "b"}})


def test_a_bucket_that_is_missing_is_no_miss(make):
    with pytest.raises(EngineMisconfigured):
        make(BUCKET_NAME="there-is-no-such-bucket").get("key")
