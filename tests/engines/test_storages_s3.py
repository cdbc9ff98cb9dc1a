"""The engine ``storages`` over S3Storage, of whichever of the two packages is installed: the same tests for both."""

import asyncio
import threading

import pytest
from botocore.config import Config
from django.test import override_settings
from django.utils.module_loading import import_string

from s3cache import ObjectStoreCache
from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.s3storagesettings import UNUSED, USED
from s3cache.engines.storages import StoragesEngine, installed_s3_storage
from s3cache.errors import EngineMisconfigured, EngineUnavailable, OptionError
from s3cache.testing import EngineContract
from tests.engines.s3engine_tests import ConnectionTests, RepeatingTests, RequestTests, S3EngineFixtures
from tests.servers import s3_options

S3Storage = import_string(installed_s3_storage())
LARGE = bytes(1024 * 1024 + 1)
KEYS = {"access_key": "own-key", "secret_key": "own-secret"}


@pytest.fixture(autouse=True)
def no_keys_of_the_environment(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.replace("AWS_", "AWS_S3_"), raising=False)


@pytest.fixture(scope="module")
def contract_engine(moto_server):
    """One for the whole contract, because clients take a while to make."""
    engine = StoragesEngine.from_options(f"s3://{moto_server.make_bucket()}/cache", s3_options(moto_server.url, read_timeout=30))
    yield engine
    engine.close()


class TestS3Storage(EngineContract):
    @pytest.fixture
    def engine(self, contract_engine):
        return contract_engine


class TestS3StorageAsS3Engine(RequestTests, RepeatingTests, ConnectionTests):
    """The rest is the engine boto3's, and tested there."""

    engine_class = StoragesEngine


class StoragesFixtures(S3EngineFixtures):
    engine_class = StoragesEngine


class TestRequests(StoragesFixtures):
    def test_the_clients_are_tuned_as_those_of_the_engine_boto3(self, engine, proxy):
        engine.put_object("name", LARGE)
        engine.get_object("name")
        write, read = (request.headers for request in proxy.requests)
        assert write["User-Agent"].startswith("s3cache/")
        assert "Expect" not in write
        assert write["Content-Type"] == "application/octet-stream"
        assert not [header for header in [*write, *read] if "checksum" in header.lower()]

    @pytest.mark.parametrize("condition", [{}, {"if_none_match": True}])
    @pytest.mark.parametrize("retries", [{"total_max_attempts": 5, "mode": "standard"}, {"max_attempts": 5, "mode": "legacy"}])
    def test_no_client_config_makes_the_sdk_repeat_anything(self, open_engine, proxy, bucket, condition, retries):
        engine = open_engine(proxy.url, bucket, client_config=Config(retries=retries))
        proxy.lose_answers()
        with pytest.raises(EngineUnavailable):
            engine.put_object("name", b"new", **condition)
        assert proxy.kinds() == {"PUT object": 1}

    def test_all_threads_use_one_client(self, engine, proxy):
        def work():
            gate.wait()
            engine.put_object("name", b"body")
            clients.add(id(engine._connection.client))

        gate, clients = threading.Barrier(8), set()
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(clients) == 1


class TestClientConfig(StoragesFixtures):
    def test_its_values_go_before_the_caches(self, open_engine, proxy, bucket):
        config = Config(user_agent="mine", connect_timeout=7)
        engine = open_engine(proxy.url, bucket, client_config=config, read_timeout=5)
        engine.put_object("name", b"body")
        assert proxy.requests[0].headers["User-Agent"].startswith("mine")
        made = engine._connection.client.meta.config
        assert (made.connect_timeout, made.read_timeout) == (7, 5)

    def test_the_passwords_of_its_proxies_are_in_no_message(self, open_engine, moto):
        config = Config(proxies={"http": "http://user:topsecret@127.0.0.1:1"})
        engine = open_engine(moto, client_config=config, max_attempts=1)
        with pytest.raises(EngineUnavailable) as caught:
            engine.get_object("name")
        assert "topsecret" not in str(caught.value)

    def test_anything_else_is_refused(self, open_engine, moto):
        with pytest.raises(OptionError, match="accepted: a botocore.config.Config"):
            open_engine(moto, client_config={"retries": 1})


class TestOptions(StoragesFixtures):
    def test_every_option_of_the_installed_package_is_either_used_or_refused_with_a_reason(self):
        known = S3Storage().get_default_settings().keys()
        assert known <= USED.keys() | UNUSED.keys() | {"file_overwrite"}

    @pytest.mark.parametrize(("option", "setting"), [(option, one) for option, names in USED.items() for one in names])
    def test_a_setting_means_what_it_means_to_s3storage(self, option, setting):
        with override_settings(**{setting: "told"}):
            assert object.__new__(S3Storage).get_default_settings()[option] == "told"

    @pytest.mark.parametrize("option", UNUSED)
    def test_what_a_cache_cannot_use_is_refused(self, open_engine, moto, option):
        with pytest.raises(OptionError, match=f"'{option}'.* is an option of S3Storage that a cache cannot use: "):
            open_engine(moto, **{option: "anything"})

    def test_gzip_is_done_by_the_caches_own_compressor(self, open_engine, moto):
        with pytest.raises(OptionError, match="OPTIONS.'COMPRESSOR'. to 'gzip'"):
            open_engine(moto, gzip=True)

    def test_file_overwrite_must_be_true(self, open_engine, moto):
        open_engine(moto, file_overwrite=True)
        with pytest.raises(OptionError, match="a cache must replace"):
            open_engine(moto, file_overwrite=False)

    def test_an_unknown_option_is_refused(self, open_engine, moto):
        with pytest.raises(OptionError, match="Did you mean 'region_name'"):
            open_engine(moto, region_nam="x")

    @pytest.mark.parametrize(
        ("options", "acl"),
        [
            ({}, None),
            ({"default_acl": "public-read"}, "public-read"),
            ({"default_acl": "public-read", "object_parameters": {"ACL": "private"}}, "private"),
        ],
    )
    def test_default_acl_and_object_parameters_arrive_on_writes(self, open_engine, proxy, bucket, options, acl):
        given = {"object_parameters": {}, **options}
        given["object_parameters"]["StorageClass"] = "STANDARD_IA"
        open_engine(proxy.url, bucket, **given).put_object("name", b"body")
        headers = proxy.requests[0].headers
        assert (headers["x-amz-acl"], headers["x-amz-storage-class"]) == (acl, "STANDARD_IA")

    def test_unsigned_requests_carry_no_credentials(self, open_engine, proxy, bucket):
        open_engine(proxy.url, bucket, signature_version="unsigned").put_object("name", b"body")
        assert "Authorization" not in proxy.requests[0].headers

    def test_a_missing_bucket_is_misconfigured(self, open_engine, moto):
        with pytest.raises(EngineMisconfigured, match="NoSuchBucket"):
            open_engine(moto, "no-such-bucket").get_object("name")

    def test_a_session_profile_goes_before_the_keys_of_the_environment(self, monkeypatch, tmp_path, proxy, bucket):
        (tmp_path / "credentials").write_text("[someone]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = word\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the environment")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the environment")
        options = s3_options(proxy.url, session_profile="someone")
        del options["access_key"], options["secret_key"]
        engine = StoragesEngine.from_options(f"s3://{bucket}", options)
        engine.put_object("name", b"body")
        engine.close()
        assert "Credential=AKIDPROFILE/" in proxy.requests[0].headers["Authorization"]

    def test_what_the_sdk_refuses_is_misconfigured(self, open_engine, moto):
        with pytest.raises(EngineMisconfigured, match="S3Storage refuses the options, or the credentials .*under_score"):
            open_engine("http://under_score:9000").get_object("name")


MEDIA = {"bucket_name": "media", "location": "files", "region_name": "eu-west-1", "custom_domain": "cdn.example.com"}
ALIAS = {"media": {"BACKEND": installed_s3_storage(), "OPTIONS": {**MEDIA, "file_overwrite": False, "gzip": True}}}


def target(location="", **options):
    return StoragesEngine.from_options(location, options).target


class TestLayers:
    @override_settings(AWS_STORAGE_BUCKET_NAME="own", AWS_LOCATION="files/", AWS_S3_REGION_NAME="eu-west-1", AWS_S3_USE_SSL=False)
    def test_djangos_settings_are_the_defaults(self):
        told = target()
        assert (told.bucket, told.prefix, told.options.region_name, told.options.use_ssl) == ("own", "files/", "eu-west-1", False)

    @override_settings(AWS_S3_ACCESS_KEY_ID="first", AWS_ACCESS_KEY_ID="second", AWS_SECRET_ACCESS_KEY="secret")
    def test_the_first_of_two_settings_counts(self):
        assert target("s3://bucket").options.access_key == "first"

    @override_settings(STORAGES=ALIAS, AWS_STORAGE_BUCKET_NAME="other", AWS_S3_REGION_NAME="us-west-2", AWS_S3_USE_SSL=False)
    def test_an_alias_goes_before_the_settings(self):
        told = target(storage="media")
        assert (told.bucket, told.prefix, told.options.region_name) == ("media", "files/", "eu-west-1")
        assert told.options.use_ssl is False

    @pytest.mark.parametrize("place", ["settings", "alias"])
    def test_what_makes_a_sites_files_public_does_not_reach_entries(self, place):
        public = {
            "default_acl": "public-read",
            "object_parameters": {"ACL": "public-read", "GrantRead": "x", "StorageClass": "STANDARD_IA"},
        }
        alias = {"BACKEND": installed_s3_storage(), "OPTIONS": {"bucket_name": "media", **(public if place == "alias" else {})}}
        told = (
            {"AWS_DEFAULT_ACL": "public-read", "AWS_S3_OBJECT_PARAMETERS": public["object_parameters"]}
            if place == "settings"
            else {}
        )
        with override_settings(STORAGES={"media": alias}, **told):
            options = target(storage="media").options
            assert (options.default_acl, options.object_parameters) == (None, {"StorageClass": "STANDARD_IA"})
            assert target(storage="media", default_acl="public-read").options.default_acl == "public-read"

    @override_settings(STORAGES=ALIAS)
    def test_the_caches_own_options_go_before_an_alias(self):
        told = target(storage="media", bucket_name="cache", region_name="us-west-2", location="entries")
        assert (told.bucket, told.prefix, told.options.region_name) == ("cache", "entries/", "us-west-2")

    @override_settings(STORAGES=ALIAS)
    @pytest.mark.parametrize(
        ("location", "place"),
        [("", ("media", "files/")), ("site", ("media", "site/")), ("s3://b/x", ("b", "x/")), ("s3://b", ("b", ""))],
    )
    def test_location_goes_before_the_place_of_an_alias(self, location, place):
        assert target(location, storage="media")[:2] == place

    def test_location_and_the_caches_own_options_must_agree(self):
        with pytest.raises(OptionError, match="another bucket"):
            target("s3://one", bucket_name="other")

    @override_settings(AWS_ACCESS_KEY_ID="settings", AWS_SECRET_ACCESS_KEY="settings", AWS_SESSION_TOKEN="settings")
    @pytest.mark.parametrize(
        ("options", "keys"),
        [
            ({}, ("settings", "settings", "settings", None)),
            (KEYS, ("own-key", "own-secret", None, None)),
            ({"session_profile": "someone"}, (None, None, None, "someone")),
        ],
    )
    def test_credentials_are_not_pieced_together(self, options, keys):
        told = target("s3://bucket", **options).options
        assert (told.access_key, told.secret_key, told.security_token, told.session_profile) == keys

    def test_the_variables_of_s3storage_alone_are_read_and_boto3s_left_to_boto3(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "boto3's")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
        assert target("s3://bucket").options.access_key is None
        monkeypatch.setenv("AWS_S3_ACCESS_KEY_ID", "storage's")
        monkeypatch.setenv("AWS_S3_SECRET_ACCESS_KEY", "storage's")
        told = target("s3://bucket").options
        assert (told.access_key, told.secret_key, told.security_token) == ("storage's", "storage's", "token")

    def test_a_mistake_in_the_settings_is_told_apart_from_one_in_options(self):
        with override_settings(AWS_S3_PROXIES="nonsense"), pytest.raises(OptionError, match="comes from .*Django's AWS_ settings"):
            target("s3://bucket")
        with pytest.raises(OptionError) as caught:
            target("s3://bucket", proxies="nonsense")
        assert "AWS_" not in str(caught.value)


class OwnS3Storage(S3Storage):
    bucket_name = "of-the-class"
    roles = []

    def get_default_settings(self):
        return {**super().get_default_settings(), "region_name": "eu-west-3", "role": "nobody"}

    def _create_session(self):
        self.roles.append(self.role)
        return super()._create_session()


class Configured(S3Storage):
    config = Config(user_agent="mine", retries={"total_max_attempts": 2, "mode": "standard"})


def over(kind, location, **options):
    return StoragesEngine.from_options(location, {"storage": f"{__name__}.{kind.__name__}", **options})


class TestSubclasses:
    def test_what_a_subclass_says_goes_before_the_settings_and_after_the_cache(self):
        with override_settings(AWS_STORAGE_BUCKET_NAME="other", AWS_S3_REGION_NAME="us-west-2"):
            told = over(OwnS3Storage, "site").target
            assert (told.bucket, told.prefix, told.options.region_name) == ("of-the-class", "site/", "eu-west-3")
        told = over(OwnS3Storage, "s3://bucket", region_name="us-east-1").target
        assert (told.bucket, told.options.region_name) == ("bucket", "us-east-1")

    def test_its_own_way_to_a_client_is_taken_and_its_own_options_reach_it(self, proxy, bucket):
        engine = over(OwnS3Storage, f"s3://{bucket}", role="somebody", **s3_options(proxy.url))
        engine.put_object("name", b"body")
        engine.put_object("other", b"body", if_none_match=True)
        engine.close()
        assert OwnS3Storage.roles == ["somebody"]

    def test_an_option_that_it_does_not_take_is_refused(self):
        with pytest.raises(OptionError, match="'rule'. is not an option"):
            over(OwnS3Storage, "s3://bucket", rule="nobody")

    @pytest.mark.filterwarnings("ignore:The 'config' class property is deprecated")
    def test_a_config_of_the_class_counts_but_repeats_nothing(self, proxy, bucket):
        engine = over(Configured, f"s3://{bucket}", **s3_options(proxy.url))
        proxy.lose_answers()
        with pytest.raises(EngineUnavailable):
            engine.put_object("name", b"new")
        engine.close()
        assert proxy.kinds() == {"PUT object": 1}
        assert proxy.requests[0].headers["User-Agent"].startswith("mine")


class TestInterchange(StoragesFixtures):
    def test_it_is_at_the_same_place_as_the_engine_boto3_and_reads_what_that_wrote(self, moto, engine, bucket, open_engine):
        there = open_engine(moto, bucket)
        other = Boto3Engine.from_options(f"s3://{bucket}/cache", s3_options(moto))
        assert there.location == other.location
        assert there.features == other.features
        etag = other.put_object("name", b"boto3's")
        assert there.get_object("name")[:2] == (b"boto3's", etag)
        there.put_object("name", b"ours", if_match=etag)
        assert other.get_object("name").body == b"ours"
        other.close()


class TestCache:
    @pytest.fixture
    def cache(self, moto, bucket):
        cache = ObjectStoreCache(f"s3://{bucket}/cache", {"OPTIONS": {"ENGINE": "storages", **s3_options(moto)}})
        yield cache
        cache.engine.close()

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
