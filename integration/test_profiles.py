"""What a profile says of a kind of store is true of the server of that name, asked with boto3 alone; and what follows.

A store that nobody described is not believed: one that ignores conditions is refused with advice, not used.
"""

import secrets

import pytest
from botocore.exceptions import ClientError

from integration.places import S3_PAIRS, S3_SERVERS, SERVERS, Pair
from integration.servers.s3 import client
from s3cache.engines import S3_ENGINES
from s3cache.engines.profiles import PROFILES
from s3cache.errors import EngineMisconfigured
from s3cache.testing.engine_fixtures import race

CONDITIONAL = [server for server in S3_SERVERS if PROFILES[server].conditional_writes]
CONTRARY = [pair for pair in S3_PAIRS if pair.server not in CONDITIONAL]
RULES = {"ceph": "bare", "moto": "both"}
"""The form of an etag that If-Match takes, of the servers that know it."""


class Store:
    """A server, seen through boto3 with no retries."""

    def __init__(self, places, server):
        self.profile = PROFILES[server]
        self.s3 = client(SERVERS[server], attempts=1)
        self.bucket = places.bucket(server)

    def put(self, name, body=b"body", **conditions):
        """Its etag, or the code or status of its refusal."""
        try:
            return self.s3.put_object(Bucket=self.bucket, Key=name, Body=body, **conditions)["ETag"]
        except ClientError as error:
            return Refusal(error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])

    def body(self, name):
        return self.s3.get_object(Bucket=self.bucket, Key=name)["Body"].read()

    def names(self, **parameters):
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.bucket, **parameters).get("Contents", ())]


class Refusal(tuple):
    """Code and status."""

    def __new__(cls, *said):
        return super().__new__(cls, said)

    def is_lost(self, profile):
        """Whether it says that a condition did not hold, or that another write was under way."""
        return 412 in self or any(sign in self for sign in profile.lost_race)


@pytest.fixture
def store(places, server):
    store = Store(places, server)
    yield store
    store.s3.close()


@pytest.fixture
def prefix():
    return f"profiles/{secrets.token_hex(6)}/"


@pytest.fixture
def name(prefix):
    return f"{prefix}name"


@pytest.mark.parametrize("server", CONDITIONAL)
class TestConditionalWrites:
    def test_an_object_is_created_only_once(self, store, name):
        assert isinstance(store.put(name, b"first", IfNoneMatch="*"), str)
        assert 412 in store.put(name, b"second", IfNoneMatch="*")
        assert store.body(name) == b"first"

    def test_the_profile_knows_the_form_of_etags(self, store, name):
        etag = store.put(name)
        assert isinstance(store.put(name, b"new", IfMatch=store.profile.if_match(etag)), str)

    @pytest.mark.parametrize("form", ("bare", "quoted"))
    def test_if_match_takes_an_etag_in_the_forms_it_is_known_to_take(self, store, server, name, form):
        etag = store.put(name).strip('"')
        answer = store.put(name, b"new", IfMatch=etag if form == "bare" else f'"{etag}"')
        assert isinstance(answer, str if RULES[server] in (form, "both") else Refusal)

    def test_if_match_on_a_missing_object_is_refused(self, store, name):
        refusal = store.put(name, IfMatch="0" * 32)
        assert 412 in refusal or 404 in refusal

    @pytest.mark.parametrize("turn", range(5))
    def test_of_16_creators_one_wins_and_the_others_are_told_so(self, store, name, turn):
        answers = race(lambda number: store.put(name, b"%d" % number, IfNoneMatch="*"))
        self.check_one_won(store, name, answers)

    @pytest.mark.parametrize("turn", range(5))
    def test_of_16_writers_with_one_etag_one_wins_and_the_others_are_told_so(self, store, name, turn):
        etag = store.profile.if_match(store.put(name))
        answers = race(lambda number: store.put(name, b"%d" % number, IfMatch=etag))
        self.check_one_won(store, name, answers)

    def check_one_won(self, store, name, answers):
        [winner] = [number for number, answer in enumerate(answers) if isinstance(answer, str)]
        assert store.body(name) == b"%d" % winner
        assert {answer for answer in answers if isinstance(answer, Refusal) and not answer.is_lost(store.profile)} == set()


@pytest.mark.parametrize("server", S3_SERVERS)
class TestListingsAndBatches:
    def test_a_whole_batch_is_deleted_at_once(self, store, prefix):
        names = [f"{prefix}{number}" for number in range(store.profile.delete_batch)]
        for name in (names[0], names[-1], f"{prefix}stays"):
            store.put(name)
        if len(names) > 1:
            listed = {"Objects": [{"Key": name} for name in names], "Quiet": True}
            assert "Errors" not in store.s3.delete_objects(Bucket=store.bucket, Delete=listed)
        else:
            store.s3.delete_object(Bucket=store.bucket, Key=names[0])
        assert store.names(Prefix=prefix) == [f"{prefix}stays"]

    def test_listings_are_ordered_and_start_after_any_name(self, store, prefix):
        names = [f"{prefix}{part}" for part in ("A", "a/1", "a/2", "a0", "b", "ü")]
        for name in reversed(names):
            store.put(name)
        assert store.profile.ordered_listing and store.profile.start_after
        assert store.names(Prefix=prefix) == names
        assert store.names(Prefix=prefix, StartAfter=f"{prefix}a/11") == names[2:]


def test_swift_refuses_if_match_and_rclone_ignores_all_conditions(places, name):
    swift, rclone = Store(places, "swift"), Store(places, "rclone")
    assert 501 in swift.put(name, IfMatch=swift.put(name))
    etag = rclone.put(name, b"old")
    assert isinstance(rclone.put(name, b"new", IfNoneMatch="*"), str)
    assert isinstance(rclone.put(name, b"newer", IfMatch=etag), str)
    swift.s3.close()
    rclone.s3.close()


@pytest.mark.parametrize("pair", CONTRARY, ids=str)
class TestContraryStores:
    def test_without_a_profile_it_is_not_believed_and_the_error_says_what_to_set(self, places, pair):
        cache = places.cache(pair, PROFILE=None)
        cache.set("key", "value")
        for write in (lambda: cache.add("new", "value"), lambda: cache.incr("number"), lambda: cache.touch("key")):
            with pytest.raises(EngineMisconfigured, match=r"OPTIONS\['PROFILE'\]"):
                cache.set("number", 1)
                write()
        assert cache.get_many(["key", "new", "number"]) == {"key": "value", "number": 1}

    @pytest.mark.parametrize("profile", ("its own", "plain"))
    def test_with_a_profile_it_works_and_says_that_it_is_not_atomic(self, places, pair, profile):
        cache = places.cache(pair, PROFILE="plain" if profile == "plain" else pair.server)
        assert cache.add("number", 1)
        assert not cache.add("number", 5)
        assert cache.incr("number") == 2
        assert cache.touch("number", 1000)
        assert cache.get("number") == 2
        assert not cache.engine.features.conditional_writes


@pytest.mark.parametrize("engine", S3_ENGINES)
@pytest.mark.parametrize("server", CONDITIONAL)
def test_a_store_that_honours_conditions_is_believed_once_it_was_tried(places, engine, server):
    cache = places.cache(Pair(engine, server), PROFILE=None)
    assert not cache.engine.features.proven
    assert cache.add("number", 1)
    assert not cache.add("number", 5)
    assert cache.incr("number") == 2
    assert len(list(cache.engine.list_objects(cache.engine.prefix))) == 1
