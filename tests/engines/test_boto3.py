import datetime
import threading
import types

import boto3
import botocore.utils
import pytest

from s3cache.engines import boto3 as module
from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.boto3clients import drop_expect, parse_timestamp
from s3cache.errors import (
    EngineMisconfigured,
    NotSupported,
)
from s3cache.testing import EngineContract
from tests.engines.s3engine_tests import S3EngineFixtures, S3EngineTests, UnrestrictedTests
from tests.servers import s3_options

pytest_plugins = ["tests.servers"]

LARGE = bytes(1024 * 1024 + 1)


@pytest.fixture(scope="module")
def contract_engine(moto_server):
    """One for the whole contract, because clients take a while to make."""
    engine = Boto3Engine.from_options(f"s3://{moto_server.make_bucket()}/cache", s3_options(moto_server.url, read_timeout=30))
    yield engine
    engine.close()


class TestBoto3Engine(EngineContract):
    @pytest.fixture
    def engine(self, contract_engine):
        return contract_engine


class TestBoto3AsS3Engine(S3EngineTests, UnrestrictedTests):
    engine_class = Boto3Engine
    sdk = frozenset({"boto3", "botocore", "urllib3"})


class Boto3Fixtures(S3EngineFixtures):
    engine_class = Boto3Engine


class TestRequests(Boto3Fixtures):
    def test_the_user_agent_is_short_and_always_the_same(self, engine, proxy):
        engine.put_object("name", b"body")
        engine.put_object("other", b"body", if_none_match=True)
        engine.get_object("name")
        [agent] = {request.headers["User-Agent"] for request in proxy.requests}
        assert agent.startswith("s3cache/")
        assert len(agent) < 60

    @pytest.mark.parametrize(
        ("body", "condition", "waits"),
        [
            (b"body", {}, False),
            (LARGE, {}, False),
            (b"body", {"if_none_match": True}, False),
            (LARGE[1:], {"if_none_match": True}, False),
            (LARGE, {"if_none_match": True}, True),
        ],
    )
    def test_only_the_creation_of_a_large_object_waits_for_100_continue(self, engine, proxy, body, condition, waits):
        engine.put_object("name", body, **condition)
        assert ("Expect" in proxy.requests[0].headers) is waits

    @pytest.mark.parametrize(("size", "waits"), [("1048576", False), ("1048577", True)])
    def test_the_size_of_a_chunked_body_is_the_decoded_one(self, size, waits):
        headers = {"Expect": "100-continue", "If-None-Match": "*", "X-Amz-Decoded-Content-Length": size}
        drop_expect(request=types.SimpleNamespace(headers=headers))
        assert ("Expect" in headers) is waits

    def test_a_replacement_waits_for_nothing_and_sends_the_etag_without_quotes(self, engine, proxy):
        etag = engine.put_object("name", b"old")
        engine.put_object("name", LARGE, if_match=etag)
        assert proxy.requests[1].headers["If-Match"] == etag.strip('"') != etag
        assert "Expect" not in proxy.requests[1].headers

    def test_no_checksum_is_sent_to_another_store_than_aws(self, engine, proxy):
        engine.put_object("name", b"body")
        engine.get_object("name")
        assert not [header for request in proxy.requests for header in request.headers if "checksum" in header.lower()]


class TestErrors(Boto3Fixtures):
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"access_key": None, "secret_key": None}, "Unable to locate credentials"),
            ({"access_key": None, "secret_key": None, "session_profile": "nobody"}, "nobody"),
            ({"endpoint_url": "http://under_score:9000"}, "under_score"),
            ({"region_name": "no region"}, "no region"),
            ({"object_parameters": {"StorageClas": "STANDARD"}}, "StorageClas.*StorageClass"),
            ({"object_parameters": {"StorageClass": 5}}, "StorageClass"),
            ({"request_parameters": {"RequestPayor": "requester"}}, "RequestPayor"),
            ({"bucket_name": "tenant:bucket"}, "tenant:bucket"),
        ],
    )
    def test_options_that_boto3_refuses_are_misconfigured_and_nothing_is_sent(self, bare_environment, proxy, options, said):
        engine = Boto3Engine.from_options("", {"bucket_name": "bucket"} | s3_options(proxy.url) | options)
        with pytest.raises(EngineMisconfigured, match=said):
            engine.put_object("name", b"body")
        engine.close()
        assert proxy.requests == []


class TestOptions(Boto3Fixtures):
    def test_a_profile_is_read_from_the_shared_files(self, bare_environment, proxy, bucket):
        bare_environment.write_text("[someone]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = word\n")
        options = s3_options(proxy.url, access_key=None, secret_key=None, session_profile="someone")
        engine = Boto3Engine.from_options(f"s3://{bucket}", options)
        engine.put_object("name", b"body")
        engine.close()
        assert "Credential=AKIDPROFILE/" in proxy.requests[0].headers["Authorization"]

    def test_a_directory_bucket_lists_in_no_order_and_from_no_point(self, open_engine, proxy):
        engine = open_engine(proxy.url, "cache--use1-az4--x-s3", PROFILE="express")
        assert (engine.features.ordered_listing, engine.features.start_after) == (False, False)
        with pytest.raises(NotSupported):
            engine.list_objects("cache/", start_after="cache/0")
        assert proxy.requests == []

    def test_the_endpoint_of_the_shared_files_is_not_used(self, bare_environment, proxy, bucket):
        """The profile would not know of it: the store behind it would count as Amazon's."""
        bare_environment.with_name("config").write_text(f"[default]\nendpoint_url = {proxy.url}\n")
        options = s3_options("", endpoint_url=None, PROFILE=None, region_name="eu-west-1", max_attempts=1)
        engine = Boto3Engine.from_options(f"s3://{bucket}/cache", options)
        assert engine._connected().client.meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
        engine.close()


class TestClients(Boto3Fixtures):
    def test_many_threads_make_one_connection(self, monkeypatch, open_engine, moto, bucket):
        made = []
        monkeypatch.setattr(module, "connect", lambda *given, connect=module.connect: made.append(connect(*given)) or made[-1])
        engine, gate = open_engine(moto, bucket), threading.Barrier(16)

        def work():
            gate.wait()
            engine.delete_objects(["name"])

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1

    def test_a_failure_to_connect_is_not_remembered(self, bare_environment, proxy, bucket):
        options = s3_options(proxy.url, access_key=None, secret_key=None, session_profile="someone")
        engine = Boto3Engine.from_options(f"s3://{bucket}", options)
        with pytest.raises(EngineMisconfigured):
            engine.put_object("name", b"body")
        bare_environment.write_text("[someone]\naws_access_key_id = AKID\naws_secret_access_key = word\n")
        engine.put_object("name", b"body")
        engine.close()

    def test_closing_makes_new_clients_on_next_use(self, engine):
        engine.put_object("name", b"body")
        before = engine._connection
        engine.close()
        assert engine.get_object("name").body == b"body"
        assert engine._connection is not before


class TestTimestamps(Boto3Fixtures):
    @pytest.mark.parametrize(
        "value",
        [
            "2026-11-20T23:46:00.000Z",
            "2026-11-20T23:46:00.123Z",
            "2026-11-20T23:46:00Z",
            "2024-02-29T00:00:00.999999Z",
            "2026-11-20T23:46:00+01:00",
            "Fri, 20 Nov 2026 23:46:00 GMT",
            "Thu, 29 Feb 2024 00:00:00 GMT",
            "Sat, 01 Jan 2000 00:00:00 GMT",
            "Friday, 20-Nov-26 23:46:00 GMT",
            "Fri Nov 20 23:46:00 2026",
            "1763682360",
            "1763682360.5",
            1763682360,
            1763682360.25,
        ],
    )
    def test_a_timestamp_is_read_as_botocore_reads_it(self, value):
        assert parse_timestamp(value) == botocore.utils.parse_timestamp(value)

    def test_the_engines_session_reads_them_so_and_no_other_session(self, engine, moto):
        """Told apart by the object that stands for UTC: botocore's is dateutil's."""
        engine.put_object("name", b"body")
        [info] = engine.list_objects()
        assert info.modified.tzinfo is datetime.UTC
        other = boto3.client("s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        [theirs] = other.list_objects_v2(Bucket=engine.target.bucket)["Contents"]
        other.close()
        assert theirs["LastModified"] == info.modified
        assert theirs["LastModified"].tzinfo is not datetime.UTC

    @pytest.mark.parametrize("value", ["2026-11-20T23:46:00.000Z", "Fri, 20 Nov 2026 23:46:00 GMT"])
    def test_the_forms_that_s3_uses_need_no_help(self, monkeypatch, value):
        monkeypatch.delattr(botocore.utils, "parse_timestamp")
        assert parse_timestamp(value) == datetime.datetime(2026, 11, 20, 23, 46, tzinfo=datetime.UTC)

    @pytest.mark.parametrize("value", ["", "yesterday", "2026-13-20T23:46:00Z", "Fri, 20 Foo 2026 23:46:00 GMT"])
    def test_nonsense_is_an_error_as_with_botocore(self, value):
        with pytest.raises(ValueError, match="Invalid timestamp"):
            parse_timestamp(value)
