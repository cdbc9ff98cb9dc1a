"""What only a server shows that checks who is asking: wrong keys, a wrong clock, a wrong region, no permission.

Every call then raises EngineMisconfigured, with the endpoint, the bucket, the server's code and what to do. What needs no such
server is in ``tests/engines/test_s3_bad_input.py``.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from integration.places import S3_PAIRS, SERVERS
from integration.servers import ceph
from s3cache import ObjectStoreCache
from s3cache.errors import EngineMisconfigured

CEPH = [pair for pair in S3_PAIRS if pair.server == "ceph"]
SWIFT = [pair for pair in S3_PAIRS if pair.server == "swift"]
FOLLOWING = ("boto3", "storages")
"""Engines whose SDK goes on with the region that the server names."""
CALLS = {
    "get": lambda cache: cache.get("key"),
    "set": lambda cache: cache.set("key", "value"),
    "add": lambda cache: cache.add("key", "value"),
    "incr": lambda cache: cache.incr("key"),
    "delete": lambda cache: cache.delete("key"),
    "set to nothing": lambda cache: cache.set("key", "value", 0),
    "delete_many": lambda cache: cache.delete_many(["key", "another"]),
    "clear": lambda cache: cache.clear(),
    "aget": lambda cache: asyncio.run(cache.aget("key")),
    "aadd": lambda cache: asyncio.run(cache.aadd("key", "value")),
}
KEYS = r"OPTIONS\['access_key'\]"
PERMISSION = "s3:GetObject, s3:PutObject and s3:DeleteObject"
FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"


def misconfigured(cache, url, bucket, advice):
    """Every call says so."""
    for name, call in CALLS.items():
        try:
            message = f"it was answered {call(cache)!r}"
        except EngineMisconfigured as error:
            message = str(error)
        assert f"s3://{bucket}/" in message, f"{name}: {message}"
        assert url in message, f"{name}: {message}"
        assert re.search(advice, message), f"{name}: {message}"


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"secret_key": "s3cache-other-word"}, f"SignatureDoesNotMatch.*{KEYS}"),
        ({"access_key": "nobody"}, f"InvalidAccessKeyId.*{KEYS}"),
        ({"signature_version": "unsigned"}, f"AccessDenied.*{PERMISSION}"),
    ],
    ids=["a wrong secret", "an unknown key id", "no credentials"],
)
def test_wrong_credentials_are_misconfigured(places, pair, options, advice):
    misconfigured(places.cache(pair, **options), SERVERS[pair.server].url, places.bucket(pair.server), advice)


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
def test_a_missing_bucket_is_misconfigured(places, pair):
    cache = ObjectStoreCache("s3://no-such-bucket/cache", {"OPTIONS": places.options(pair)})
    misconfigured(cache, SERVERS[pair.server].url, "no-such-bucket", r"NoSuchBucket.*OPTIONS\['bucket_name'\]")
    cache.engine.close()


@pytest.mark.parametrize("pair", [pair for pair in SWIFT if pair.engine not in FOLLOWING], ids=str, scope="session")
def test_a_wrong_region_is_misconfigured(places, pair):
    """Swift has one. Ceph takes any."""
    cache = places.cache(pair, region_name="eu-west-7")
    misconfigured(cache, SERVERS[pair.server].url, places.bucket(pair.server), r"AuthorizationHeaderMalformed.*'region_name'")


@pytest.mark.parametrize("pair", [pair for pair in SWIFT if pair.engine in FOLLOWING], ids=str, scope="session")
def test_boto3_goes_on_with_the_region_that_the_server_names(places, pair):
    cache = places.cache(pair, region_name="eu-west-7")
    cache.set("key", "value")
    assert cache.get("key") == "value"


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
def test_a_bucket_of_somebody_else_is_misconfigured(places, pair):
    cache = places.cache(pair, access_key=ceph.STRANGER)
    misconfigured(cache, SERVERS[pair.server].url, places.bucket(pair.server), f"AccessDenied.*{PERMISSION}")


ONE_CALL = """
import json, sys
from django.conf import settings
settings.configure(SECRET_KEY="the secret key of the tests")
from s3cache import ObjectStoreCache
location, options = json.load(sys.stdin)
try:
    print(repr(ObjectStoreCache(location, {"OPTIONS": options}).get("key")))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
@pytest.mark.parametrize("hours", ["-1", "+1"])
def test_a_clock_an_hour_off_is_misconfigured(places, pair, hours):
    """In a process of its own, whose clock libfaketime shifts: also that of Rust, which no Python could."""
    [library] = map(str, Path("/").glob(FAKETIME.lstrip("/")))
    shifted = {"LD_PRELOAD": library, "FAKETIME": f"{hours}h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    run = subprocess.run(
        [sys.executable, "-P", "-c", ONE_CALL],
        input=json.dumps([places.location(pair), places.options(pair)]),
        env={**os.environ, **shifted},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.stdout.startswith("EngineMisconfigured"), run.stdout + run.stderr
    assert re.search("RequestTimeTooSkewed.*Set the clock of this machine", run.stdout), run.stdout
    assert SERVERS[pair.server].url in run.stdout
