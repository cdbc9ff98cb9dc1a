import pytest

from s3cache.engines.s3location import location_url
from s3cache.engines.s3options import S3Options, read
from s3cache.errors import OptionError

KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUt/nFEMI-secret"}


@pytest.mark.parametrize(
    ("location", "given", "bucket", "prefix"),
    [
        ("s3://bucket/site/cache", {}, "bucket", "site/cache/"),
        ("s3://bucket/site/cache/", {}, "bucket", "site/cache/"),
        ("s3://bucket", {}, "bucket", ""),
        ("s3://bucket/", {}, "bucket", ""),
        ("S3://bucket/x", {}, "bucket", "x/"),
        ("site/cache", {"bucket_name": "bucket"}, "bucket", "site/cache/"),
        ("/site/cache/", {"bucket_name": "bucket"}, "bucket", "site/cache/"),
        ("", {"bucket_name": "bucket"}, "bucket", ""),
        ("/", {"bucket_name": "bucket"}, "bucket", ""),
        ("", {"bucket_name": "bucket", "location": "site/cache"}, "bucket", "site/cache/"),
        ("", {"bucket_name": "bucket", "location": ""}, "bucket", ""),
        ("s3://bucket", {"location": "/x/"}, "bucket", "x/"),
        ("s3://bucket/x", {"bucket_name": "bucket", "location": "x/"}, "bucket", "x/"),
        ("s3://Old_Bucket.of.2009/x", {}, "Old_Bucket.of.2009", "x/"),
        ("s3://tenant:bucket/x", {}, "tenant:bucket", "x/"),
        ("s3://express--use1-az4--x-s3/x", {}, "express--use1-az4--x-s3", "x/"),
        ("grüße/100% sure", {"bucket_name": "b"}, "b", "grüße/100% sure/"),
    ],
)
def test_a_place_is_read(location, given, bucket, prefix):
    assert read(location, given, {})[:2] == (bucket, prefix)


@pytest.mark.parametrize(
    ("location", "given", "message"),
    [
        ("", {}, r"No bucket is given.*s3://bucket/prefix.*bucket_name"),
        ("site/cache", {}, "No bucket is given"),
        ("s3:///cache", {}, "No bucket is given"),
        ("file:///var/cache", {"bucket_name": "b"}, r"LOCATION is file://.*s3://bucket/prefix"),
        ("gs://bucket/x", {}, r"LOCATION is gs://.*accepted: s3://bucket/prefix"),
        ("http://host/bucket", {}, r"LOCATION is http://"),
        ("s3://one/x", {"bucket_name": "two"}, r"another bucket than OPTIONS\['bucket_name'\]"),
        ("s3://one/x", {"location": "y"}, r"another prefix than OPTIONS\['location'\]"),
        ("x", {"bucket_name": "b", "location": "y"}, "another prefix"),
        ("s3://b/x?region=eu", {}, "LOCATION has a query or a fragment"),
        ("s3://b?region=eu", {}, "LOCATION has a query or a fragment"),
        ("s3://b/x#y", {}, "LOCATION has a query or a fragment"),
        ("", {"bucket_name": "b", "location": "x?y"}, r"OPTIONS\['location'\] has a query"),
        ("s3://b/x//y", {}, "an empty part"),
        ("s3://b/../y", {}, "'..' in its prefix"),
        ("./y", {"bucket_name": "b"}, "'.' or"),
        ("", {"bucket_name": "b/x"}, "The bucket's name"),
        ("s3://b ucket/x", {}, "The bucket's name"),
        ("s3://-bucket/x", {}, "The bucket's name"),
    ],
)
def test_a_place_that_means_nothing_is_refused(location, given, message):
    with pytest.raises(OptionError, match=message):
        read(location, given, {})


@pytest.mark.parametrize(
    "location", ["s3://AKID:topsecret@bucket/x", "s3://AKID:top/topsecret@bucket/x", "topsecret:x@bucket", "s3://b/x?key=topsecret"]
)
def test_a_secret_in_location_is_refused_and_not_repeated(location):
    with pytest.raises(OptionError) as caught:
        read(location, {}, {})
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("bucket", "prefix", "endpoint", "url"),
    [
        ("bucket", "", None, "s3://bucket"),
        ("bucket", "site/cache/", None, "s3://bucket/site/cache"),
        ("bucket", "50% grüße/", None, "s3://bucket/50%25%20gr%C3%BC%C3%9Fe"),
        ("bucket", "x/", "https://s3.eu-west-1.amazonaws.com", "s3://bucket/x"),
        ("bucket", "x/", "https://amazonaws.com.example/", "s3://bucket/x?endpoint=https://amazonaws.com.example"),
        ("bucket", "", "http://127.0.0.1:9000/", "s3://bucket?endpoint=http://127.0.0.1:9000"),
        ("bucket", "", "https://my.elb.amazonaws.com", "s3://bucket?endpoint=https://my.elb.amazonaws.com"),
    ],
)
def test_one_place_has_one_url(bucket, prefix, endpoint, url):
    assert location_url(bucket, prefix, endpoint) == url


def test_options_have_defaults():
    options = read("s3://bucket", {}, {}).options
    assert (options.connect_timeout, options.read_timeout, options.max_attempts, options.max_pool_connections) == (1.0, 3.0, 3, 64)
    assert options.use_ssl is True
    assert options.verify is None


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint_url": "http://127.0.0.1:9000"},
        {"endpoint_url": "https://[::1]:9000"},
        {"endpoint_url": "https://project.example/storage/v1/s3"},
        {"verify": False},
        {"verify": "/etc/ssl/ca.pem"},
        {"proxies": {}},
        {"proxies": {"http": "proxy:3128", "https": "http://user:word@proxy:3128"}},
        {"addressing_style": "path", "signature_version": "unsigned", "default_acl": "private"},
        {"object_parameters": {"StorageClass": "STANDARD_IA"}, "request_parameters": {"RequestPayer": "requester"}},
        {"connect_timeout": 1, "read_timeout": 0.5, "max_attempts": 1, "max_pool_connections": 1},
        {**KEYS, "security_token": "token"},
        {"session_profile": "profile"},
    ],
)
def test_an_option_is_accepted(given):
    options = read("s3://bucket", given, {}).options
    assert {name: getattr(options, name) for name in given} == given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bucket": "b"}, "OPTIONS\\['bucket'\\] is not an option"),
        ({"region": "eu-west-1"}, "not an option.*Did you mean 'region_name'"),
        ({"endpoint_url": "127.0.0.1:9000"}, "endpoint_url.*http://host"),
        ({"endpoint_url": "ftp://host"}, "endpoint_url.*http://host"),
        ({"endpoint_url": "http://"}, "endpoint_url.*http://host"),
        ({"endpoint_url": "http://host:port"}, "endpoint_url.*http://host"),
        ({"endpoint_url": "http://ho st"}, "endpoint_url.*http://host"),
        ({"endpoint_url": "http://host/?x=y"}, "a query"),
        ({"endpoint_url": ""}, "endpoint_url.*non-empty"),
        ({"use_ssl": "yes"}, "True or False"),
        ({"verify": ""}, "path of a file of certificates"),
        ({"verify": 1}, "path of a file of certificates"),
        ({"addressing_style": "dns"}, "'auto', 'path', 'virtual'"),
        ({"signature_version": "s3v5"}, "'s3v4'"),
        ({"proxies": "http://proxy"}, "a dictionary from 'http' or 'https'"),
        ({"proxies": {"ftp": "http://proxy"}}, "a dictionary from 'http' or 'https'"),
        ({"proxies": {"http": "socks5://proxy"}}, "a dictionary from 'http' or 'https'"),
        ({"proxies": {"http": "http://user:word@:bad"}}, "a dictionary from 'http' or 'https'"),
        ({"object_parameters": ["StorageClass"]}, "a dictionary"),
        ({"object_parameters": {"IfNoneMatch": "*"}}, "sets IfNoneMatch, which the cache sets itself"),
        ({"request_parameters": {"Key": "x", "Bucket": "y"}}, "sets Bucket, Key"),
        ({"request_parameters": {"Prefix": "x"}}, "sets Prefix"),
        ({"connect_timeout": 0}, "seconds above 0"),
        ({"read_timeout": float("inf")}, "seconds above 0"),
        ({"max_attempts": 0}, "1 or more"),
        ({"max_attempts": True}, "1 or more"),
        ({"max_pool_connections": 0}, "1 or more"),
        ({"PROFILE": "cephs"}, r"OPTIONS\['PROFILE'\] is 'cephs'.*'aws', 'express', 'r2'"),
        ({"PROFILE": 1}, r"OPTIONS\['PROFILE'\] is 1"),
        ({"profile": "ceph"}, "OPTIONS\\['profile'\\] is not an option"),
        ({"access_key": "AKID"}, "belong together"),
        ({"secret_key": "word"}, "belong together"),
        ({"security_token": "word"}, "security_token.*needs"),
        ({**KEYS, "session_profile": "profile"}, "exclude each other"),
    ],
)
def test_an_option_is_refused(given, message):
    with pytest.raises(OptionError, match=message):
        read("s3://bucket", given, {})


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint_url": "http://user:topsecret@host"},
        {"access_key": "AKID", "secret_key": b"topsecret"},
        {"proxies": {"http": "http://user:topsecret@:bad"}},
        {"request_parameters": ["topsecret"]},
        {"object_parameters": ["topsecret"]},
        {**KEYS, "security_token": ["topsecret"]},
    ],
)
def test_a_refused_secret_is_not_repeated(given):
    with pytest.raises(OptionError) as caught:
        read("s3://bucket", given, {})
    assert "topsecret" not in str(caught.value)


OF_THE_ENVIRONMENT = {"AWS_ENDPOINT_URL_S3": "http://s3.example:9000", "AWS_ENDPOINT_URL": "http://all.example:9000"}


@pytest.mark.parametrize(
    ("given", "environ", "endpoint"),
    [
        ({}, {}, None),
        ({}, OF_THE_ENVIRONMENT, "http://s3.example:9000"),
        ({}, {"AWS_ENDPOINT_URL": "http://all.example:9000"}, "http://all.example:9000"),
        ({}, {**OF_THE_ENVIRONMENT, "AWS_ENDPOINT_URL_S3": ""}, "http://all.example:9000"),
        ({}, {**OF_THE_ENVIRONMENT, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None),
        ({"endpoint_url": "http://127.0.0.1:9000"}, OF_THE_ENVIRONMENT, "http://127.0.0.1:9000"),
    ],
)
def test_the_endpoint_is_that_of_the_options_else_of_the_environment(given, environ, endpoint):
    assert read("s3://bucket", given, environ).options.endpoint_url == endpoint


def test_a_bad_endpoint_of_the_environment_is_refused_and_named():
    with pytest.raises(OptionError, match="^AWS_ENDPOINT_URL_S3 .* of the environment is not a URL"):
        read("s3://bucket", {}, {"AWS_ENDPOINT_URL_S3": "localhost:9000"})


def test_the_profile_is_the_option_that_the_cache_hands_on():
    target = read("s3://bucket", {"PROFILE": "ceph"}, {})
    assert (target.profile.name, target.options.profile) == ("ceph", "ceph")
    assert read("s3://bucket", {"PROFILE": None}, {}).profile.name == "aws"


SECRETS = {
    "access_key": "secret-1",
    "secret_key": "secret-2",
    "security_token": "secret-3",
    "proxies": {"http": "http://user:secret-4@proxy"},
    "request_parameters": {"SSECustomerKey": "secret-5"},
    "object_parameters": {"SSEKMSKeyId": "secret-6"},
}


def test_secrets_are_not_shown():
    assert "secret" not in repr(read("s3://bucket", SECRETS, {}).options)


def test_secrets_are_taken_out_of_a_message():
    options = read("s3://bucket", SECRETS, {}).options
    message = "secret-1 secret-2 secret-3 http://user:secret-4@proxy secret-5 secret-6"
    assert options.redact(f"In {message}, {message}.") == f"In {' '.join(['***'] * 6)}, {' '.join(['***'] * 6)}."


def test_a_message_without_secrets_stays():
    assert S3Options().redact("as it was") == "as it was"


def test_redaction_reaches_what_lies_deep_and_longer_values_first():
    options = S3Options(object_parameters={"Metadata": {"note": ["geheimnis", "geheimnis-2"]}}, access_key="geheim", secret_key="s")
    assert options.redact("geheimnis-2, geheimnis and geheim") == "***, *** and ***"


def test_a_short_secret_is_redacted_where_it_stands_alone():
    options = S3Options(access_key="a", secret_key="a secret")
    assert options.redact("a: Parameter validation (key a)") == "***: Parameter validation (key ***)"
