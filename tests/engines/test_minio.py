import json
import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
from urllib3.exceptions import InsecureRequestWarning

from s3cache.engines import minio as module
from s3cache.engines.awsconfig import Keys
from s3cache.engines.minio import MinioEngine
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable, ObjectTooLarge, OptionError
from s3cache.testing import EngineContract
from tests.engines.s3engine_tests import (
    ALL,
    LARGE,
    VERBS,
    S3EngineFixtures,
    S3EngineTests,
    UnrestrictedTests,
    as_s3,
    found,
    served_by,
    serving,
)
from tests.servers import Answer, Proxy, s3_options
from tests.tls import self_signed


@pytest.fixture(scope="module")
def contract_engine(moto_server):
    engine = MinioEngine.from_options(f"s3://{moto_server.make_bucket()}/cache", s3_options(moto_server.url, read_timeout=30))
    yield engine
    engine.close()


class TestMinioEngine(EngineContract):
    @pytest.fixture
    def engine(self, contract_engine):
        return contract_engine


class TestMinioAsS3Engine(S3EngineTests, UnrestrictedTests):
    engine_class = MinioEngine
    sdk = frozenset({"minio", "urllib3", "certifi", "botocore"})


class MinioFixtures(S3EngineFixtures):
    engine_class = MinioEngine


class TestCalls(MinioFixtures):
    def test_the_sdk_is_called_by_keyword_alone(self, engine):
        """Its later releases take nothing else."""

        class KeywordsOnly:
            def __init__(self, client):
                self.client = client

            def __getattr__(self, name):
                return lambda **given: getattr(self.client, name)(**given)

        connection = engine._connected()
        engine._connection = connection._replace(client=KeywordsOnly(connection.client))
        etag = engine.put_object("name", b"body", if_none_match=True)
        assert engine.get_object("name", first=2).etag == engine.get_object("name").etag == etag
        assert [info.name for info in engine.list_objects("na", "m")] == ["name"]
        engine.delete_objects(["name", "other"])
        engine.delete_objects(["name"])
        assert list(engine.list_objects()) == []

    def test_the_class_of_a_name_in_a_batch_is_found_where_it_has_moved_to(self, monkeypatch):
        models = types.SimpleNamespace(DeleteRequest=types.SimpleNamespace(Object="moved"))
        monkeypatch.setitem(sys.modules, "minio.deleteobjects", None)
        monkeypatch.setitem(sys.modules, "minio.models", models)
        assert module.deletable.__wrapped__() == "moved"

    def test_a_listing_goes_on_after_close(self, engine):
        for name in "abc":
            engine.put_object(name, b"")
        listing = engine.list_objects()
        assert next(listing).name == "a"
        engine.close()
        assert [info.name for info in listing] == ["b", "c"]

    def test_two_listings_can_be_read_by_turns_and_from_other_threads(self, engine):
        for name in "abc":
            engine.put_object(name, b"")
        listings = engine.list_objects(), engine.list_objects()
        with ThreadPoolExecutor(1) as threads:
            names = [threads.submit(next, listing).result().name for listing in listings]
            names += [next(listing).name for listing in listings]
        assert names == ["a", "a", "b", "b"]

    def test_a_name_that_the_sdk_refuses_is_an_engine_error(self, engine, proxy):
        for name in ("a/../b", "./a", ""):
            with pytest.raises(EngineMisconfigured):
                engine.put_object(name, b"body")
        assert proxy.requests == []

    def test_a_mistake_of_the_caller_stays_one(self, engine):
        with pytest.raises(TypeError):
            engine.put_object("name", 5)

    def test_a_stored_content_encoding_is_not_undone(self, open_engine, moto, bucket):
        engine = open_engine(moto, bucket, object_parameters={"ContentEncoding": "gzip"})
        engine.put_object("name", b"not gzip at all")
        assert engine.get_object("name").body == b"not gzip at all"

    def test_the_user_agent_names_us(self, engine, proxy):
        engine.delete_objects(["name"])
        assert "s3cache/" in proxy.requests[0].headers["User-Agent"]

    def test_a_listing_without_sizes_is_unavailable(self, told):
        page = b"<ListBucketResult><Name>bucket</Name><Contents><Key>n</Key></Contents></ListBucketResult>"
        with pytest.raises(EngineUnavailable):
            told("list", Answer(200, page, [("Content-Type", "application/xml")]))

    def test_a_body_of_unknown_length_is_read_to_one_byte_over_the_limit(self, open_engine):
        with serving(b"HTTP/1.1 200 OK\r\nETag: x\r\nConnection: close\r\n\r\n" + b"x" * 10) as address:
            engine = open_engine(f"http://{address}")
            assert engine.get_object("n", limit=10).body == b"x" * 10
            with pytest.raises(ObjectTooLarge):
                engine.get_object("n", limit=9)


class TestConnections(MinioFixtures):
    @pytest.mark.parametrize("status", [304, 400, 403, 404, 409, 412, 416, 500])
    def test_an_error_leaves_its_connection_to_the_next_request(self, open_engine, proxy, status):
        engine = open_engine(proxy.url, max_attempts=2)
        proxy.answer = lambda request, forward: Answer.error(status, "Code")
        for verb in ALL:
            with pytest.raises(EngineError):
                VERBS[verb](engine)
        assert len(proxy._server.connections) == 1

    def test_a_body_that_is_not_read_ends_its_connection(self, engine, proxy):
        engine.put_object("large", LARGE)
        with pytest.raises(ObjectTooLarge):
            engine.get_object("large", limit=1)
        assert proxy.clients_have_left()

    def test_half_a_body_ends_its_connection(self, engine, proxy):
        proxy.answer = lambda request, forward: found(b"half", announced=8)
        with pytest.raises(EngineUnavailable):
            engine.get_object("name")
        assert proxy.clients_have_left()

    def test_many_threads_keep_no_more_than_max_pool_connections(self, open_engine, proxy, bucket):
        engine, gate = open_engine(proxy.url, bucket, max_pool_connections=2), threading.Barrier(6)

        def work(number):
            gate.wait()
            engine.put_object(f"name {number}", b"body")

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(work, range(6)))
        with proxy._server.left:
            assert proxy._server.left.wait_for(lambda: len(proxy._server.connections) <= 2, timeout=5)

    def test_many_threads_make_one_connection(self, monkeypatch, open_engine, moto, bucket):
        made = []
        monkeypatch.setattr(module, "connect", lambda *given, connect=module.connect: made.append(connect(*given)) or made[-1])
        engine, gate = open_engine(moto, bucket), threading.Barrier(16)

        def work(_):
            gate.wait()
            engine.delete_objects(["name"])

        with ThreadPoolExecutor(16) as threads:
            list(threads.map(work, range(16)))
        assert len(made) == 1

    def test_a_request_that_was_under_way_survives_close(self, engine):
        connection = engine._connected()
        engine.close()
        engine._connection = connection
        engine.put_object("name", b"body")
        assert engine.get_object("name").body == b"body"

    def test_a_forked_child_shares_no_connection(self, moto, bucket):
        program = """
import json, os, sys
from django.conf import settings
settings.configure(SECRET_KEY="secret")
from s3cache import ObjectStoreCache
location, options = json.loads(sys.argv[1])
cache = ObjectStoreCache(location, {"OPTIONS": {"ENGINE": "minio", **options}})
cache.set("parents", 1)
child = os.fork()
if not child:
    cache.set("childs", cache.get("parents") + 1)
    os._exit(0 if cache.add("parents", 3) is False else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert (cache.get("parents"), cache.get("childs")) == (1, 2)
cache.engine.close()
"""
        given = json.dumps([f"s3://{bucket}/cache", s3_options(moto)])
        done = subprocess.run([sys.executable, "-c", program, given], capture_output=True, text=True, timeout=60)
        assert (done.stderr.strip(), done.returncode) == ("", 0)


class TestCredentials(MinioFixtures):
    def test_keys_that_are_given_need_no_botocore(self, moto, bucket):
        program = f"""
import sys
from s3cache.engines.minio import MinioEngine
engine = MinioEngine.from_options("s3://{bucket}/x", {s3_options(moto)!r})
engine.put_object("name", b"body")
engine.close()
sys.exit("botocore" if "botocore" in sys.modules else 0)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.stderr.strip(), done.returncode) == ("", 0)

    def test_keys_of_the_environment_sign_in_the_usual_region(self, bare_environment, monkeypatch, open_engine, proxy, bucket):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "word")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
        open_engine(proxy.url, bucket, access_key=None, secret_key=None, region_name=None).put_object("name", b"body")
        [request] = proxy.requests
        credential = request.headers["Authorization"].split("Credential=")[1].split(",")[0].split("/")
        assert (credential[0], credential[2:]) == ("AKIDENVIRONMENT", ["us-east-1", "s3", "aws4_request"])
        assert request.headers["X-Amz-Security-Token"] == "token"

    def test_without_credentials_nothing_is_sent(self, bare_environment, open_engine, proxy):
        engine = open_engine(proxy.url, access_key=None, secret_key=None)
        for verb in ALL:
            with pytest.raises(EngineMisconfigured, match="at s3://bucket/cache.*: There are no credentials"):
                VERBS[verb](engine)
        assert proxy.requests == []

    def test_a_renewed_token_is_the_one_that_is_sent(self, open_engine, proxy):
        """Where keys change between the SDK's signature and ours, ours counts."""
        engine = open_engine(proxy.url)
        proxy.answer = as_s3
        turns = iter("ab")
        pool = engine._connected().pool
        signer = pool.sign.__self__
        signer._config = types.SimpleNamespace(keys=lambda: Keys(f"AKID{(turn := next(turns))}", "word", f"token {turn}"))
        engine.put_object("name", b"body", if_none_match=True)
        assert proxy.requests[0].headers["X-Amz-Security-Token"] == "token b"
        assert "Credential=AKIDb/" in proxy.requests[0].headers["Authorization"]


class TestOptions(MinioFixtures):
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"signature_version": "s3"}, "s3v4"),
            ({"PROFILE": "express"}, "directory bucket"),
            ({"endpoint_url": "http://127.0.0.1/path"}, "path"),
            ({"object_parameters": {"StorageClas": "STANDARD"}}, "StorageClas.*StorageClass"),
            ({"default_acl": "private\u20ac"}, "default_acl"),
            ({"object_parameters": {"StorageClass": 5}}, "StorageClass.*int"),
            ({"request_parameters": {"RequestPayor": "requester"}}, "RequestPayor.*RequestPayer"),
        ],
    )
    def test_an_option_that_the_sdk_cannot_honour_is_refused_at_construction(self, options, said):
        with pytest.raises(OptionError, match=said):
            MinioEngine.from_options("s3://bucket/cache", s3_options("http://127.0.0.1:9") | options)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"region_name": "no region"}, "no region"),
            ({"bucket_name": "b"}, "invalid bucket name b"),
            ({"endpoint_url": "http://not.s3.of.amazonaws.com"}, "invalid Amazon AWS host"),
        ],
    )
    def test_what_only_the_sdk_refuses_is_misconfigured_and_nothing_is_sent(self, proxy, options, said):
        engine = MinioEngine.from_options("", {"bucket_name": "bucket"} | s3_options(proxy.url) | options)
        with pytest.raises(EngineMisconfigured, match=said):
            engine.put_object("name", b"body")
        assert proxy.requests == []

    @pytest.mark.parametrize(
        ("region", "host"),
        [
            ("eu-west-1", "s3.eu-west-1.amazonaws.com"),
            ("us-east-1", "s3.us-east-1.amazonaws.com"),
            ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ],
    )
    @pytest.mark.parametrize(("style", "form"), [(None, "http://bucket.{}/n"), ("path", "http://{}/bucket/n")])
    def test_without_an_endpoint_it_is_amazons_in_the_region(self, open_engine, proxy, region, host, style, form):
        proxy.answer = as_s3
        amazon = {"endpoint_url": None, "use_ssl": False, "PROFILE": "aws", "region_name": region, "addressing_style": style}
        engine = open_engine(proxy.url, **{**amazon, "proxies": {"http": proxy.url.removeprefix("http://")}})
        engine.get_object("n")
        assert proxy.requests[0].target == form.format(host)

    def test_a_proxy_of_the_environment_is_used_but_for_hosts_in_no_proxy(self, monkeypatch, open_engine, proxy, moto, bucket):
        for name in ("http_proxy", "no_proxy"):
            monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        proxy.answer = as_s3
        open_engine(moto, bucket).put_object("n", b"body")
        assert proxy.requests == []
        open_engine("http://s3.invalid", bucket).put_object("n", b"body")
        assert len(proxy.requests) == 1

    def test_the_environment_names_certificates_to_trust(self, monkeypatch, open_engine, tmp_path):
        with Proxy(tls=served_by(certificate := self_signed(tmp_path))) as server:
            server.answer = as_s3
            monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
            open_engine(server.url).put_object("n", b"body", if_none_match=True)
        assert server.requests[0].headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"

    def test_a_certificate_that_is_not_to_be_verified_is_not(self, open_engine, tmp_path):
        with Proxy(tls=served_by(self_signed(tmp_path))) as server:
            server.answer = as_s3
            with pytest.warns(InsecureRequestWarning):
                open_engine(server.url, verify=False).get_object("n")
