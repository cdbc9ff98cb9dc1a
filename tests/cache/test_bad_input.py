"""Every mistake in CACHES is an ImproperlyConfigured when the cache is built, in words that let somebody mend it.

A message says where, what was found, what is accepted, and the nearest known name where one is unknown.
"""

import math
import sys
from types import MappingProxyType

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.utils.functional import SimpleLazyObject, lazystr

from s3cache import ObjectStoreCache, plugins, sharing

PLACE = "/var/cache/site"
BUCKET = "s3://bucket/prefix"
NO_CALLABLE = "text"

OWN = [
    ({"ENGINE": "bot03"}, r"OPTIONS\['ENGINE'\] is 'bot03'.*Known: boto3, local, memory.*Did you mean 'boto3'\?.*From plugins"),
    ({"ENGINE": "Memory"}, r"'Memory'.*Did you mean 'memory'\?"),
    ({"ENGINE": ""}, r"OPTIONS\['ENGINE'\] is '' \(str\); accepted: a non-empty string"),
    ({"ENGINE": None}, r"OPTIONS\['ENGINE'\] is None \(NoneType\); accepted"),
    ({"ENGINE": "no.such.Engine"}, r"'no.such.Engine'.*cannot be imported: ModuleNotFoundError: No module named 'no'"),
    ({"ENGINE": "s3cache.engines.memory.Missing"}, r"cannot be imported: AttributeError"),
    ({"ENGINE": "json.dumps"}, r"json.dumps is no class"),
    ({"ENGINE": "decimal.Decimal"}, r"'decimal.Decimal', but decimal.Decimal has no from_options, get_object.*: it is no engine"),
    ({"SERIALIZER": "decimal.Decimal"}, r"has no name, dumps, loads: it is no serializer"),
    ({"COMPRESSOR": "decimal:Decimal"}, r"has no name, compress, decompress: it is no compressor"),
    ({"ACCEPT_SERIALIZERS": ["json", "yaml"]}, r"OPTIONS\['ACCEPT_SERIALIZERS'\] has 'yaml', which is not known"),
    ({"BUCKET_NAME": "b"}, r"OPTIONS\['BUCKET_NAME'\] is not an option.*The engine's own options are written in lower case"),
    ({"SERIALIZER": "yaml"}, r"OPTIONS\['SERIALIZER'\] is 'yaml'.*Known: json, msgpack, pickle"),
    ({"SERIALIZER": "jsn"}, r"OPTIONS\['SERIALIZER'\] is 'jsn'.*Did you mean 'json'\?"),
    ({"SERIALIZER": 1}, r"OPTIONS\['SERIALIZER'\] is 1 \(int\)"),
    ({"ACCEPT_SERIALIZERS": "pickle"}, r"OPTIONS\['ACCEPT_SERIALIZERS'\] is 'pickle' \(str\); accepted: a list or tuple"),
    ({"ACCEPT_SERIALIZERS": ["pickel"]}, r"'pickel'.*Did you mean 'pickle'\?"),
    (
        {"ACCEPT_SERIALIZERS": [None]},
        r"OPTIONS\['ACCEPT_SERIALIZERS'\] is of type list; accepted: a list or tuple of non-empty strings",
    ),
    ({"COMPRESSOR": "zip"}, r"OPTIONS\['COMPRESSOR'\] is 'zip'.*Known: gzip, lz4.*none, zlib, zstd.*Did you mean 'gzip'\?"),
    ({"COMPRESSOR": None}, r"OPTIONS\['COMPRESSOR'\] is None"),
    ({"COMPRESS_MIN_BYTES": -1}, r"OPTIONS\['COMPRESS_MIN_BYTES'\] is -1 \(int\); accepted: a whole number, 0 or more"),
    ({"MAX_VALUE_BYTES": 0}, r"OPTIONS\['MAX_VALUE_BYTES'\] is 0 \(int\); accepted: a whole number, 1 or more"),
    ({"MAX_VALUE_BYTES": 1e6}, r"OPTIONS\['MAX_VALUE_BYTES'\] is 1000000.0 \(float\)"),
    ({"MAX_VALUE_BYTES": None}, r"OPTIONS\['MAX_VALUE_BYTES'\] is None"),
    ({"MAX_ENTRIES": -1}, r"OPTIONS\['MAX_ENTRIES'\] is -1 \(int\); accepted: a whole number, 0 or more, or None"),
    ({"MAX_ENTRIES": "300"}, r"OPTIONS\['MAX_ENTRIES'\] is '300' \(str\)"),
    ({"MAX_ENTRIES": True}, r"OPTIONS\['MAX_ENTRIES'\] is True \(bool\)"),
    ({"CULL_FREQUENCY": -1}, r"OPTIONS\['CULL_FREQUENCY'\] is -1 \(int\); accepted: a whole number, 0 or more"),
    ({"CULL_FREQUENCY": None}, r"OPTIONS\['CULL_FREQUENCY'\] is None"),
    ({"CULL_FREQUENCY": 0.5}, r"OPTIONS\['CULL_FREQUENCY'\] is 0.5 \(float\)"),
    ({"NAMESPACE": None}, r"OPTIONS\['NAMESPACE'\] is None \(NoneType\); accepted: a string"),
    ({"SIGNING": "no"}, r"OPTIONS\['SIGNING'\] is 'no' \(str\); accepted: True or False"),
    ({"SIGNING": 0}, r"OPTIONS\['SIGNING'\] is 0 \(int\)"),
    ({"SIGNING_KEY": ""}, r"OPTIONS\['SIGNING_KEY'\] is a secret of type str; accepted: a non-empty string.*or None"),
    ({"SIGNING_KEY": 7}, r"OPTIONS\['SIGNING_KEY'\] is a secret of type int"),
    (
        {"SIGNING_KEY": []},
        r"OPTIONS\['SIGNING_KEY'\] is a secret of type list; accepted: a non-empty string.*newest first, or None",
    ),
    ({"SIGNING_KEY": ["new", ""]}, r"OPTIONS\['SIGNING_KEY'\] is a secret of type list; accepted: a non-empty string"),
    ({"SIGNING_KEY": ["new", None]}, r"OPTIONS\['SIGNING_KEY'\] is a secret of type list"),
    ({"SIGNING_KEY": {"new": "old"}}, r"OPTIONS\['SIGNING_KEY'\] is a secret of type dict"),
    ({"SIGNING_KEY_FALLBACKS": ["old"]}, r"'SIGNING_KEY_FALLBACKS'\] is not an option.*Did you mean 'SIGNING_KEY'\?"),
    ({"MAX_ENTRYS": 3}, r"OPTIONS\['MAX_ENTRYS'\] is not an option. Known: ACCEPT_SERIALIZERS.*Did you mean 'MAX_ENTRIES'\?"),
    ({"Max_Entries": 3}, r"OPTIONS\['Max_Entries'\] is not an option.*Did you mean 'MAX_ENTRIES'\?"),
    ({"max_entries": 3}, r"OPTIONS\['max_entries'\] is not an option.*written in capitals: 'MAX_ENTRIES'"),
    ({"": 3}, r"OPTIONS\[''\] is not an option"),
    ({"bucket_name": "bucket"}, r"OPTIONS\['bucket_name'\] is not an option. Known: none"),
]

BOTO3 = [
    ({"buckt_name": "x"}, r"OPTIONS\['buckt_name'\] is not an option. Known: PROFILE, access_key.*Did you mean 'bucket_name'\?"),
    ({"bucket": "x"}, r"OPTIONS\['bucket'\] is not an option.*Did you mean 'bucket_name'\?"),
    ({"Endpoint_URL": "http://host"}, r"OPTIONS\['Endpoint_URL'\] is not an option"),
    ({"signing": True}, r"OPTIONS\['signing'\] is not an option.*written in capitals: 'SIGNING'"),
    ({"bucket_name": "other"}, r"LOCATION names another bucket than OPTIONS\['bucket_name'\]. Give it once"),
    ({"bucket_name": 3}, r"OPTIONS\['bucket_name'\] is 3 \(int\); accepted: a non-empty string"),
    ({"endpoint_url": "localhost:9000"}, r"OPTIONS\['endpoint_url'\] is not a URL of the form http://"),
    ({"access_key": "k"}, r"OPTIONS\['access_key'\] and OPTIONS\['secret_key'\] belong together"),
    ({"read_timeout": 0}, r"OPTIONS\['read_timeout'\] is 0 \(int\); accepted: a number of seconds above 0"),
    ({"read_timeout": math.inf}, r"OPTIONS\['read_timeout'\] is inf"),
    ({"max_attempts": 0}, r"OPTIONS\['max_attempts'\] is 0 \(int\); accepted: a whole number, 1 or more"),
    ({"verify": 1}, r"OPTIONS\['verify'\] is 1 \(int\); accepted: True, False or the path"),
    ({"addressing_style": "dns"}, r"OPTIONS\['addressing_style'\] is 'dns'.*accepted: one of 'auto', 'path', 'virtual'"),
    ({"object_parameters": {"Body": b""}}, r"OPTIONS\['object_parameters'\] sets Body, which the cache sets itself"),
    (
        {"object_parameters": {1: 2, "Tagging": "x"}},
        r"OPTIONS\['object_parameters'\] is a secret of type dict; accepted: a dictionary",
    ),
]

LOCATIONS = [
    ("local", "", r"LOCATION is ''.*path of a directory"),
    ("local", __file__, r"LOCATION is '.*test_bad_input.py', which is not a directory"),
    ("local", "s3://bucket", r"Cache at 's3://bucket': .*'local' takes the path of a directory.*such as 'boto3'"),
    ("local", "file://relative", r"'local' takes.*file:///absolute/path"),
    ("local", "null\0", r"LOCATION is .*; accepted: a string or a path"),
    ("boto3", "", r"No bucket is given. Write LOCATION as s3://bucket/prefix, or set OPTIONS\['bucket_name'\]"),
    ("boto3", "prefix/only", r"Cache at 'prefix/only': No bucket is given"),
    ("boto3", "s3://", r"No bucket is given"),
    ("boto3", "gs://bucket", r"LOCATION is gs://...; accepted: s3://bucket/prefix"),
    ("boto3", "file:///var/cache", r"LOCATION is file://...; accepted: s3://bucket/prefix"),
    ("boto3", "s3://bucket/../other", r"LOCATION has an empty part, '.' or '..' in its prefix"),
    ("boto3", "s3://bucket?region=x", r"LOCATION has a query or a fragment"),
    ("boto3", "s3://buc ket", r"bucket's name is not one that S3 accepts"),
    ("boto3", "s3://key:secret@bucket", r"LOCATION holds an @. Keys belong into OPTIONS\['access_key'\]"),
    ("local", None, r"LOCATION is None \(NoneType\); accepted: a string or a path"),
    ("local", ["a:1", "b:2"], r"LOCATION is of type list; accepted: a string or a path"),
]

TOP_LEVEL = [
    ({"TIMEOUT": "60"}, r"TIMEOUT is '60' \(str\); accepted: a number of seconds, or None for no expiry"),
    ({"TIMEOUT": True}, r"TIMEOUT is True \(bool\)"),
    ({"TIMEOUT": math.nan}, r"TIMEOUT is nan \(float\)"),
    ({"TIMEOUT": math.inf}, r"TIMEOUT is inf \(float\); accepted: .*None"),
    ({"timeout": 60}, r"'timeout' is not known in CACHES. Known: BACKEND, KEY_FUNCTION.*Did you mean 'TIMEOUT'\?"),
    ({"VERSION": "1"}, r"VERSION is '1' \(str\); accepted: a whole number"),
    ({"VERSION": 1.0}, r"VERSION is 1.0 \(float\)"),
    ({"KEY_PREFIX": None}, r"KEY_PREFIX is None \(NoneType\); accepted: a string"),
    ({"KEY_PREFIX": b"site"}, r"KEY_PREFIX is b'site' \(bytes\)"),
    ({"KEY_FUNCTION": 5}, r"KEY_FUNCTION is 5 \(int\); accepted: a callable or the dotted path of one, or None"),
    ({"KEY_FUNCTION": "no.such"}, r"KEY_FUNCTION is 'no.such', which cannot be imported: No module named 'no'"),
    ({"KEY_FUNCTION": "nodots"}, r"KEY_FUNCTION is 'nodots', which cannot be imported"),
    ({"KEY_FUNCTION": f"{__name__}.NO_CALLABLE"}, r"KEY_FUNCTION is '.*NO_CALLABLE', which is not callable"),
    ({"OPTIONS": None}, r"OPTIONS is None \(NoneType\); accepted: a dictionary"),
    ({"OPTIONS": [("ENGINE", "local")]}, r"OPTIONS is of type list; accepted"),
    ({"OPTIONS": {1: 2}}, r"OPTIONS is of type dict; accepted: a dictionary with string keys"),
    ({"MAX_ENTRIES": 3}, r"'MAX_ENTRIES' is not known in CACHES.*It is one of OPTIONS"),
    ({"ENGINE": "local"}, r"'ENGINE' is not known in CACHES.*It is one of OPTIONS"),
    ({"PREFIX": "site"}, r"'PREFIX' is not known in CACHES.*Did you mean 'KEY_PREFIX'\?"),
]


def refused(location, params, message):
    with pytest.raises(ImproperlyConfigured, match=message) as caught:
        ObjectStoreCache(location, params)
    assert str(caught.value).startswith("Cache at ")


def named(table):
    return pytest.mark.parametrize(("given", "message"), table, ids=[repr(given)[1:-1] for given, _ in table])


@named(OWN)
def test_the_cache_s_own_options(given, message):
    refused(PLACE, {"OPTIONS": {"ENGINE": "memory", **given}}, message)


@named(BOTO3)
def test_options_of_an_s3_engine(given, message):
    refused(BUCKET, {"OPTIONS": {"ENGINE": "boto3", **given}}, message)


@pytest.mark.parametrize(("engine", "location", "message"), LOCATIONS, ids=[f"{one[0]} {one[1]!r}"[:40] for one in LOCATIONS])
def test_locations(engine, location, message):
    refused(location, {"OPTIONS": {"ENGINE": engine}}, message)


@named(TOP_LEVEL)
def test_what_stands_beside_options(given, message):
    refused(PLACE, given, message)


@pytest.mark.parametrize(
    ("limits", "message"),
    (
        ({"MAX_ENTRIES": 10_000_000}, r"MAX_ENTRIES'\] is 10,000,000.*at most 2,560,000.*lifecycle"),
        ({"MAX_ENTRIES": None, "MAX_BYTES": 10**9}, "MAX_BYTES'. is given without OPTIONS.'MAX_ENTRIES'.*Give MAX_ENTRIES too"),
    ),
)
def test_limits_that_a_directory_bucket_cannot_be_culled_by(limits, message):
    refused("s3://bucket--use1-az4--x-s3", {"OPTIONS": {"ENGINE": "boto3", **limits}}, message)


@pytest.mark.parametrize("location", ("/var/cache/site", "s3://bucket/x", ""))
def test_the_message_names_the_location_because_the_alias_is_not_known(location):
    refused(location, {"OPTIONS": {"ENGINE": "memory", "X": 1}}, f"^Cache at '{location}': OPTIONS")


def test_django_raises_it_for_the_alias_that_is_asked_for():
    entry = {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": PLACE, "OPTIONS": {"ENGINE": "bot03"}}
    with override_settings(CACHES={"default": entry}), pytest.raises(ImproperlyConfigured, match="Did you mean 'boto3'"):
        caches["default"].get("key")


@pytest.mark.parametrize("given", ({}, {"SERIALIZER": "json"}))
def test_without_any_secret_signing_is_a_mistake(given):
    with override_settings(SECRET_KEY=""):
        refused(
            PLACE, {"OPTIONS": given}, r"SECRET_KEY is empty and OPTIONS\['SIGNING_KEY'\] is not set.*OPTIONS\['SIGNING'\] = False"
        )


@pytest.mark.parametrize("given", ({"SIGNING": False}, {"SIGNING_KEY": "own"}, {"SIGNING_KEY": b"own"}))
def test_without_secret_key_a_signing_key_or_no_signing_will_do(given):
    with override_settings(SECRET_KEY=""):
        cache = ObjectStoreCache("", {"OPTIONS": {"ENGINE": "memory", **given}})
        cache.set("key", 1)
        assert cache.get("key") == 1


@pytest.fixture
def missing(monkeypatch):
    """Lets a module look as if it were not installed."""

    def hide(module):
        monkeypatch.setitem(sys.modules, module, None)
        plugins.find.cache_clear()

    yield hide
    plugins.find.cache_clear()


@pytest.mark.parametrize(
    ("kind", "name", "module"),
    (("ENGINE", "boto3", "boto3"), ("SERIALIZER", "msgpack", "msgpack"), ("COMPRESSOR", "lz4", "lz4")),
)
def test_a_missing_package_comes_with_the_command_that_installs_it(missing, kind, name, module):
    missing(module)
    options = {"ENGINE": "memory", "NAMESPACE": f"missing {name}", kind: name}
    message = rf"OPTIONS\['{kind}'\] is '{name}', which needs the package {module}.*pip install \"django-s3-cache\[{name}\]\""
    refused(BUCKET, {"OPTIONS": options}, message)


GOOD = [
    ("", {"OPTIONS": {"ENGINE": "memory"}}),
    ("", {"OPTIONS": {"ENGINE": "s3cache.engines.memory.MemoryEngine"}}),
    ("", {"OPTIONS": {"ENGINE": "s3cache.engines.memory:MemoryEngine"}}),
    (PLACE, {}),
    (PLACE, {"OPTIONS": {}}),
    (PLACE, {"OPTIONS": MappingProxyType({"MAX_ENTRIES": 0})}),
    (PLACE, {"OPTIONS": {"MAX_ENTRIES": None, "CULL_FREQUENCY": 0, "COMPRESS_MIN_BYTES": 0}}),
    (PLACE, {"OPTIONS": {"ACCEPT_SERIALIZERS": ["json", "msgpack"]}}),
    (PLACE, {"OPTIONS": {"SIGNING_KEY": ["new", "old", b"older"]}}),
    (PLACE, {"TIMEOUT": 0, "VERSION": 0, "KEY_PREFIX": "", "KEY_FUNCTION": None}),
    (PLACE, {"TIMEOUT": -1}),
    (PLACE, {"TIMEOUT": 10**30}),
    ("file://" + PLACE, {}),
    (BUCKET, {"OPTIONS": {"ENGINE": "boto3"}}),
    ("", {"OPTIONS": {"ENGINE": "boto3", "bucket_name": "bucket"}}),
    (BUCKET, {"OPTIONS": {"ENGINE": "boto3", "proxies": {}, "object_parameters": {"StorageClass": "STANDARD_IA"}}}),
]


@pytest.mark.parametrize(("location", "params"), GOOD, ids=[repr(one) for one in GOOD])
def test_what_is_right_is_accepted_and_left_as_it_was(location, params):
    before = repr(params)
    ObjectStoreCache(location, params)
    assert repr(params) == before


def test_equal_options_share_an_engine_and_different_ones_do_not():
    def engine(**options):
        return ObjectStoreCache(BUCKET, {"OPTIONS": {"ENGINE": "boto3", **options}}).engine

    assert engine() is engine()
    assert engine(MAX_ENTRIES=7) is engine()
    assert engine(object_parameters={"Tagging": "a"}) is engine(object_parameters={"Tagging": "a"})
    assert engine(object_parameters={"Tagging": "a"}) is not engine(object_parameters={"Tagging": "b"})
    assert engine(read_timeout=4) is not engine()


@pytest.mark.parametrize("fallbacks", ["old-secret", [""], [1], None, ["\ud800"]])
def test_fallbacks_that_would_make_other_keys_than_meant_are_refused(fallbacks):
    with override_settings(SECRET_KEY_FALLBACKS=fallbacks):
        refused(
            PLACE, {"OPTIONS": {"NAMESPACE": "fallbacks"}}, "SECRET_KEY_FALLBACKS is a secret of type .*; accepted: a list or tuple"
        )


@pytest.mark.parametrize(
    ("location", "params"),
    [
        ("\ud800", {"OPTIONS": {"ENGINE": "memory"}}),
        (PLACE, {"OPTIONS": {"MAX_ENTRIES": 10**400}}),
        (PLACE, {"OPTIONS": {"SIGNING_KEY": "\ud800"}}),
        (PLACE, {"KEY_FUNCTION": "."}),
        (PLACE, {"KEY_FUNCTION": ".."}),
        (PLACE, {1: 1}),
        (SimpleLazyObject(lambda: "cache"), {"OPTIONS": {"ENGINE": "memory"}}),
    ],
)
def test_odd_values_are_refused_like_any_others(location, params):
    refused(location, params, "Cache at ")


class EqualToAll:
    """Says that it is every other object."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return True


class Incomparable:
    __hash__ = object.__hash__

    def __eq__(self, other):
        raise ArithmeticError("there is no answer")


@pytest.mark.parametrize(
    "value",
    [
        *(lazystr("miss"), SimpleLazyObject(lambda: "miss"), SimpleLazyObject(lambda: "dry"), SimpleLazyObject(lambda: 5)),
        *(10**400, EqualToAll(), Incomparable()),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("name", ["ON_ERROR", "READ_ONLY", "TOTAL_TIMEOUT"])
def test_what_only_resembles_a_value_is_refused(name, value):
    refused(PLACE, {"OPTIONS": {"ENGINE": "memory", name: value}}, rf"OPTIONS\['{name}'\] is .*; accepted: ")


@pytest.mark.parametrize("value", [lazystr("miss"), 10**400, EqualToAll(), Incomparable()], ids=lambda value: type(value).__name__)
def test_what_only_resembles_a_value_is_refused_within_on_error(value):
    refused(PLACE, {"OPTIONS": {"ENGINE": "memory", "ON_ERROR": {"read": value}}}, r"ON_ERROR'\]\['read'\] is .*; accepted: ")


def test_a_whole_number_of_seconds_may_be_as_large_as_it_likes():
    ObjectStoreCache("huge", {"TIMEOUT": 10**400, "OPTIONS": {"ENGINE": "memory"}}).set("key", 1)


def test_a_relative_directory_stays_where_it_was_at_construction(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = ObjectStoreCache("cache", {})
    monkeypatch.chdir("/")
    monkeypatch.setattr("s3cache.sharing.generation", sharing.generation + 1)
    cache.set("key", 1)
    assert (tmp_path / "cache").is_dir()


def test_an_option_that_contains_itself_is_refused():
    circle = {}
    circle["circle"] = circle
    refused(BUCKET, {"OPTIONS": {"ENGINE": "boto3", "object_parameters": circle}}, "contains itself")


FALLBACKS = {
    "default": {"BACKEND": "s3cache.ObjectStoreCache", "OPTIONS": {"FALLBACK": "b"}},
    "b": {"BACKEND": "s3cache.ObjectStoreCache", "OPTIONS": {"FALLBACK": "default"}},
    "own": {"BACKEND": "s3cache.ObjectStoreCache", "OPTIONS": {"FALLBACK": "own"}},
    "small": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}


@pytest.mark.parametrize(
    ("alias", "message"),
    [
        ("smal", r"FALLBACK'\] is 'smal'; accepted: an alias of CACHES. Known: b, default, own, small. Did you mean 'small'\?"),
        ("own", r"in a circle: own -> own"),
        ("b", r"in a circle: b -> default -> b"),
    ],
)
def test_a_fallback_must_lead_to_another_cache(alias, message):
    with override_settings(CACHES=FALLBACKS), pytest.raises(ImproperlyConfigured, match=message):
        ObjectStoreCache("place", {"OPTIONS": {"ENGINE": "memory", "FALLBACK": alias}})


def test_a_fallback_that_ends_elsewhere_is_accepted():
    with override_settings(CACHES=FALLBACKS):
        ObjectStoreCache("place", {"OPTIONS": {"ENGINE": "memory", "FALLBACK": "small"}})


@pytest.mark.parametrize("name", ("TIMEOUT", "KEY_PREFIX", "VERSION", "KEY_FUNCTION", "REVERSE_KEY_FUNCTION"))
def test_what_stands_beside_options_is_told_so(name):
    with pytest.raises(ImproperlyConfigured, match=f"'{name}' belongs beside OPTIONS"):
        ObjectStoreCache("place", {"OPTIONS": {"ENGINE": "memory", name: 1}})
