"""The policies of docs/howto/least-privilege.rst, and its table of what each method needs, on a server that enforces them.

A bucket's owner lets a user do what a policy says, who otherwise may do nothing there. On Ceph a policy is the bucket's, so the
user's name is put into each statement; what is allowed on what is decided as it is for a policy of the user's.
"""

import csv
import json
import logging
import secrets
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from integration.places import S3_PAIRS, SERVERS, Pair
from integration.servers import ceph, s3
from s3cache import EngineMisconfigured, ObjectStoreCache
from s3cache.holders import KIND
from s3cache.naming import internal_name

PAGE = Path(__file__).parents[1] / "docs/howto/least-privilege.rst"
CEPH = [pair for pair in S3_PAIRS if pair.server == "ceph"]
BOTO3 = [pair for pair in CEPH if pair.engine == "boto3"]
ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket")
PATIENT = {"TOTAL_TIMEOUT": 60}
"""For a busy machine, on which a client takes long to build."""
LEASE = PATIENT["TOTAL_TIMEOUT"]
ADVICE = "AccessDenied.*s3:GetObject, s3:PutObject and s3:DeleteObject on the objects, and s3:ListBucket on the bucket"


def statements(name):
    """Those of a policy in the documentation."""
    return json.loads((PAGE.parent / "policies" / f"{name}.json").read_text())["Statement"]


def allowing(actions):
    """Statements for so many actions, each on what it is about."""
    objects = [action for action in actions if action != "s3:ListBucket"]
    listing = [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::my-bucket"}]
    on_objects = [{"Effect": "Allow", "Action": objects, "Resource": "arn:aws:s3:::my-bucket/site-cache/*"}]
    batches = statements("batches-on-the-bucket") if "s3:DeleteObject" in actions else []
    return (on_objects if objects else []) + (listing if "s3:ListBucket" in actions else []) + batches


class Bucket:
    """One whose owner has a cache there, and lets another use it as far as a policy goes."""

    def __init__(self, places, pair):
        self.name = s3.make_bucket(SERVERS[pair.server])
        self.s3 = s3.client(SERVERS[pair.server])
        self._options = {"MAX_ENTRIES": None, **PATIENT, **places.options(pair)}
        self._caches = []
        self.owner = self._cache()

    def allow(self, *policies):
        """Instead of what was allowed before."""
        for statement in (policy := [dict(statement) for statements in policies for statement in statements]):
            statement["Resource"] = statement["Resource"].replace("my-bucket", self.name)
            statement["Principal"] = {"AWS": f"arn:aws:iam:::user/{ceph.STRANGER}"}
        self.s3.put_bucket_policy(Bucket=self.name, Policy=json.dumps({"Version": "2012-10-17", "Statement": policy}))

    def guest(self, **options):
        """The other's cache."""
        return self._cache(access_key=ceph.STRANGER, **options)

    def _cache(self, **options):
        location = f"s3://{self.name}/site-cache"
        self._caches.append(ObjectStoreCache(location, {"OPTIONS": {**self._options, **options}}))
        return self._caches[-1]

    def close(self):
        for cache in self._caches:
            cache.engine.close()
        self.s3.close()


@pytest.fixture
def bucket(places, pair):
    with closing(Bucket(places, pair)) as bucket:
        yield bucket


def denied(call, *arguments):
    """That the call ends in the error that says which permissions there are."""
    with pytest.raises(EngineMisconfigured, match=ADVICE):
        call(*arguments)


def used(lock):
    with lock:
        lock.extend()


# Each method, by its row in the table. What it works on is written anew before each call.

CALLS = {
    "``get``, ``get_many``, ``has_key``": lambda cache: (cache.get("key"), cache.get_many(["key"]), cache.has_key("key")),
    "the same, and nothing is there": lambda cache: (cache.get("none"), cache.get_many(["none"]), cache.has_key("none")),
    "``ttl``, ``pttl``, ``meta``": lambda cache: (cache.ttl("key"), cache.pttl("key"), cache.meta("key")),
    "``set``, ``set_many``": lambda cache: (cache.set("key", 2), cache.set_many({"key": 3, "new": 4})),
    "``set`` with a timeout of 0 or below": lambda cache: cache.set("key", 2, 0),
    "``add``: nothing is there": lambda cache: cache.add("new", 1),
    "``add``: an entry is there": lambda cache: cache.add("key", 1),
    "``get_or_set``: nothing is there": lambda cache: cache.get_or_set("new", 1),
    "``touch``, ``incr``, ``decr``": lambda cache: (cache.touch("key", 60), cache.incr("key"), cache.decr("key")),
    "``expire``, ``expire_at``, ``persist``": lambda cache: (
        cache.expire("key", 60),
        cache.expire_at("key", 5e9),
        cache.persist("key"),
    ),
    "a lock that was used before: ``acquire``, ``extend``, ``release``": lambda cache: used(cache.lock("used", LEASE)),
    "the same, and nobody has used it yet": lambda cache: used(cache.lock(secrets.token_hex(), LEASE)),
    "``get`` in a group: all is there": lambda cache: cache.group("used").get("key"),
    "the same, and nobody has used the group": lambda cache: cache.group(secrets.token_hex()).get("key"),
    "``invalidate`` of a group": lambda cache: cache.group("used").invalidate(),
    "``incr_version``, ``decr_version``": lambda cache: cache.incr_version("key"),
    "``delete``, ``touch`` with a timeout of 0 or below": lambda cache: (cache.delete("key"), cache.touch("another", 0)),
    "``delete_many``": lambda cache: cache.delete_many(["key", "another", "none"]),
    "``clear``": lambda cache: cache.clear(),
    "``cull``: there is too much": lambda cache: cache.cull(),
    "``objects()``": lambda cache: list(cache.objects()),
    "``keys``, ``count``: an entry is there": lambda cache: (cache.keys(), cache.count()),
    "``delete_pattern``: an entry fits": lambda cache: cache.delete_pattern("*"),
}

LENIENT = {
    "the same, and nothing is there": "s3:GetObject",
    "``get_or_set``: nothing is there": "s3:GetObject",
    "the same, and nobody has used it yet": "s3:GetObject",
    "the same, and nobody has used the group": "s3:GetObject",
}
"""What Ceph does without: that an object is missing it says before it looks whether one might read it."""


def table():
    """The documented actions by method."""
    lines = PAGE.read_text().partition(".. csv-table:: What each method needs")[2].splitlines()
    rows = csv.reader((line.strip() for line in lines if line.startswith('   "')), skipinitialspace=True)
    return {method: {action for action, needed in zip(ACTIONS, cells, strict=True) if needed} for method, *cells in rows}


def test_the_table_has_every_call():
    assert table().keys() == CALLS.keys()


@pytest.mark.parametrize("pair", BOTO3, ids=str, scope="session")
@pytest.mark.parametrize("method", CALLS)
def test_a_method_needs_what_the_table_says_and_nothing_else(bucket, method):
    needed, cache = table()[method], bucket.guest(MAX_ENTRIES=1 if "cull" in method else None)
    bucket.allow(allowing(needed))
    prepare(bucket)
    CALLS[method](cache)
    for lacking in needed - {LENIENT.get(method)}:
        bucket.allow(allowing(set(ACTIONS) - {lacking}))
        prepare(bucket)
        denied(CALLS[method], cache)


def prepare(bucket):
    bucket.owner.clear()
    bucket.owner.set_many({"key": 1, "another": 2})
    bucket.owner.group("used").set("key", 1)
    # What the other wrote is his, and the owner may not read it.
    bucket.owner.engine.delete_objects([internal_name(bucket.owner.engine.prefix, KIND, bucket.owner.make_key("used"))])
    used(bucket.owner.lock("used", LEASE))


# The policies, with every engine.


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
class TestReadWrite:
    def test_everything_works(self, bucket):
        bucket.allow(statements("read-write"), statements("batches-on-the-bucket"))
        cache = bucket.guest(MAX_ENTRIES=2)
        assert cache.get("key") is None
        for number in range(10):
            cache.set(number, number)
        assert cache.stats()["culled"] and not cache.stats()["failed_looks"]
        assert cache.add("key", 1) and not cache.add("key", 5)
        assert cache.incr("key") == 2 and cache.touch("key", 60)
        assert cache.incr_version("key") == 2
        assert cache.delete("key", version=2) and not cache.delete("key")
        cache.set_many(dict.fromkeys(range(10), 1))
        cache.delete_many([1, 2])
        cache.cull()
        cache.clear()
        assert list(bucket.owner.objects()) == []

    def test_the_probes_of_a_store_that_nobody_described_are_within_the_prefix(self, bucket):
        bucket.allow(statements("read-write"), statements("batches-on-the-bucket"))
        assert bucket.guest(PROFILE="unknown").add("key", 1)
        assert len(bucket.s3.list_objects_v2(Bucket=bucket.name)["Contents"]) == 1

    def test_nothing_works_beside_the_prefix(self, bucket):
        bucket.allow(statements("read-write"), statements("batches-on-the-bucket"))
        bucket.s3.put_object(Bucket=bucket.name, Key="other/name", Body=b"theirs")
        engine = bucket.guest().engine
        denied(engine.get_object, "other/name")
        denied(engine.put_object, "other/name", b"ours")
        for names in (["other/name"], ["other/name", "other/none"]):
            denied(engine.delete_objects, names)
        assert bucket.s3.get_object(Bucket=bucket.name, Key="other/name")["Body"].read() == b"theirs"

    def test_ceph_wants_the_bucket_itself_for_batches(self, bucket):
        bucket.allow(statements("read-write"))
        cache = bucket.guest()
        cache.set_many({"key": 1, "another": 2})
        denied(cache.delete_many, ["key", "another"])
        denied(cache.clear)
        assert cache.delete("key")


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
class TestReadOnly:
    def test_reads_work_and_writes_are_refused(self, bucket):
        bucket.allow(statements("read-only"))
        bucket.owner.set("key", "value")
        cache = bucket.guest()
        assert cache.get_many(["key", "none"]) == {"key": "value"}
        assert cache.has_key("key") and not cache.has_key("none")
        assert len(list(cache.objects())) == 1
        for call in (cache.set, cache.add, cache.get_or_set):
            denied(call, "new", 1)
        denied(cache.set_many, {"new": 1})
        denied(cache.touch, "key", 60)
        denied(cache.delete, "key")
        denied(cache.clear)
        assert bucket.owner.get("key") == "value"

    def test_the_option_leaves_the_writes_out(self, bucket):
        bucket.allow(statements("read-only"))
        bucket.owner.set("key", "value")
        cache = bucket.guest(READ_ONLY=True)
        cache.set("key", "another")
        assert cache.set_many({"new": 1}) == ["new"]
        assert not cache.add("new", 1) and not cache.delete("key")
        cache.clear()
        assert cache.get_or_set("new", 1) == 1
        assert cache.get_many(["key", "new"]) == {"key": "value"}


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
class TestWithoutListBucket:
    def test_a_missing_key_is_an_error(self, bucket):
        bucket.allow(statements("without-list"))
        cache = bucket.guest()
        cache.set("key", 1)
        assert cache.get("key") == 1 and cache.incr("key") == 2
        assert cache.add("new", 1) and not cache.add("new", 1)
        for call in (cache.get, cache.has_key, cache.delete, cache.incr):
            denied(call, "none")

    def test_it_is_a_miss_with_the_option(self, bucket):
        bucket.allow(statements("without-list"))
        cache = bucket.guest(FORBIDDEN_IS_MISS=True)
        assert cache.get("none", "default") == "default" and cache.get_many(["none"]) == {}
        assert not cache.has_key("none") and not cache.delete("none") and not cache.touch("none")
        with pytest.raises(ValueError):
            cache.incr("none")
        assert cache.get_or_set("new", 1) == 1 and cache.incr("new") == 2

    def test_a_look_fails_and_its_write_stands(self, bucket, caplog):
        bucket.allow(statements("without-list"))
        cache = bucket.guest(MAX_ENTRIES=1)
        with caplog.at_level(logging.WARNING, "s3cache"):
            for number in range(3):
                cache.set(number, number)
        assert cache.get_many(range(3)) == {0: 0, 1: 1, 2: 2}
        assert cache.stats()["failed_looks"] and "AccessDenied" in caplog.text and "s3:ListBucket" in caplog.text

    def test_what_lists_is_refused_with_advice(self, bucket):
        bucket.allow(statements("without-list"))
        for cache in (bucket.guest(), bucket.guest(FORBIDDEN_IS_MISS=True)):
            denied(cache.clear)
            denied(lambda cache=cache: list(cache.objects()))
        denied(bucket.guest(MAX_ENTRIES=1).cull)


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
def test_a_condition_on_the_prefix_lets_it_list_there_alone(bucket):
    bucket.allow(statements("one-prefix"), statements("batches-on-the-bucket"))
    cache = bucket.guest(FORBIDDEN_IS_MISS=True, MAX_ENTRIES=1)
    for number in range(3):
        cache.set(number, number)
    assert cache.stats()["culled"] and not cache.stats()["failed_looks"]
    assert cache.get("none") is None
    denied(bucket.guest().get, "none")
    denied(list, cache.engine.list_objects("other/"))
    cache.cull()
    cache.clear()
    assert list(bucket.owner.objects()) == []


# Ceph's subusers.


@pytest.fixture(scope="module")
def subusers():
    """Access keys of two subusers of the one who owns the buckets, by what they may do."""
    return {access: made_subuser(SERVERS["ceph"], access) for access in ("read", "readwrite")}


def made_subuser(server, access):
    """By the program for it, which finds the cluster by its configuration, in the directory that the server runs in."""
    front = f"endpoint={urlsplit(server.url).netloc} "
    [conf] = [conf for conf in Path("/var/tmp").glob("s3c*/ceph.conf") if front in conf.read_text()]
    name = f"{access}-{secrets.token_hex(4)}"
    about = [f"--uid={s3.ACCESS_KEY}", f"--subuser={name}", f"--access={access}"]
    key = ["--key-type=s3", f"--access-key={name}", f"--secret-key={s3.SECRET_KEY}"]
    subprocess.run([ceph.tool("radosgw-admin"), "-c", conf, "subuser", "create", *about, *key], check=True, capture_output=True)
    return name


@pytest.mark.parametrize("pair", [Pair("boto3", "ceph")] if CEPH else [], ids=str, scope="session")
class TestSubusers:
    def test_read_is_read_only(self, places, pair, subusers):
        places.cache(pair, "subusers-read", **PATIENT).set("key", "value")
        cache = places.cache(pair, "subusers-read", access_key=subusers["read"], **PATIENT)
        assert cache.get_many(["key", "none"]) == {"key": "value"} and len(list(cache.objects())) == 1
        for call in (lambda: cache.set("key", 1), lambda: cache.add("new", 1), lambda: cache.delete("key"), cache.clear):
            denied(call)

    def test_readwrite_is_all_that_a_cache_needs(self, places, pair, subusers):
        cache = places.cache(pair, "subusers-write", access_key=subusers["readwrite"], MAX_ENTRIES=1, **PATIENT)
        cache.set_many(dict.fromkeys(range(5), 1))
        assert cache.add("key", 1) and cache.incr("key") == 2 and cache.delete("key")
        cache.cull()
        cache.clear()
        assert list(cache.objects()) == [] and not cache.stats()["failed_looks"]
