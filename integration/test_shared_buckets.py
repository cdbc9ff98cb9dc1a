"""A bucket that other things lie in, too: media files, other caches, and names that resemble those of entries.

The others are written with boto3 alone. Whatever removes entries, they must stay the very objects that they were.
"""

import contextlib

import pytest

from integration.places import S3_PAIRS, SERVERS
from integration.servers import s3
from s3cache import ObjectStoreCache
from s3cache.errors import EngineMisconfigured
from tests.lookalikes import KEYS, LOOKALIKES, ODD, REAL, REMOVALS, has_form

CEPH = [pair for pair in S3_PAIRS if pair.server == "ceph"]
NAMEABLE = [f"{folder}{name}" for folder in ("", "cache/") for name in ODD.values() if "\0" not in name]
"""Ceph takes no NUL."""
NEIGHBOURS = ("", "cache", "cache2", "cache/inside", "00", "a+b c%20&<ü>", "a b c%20&<ü>")


class Bucket:
    """A new one, seen through boto3, and caches in it."""

    def __init__(self, places, pair):
        self.name = s3.make_bucket(SERVERS[pair.server])
        self.s3 = s3.client(SERVERS[pair.server])
        self._options = places.options(pair)
        self._caches = []

    def cache(self, prefix="", **options):
        self._caches.append(ObjectStoreCache(f"s3://{self.name}/{prefix}", {"OPTIONS": {**self._options, **options}}))
        return self._caches[-1]

    def put(self, names):
        for name in names:
            self.s3.put_object(Bucket=self.name, Key=name, Body=name.encode())

    def objects(self):
        """When each was written, by name."""
        return {found["Key"]: found["LastModified"] for found in self.s3.list_objects_v2(Bucket=self.name).get("Contents", ())}

    def versions(self, kind="Versions"):
        """The ids of all versions, or of all "DeleteMarkers", by name."""
        found = {}
        for version in self.s3.list_object_versions(Bucket=self.name).get(kind, ()):
            found.setdefault(version["Key"], []).append(version["VersionId"])
        return found

    def close(self):
        for cache in self._caches:
            cache.engine.close()
        self.s3.close()


@pytest.fixture
def bucket(places, pair):
    bucket = Bucket(places, pair)
    yield bucket
    bucket.close()


def remove_entries(bucket, prefix):
    """In every way."""
    for removal, limit in REMOVALS.items():
        removal(bucket.cache(prefix, MAX_ENTRIES=limit))
    bucket.cache(prefix).clear()


@pytest.mark.parametrize(("pair", "prefix"), [*((pair, "cache") for pair in S3_PAIRS), *((pair, "") for pair in CEPH)], ids=str)
def test_names_one_character_away_from_an_entry_s_stay(bucket, prefix):
    folder = f"{prefix}/" if prefix else ""
    bucket.put(folder + name for name in LOOKALIKES.values())
    before = bucket.objects()
    remove_entries(bucket, prefix)
    assert bucket.objects() == before
    assert len(before) == len(LOOKALIKES)


@pytest.mark.parametrize("pair", [pair for pair in CEPH if pair.engine != "obstore"], ids=str, scope="session")
def test_odd_names_stay(bucket):
    bucket.put(NAMEABLE)
    before = bucket.objects()
    for prefix in ("", "cache"):
        remove_entries(bucket, prefix)
    assert bucket.objects() == before


@pytest.mark.parametrize("pair", [pair for pair in CEPH if pair.engine == "obstore"], ids=str, scope="session")
@pytest.mark.parametrize("name", NAMEABLE)
def test_a_name_that_obstore_misreads_stays(bucket, name):
    """It cannot list some names, which stops clear and culling with an error, and takes a slash off at either end of others."""
    bucket.put([name])
    cache = bucket.cache(MAX_ENTRIES=1)
    cache.set("key", "value")  # whatever becomes of its look, the write stands
    assert cache.get("key") == "value"
    for removal in (cache.cull, cache.clear):
        with contextlib.suppress(EngineMisconfigured):
            removal()
    assert name in bucket.objects()


@pytest.mark.parametrize("pair", [pair for pair in CEPH if pair.engine == "obstore"], ids=str, scope="session")
def test_clear_with_obstore_says_which_name_it_cannot_list(bucket):
    bucket.put(["cache/photos//1.jpg"])
    with pytest.raises(EngineMisconfigured, match=r"photos//1.jpg.* Remove this object, or set OPTIONS\['ENGINE'\] to 'boto3'"):
        bucket.cache("cache").clear()


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
def test_caches_in_one_bucket_do_not_touch_each_other(bucket):
    caches = [bucket.cache(prefix) for prefix in NEIGHBOURS]
    for cache in caches:
        cache.set_many({"key": 1, "another": 2})
    for number, cache in enumerate(caches, 1):
        cache.clear()
        assert len(bucket.objects()) == 2 * (len(caches) - number)
        assert all(other.get("another") == 2 for other in caches[number:])


@pytest.fixture
def versioned(bucket):
    bucket.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.mark.parametrize("pair", CEPH, ids=str, scope="session")
class TestVersionedBucket:
    def test_nothing_else_gets_a_delete_marker_or_a_version(self, versioned, pair):
        foreign = {f"{folder}{name}" for folder in ("", "cache/") for name in LOOKALIKES.values()} | {"cache2/" + REAL}
        versioned.put(foreign)
        before = versioned.versions()
        for prefix in ("", "cache"):
            remove_entries(versioned, prefix)
        after = versioned.versions()
        assert {name: after[name] for name in foreign} == before
        marked = versioned.versions("DeleteMarkers")
        assert marked and all(has_form("", name) or has_form("cache/", name) for name in marked)

    def test_clear_leaves_every_version_and_one_marker_for_each_entry(self, versioned):
        cache = versioned.cache("cache", MAX_ENTRIES=None)
        for turn in range(3):
            cache.set_many(dict.fromkeys(KEYS, turn))
        cache.clear()
        assert cache.get_many(KEYS) == {}
        assert list(cache.objects()) == []
        assert [len(ids) for ids in versioned.versions().values()] == [3] * len(KEYS)
        assert [len(ids) for ids in versioned.versions("DeleteMarkers").values()] == [1] * len(KEYS)

    def test_clearing_again_deletes_nothing_and_costs_one_listing(self, versioned):
        cache = versioned.cache("cache", MAX_ENTRIES=None)
        cache.set_many(dict.fromkeys(KEYS, 1))
        cache.clear()
        markers, requests = versioned.versions("DeleteMarkers"), cache.stats()
        cache.clear()
        assert versioned.versions("DeleteMarkers") == markers
        assert cache.stats()["requests_list"] == requests["requests_list"] + 1
        assert cache.stats()["requests_delete"] == requests["requests_delete"]

    def test_culling_counts_what_is_current(self, versioned):
        cache = versioned.cache("cache", MAX_ENTRIES=None)
        for turn in range(3):
            cache.set_many(dict.fromkeys(KEYS, turn))
        assert versioned.cache("cache", MAX_ENTRIES=len(KEYS)).cull() == 0
        assert versioned.cache("cache", MAX_ENTRIES=len(KEYS) - 1).cull() == 1
        assert len(cache.get_many(KEYS)) == len(KEYS) - 1

    def test_what_was_removed_is_written_again_as_if_it_had_never_been(self, versioned):
        cache = versioned.cache("cache", MAX_ENTRIES=None)
        cache.set("key", "old")
        assert cache.delete("key")
        assert not cache.delete("key")
        cache.set("key", "new")
        assert cache.get("key") == "new"

    def test_ceph_honours_no_condition_there_which_is_noticed(self, versioned):
        """Each version is an object of its own, and a condition is asked of the new one: add would always win, and incr never."""
        cache = versioned.cache("cache")
        cache.set("key", 1)
        for write in (lambda: cache.add("new", 1), lambda: cache.incr("key"), lambda: cache.touch("key")):
            with pytest.raises(EngineMisconfigured, match="ignores If-None-Match.* On Ceph, switch the bucket's versioning off"):
                write()
        assert cache.get_many(["key", "new"]) == {"key": 1}

    def test_ceph_honours_them_once_versioning_is_suspended(self, versioned):
        versioned.s3.put_bucket_versioning(Bucket=versioned.name, VersioningConfiguration={"Status": "Suspended"})
        cache = versioned.cache("cache")
        assert cache.add("key", 1)
        assert not cache.add("key", 5)
        assert cache.incr("key") == 2
