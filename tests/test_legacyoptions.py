"""Every option of django-s3-cache 1.x is translated, or said to be gone; what contradicts itself or is unknown is refused."""

import copy
import re

import pytest

from s3cache.errors import OptionError
from s3cache.legacyoptions import ALIASES, CONVERTED, GONE, KNOWN, RENAMED, translate


def shown(value):
    """A parameter in a test's name, the same in every process."""
    return re.sub(r" at 0x\w+", "", str(value))


class OrdinaryCallingFormat:
    """By its name boto's."""


class VHostCallingFormat:
    """The same."""


def options_of(**given):
    return translate("", given).options


def notices_of(**given):
    return translate("", given).notices


TODAY = [
    ({"ACCESS_KEY": "a"}, {"access_key": "a"}),
    ({"ACCESS_KEY_ID": "a"}, {"access_key": "a"}),
    ({"access_key": "a"}, {"access_key": "a"}),
    ({"SECRET_KEY": "s"}, {"secret_key": "s"}),
    ({"SECRET_ACCESS_KEY": "s"}, {"secret_key": "s"}),
    ({"SECURITY_TOKEN": "t"}, {"security_token": "t"}),
    ({"BUCKET_NAME": "b"}, {"bucket_name": "b"}),
    ({"STORAGE_BUCKET_NAME": "b"}, {"bucket_name": "b"}),
    ({"Bucket_Name": "b"}, {"bucket_name": "b"}),
    ({"LOCATION": "/x/"}, {"location": "/x/"}),
    ({"location": "x"}, {"location": "x"}),
    ({"DEFAULT_ACL": "private"}, {}),
    ({"DEFAULT_ACL": "bucket-owner-full-control"}, {"default_acl": "bucket-owner-full-control"}),
    ({"REDUCED_REDUNDANCY": True}, {"object_parameters": {"StorageClass": "REDUCED_REDUNDANCY"}}),
    ({"REDUCED_REDUNDANCY": False}, {}),
    ({"ENCRYPTION": True}, {"object_parameters": {"ServerSideEncryption": "AES256"}}),
    ({"ENCRYPTION": 1}, {"object_parameters": {"ServerSideEncryption": "AES256"}}),
    ({"IS_GZIPPED": True}, {"COMPRESSOR": "gzip"}),
    ({"gzip": True}, {"COMPRESSOR": "gzip"}),
    ({"IS_GZIPPED": False}, {}),
    ({"IS_GZIPPED": False, "COMPRESSOR": "zstd"}, {"COMPRESSOR": "zstd"}),
    ({"HEADERS": {}}, {"object_parameters": {}}),
    ({"HEADERS": {"Cache-Control": "no-store"}}, {"object_parameters": {"CacheControl": "no-store"}}),
    ({"HEADERS": {"X-Amz-Meta-Owner": "we"}}, {"object_parameters": {"Metadata": {"owner": "we"}}}),
    ({"HOST": "store.example.com"}, {"endpoint_url": "https://store.example.com"}),
    ({"HOST": "localhost", "PORT": 9000, "USE_SSL": False}, {"endpoint_url": "http://localhost:9000"}),
    ({"HOST": "localhost:9000", "USE_SSL": False}, {"endpoint_url": "http://localhost:9000"}),
    ({"HOST": "localhost", "PORT": "9000"}, {"endpoint_url": "https://localhost:9000"}),
    ({"HOST": "s3.amazonaws.com"}, {"endpoint_url": None}),
    ({"HOST": "s3.eu-west-1.amazonaws.com"}, {"endpoint_url": None, "region_name": "eu-west-1"}),
    ({"HOST": "s3-eu-west-1.amazonaws.com", "PORT": 443}, {"endpoint_url": None, "region_name": "eu-west-1"}),
    (
        {"HOST": "s3-us-gov-west-1.amazonaws.com", "PORT": 80, "USE_SSL": False},
        {"endpoint_url": None, "region_name": "us-gov-west-1", "use_ssl": False},
    ),
    ({"HOST": "s3.cn-north-1.amazonaws.com.cn"}, {"endpoint_url": None, "region_name": "cn-north-1"}),
    ({"HOST": "s3.dualstack.eu-west-1.amazonaws.com"}, {"endpoint_url": "https://s3.dualstack.eu-west-1.amazonaws.com"}),
    ({"HOST": "s3.eu-west-1.amazonaws.com", "PORT": 8443}, {"endpoint_url": "https://s3.eu-west-1.amazonaws.com:8443"}),
    ({"PORT": 8443}, {"endpoint_url": "https://s3.amazonaws.com:8443"}),
    ({"USE_SSL": False}, {"use_ssl": False}),
    ({"use_ssl": True, "endpoint_url": "http://localhost"}, {"use_ssl": True, "endpoint_url": "http://localhost"}),
    ({"PROXY": "proxy.lan", "PROXY_PORT": 3128}, {"proxies": dict.fromkeys(("http", "https"), "http://proxy.lan:3128")}),
    ({"PROXY": "proxy.lan"}, {"proxies": dict.fromkeys(("http", "https"), "http://proxy.lan")}),
    ({"CALLING_FORMAT": OrdinaryCallingFormat}, {"addressing_style": "path"}),
    ({"CALLING_FORMAT": OrdinaryCallingFormat()}, {"addressing_style": "path"}),
    ({"CALLING_FORMAT": "boto.s3.connection.OrdinaryCallingFormat"}, {"addressing_style": "path"}),
    ({"CALLING_FORMAT": "ProtocolIndependentOrdinaryCallingFormat"}, {"addressing_style": "path"}),
    ({"CALLING_FORMAT": "boto.s3.connection.SubdomainCallingFormat"}, {"addressing_style": "virtual"}),
    ({"MAX_ENTRIES": 5000, "CULL_FREQUENCY": 2}, {"MAX_ENTRIES": 5000, "CULL_FREQUENCY": 2}),
]


@pytest.mark.parametrize(("given", "today"), TODAY, ids=shown)
def test_an_option_that_still_exists_is_said_in_todays_words_and_without_a_notice(given, today):
    assert translate("", given) == ("", today, [])


def test_every_option_that_still_exists_is_among_these():
    living = {*RENAMED, *(name for names in CONVERTED for name in names)}
    assert living <= {name.lower() for given, _ in TODAY for name in given} | set(ALIASES.values())


@pytest.mark.parametrize("name", GONE)
def test_an_option_that_is_gone_says_so_and_what_to_write_instead(name):
    translated = translate("", {name.upper(): "anything"})
    assert translated.options == {}
    assert [text.partition(" does nothing")[0] for text in translated.notices] == [f"OPTIONS[{name.upper()!r}]"]
    assert re.search(r"Remove it|remove the option|OPTIONS\['\w+'\]", translated.notices[0])


@pytest.mark.parametrize(
    ("engine", "kept"),
    [("boto3", True), ("storages", True), ("minio", True), ("a.plugin.Engine", True), ("obstore", False), ("local", False)],
)
def test_an_acl_does_nothing_on_an_engine_that_cannot_send_it_and_says_so(engine, kept):
    translated = translate("", {"DEFAULT_ACL": "public-read", "ENGINE": engine})
    assert ("default_acl" in translated.options) is kept
    assert translated.notices == (
        [] if kept else [f"OPTIONS['DEFAULT_ACL'] does nothing with the engine {engine!r}. Remove it, or take boto3."]
    )


def test_a_notice_does_not_repeat_the_value():
    assert not any("hunter2" in text for text in notices_of(CUSTOM_DOMAIN="hunter2", URL_PROTOCOL="hunter2"))


@pytest.mark.parametrize("name", sorted({*KNOWN, *ALIASES}))
@pytest.mark.parametrize("nothing", [None, ""])
def test_none_and_empty_text_mean_that_an_option_is_not_given(name, nothing):
    assert translate("", {name.upper(): nothing}) == ("", {}, [])


def test_a_missing_old_name_does_not_override_a_new_one():
    """NOTE-4 of 1.x's README: the new ACCESS_KEY was overwritten by an ACCESS_KEY_ID that nobody had given."""
    given = {"ACCESS_KEY": "a", "SECRET_KEY": "s", "BUCKET_NAME": "b"}
    missing = {"ACCESS_KEY_ID": None, "SECRET_ACCESS_KEY": None, "STORAGE_BUCKET_NAME": None}
    today = {"access_key": "a", "secret_key": "s", "bucket_name": "b"}
    assert options_of(**given) == options_of(**given, **missing) == options_of(**missing, **given) == today


def test_two_spellings_with_one_value_are_fine():
    assert options_of(ACCESS_KEY="a", ACCESS_KEY_ID="a", access_key="a") == {"access_key": "a"}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            {"SECRET_KEY": "hunter2", "SECRET_ACCESS_KEY": "other"},
            r"'SECRET_KEY'.* and .*'SECRET_ACCESS_KEY'.* one option with two",
        ),
        ({"LOCATION": "x", "location": "y"}, r"OPTIONS\['LOCATION'\] and OPTIONS\['location'\] are one option with two values"),
        ({"IS_GZIPPED": True, "GZIP": False}, r"'IS_GZIPPED'.*'GZIP'"),
        (
            {"IS_GZIPPED": True, "COMPRESSOR": "zstd"},
            r"OPTIONS has IS_GZIPPED, and 'COMPRESSOR' that says otherwise. Leave out one",
        ),
        (
            {"HOST": "a.example", "PORT": 1, "endpoint_url": "https://b.example"},
            r"has HOST and PORT, and 'endpoint_url' that",
        ),
        ({"HOST": "s3.eu-west-1.amazonaws.com", "region_name": "eu-west-2"}, r"has HOST, and 'region_name' that"),
        ({"REDUCED_REDUNDANCY": True, "HEADERS": {"x-amz-storage-class": "STANDARD_IA"}}, r"has HEADERS, and 'StorageClass' that"),
        (
            {"ENCRYPTION": True, "object_parameters": {"ServerSideEncryption": "aws:kms"}},
            r"has ENCRYPTION, and 'ServerSideEncryption' that",
        ),
        ({"USE_SSL": "no"}, r"OPTIONS\['USE_SSL'\] is of type str; accepted: True or False"),
        ({"HOST": "http://localhost"}, r"OPTIONS\['HOST'\].*without http://"),
        ({"HOST": "key:hunter2@localhost"}, r"OPTIONS\['HOST'\] and OPTIONS\['PORT'\] are no host and no port"),
        ({"HOST": 5, "PORT": "hunter2"}, r"are no host and no port"),
        ({"HOST": b"localhost"}, r"are no host and no port"),
        ({"PROXY": "http://key:hunter2@proxy.lan"}, r"are no host and no port"),
        ({"PROXY": 5}, r"are no host and no port"),
        ({"PROXY_PORT": 3128}, r"OPTIONS\['PROXY'\] and OPTIONS\['PROXY_PORT'\].*Write OPTIONS\['proxies'\]"),
        ({"PROXY": "me:hunter2@lan", "PROXY_PORT": "x"}, r"OPTIONS\['PROXY'\]"),
        ({"CALLING_FORMAT": VHostCallingFormat()}, r"'CALLING_FORMAT'\] is VHostCallingFormat; accepted: Ord.*'addressing_style'"),
        ({"HEADERS": "Cache-Control: hunter2"}, r"OPTIONS\['HEADERS'\] is of type str; accepted: a dictionary"),
        (
            {"HEADERS": {"Vary": "hunter2", "Expires": "0"}},
            r"OPTIONS\['HEADERS'\] has vary; accepted: cache-control, .*x-amz-meta-…",
        ),
        ({"HEADERS": {"x-amz-acl": "public-read"}}, r"OPTIONS\['HEADERS'\] has x-amz-acl; accepted"),
        ({"HEADERS": {"Content-Encoding": "gzip"}}, r"has content-encoding"),
        ({"ACESS_KEY": "hunter2"}, r"OPTIONS\['ACESS_KEY'\] is not an option.*Did you mean 'ACCESS_KEY'\?.*lower case"),
        ({"STORAGE_BUKET_NAME": "b"}, r"Did you mean 'STORAGE_BUCKET_NAME'\?"),
        ({"SERIALISER": "json"}, r"Did you mean 'SERIALIZER'\?"),
    ],
    ids=shown,
)
def test_a_contradiction_or_a_mistake_is_refused_and_no_value_repeated(given, complaint):
    with pytest.raises(OptionError, match=complaint) as caught:
        translate("", given)
    assert "hunter2" not in str(caught.value)


def test_equal_values_in_old_and_new_words_are_fine():
    assert options_of(IS_GZIPPED=True, COMPRESSOR="gzip") == {"COMPRESSOR": "gzip"}
    assert options_of(HOST="localhost", endpoint_url="https://localhost") == {"endpoint_url": "https://localhost"}


def test_all_that_is_said_of_objects_comes_together():
    given = {"REDUCED_REDUNDANCY": True, "ENCRYPTION": True, "HEADERS": {"x-amz-meta-a": "1"}}
    together = {
        "StorageClass": "REDUCED_REDUNDANCY",
        "ServerSideEncryption": "AES256",
        "Metadata": {"a": "1", "b": "2"},
        "Tagging": "x",
    }
    assert options_of(**given, object_parameters={"Tagging": "x", "Metadata": {"b": "2"}}) == {"object_parameters": together}


def test_what_is_given_stays_as_it_is():
    given = {
        "ACCESS_KEY_ID": "a",
        "LOCATION": "/x/",
        "ENCRYPTION": True,
        "HEADERS": {"x-amz-meta-a": "1"},
        "object_parameters": {"Tagging": "x", "Metadata": {"b": "2"}},
        "PRELOAD_METADATA": True,
    }
    before = copy.deepcopy(given)
    translate("", given)
    assert given == before


def test_todays_options_pass_through():
    today = {
        "ENGINE": "minio",
        "SERIALIZER": "json",
        "SIGNING_KEY": "k",
        "PROFILE": "ceph",
        "region_name": "r",
        "endpoint_url": "http://h",
        "verify": False,
        "max_attempts": 1,
        "nobody_knows": "what this is, but the engine says so",
    }
    assert translate("s3://bucket/x", today) == ("s3://bucket/x", today, [])


def test_the_location_that_was_never_read_still_is_not_and_says_so():
    location, _, notices = translate("unused", {"LOCATION": "x"})
    assert location == ""
    assert "does nothing, as ever" in notices[0]


@pytest.mark.parametrize(
    ("location", "given"), [("s3://bucket/x", {}), ("S3://bucket/x", {}), ("/var/cache/site", {"ENGINE": "local"}), ("", {})]
)
def test_a_location_that_says_something_today_is_kept(location, given):
    assert translate(location, given) == (location, given, [])
