import datetime
import itertools
import re
import socketserver
import ssl
import subprocess
import sys
import threading
import types

import boto3
import botocore.utils
import pytest

from s3cache.engines import boto3 as module
from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.boto3clients import drop_expect, parse_timestamp
from s3cache.errors import (
    Conflict,
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    NotModified,
    NotSupported,
    ObjectNotFound,
    ObjectTooLarge,
    OptionError,
    PreconditionFailed,
)
from s3cache.testing import EngineContract
from tests.servers import Answer, Proxy, Request, s3_options
from tests.tls import self_signed

pytest_plugins = ["tests.servers"]

LARGE = bytes(1024 * 1024 + 1)
XML = [("Content-Type", "application/xml")]
ETAG = [("ETag", '"0123"')]
AS_S3 = {
    "GET object": Answer(200, b"body", ETAG),
    "PUT object": Answer(200, b"", ETAG),
    "DELETE object": Answer(204),
    "POST delete": Answer(200, b"<DeleteResult/>", XML),
    "GET list": Answer(200, b"<ListBucketResult/>", XML),
}
"""The least that a store answers, by kind of request."""
VERBS = {
    "get": lambda engine: engine.get_object("n"),
    "put": lambda engine: engine.put_object("n", b""),
    "create": lambda engine: engine.put_object("n", b"", if_none_match=True),
    "replace": lambda engine: engine.put_object("n", b"", if_match='"etag"'),
    "delete": lambda engine: engine.delete_objects(["n"]),
    "delete many": lambda engine: engine.delete_objects(["n", "m"]),
    "list": lambda engine: list(engine.list_objects("n")),
}


@pytest.fixture
def open_engine():
    """Makes engines, and closes them at the end."""
    opened = []

    def make(url, bucket="bucket", **options):
        opened.append(Boto3Engine.from_options(f"s3://{bucket}/cache", s3_options(url, **options)))
        return opened[-1]

    yield make
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_engine, proxy, bucket):
    """An engine whose requests go through the proxy."""
    return open_engine(proxy.url, bucket)


@pytest.fixture(scope="module")
def told():
    """``told(verb, answer)``: what a verb makes of an answer that no real store would give when asked."""
    with Proxy() as server:
        engine = Boto3Engine.from_options("s3://bucket/cache", s3_options(server.url, max_attempts=1))

        def tell(verb, answer):
            server.answer = lambda request, forward: answer
            return verb(engine) if callable(verb) else VERBS[verb](engine)

        yield tell
        engine.close()


@pytest.fixture
def bare_environment(monkeypatch, tmp_path):
    """No credentials anywhere, whatever the machine has. Gives the path of the shared credentials file, which does not exist."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "DEFAULT_PROFILE", "WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "credentials"


@pytest.fixture(scope="module")
def contract_engine(moto_server):
    """One for the whole contract, because clients take a while to make."""
    engine = Boto3Engine.from_options(f"s3://{moto_server.make_bucket()}/cache", s3_options(moto_server.url))
    yield engine
    engine.close()


class TestBoto3Engine(EngineContract):
    @pytest.fixture
    def engine(self, contract_engine):
        return contract_engine


class TestRequests:
    @pytest.mark.parametrize(
        ("verb", "kind"),
        [
            (lambda engine: engine.get_object("there"), "GET object"),
            (lambda engine: engine.get_object("there", first=2), "GET object"),
            (lambda engine: engine.get_object("there", first=0), "GET object"),
            (lambda engine: engine.put_object("new", b"body"), "PUT object"),
            (lambda engine: engine.put_object("new", b"body", if_none_match=True), "PUT object"),
            (lambda engine: engine.put_object("new", LARGE, if_none_match=True), "PUT object"),
            (lambda engine: engine.delete_objects(["there"]), "DELETE object"),
            (lambda engine: engine.delete_objects(["there", "missing"]), "POST delete"),
            (lambda engine: list(engine.list_objects()), "GET list"),
        ],
    )
    def test_a_verb_costs_one_request(self, engine, proxy, verb, kind):
        engine.put_object("there", b"body")
        proxy.forget()
        verb(engine)
        assert proxy.kinds() == {kind: 1}

    def test_a_missing_object_costs_one_request(self, engine, proxy):
        with pytest.raises(ObjectNotFound):
            engine.get_object("missing")
        assert proxy.kinds() == {"GET object": 1}

    def test_the_first_bytes_of_an_empty_object_cost_two(self, engine, proxy):
        etag = engine.put_object("empty", b"")
        proxy.forget()
        stored = engine.get_object("empty", first=10)
        assert (stored.body, stored.etag) == (b"", etag)
        assert proxy.kinds() == {"GET object": 2}

    @pytest.mark.parametrize(("first", "asked"), [(2048, "bytes=0-2047"), (1, "bytes=0-0"), (0, "bytes=0-0"), (None, None)])
    def test_only_the_first_bytes_are_asked_for(self, engine, proxy, first, asked):
        engine.put_object("name", b"body")
        engine.get_object("name", first=first)
        assert proxy.requests[1].headers["Range"] == asked

    def test_deleting_nothing_costs_nothing(self, engine, proxy):
        engine.delete_objects([])
        assert proxy.requests == []

    def test_a_listing_asks_for_a_page_when_it_is_reached(self, engine, proxy):
        def page(name, more):
            entry = f"<Contents><Key>{name}</Key><Size>1</Size><LastModified>2026-11-20T10:00:00.000Z</LastModified></Contents>"
            return Answer(200, f"<ListBucketResult>{entry}{more}</ListBucketResult>".encode(), XML)

        more = "<IsTruncated>true</IsTruncated><NextContinuationToken>next</NextContinuationToken>"
        proxy.answer = lambda request, forward: page("b", "") if "continuation-token=next" in request.target else page("a", more)
        listing = engine.list_objects()
        assert proxy.requests == []
        assert next(listing).name == "a"
        assert len(proxy.requests) == 1
        assert [info.name for info in listing] == ["b"]
        assert len(proxy.requests) == 2

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

    def test_an_etag_that_a_proxy_made_weak_is_sent_as_the_store_gave_it(self, engine, proxy):
        with pytest.raises(PreconditionFailed):
            engine.put_object("name", b"new", if_match='W/"0123"')
        assert proxy.requests[-1].headers["If-Match"] == "0123"

    def test_no_checksum_is_sent_to_another_store_than_aws(self, engine, proxy):
        engine.put_object("name", b"body")
        engine.get_object("name")
        assert not [header for request in proxy.requests for header in request.headers if "checksum" in header.lower()]

    def test_bodies_are_plain_bytes_by_default(self, engine, proxy):
        engine.put_object("name", b"body")
        assert proxy.requests[0].body == b"body"
        assert proxy.requests[0].headers["Content-Type"] == "application/octet-stream"


class TestRepeating:
    @pytest.mark.parametrize("condition", [{"if_none_match": True}, {"if_match": "the etag"}])
    def test_a_conditional_write_goes_out_once_and_its_outcome_may_be_unknown(self, engine, proxy, condition):
        if "if_match" in condition:
            condition = {"if_match": engine.put_object("name", b"old")}
        proxy.forget()
        proxy.lose_answers()
        with pytest.raises(EngineUnavailable):
            engine.put_object("name", b"new", **condition)
        assert proxy.kinds() == {"PUT object": 1}
        proxy.answer = lambda request, forward: forward(request)
        assert engine.get_object("name").body == b"new"

    @pytest.mark.parametrize("verb", ["get", "put", "delete", "delete many", "list"])
    def test_everything_else_is_repeated(self, engine, proxy, verb):
        engine.put_object("n", b"body")
        proxy.forget()
        turns = itertools.count()
        proxy.answer = lambda request, forward: forward(request) if next(turns) else None
        VERBS[verb](engine)
        assert len(proxy.requests) == 2

    @pytest.mark.parametrize("attempts", [1, 2])
    def test_max_attempts_counts_the_first_one_in(self, open_engine, proxy, attempts):
        proxy.answer = lambda request, forward: Answer.error(500, "InternalError")
        with pytest.raises(EngineUnavailable):
            open_engine(proxy.url, max_attempts=attempts).get_object("name")
        assert len(proxy.requests) == attempts

    def test_a_server_that_redirects_everything_is_asked_once(self, engine, proxy):
        proxy.answer = lambda request, forward: Answer(301, headers=[("Location", "https://elsewhere.example/")])
        with pytest.raises(EngineMisconfigured, match=r"OPTIONS\['region_name'\].*OPTIONS\['endpoint_url'\]"):
            engine.get_object("name")
        assert len(proxy.requests) == 1


ALL = tuple(VERBS)
READS = ("get",)
CONDITIONAL = ("create", "replace")
OTHERS = tuple(verb for verb in ALL if verb not in CONDITIONAL)


class TestErrors:
    @pytest.mark.parametrize(
        ("verbs", "status", "code", "expected"),
        [
            (READS, 404, "NoSuchKey", ObjectNotFound),
            (READS, 404, "NotFound", ObjectNotFound),
            (READS, 304, "NotModified", NotModified),
            (("replace",), 404, "NoSuchKey", PreconditionFailed),
            (("put", "create", "list", "delete many"), 404, "NoSuchKey", EngineMisconfigured),
            (CONDITIONAL, 412, "PreconditionFailed", PreconditionFailed),
            (CONDITIONAL, 409, "ConditionalRequestConflict", Conflict),
            (CONDITIONAL, 409, "ConcurrentModification", Conflict),
            (CONDITIONAL, 409, "OperationAborted", Conflict),
            (CONDITIONAL, 500, "UnknownError", EngineUnavailable),
            (CONDITIONAL, 500, "InternalError", EngineUnavailable),
            (OTHERS, 409, "OperationAborted", EngineUnavailable),
            (OTHERS, 500, "UnknownError", EngineUnavailable),
            (ALL, 404, "NoSuchBucket", EngineMisconfigured),
            (ALL, 403, "AccessDenied", EngineMisconfigured),
            (ALL, 403, "InvalidAccessKeyId", EngineMisconfigured),
            (ALL, 403, "SignatureDoesNotMatch", EngineMisconfigured),
            (ALL, 403, "RequestTimeTooSkewed", EngineMisconfigured),
            (ALL, 400, "ExpiredToken", EngineMisconfigured),
            (ALL, 400, "AuthorizationHeaderMalformed", EngineMisconfigured),
            (ALL, 301, "PermanentRedirect", EngineMisconfigured),
            (ALL, 501, "NotImplemented", NotSupported),
            (ALL, 503, "SlowDown", EngineUnavailable),
            (ALL, 429, "TooManyRequests", EngineUnavailable),
            (ALL, 400, "RequestTimeout", EngineUnavailable),
            (ALL, 500, "InternalError", EngineUnavailable),
            (ALL, 507, "InsufficientStorage", EngineUnavailable),
        ],
    )
    def test_an_answer_becomes_an_error_of_ours(self, told, verbs, status, code, expected):
        for verb in verbs:
            with pytest.raises(expected) as caught:
                told(verb, Answer.error(status, code))
            assert type(caught.value) is expected, verb

    def test_a_message_says_what_was_asked_where_and_what_came_back(self, told):
        with pytest.raises(EngineMisconfigured) as caught:
            told(lambda engine: engine.get_object("cache/name"), Answer.error(403, "AccessDenied", "Not you."))
        message = str(caught.value)
        assert message.startswith("get_object of 'cache/name' at s3://bucket/cache?endpoint=http://127.0.0.1:")
        assert re.search(": AccessDenied: Not you. Allow these credentials s3:GetObject, .*", message)
        assert "AccessDenied" in str(caught.value.__cause__)

    def test_an_answer_without_a_code_is_named_by_its_status(self, told):
        with pytest.raises(EngineMisconfigured, match="HTTP status 405"):
            told("put", Answer(405, b"<html>no</html>"))

    @pytest.mark.parametrize(
        ("codes", "expected"),
        [
            (["AccessDenied"], EngineMisconfigured),
            (["NoSuchKey", "AccessDenied"], EngineMisconfigured),
            (["InternalError"], EngineUnavailable),
            (["SlowDown"], EngineUnavailable),
        ],
    )
    def test_a_name_that_was_not_deleted_is_an_error(self, told, codes, expected):
        failures = "".join(f"<Error><Key>name</Key><Code>{code}</Code><Message>No.</Message></Error>" for code in codes)
        with pytest.raises(expected, match=f"{codes[-1]}: name: No."):
            told("delete many", Answer(200, f"<DeleteResult>{failures}</DeleteResult>".encode(), XML))

    def test_a_name_that_was_not_there_to_delete_is_none(self, told):
        failure = b"<DeleteResult><Error><Key>n</Key><Code>NoSuchKey</Code></Error></DeleteResult>"
        told("delete many", Answer(200, failure, XML))
        told("delete", Answer.error(404, "NoSuchKey"))

    @pytest.mark.parametrize(
        "listing",
        [
            b"<ListBucketResult><Contents>",
            b"<ListBucketResult><Contents><LastModified>yesterday</LastModified></Contents></ListBucketResult>",
            b"<ListBucketResult><Contents><Size>much</Size></Contents></ListBucketResult>",
        ],
    )
    def test_a_listing_that_makes_no_sense_is_unavailable(self, told, listing):
        with pytest.raises(EngineUnavailable):
            told("list", Answer(200, listing, XML))

    def test_half_a_body_is_unavailable(self, told):
        with pytest.raises(EngineUnavailable):
            told("get", Answer(200, b"half", ETAG, announced=8))

    def test_a_body_over_the_limit_is_not_read(self, told):
        with pytest.raises(ObjectTooLarge) as caught:
            told(lambda engine: engine.get_object("n", limit=1000), Answer(200, b"h", ETAG, announced=10**9))
        assert caught.value.etag == '"0123"'

    def test_no_more_is_read_than_was_asked_for(self, told):
        assert told(lambda engine: engine.get_object("n", first=2), Answer(200, b"whole", ETAG, announced=10**9)).body == b"wh"

    @pytest.mark.parametrize("first", [0, 2, 5, 9])
    def test_the_first_bytes_are_right_where_the_server_sends_all(self, told, first):
        assert told(lambda engine: engine.get_object("n", first=first), Answer(200, b"whole", ETAG)).body == b"whole"[:first]

    def test_the_limit_is_for_the_whole_object_also_where_its_first_bytes_are_asked_for(self, engine):
        engine.put_object("n", b"12345")
        assert engine.get_object("n", first=2, limit=5).body == b"12"
        with pytest.raises(ObjectTooLarge):
            engine.get_object("n", first=2, limit=4)

    @pytest.mark.parametrize("verb", ALL)
    def test_a_closed_port_is_unavailable(self, open_engine, verb):
        with Proxy() as gone:
            url = gone.url
        with pytest.raises(EngineUnavailable):
            VERBS[verb](open_engine(url, max_attempts=1))

    def test_a_server_that_does_not_answer_is_unavailable(self, open_engine, proxy):
        told_to_go_on = threading.Event()
        proxy.answer = lambda request, forward: told_to_go_on.wait(30) and None
        try:
            with pytest.raises(EngineUnavailable):
                open_engine(proxy.url, read_timeout=0.1, max_attempts=1).get_object("n")
        finally:
            told_to_go_on.set()

    @pytest.mark.parametrize("verb", ALL)
    def test_a_missing_bucket_is_misconfigured(self, open_engine, moto, verb):
        with pytest.raises(EngineMisconfigured, match="s3://no-such-bucket/.*NoSuchBucket"):
            VERBS[verb](open_engine(moto, "no-such-bucket"))

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

    def test_etags_are_refused_in_a_delete_before_anything_is_sent(self, engine, proxy):
        with pytest.raises(NotSupported):
            engine.delete_objects(["name"], etags=['"etag"'])
        assert proxy.requests == []

    def test_only_option_errors_come_from_construction(self):
        with pytest.raises(OptionError):
            Boto3Engine.from_options("file:///var/cache", {})


class TestSecrets:
    SECRETS = {
        "access_key": "AKIDtopsecret",
        "secret_key": "topsecret-key",
        "security_token": "topsecret-token",
        "request_parameters": {"SSECustomerKey": "topsecret-customer", "SSECustomerAlgorithm": "AES256"},
    }

    def test_no_secret_is_in_a_repr(self, open_engine, moto):
        engine = open_engine(moto, **self.SECRETS)
        assert "topsecret" not in repr(engine) + repr(engine.target)
        assert repr(engine) == f"Boto3Engine('s3://bucket/cache?endpoint={moto}')"

    @pytest.mark.parametrize("verb", ALL)
    def test_no_secret_is_in_a_message_even_if_the_server_repeats_it(self, open_engine, proxy, verb):
        secrets = [*list(self.SECRETS.values())[:3], "topsecret-customer"]
        proxy.answer = lambda request, forward: Answer.error(403, "Forbidden", " ".join(secrets))
        with pytest.raises(EngineMisconfigured, match="Forbidden") as caught:
            VERBS[verb](open_engine(proxy.url, **self.SECRETS))
        assert "topsecret" not in str(caught.value)

    def test_no_secret_is_in_a_message_of_boto3(self, open_engine, moto):
        engine = open_engine(moto, proxies={"http": "http://user:topsecret@127.0.0.1:1"}, max_attempts=1)
        with pytest.raises(EngineUnavailable) as caught:
            engine.get_object("name")
        assert "topsecret" not in str(caught.value)


class TestOptions:
    def test_construction_imports_no_sdk_and_opens_no_connection(self):
        program = """
import sys
sys.addaudithook(lambda event, _: sys.exit(event) if event.startswith("socket.") else None)
from s3cache.engines.boto3 import Boto3Engine
engine = Boto3Engine.from_options("s3://bucket/x", {"endpoint_url": "http://127.0.0.1:9", "access_key": "a", "secret_key": "b"})
repr(engine), engine.features, engine.asynchronous(), engine.close()
sys.exit(", ".join({"boto3", "botocore", "urllib3"} & sys.modules.keys()) or 0)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.stderr.strip(), done.returncode) == ("", 0)

    def test_the_prefix_is_the_callers_to_use(self, engine, proxy):
        assert engine.prefix == "cache/"
        engine.put_object("name", b"body")
        assert proxy.requests[0].target == f"/{engine.target.bucket}/name"

    def test_object_parameters_arrive_on_writes_alone(self, open_engine, proxy, bucket):
        given = {"StorageClass": "STANDARD_IA", "Metadata": {"kind": "cache"}, "ContentType": "application/x-entry"}
        engine = open_engine(proxy.url, bucket, object_parameters=given)
        engine.put_object("name", b"body")
        engine.get_object("name")
        write, read = (request.headers for request in proxy.requests)
        assert (write["x-amz-storage-class"], write["Content-Type"]) == ("STANDARD_IA", "application/x-entry")
        assert "x-amz-storage-class" not in read
        stored = proxy.forward(Request("HEAD", f"/{bucket}/name", read, b"")).headers
        assert {("x-amz-storage-class", "STANDARD_IA"), ("x-amz-meta-kind", "cache")} <= set(stored)

    @pytest.mark.parametrize(
        ("options", "acl"),
        [
            ({}, None),
            ({"default_acl": "public-read"}, "public-read"),
            ({"default_acl": "public-read", "object_parameters": {"ACL": "private"}}, "private"),
        ],
    )
    def test_default_acl_arrives_unless_object_parameters_say_otherwise(self, open_engine, proxy, bucket, options, acl):
        open_engine(proxy.url, bucket, **options).put_object("name", b"body")
        assert proxy.requests[0].headers["x-amz-acl"] == acl

    def test_request_parameters_arrive_on_every_request_that_knows_them(self, open_engine, proxy):
        proxy.answer = lambda request, forward: AS_S3[request.kind]
        customer = {"SSECustomerKey": "k" * 32, "SSECustomerAlgorithm": "AES256"}
        engine = open_engine(proxy.url, request_parameters={"RequestPayer": "requester", **customer})
        for verb in ALL:
            VERBS[verb](engine)
        assert {request.headers["x-amz-request-payer"] for request in proxy.requests} == {"requester"}
        encrypted = {request.kind for request in proxy.requests if request.headers["x-amz-server-side-encryption-customer-key"]}
        assert encrypted == {"GET object", "PUT object"}

    def test_unsigned_requests_carry_no_credentials(self, open_engine, proxy, bucket):
        open_engine(proxy.url, bucket, signature_version="unsigned").put_object("name", b"body")
        assert "Authorization" not in proxy.requests[0].headers

    def test_a_profile_is_read_from_the_shared_files(self, bare_environment, proxy, bucket):
        bare_environment.write_text("[someone]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = word\n")
        options = s3_options(proxy.url, access_key=None, secret_key=None, session_profile="someone")
        engine = Boto3Engine.from_options(f"s3://{bucket}", options)
        engine.put_object("name", b"body")
        engine.close()
        assert "Credential=AKIDPROFILE/" in proxy.requests[0].headers["Authorization"]

    def test_no_proxies_overrule_the_environment(self, monkeypatch, open_engine, moto, bucket):
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        with pytest.raises(EngineUnavailable):
            open_engine(moto, bucket, max_attempts=1).put_object("name", b"body")
        open_engine(moto, bucket, max_attempts=1, proxies={}).put_object("name", b"body")

    def test_a_directory_bucket_lists_in_no_order_and_from_no_point(self, open_engine, proxy):
        engine = open_engine(proxy.url, "cache--use1-az4--x-s3", PROFILE="express")
        assert (engine.features.ordered_listing, engine.features.start_after) == (False, False)
        with pytest.raises(NotSupported):
            engine.list_objects("cache/", start_after="cache/0")
        assert proxy.requests == []

    def test_the_endpoint_of_the_shared_files_is_not_used(self, bare_environment, proxy, bucket, monkeypatch):
        """The profile would not know of it: the store behind it would count as Amazon's."""
        bare_environment.with_name("config").write_text(f"[default]\nendpoint_url = {proxy.url}\n")
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
        options = s3_options("", endpoint_url=None, PROFILE=None, region_name="eu-west-1", max_attempts=1)
        engine = Boto3Engine.from_options(f"s3://{bucket}/cache", options)
        assert engine._connected().retrying.meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
        engine.close()

    def test_the_certificate_must_be_one_that_verify_names(self, open_engine, tmp_path):
        certificate = self_signed(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with Proxy(tls=context) as server:
            server.answer = lambda request, forward: AS_S3[request.kind]
            assert open_engine(server.url, verify=str(certificate)).get_object("n").body == b"body"
            for options in ({"verify": True}, {"verify": str(tmp_path / "missing")}):
                with pytest.raises(EngineMisconfigured):
                    open_engine(server.url, max_attempts=1, **options).get_object("n")

    def test_https_to_a_port_of_http_is_misconfigured(self, open_engine, proxy):
        with pytest.raises(EngineMisconfigured):
            open_engine(proxy.url.replace("http:", "https:"), max_attempts=1).get_object("n")

    def test_a_server_that_ends_the_handshake_is_unavailable(self, open_engine):
        class Busy(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.recv(65536)

        with socketserver.TCPServer(("127.0.0.1", 0), Busy) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                with pytest.raises(EngineUnavailable, match="EOF"):
                    open_engine(f"https://127.0.0.1:{server.server_address[1]}", max_attempts=1).get_object("n")
            finally:
                server.shutdown()
                thread.join()


class TestClients:
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

    def test_closing_lets_go_of_every_connection(self, engine, proxy):
        engine.put_object("name", b"body")
        engine.put_object("other", b"body", if_none_match=True)
        held = engine._connection  # or the garbage collector would do the work of close()
        engine.close()
        assert proxy.clients_have_left()
        assert held is not engine._connection

    def test_closing_makes_new_clients_on_next_use(self, engine):
        engine.put_object("name", b"body")
        before = engine._connection
        engine.close()
        assert engine.get_object("name").body == b"body"
        assert engine._connection is not before

    def test_the_date_is_the_servers(self, told):
        stored = told("get", Answer(200, b"body", [("Date", "Wed, 21 Oct 2015 07:28:00 GMT"), *ETAG]))
        assert stored.date == datetime.datetime(2015, 10, 21, 7, 28, tzinfo=datetime.UTC)

    def test_an_answer_without_a_date_has_none(self, told):
        assert told("get", AS_S3["GET object"]).date is None


class TestTimestamps:
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


def test_every_error_is_an_engine_error_with_its_cause(told):
    for verb, status in itertools.product(ALL, [300, 302, 307, 400, 401, 402, 405, 406, 410, 416, 418, 451, 499, 502, 504, 599]):
        with pytest.raises(EngineError) as caught:
            told(verb, Answer.error(status, "Code"))
        assert caught.value.__cause__ is not None or status in (300, 302, 307)
