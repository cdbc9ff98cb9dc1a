"""The engine ``storages`` over Django's own storages, and over small ones that behave as others do."""

import asyncio
import io
import os
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage
from django.test import override_settings

from s3cache import ObjectStoreCache
from s3cache.engines.local import LocalEngine
from s3cache.engines.plainstorage import EPOCH, PlainStorageEngine, read_body
from s3cache.engines.storages import StoragesEngine
from s3cache.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    ObjectNotFound,
    ObjectTooLarge,
    OptionError,
)
from s3cache.pieces import LARGE
from s3cache.testing import EngineContract

FILES = "django.core.files.storage.FileSystemStorage"
MEMORY = "django.core.files.storage.InMemoryStorage"


def engine_over(storage, place="", **options):
    return StoragesEngine.from_options(place, {"storage": storage, **options})


def over(kind, **options):
    return PlainStorageEngine.over(kind, "", {}, options)


class TestFileSystemStorage(EngineContract):
    @pytest.fixture
    def engine(self, tmp_path):
        return engine_over(FILES, "site/cache", location=str(tmp_path))


class TestInMemoryStorage(EngineContract):
    @pytest.fixture
    def engine(self):
        return engine_over(MEMORY)


class RemoteStorage(Storage):
    """A storage that does not look like one of this machine, and has no option for replacing a file."""

    def __init__(self, root):
        files = FileSystemStorage(root)
        self._open, self._save, self.delete, self.exists = files._open, files._save, files.delete, files.exists
        self.listdir, self.size, self.get_modified_time = files.listdir, files.size, files.get_modified_time


class TestRemoteStorage(EngineContract):
    @pytest.fixture
    def engine(self, tmp_path):
        engine = over(RemoteStorage, root=str(tmp_path))
        assert engine.features.remote and not engine.features.start_after
        return engine


class FlatStorage(InMemoryStorage):
    """Lists as AzureStorage does: all that lies below, by whole names, which begin with its own location."""

    def __init__(self, location="flat/root"):
        super().__init__("")
        self.location = location

    def path(self, name):
        return f"/{name}"

    def _relative_path(self, name):
        return name or "."

    def list_all(self, path=""):
        return [*self._below(path), *([] if path else ["another/root/name", "name"])]

    def _below(self, path):
        directories, files = super().listdir(path)
        for name in files:
            yield "/".join(filter(None, (self.location, path, name)))
        for name in directories:
            yield from self._below(f"{path}/{name}".lstrip("/"))

    def listdir(self, path):
        try:
            return [], self.list_all(path)
        except FileNotFoundError:
            return [], []


class TestFlatListing(EngineContract):
    @pytest.fixture(params=["flat/root", ""])
    def engine(self, request):
        return over(FlatStorage, location=request.param)


class TestReplacing:
    def test_a_set_replaces_the_file_and_writes_no_other(self, tmp_path):
        engine = engine_over(FILES, location=str(tmp_path))
        for body in (b"a long old body", b"new", b""):
            engine.put_object("folder/name", body)
        assert [path.name for path in (tmp_path / "folder").iterdir()] == ["name"]
        assert engine.get_object("folder/name").body == b""

    @override_settings(STORAGES={"media": {"BACKEND": FILES, "OPTIONS": {"allow_overwrite": False}}})
    def test_what_an_alias_says_of_replacing_is_for_its_own_files(self, tmp_path):
        engine = engine_over("media", location=str(tmp_path))
        engine.put_object("name", b"old")
        engine.put_object("name", b"new")
        assert [path.name for path in tmp_path.iterdir()] == ["name"]

    @pytest.mark.parametrize(
        "switch",
        [{"file_overwrite": False}, {"overwrite_files": False}, {"write_mode": "add"}],
        ids=str,
    )
    def test_a_storage_that_can_replace_is_made_to(self, switch):
        class Switched(InMemoryStorage):
            def get_available_name(self, name, max_length=None):
                return name if vars(self).keys() & switch.keys() else super().get_available_name(name, max_length)

            def delete(self, name):
                raise AssertionError("what can be replaced need not go first")

        engine = over(type("Kind", (Switched,), switch))
        engine.put_object("name", b"old")
        engine.put_object("name", b"new")
        assert engine.get_object("name").body == b"new"

    def test_a_storage_that_never_replaces_is_misconfigured_and_leaves_nothing(self):
        class Keeper(InMemoryStorage):
            def get_available_name(self, name, max_length=None):
                return self.get_alternative_name(name, "")

        engine = over(Keeper)
        with pytest.raises(EngineMisconfigured, match="saves it as 'name_.*must replace"):
            engine.put_object("name", b"body")
        assert list(engine.list_objects()) == []

    def test_a_name_that_another_took_meanwhile_is_taken_back(self):
        class Raced(InMemoryStorage):
            rivals = 3

            def delete(self, name):
                super().delete(name)
                if name == "name" and self.rivals:
                    self.rivals -= 1
                    self._save(name, ContentFile(b"a rival's"))

        engine = over(Raced)
        engine.put_object("name", b"ours")
        assert [info.name for info in engine.list_objects()] == ["name"]
        assert engine.get_object("name").body == b"ours"

    def test_writers_of_one_file_do_not_mix_their_bodies(self, tmp_path):
        engine = engine_over(FILES, location=str(tmp_path))
        bodies = [bytes([number]) * (200_000 - 20_000 * number) for number in range(8)]

        def work(body):
            gate.wait()
            for _ in range(5):
                engine.put_object("name", body)

        gate = threading.Barrier(len(bodies))
        threads = [threading.Thread(target=work, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert engine.get_object("name").body in bodies


def raising(error, *, exists=None):
    """A storage whose every method raises; ``exists`` is what that method answers instead."""

    def fail(*_, **__):
        raise error

    class Failing(InMemoryStorage):
        asked = 0
        open = size = listdir = delete = save = fail

        def exists(self, name):
            type(self).asked += 1
            return fail() if exists is None else exists

    return over(Failing)


class HttpError(Exception):
    """As Azure's and Google's are."""

    def __init__(self, status, *, attribute="status_code", error_code=None):
        super().__init__(f"HTTP {status}")
        setattr(self, attribute, status)
        self.error_code = error_code


class AuthenticationException(Exception):
    """As paramiko's."""


VERBS = {
    "get": lambda engine: engine.get_object("folder/n"),
    "get the first bytes": lambda engine: engine.get_object("folder/n", first=9),
    "get within a limit": lambda engine: engine.get_object("folder/n", limit=9),
    "put": lambda engine: engine.put_object("folder/n", b""),
    "delete": lambda engine: engine.delete_objects(["folder/n"]),
    "list": lambda engine: list(engine.list_objects("folder/n")),
}
READS = ("get", "get the first bytes", "get within a limit")
ALL = tuple(VERBS)


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "verbs", "expected"),
        [
            (FileNotFoundError("n"), READS, ObjectNotFound),
            (NotADirectoryError("n"), READS, ObjectNotFound),
            (IsADirectoryError("n"), READS, ObjectNotFound),
            (HttpError(404), READS, ObjectNotFound),
            (HttpError(404, attribute="code"), READS, ObjectNotFound),
            (FileNotFoundError("n"), ("put",), EngineMisconfigured),
            (HttpError(404), ("put",), EngineMisconfigured),
            (HttpError(404, error_code="ContainerNotFound"), ALL, EngineMisconfigured),
            (HttpError(412, error_code="LeaseIdMissing"), ("put",), EngineMisconfigured),
            (HttpError(401), ALL, EngineMisconfigured),
            (HttpError(403, attribute="code"), ALL, EngineMisconfigured),
            (HttpError(429), ALL, EngineUnavailable),
            (HttpError(503), ALL, EngineUnavailable),
            (HttpError(500, attribute="code"), ALL, EngineUnavailable),
            (PermissionError("n"), ALL, EngineMisconfigured),
            (TimeoutError("n"), ALL, EngineUnavailable),
            (ConnectionResetError("n"), ALL, EngineUnavailable),
            (OSError(28, "No space left on device"), ALL, EngineUnavailable),
            (SuspiciousFileOperation("n"), ALL, EngineMisconfigured),
            (ImproperlyConfigured("n"), ALL, EngineMisconfigured),
            (NotImplementedError("n"), ALL, EngineMisconfigured),
            (TypeError("n"), ALL, EngineMisconfigured),
            (AuthenticationException("n"), ALL, EngineMisconfigured),
            (Exception("something else"), ALL, EngineUnavailable),
        ],
        ids=repr,
    )
    def test_whatever_a_storage_raises_becomes_an_error_of_ours(self, error, verbs, expected):
        for verb in verbs:
            with pytest.raises(EngineError) as caught:
                VERBS[verb](raising(error))
            assert type(caught.value) is expected, verb
            assert caught.value.__cause__ is error

    @pytest.mark.parametrize("error", [FileNotFoundError("n"), NotADirectoryError("n"), HttpError(404)], ids=repr)
    def test_what_is_missing_can_be_deleted_and_its_folder_listed(self, error):
        engine = raising(error)
        engine.delete_objects(["folder/n"])
        assert list(engine.list_objects("folder/")) == []

    def test_words_that_say_missing_make_the_storage_be_asked(self):
        error = Exception("LookupError('not_found')")
        missing, there, unknown = raising(error, exists=False), raising(error, exists=True), raising(error)
        missing.delete_objects(["name"])
        with pytest.raises(ObjectNotFound):
            missing.get_object("name")
        for engine in (there, unknown):
            with pytest.raises(EngineUnavailable):
                engine.get_object("name")
            with pytest.raises(EngineUnavailable):
                engine.delete_objects(["name"])

    @pytest.mark.parametrize("error", [Exception("connection lost"), TimeoutError(), HttpError(503)], ids=repr)
    def test_a_storage_that_is_out_is_not_asked_twice(self, error):
        engine = raising(error, exists=False)
        with pytest.raises(EngineUnavailable):
            engine.get_object("name")
        assert engine._kind.asked == 0

    def test_a_message_says_what_was_asked_where_and_what_came_back(self):
        with pytest.raises(EngineUnavailable) as caught:
            raising(OSError("first line\nsecond")).get_object("name")
        assert str(caught.value).startswith("get_object of 'name' at storage://")
        assert str(caught.value).endswith(": OSError: first line second")

    def test_no_secret_is_in_a_message_or_a_repr_or_the_location(self):
        class Secretive(InMemoryStorage):
            def __init__(self, account_key, params):
                super().__init__()
                self.sas_token = "topsecret-from-settings"

            def open(self, name, mode="rb"):
                raise OSError("topsecret-key topsecret-password topsecret-from-settings")

        engine = over(Secretive, account_key="topsecret-key", params={"password": "topsecret-password"})
        with pytest.raises(EngineUnavailable) as caught:
            engine.get_object("name")
        assert "topsecret" not in f"{caught.value} {engine!r} {engine.location}"

    def test_the_limit_is_for_the_whole_file_also_where_its_first_bytes_are_asked_for(self):
        engine = engine_over(MEMORY)
        engine.put_object("name", b"12345")
        assert engine.get_object("name", first=2, limit=5).body == b"12"
        with pytest.raises(ObjectTooLarge):
            engine.get_object("name", first=2, limit=4)


class Elsewhere(Storage):
    """A remote storage that is out."""

    def __init__(self, **options):
        raise ConnectionError("no network")


class Circular(Storage):
    """A folder that holds itself."""

    def listdir(self, path):
        return ["a"], []


class TestAtOnce:
    def test_folders_that_go_in_circles_are_an_error(self):
        with pytest.raises(EngineMisconfigured, match="in circles"):
            list(PlainStorageEngine.over(Circular, "", {}, {}).list_objects())

    def test_a_file_that_others_remove_can_be_written(self, tmp_path):
        engine = PlainStorageEngine.over(FileSystemStorage, "", {}, {"location": str(tmp_path)})
        errors = []

        def write_and_remove():
            try:
                for _ in range(100):
                    engine.put_object("name", b"body")
                    engine.delete_objects(["name"])
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=write_and_remove) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []


class TestMaking:
    def test_a_remote_storage_is_made_on_first_use(self):
        engine = over(Elsewhere, host="example.com")
        assert engine.features.remote
        with pytest.raises(EngineUnavailable, match="no network"):
            engine.get_object("name")

    def test_many_threads_make_one_storage(self):
        class Remote(Storage):
            made = []

            def __init__(self):
                self.made.append(self)

            def open(self, name, mode):
                return ContentFile(b"body")

        engine, gate = over(Remote), threading.Barrier(8)

        def work():
            gate.wait()
            assert engine.get_object("name").body == b"body"

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(Remote.made) == 1

    def test_closing_closes_a_remote_storage_and_the_next_call_makes_another(self):
        class Remote(Storage):
            made = closed = 0

            def __init__(self):
                type(self).made += 1

            def delete(self, name):
                pass

            def close(self):
                type(self).closed += 1

        engine = over(Remote)
        engine.close()
        assert (Remote.made, Remote.closed) == (0, 0)
        engine.delete_objects(["name"])
        engine.close()
        engine.close()
        assert (Remote.made, Remote.closed) == (1, 1)
        engine.delete_objects(["name"])
        assert Remote.made == 2

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_modified_is_a_time_with_a_zone(self, use_tz):
        with override_settings(USE_TZ=use_tz):
            engine = engine_over(MEMORY)
            engine.put_object("name", b"body")
            [info] = engine.list_objects()
        assert abs(info.modified - datetime.now(UTC)) < timedelta(hours=1)

    def test_a_storage_that_tells_no_time_tells_the_oldest(self):
        class Timeless(InMemoryStorage):
            def get_modified_time(self, name):
                return Storage.get_modified_time(self, name)

        engine = over(Timeless)
        engine.put_object("name", b"body")
        assert [info.modified for info in engine.list_objects()] == [EPOCH]

    def test_files_of_this_machine_are_not_remote(self, tmp_path):
        assert not engine_over(FILES, location=str(tmp_path)).features.remote
        assert not engine_over(MEMORY).features.remote


class TestOptions:
    @pytest.mark.parametrize("place", ["s3://bucket/x", "/var/cache", "file:///var/cache", "a\\b", "a//b", "a/../b", "a?b"])
    def test_location_is_a_bare_prefix(self, place):
        with pytest.raises(OptionError, match="LOCATION"):
            engine_over(MEMORY, place)

    @pytest.mark.parametrize(("place", "prefix"), [("", ""), ("site", "site/"), ("site/cache/", "site/cache/")])
    def test_the_prefix_ends_in_a_slash(self, place, prefix):
        assert engine_over(MEMORY, place).prefix == prefix

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"locaton": "/x"}, "'locaton'.* is not an option of .*FileSystemStorage. Known: .*Did you mean 'location'"),
            ({"bucket_name": "b"}, "not an option of"),
            ({"PROFILE": "ceph"}, "PROFILE is for stores that speak the S3 protocol"),
            ({"allow_overwrite": False}, "False .bool., and a cache must replace what it stores"),
            ({"file_overwrite": False}, "a cache must replace"),
            ({"overwrite_files": False}, "a cache must replace"),
            ({"write_mode": "add"}, "a cache must replace"),
            ({"location": ""}, "MEDIA_ROOT is empty"),
            ({"location": 5}, "cannot be made|not"),
        ],
    )
    def test_an_option_that_the_storage_cannot_honour_is_refused(self, options, said):
        with pytest.raises(OptionError, match=said):
            engine_over(FILES, **options)

    def test_replacing_may_be_asked_for(self, tmp_path):
        engine_over(FILES, location=str(tmp_path), allow_overwrite=True).put_object("name", b"body")

    def test_the_options_of_an_alias_are_the_storages_and_the_caches_go_before_them(self, tmp_path):
        given = {"location": str(tmp_path / "media"), "file_permissions_mode": 0o600}
        with override_settings(STORAGES={"media": {"BACKEND": FILES, "OPTIONS": given}}):
            engine = engine_over("media", location=str(tmp_path / "cache"))
        engine.put_object("name", b"body")
        assert (tmp_path / "cache" / "name").stat().st_mode & 0o777 == 0o600

    def test_the_options_of_django_storages_are_known_by_their_defaults(self):
        class Settled(Storage):
            def __init__(self, **settings):
                pass

            def get_default_settings(self):
                return {"azure_container": None}

        class Broken(Settled):
            def get_default_settings(self):
                return {"name": self.account_name}

        assert over(Settled, azure_container="c").features.remote
        with pytest.raises(OptionError, match="Broken.get_default_settings.. raises AttributeError"):
            over(Broken)
        with pytest.raises(OptionError, match="Did you mean 'azure_container'"):
            over(Settled, azure_contaner="c")


class TestLocation:
    def test_files_lie_where_the_engine_local_says(self, tmp_path):
        engine = engine_over(FILES, "site", location=str(tmp_path))
        assert engine.location == LocalEngine(str(tmp_path / "site")).location

    def test_media_root_is_the_default(self, tmp_path):
        with override_settings(MEDIA_ROOT=str(tmp_path)):
            assert engine_over(FILES).location == f"file://{tmp_path}"

    def test_it_is_equal_for_equal_options_and_differs_for_different_ones(self):
        def place(prefix="", **options):
            return PlainStorageEngine.over(Elsewhere, prefix, {}, options).location

        assert place(host="a", port=1) == place(port=1, host="a")
        assert len({place(), place("x"), place(host="a"), place(host="b"), place(host="a", root_path="/x")}) == 5
        assert place(host="a", password="one") == place(host="a", password="other")


CACHES = {"files": FILES, "memory": MEMORY}


@pytest.fixture(params=CACHES)
def cache(request, tmp_path):
    where = {"location": str(tmp_path)} if request.param == "files" else {}
    options = {"ENGINE": "storages", "storage": CACHES[request.param], **where}
    return ObjectStoreCache(request.node.name.replace("[", "/").strip("]"), {"OPTIONS": options})


class TestCache:
    def test_a_cache_works_over_it(self, cache):
        cache.set("number", 1)
        assert cache.add("number", 2) is False
        assert cache.incr("number", 4) == cache.get("number") == 5
        assert cache.touch("number", 100)
        assert cache.delete("number")
        cache.set_many({str(number): number for number in range(20)})
        assert cache.get_many(["1", "19", "20"]) == {"1": 1, "19": 19}
        cache.clear()
        assert cache.get("1") is None

    def test_an_asynchronous_one_too(self, cache):
        async def main():
            assert await cache.aadd("number", 1)
            assert await cache.aincr("number", 4) == 5
            await asyncio.gather(*(cache.aset(str(number), number) for number in range(20)))
            assert await cache.aget_many(["1", "19", "20"]) == {"1": 1, "19": 19}
            await cache.aclear()
            assert await cache.aget("1") is None

        asyncio.run(main())

    def test_half_an_entry_is_none(self, tmp_path):
        cache = ObjectStoreCache("half", {"OPTIONS": {"ENGINE": "storages", "storage": FILES, "location": str(tmp_path)}})
        cache.set("key", b"value" * 100)
        [path] = [path for path in tmp_path.rglob("*") if path.is_file()]
        path.write_bytes(path.read_bytes()[:-100])
        assert cache.get("key") is None
        assert cache.get_or_set("key", b"new") == cache.get("key") == b"new"


@pytest.mark.parametrize("length", [0, LARGE, LARGE + 9, LARGE + 10, LARGE + 11, 3 * LARGE])
def test_a_large_file_replaced_since_its_size_was_asked_for_is_read_as_it_is(length):
    assert bytes(read_body(io.BytesIO(body := os.urandom(length)), LARGE + 10)) == body
