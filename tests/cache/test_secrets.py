"""Secrets are in no repr, no message, no log line and no traceback."""

import copy
import logging
import traceback

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from s3cache import ObjectStoreCache, checks
from s3cache.errors import S3CacheError
from tests.servers import Answer, s3_options

SECRET = "hidden/se+cret="
SECRETS = {
    "SIGNING_KEY": [f"{SECRET}1", f"{SECRET}2", f"{SECRET}3".encode()],
    "ENCRYPTION_KEYS": [f"{SECRET}7" * 3, f"{SECRET}8".encode() * 3],
    "NAME_KEY": f"{SECRET}9" * 3,
    "access_key": "AKIAEXAMPLE",
    "secret_key": f"{SECRET}4",
    "security_token": f"{SECRET}5",
    "proxies": {"http": "http://user:hiddense+cret@127.0.0.1:1"},
    "request_parameters": {"SSECustomerKey": f"{SECRET}6"},
}
WRONG = {
    "SIGNING_KEY": [f"{SECRET}1", 7],
    "ENCRYPTION_KEYS": [f"{SECRET}7" * 3, SECRET],
    "NAME_KEY": SECRET,
    "secret_key": [f"{SECRET}3"],
    "security_token": {f"{SECRET}4": 1},
    "proxies": {"http": f"http://user:{SECRET}@[host"},
    "request_parameters": [f"{SECRET}6"],
    "object_parameters": {"Body": f"{SECRET}6"},
    "endpoint_url": f"http://user:{SECRET}@host",
}
LOCATIONS = [
    f"s3://key:{SECRET}@bucket",
    f"http://user:{SECRET}@host/bucket",
    f"s3:/key:{SECRET}@",
    f"gs://{SECRET}@b?x=@",
    [f"s3://k:{SECRET}@b"],
]


def check_hidden(text):
    assert "hidden" not in text
    assert "se+cret" not in text


def reprs(thing, depth=4):
    """The repr of an object and of all that it holds."""
    yield repr(thing)
    if depth:
        for inner in getattr(thing, "__dict__", {}).values():
            if type(inner).__module__.startswith("s3cache"):
                yield from reprs(inner, depth - 1)


def test_the_cache_and_its_parts_show_none():
    cache = ObjectStoreCache("s3://bucket", {"OPTIONS": {"ENGINE": "boto3", **SECRETS}})
    seen = list(reprs(cache))
    assert any("bucket" in text for text in seen)
    for text in seen:
        check_hidden(text)
    check_hidden(repr(copy.copy(cache.configuration)))
    check_hidden(cache.engine.location)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_secret_is_not_repeated(name):
    options = {"ENGINE": "boto3", **SECRETS, name: WRONG[name]}
    with pytest.raises(ImproperlyConfigured, match=name) as caught:
        ObjectStoreCache("s3://bucket", {"OPTIONS": options})
    check_hidden("".join(traceback.format_exception(caught.value)))


@pytest.mark.parametrize("location", LOCATIONS, ids=str)
@pytest.mark.parametrize("engine", ("local", "boto3"))
def test_userinfo_in_location_is_not_repeated(location, engine):
    try:
        ObjectStoreCache(location, {"OPTIONS": {"ENGINE": engine}})
    except ImproperlyConfigured as error:
        check_hidden("".join(traceback.format_exception(error)))
    else:
        assert engine == "local" and location.startswith("s3:/key")


def test_system_checks_repeat_none():
    entry = {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": LOCATIONS[0], "OPTIONS": {"ENGINE": "boto3"}}
    with override_settings(CACHES={"default": entry}):
        [message] = checks.check_caches(None)
    check_hidden(str(message))


@pytest.mark.parametrize("status", (403, 404, 500, 503))
def test_an_answer_that_repeats_a_secret_is_not_passed_on(proxy, caplog, status):
    caplog.set_level(logging.DEBUG, "s3cache")
    told = f"Your key {SECRETS['secret_key']} with {SECRETS['security_token']} is not welcome."
    proxy.answer = lambda request, forward: Answer.error(status, "Refused", told)
    options = s3_options(proxy.url, max_attempts=1, **{name: SECRETS[name] for name in ("secret_key", "security_token")})
    cache = ObjectStoreCache(
        "s3://bucket", {"OPTIONS": {"ENGINE": "boto3", **{name: SECRETS[name] for name in SECRETS if name.isupper()}, **options}}
    )
    for use in (
        lambda: cache.set("key", 1),
        lambda: cache.set_many({"key": 1}),
        lambda: cache.clear(),
        lambda: cache.add("key", 1),
    ):
        try:
            use()
        except S3CacheError as error:
            check_hidden(str(error))
    check_hidden(caplog.text)
    cache.engine.close()


@pytest.mark.parametrize(
    "location", ("s3://bucket/prefix?secret_key=hunter2", {"secret": "hunter2"}, ["hunter2"], "x://k:hunter2@b")
)
@pytest.mark.parametrize("engine", ("local", "boto3"))
def test_no_message_repeats_a_secret_of_a_location(location, engine):
    with pytest.raises(ImproperlyConfigured) as caught:
        ObjectStoreCache(location, {"OPTIONS": {"ENGINE": engine}})
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
