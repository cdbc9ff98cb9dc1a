"""What one process may leave to another: a fork, and a start that touches nothing."""

import json
import subprocess
import sys

import pytest

from tests.servers import s3_options

FORK = """
import asyncio, json, os, sys
from django.conf import settings
settings.configure(SECRET_KEY="secret")
from s3cache import ObjectStoreCache

options, location = map(json.loads, sys.argv[1:])
cache = ObjectStoreCache(location, {"OPTIONS": options})
cache.set("parent", 1)

before = cache.engine
child = os.fork()
if child == 0:
    try:
        assert cache.engine is not before, "the engine is the parent's"
        assert cache.get("parent") == 1
        cache.set("child", 2)
        assert cache.incr("child") == 3
        assert asyncio.run(cache.aget("child")) == 3
        assert asyncio.run(cache.aadd("task", 4)) is True
        assert cache.stats()["writes"] == 3, "the counts are the parent's"
        cache.engine.close()
        os._exit(0)
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)
assert os.waitpid(child, 0)[1] == 0
assert cache.engine is before
assert cache.get("child") == 3
assert cache.get_many(["parent", "child", "task"]) == {"parent": 1, "child": 3, "task": 4}
cache.engine.close()
print("done")
"""

THREADED_FORK = """
import asyncio, os, warnings
from django.conf import settings
settings.configure(SECRET_KEY="secret")
from s3cache import ObjectStoreCache

cache = ObjectStoreCache(os.environ["PLACE"], {})
asyncio.run(cache.aset("parent", 1))
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # Python itself warns of a fork beside threads
    child = os.fork()
if child == 0:
    os._exit(0 if asyncio.run(cache.aget("parent")) == 1 else 1)
assert os.waitpid(child, 0)[1] == 0
print("done")
"""

BUILD = """
import os, sys
from django.conf import settings
settings.configure(SECRET_KEY="secret")
import s3cache

WRITES = ("os.mkdir", "os.link", "os.rename", "os.remove", "os.utime", "socket.connect", "socket.getaddrinfo", "subprocess.Popen")
CODE = (".py", ".pyc", ".so")
touched = []


def watch(event, arguments):
    if event in WRITES or (event == "open" and (arguments[2] & os.O_ACCMODE or not str(arguments[0]).endswith(CODE))):
        touched.append((event, arguments))


sys.addaudithook(watch)
s3cache.ObjectStoreCache(sys.argv[1] + "/cache", {})
s3cache.ObjectStoreCache("", {"OPTIONS": {"ENGINE": "memory"}})
for serializer, compressor in (("pickle", "zlib"), ("json", "gzip"), ("msgpack", "lz4"), ("json", "zstd")):
    options = {"ENGINE": "boto3", "SERIALIZER": serializer, "COMPRESSOR": compressor, "endpoint_url": "http://127.0.0.1:1"}
    s3cache.ObjectStoreCache("s3://bucket/prefix", {"OPTIONS": options})
assert touched == [], touched
sdks = {"boto3", "botocore", "urllib3", "msgpack", "lz4", "backports.zstd", "minio", "obstore"}.intersection(sys.modules)
assert not sdks, sdks
print("done")
"""


def run(code, *arguments, **environment):
    command = [sys.executable, "-B", "-X", "dev", "-W", "error", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env={"PATH": "/usr/bin:/bin", **environment})
    assert done.stdout == "done\n", done.stdout + done.stderr
    assert done.stderr == ""


@pytest.fixture(params=("local", "boto3"))
def configuration(request, tmp_path):
    if request.param == "local":
        return {"ENGINE": "local"}, str(tmp_path / "cache")
    moto, bucket = request.getfixturevalue("moto"), request.getfixturevalue("bucket")
    return {"ENGINE": "boto3", **s3_options(moto)}, f"s3://{bucket}/cache"


def test_a_forked_child_uses_the_cache_of_its_parent(configuration):
    options, location = configuration
    run(FORK, json.dumps(options), json.dumps(location))


def test_a_child_forked_beside_worker_threads_makes_its_own(tmp_path):
    run(THREADED_FORK, PLACE=str(tmp_path))


def test_building_a_cache_touches_nothing_and_imports_no_sdk(tmp_path):
    run(BUILD, str(tmp_path))
    assert list(tmp_path.iterdir()) == []
