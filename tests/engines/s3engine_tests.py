"""What is true of every S3 engine, whatever its SDK: requests, that none is repeated, errors, secrets and options.

    class TestAcmeEngine(S3EngineTests):
        engine_class = AcmeEngine
        sdk = {"acme"}

    class TestAcmeEngineInFull(UnrestrictedTests):
        engine_class = AcmeEngine

``EngineContract`` says what an engine does; these tests say what it sends, and what it makes of answers that no store gives when
asked. ``UnrestrictedTests`` are for an SDK that sends any name and any header, and shows the answers it gets. All run against
moto, mostly through a proxy that remembers the requests or answers in moto's place.
"""

import contextlib
import datetime
import itertools
import os
import socketserver
import ssl
import subprocess
import sys
import threading

import pytest

from s3cache.errors import (
    AccessDenied,
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
from tests.servers import Answer, Proxy, Request, s3_options
from tests.tls import self_signed

XML = [("Content-Type", "application/xml")]
ETAG = '"0123456789abcdef0123456789abcdef"'
LARGE = bytes(6 * 1024 * 1024)
"""More than SDKs like to send in one piece."""
VERBS = {
    "get": lambda engine: engine.get_object("n"),
    "put": lambda engine: engine.put_object("n", b""),
    "create": lambda engine: engine.put_object("n", b"", if_none_match=True),
    "replace": lambda engine: engine.put_object("n", b"", if_match=ETAG),
    "delete": lambda engine: engine.delete_objects(["n"]),
    "delete many": lambda engine: engine.delete_objects(["n", "m"]),
    "list": lambda engine: list(engine.list_objects("n")),
}
ALL = tuple(VERBS)
READS = ("get",)
CONDITIONAL = ("create", "replace")
OTHERS = tuple(verb for verb in ALL if verb not in CONDITIONAL)


def found(body=b"", headers=(), **more):
    """A good answer to a GET or a PUT."""
    return Answer(200, body, [("ETag", ETAG), *headers], **more)


def listing(entries="", more=""):
    named = "<Name>bucket</Name><Prefix/><MaxKeys>1000</MaxKeys>"
    return Answer(
        200, f"<ListBucketResult>{named}{more or '<IsTruncated>false</IsTruncated>'}{entries}</ListBucketResult>".encode(), XML
    )


def listed(name):
    age = "<LastModified>2026-11-20T10:00:00.000Z</LastModified>"
    return f"<Contents><Key>{name}</Key>{age}<ETag>{ETAG}</ETag><Size>1</Size></Contents>"


DELETED = Answer(200, b"<DeleteResult><Deleted><Key>n</Key></Deleted></DeleteResult>", XML)


def undeleted(**codes):
    """The answer to a DeleteObjects that failed for these names."""
    failures = "".join(f"<Error><Key>{name}</Key><Code>{code}</Code><Message>No.</Message></Error>" for name, code in codes.items())
    return Answer(200, f"<DeleteResult>{failures}</DeleteResult>".encode(), XML)


def as_s3(request, forward):
    """The least that a store answers."""
    answers = {"GET object": found(b"body"), "PUT object": found(), "DELETE object": Answer(204), "POST delete": DELETED}
    return answers.get(request.kind) or listing()


class S3EngineFixtures:
    engine_class = None
    sdk = frozenset()
    """The modules that only a request may import."""

    @pytest.fixture
    def open_engine(self):
        """Makes engines, and closes them at the end."""
        opened = []

        def make(url, bucket="bucket", **options):
            opened.append(self.engine_class.from_options(f"s3://{bucket}/cache", s3_options(url, **options)))
            return opened[-1]

        yield make
        for engine in opened:
            engine.close()

    @pytest.fixture
    def engine(self, open_engine, proxy, bucket):
        """An engine whose requests go through the proxy."""
        return open_engine(proxy.url, bucket)

    @pytest.fixture
    def echo(self):
        """A server that answers whatever it is asked as S3 does at least."""
        with Proxy() as server:
            server.answer = as_s3
            yield server

    @pytest.fixture
    def bare_environment(self, monkeypatch, tmp_path):
        """No credentials and no region anywhere, whatever the machine has. Gives the path of the shared credentials file, which
        does not exist.
        """
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        return tmp_path / "credentials"

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls):
        """``told(verb, answer)``: what a verb makes of an answer that no real store would give when asked."""
        with Proxy() as server:
            engine = cls.engine_class.from_options("s3://bucket/cache", s3_options(server.url, max_attempts=1))

            def tell(verb, answer):
                server.answer = lambda request, forward: answer
                return verb(engine) if callable(verb) else VERBS[verb](engine)

            yield tell
            engine.close()


class RequestTests(S3EngineFixtures):
    @pytest.mark.parametrize(
        ("verb", "kind"),
        [
            (lambda engine: engine.get_object("there"), "GET object"),
            (lambda engine: engine.get_object("there", first=2), "GET object"),
            (lambda engine: engine.get_object("there", first=0), "GET object"),
            (lambda engine: engine.put_object("new", b"body"), "PUT object"),
            (lambda engine: engine.put_object("new", b""), "PUT object"),
            (lambda engine: engine.put_object("new", LARGE), "PUT object"),
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

    def test_bodies_are_plain_bytes_by_default(self, engine, proxy):
        engine.put_object("name", b"body")
        assert proxy.requests[0].body == b"body"
        assert proxy.requests[0].headers["Content-Type"] == "application/octet-stream"

    @pytest.mark.parametrize(("profile", "quoted"), [("moto", False), ("rustfs", True)])
    def test_an_etag_is_sent_as_the_profile_wants_it(self, open_engine, proxy, profile, quoted):
        proxy.answer = lambda request, forward: found()
        open_engine(proxy.url, PROFILE=profile).put_object("name", b"new", if_match=f"W/{ETAG}")
        assert proxy.requests[0].headers["If-Match"] == (ETAG if quoted else ETAG.strip('"'))

    def test_the_prefix_is_the_callers_to_use(self, open_engine, proxy, bucket):
        engine = open_engine(proxy.url, bucket)
        assert engine.prefix == "cache/"
        engine.put_object("name", b"body")
        assert proxy.requests[0].target == f"/{bucket}/name"

    @pytest.mark.parametrize("name", ["%2F", "a+b c", "ä€😀", "a&b<c>\"'", "~*(),;=:@!$[]", "q?r#s"])
    def test_a_name_is_used_as_it_is(self, engine, name):
        use(engine, name)


class RepeatingTests(S3EngineFixtures):
    """The cache repeats what may be repeated; engines and their SDKs nothing."""

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

    @pytest.mark.parametrize("verb", ALL)
    @pytest.mark.parametrize("status", [500, 502, 503, 429])
    def test_a_request_that_is_refused_goes_out_once(self, engine, proxy, verb, status):
        proxy.answer = lambda request, forward: Answer.error(status, "SlowDown")
        with pytest.raises(EngineUnavailable):
            VERBS[verb](engine)
        assert len(proxy.requests) == 1

    @pytest.mark.parametrize("verb", ALL)
    def test_so_does_one_whose_connection_breaks(self, engine, proxy, verb):
        proxy.answer = lambda request, forward: None
        with pytest.raises(EngineUnavailable):
            VERBS[verb](engine)
        assert len(proxy.requests) == 1

    @pytest.mark.parametrize("attempts", [1, 7])
    def test_the_cache_is_told_how_often_it_may_repeat(self, open_engine, moto, attempts):
        assert open_engine(moto, max_attempts=attempts).features.max_attempts == attempts


class ErrorTests(S3EngineFixtures):
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
            (CONDITIONAL, 409, "OperationAborted", Conflict),
            (CONDITIONAL, 500, "InternalError", EngineUnavailable),
            (CONDITIONAL, 409, "ConcurrentModification", Conflict),
            (CONDITIONAL, 500, "UnknownError", EngineUnavailable),
            (OTHERS, 409, "OperationAborted", EngineUnavailable),
            (OTHERS, 500, "UnknownError", EngineUnavailable),
            (ALL, 404, "NoSuchBucket", EngineMisconfigured),
            (ALL, 404, "", EngineMisconfigured),
            (ALL, 401, "Unauthorized", EngineMisconfigured),
            (ALL, 403, "AccessDenied", AccessDenied),
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

    @pytest.mark.parametrize("verb", CONDITIONAL)
    def test_cephs_500_on_a_conditional_write_is_a_lost_race(self, open_engine, proxy, verb):
        proxy.answer = lambda request, forward: Answer.error(500, "UnknownError")
        with pytest.raises(Conflict):
            VERBS[verb](open_engine(proxy.url, PROFILE="ceph"))
        assert len(proxy.requests) == 1

    def test_every_error_is_an_engine_error_with_its_cause(self, told):
        for verb, status in itertools.product(
            ALL, [300, 302, 307, 400, 401, 402, 405, 406, 410, 416, 418, 451, 499, 502, 504, 599]
        ):
            with pytest.raises(EngineError) as caught:
                told(verb, Answer.error(status, "Code"))
            assert caught.value.__cause__ is not None or status in (300, 302, 307)

    @pytest.mark.parametrize("status", [301, 400, 403, 404, 405, 500, 503])
    @pytest.mark.parametrize(
        ("body", "kind"),
        [(b"<html>no</html>", "text/html"), (b"", "text/plain"), (b"\xff\xfe", "application/xml"), (b"<Error>", "application/xml")],
    )
    def test_a_server_that_is_not_s3_is_never_a_missing_object(self, told, status, body, kind):
        for verb in ALL:
            with pytest.raises((EngineMisconfigured, EngineUnavailable), match=r"s3://bucket/cache.*endpoint_url"):
                told(verb, Answer(status, body, [("Content-Type", kind)]))

    @pytest.mark.parametrize("verb", [verb for verb in ALL if verb != "delete"])
    @pytest.mark.parametrize("body", [b"<html><p>welcome</html>", b"not XML at all", b""])
    def test_a_server_that_says_200_to_everything_is_no_s3_store(self, told, verb, body):
        with pytest.raises((EngineMisconfigured, EngineUnavailable), match=r"s3://bucket/cache.*endpoint_url"):
            told(verb, Answer(200, body, [("Content-Type", "text/html")]))

    def test_a_message_says_what_was_asked_where_and_what_came_back(self, told):
        with pytest.raises(EngineMisconfigured) as caught:
            told(lambda engine: engine.get_object("cache/name"), Answer.error(403, "AccessDenied", "Not you."))
        message = str(caught.value)
        assert message.startswith("get_object of 'cache/name' at s3://bucket/cache?endpoint=http://127.0.0.1:")
        assert "AccessDenied: Not you. Allow these credentials s3:GetObject, " in message
        assert "AccessDenied" in str(caught.value.__cause__)

    def test_an_answer_without_a_code_is_named_by_its_status(self, told):
        with pytest.raises(EngineMisconfigured, match="HTTP status 405.*What answers there is no S3 store"):
            told("put", Answer(405, b"<html>no</html>"))

    @pytest.mark.parametrize(
        ("code", "expected"),
        [("AccessDenied", EngineMisconfigured), ("InternalError", EngineUnavailable), ("SlowDown", EngineUnavailable)],
    )
    def test_a_name_that_was_not_deleted_is_an_error(self, told, code, expected):
        with pytest.raises(expected, match=f"{code}: (n: )?No"):
            told("delete many", undeleted(n=code))

    def test_a_name_that_was_not_there_to_delete_is_none(self, told):
        told("delete many", undeleted(n="NoSuchKey"))
        told("delete", Answer.error(404, "NoSuchKey"))

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(200, b"<ListBucketResult", XML),
            listing("<Contents><Key>n</Key><Size>1</Size><LastModified>yesterday</LastModified></Contents>"),
            listing("<Contents><Key>n</Key><Size>much</Size><LastModified>2026-11-20T10:00:00Z</LastModified></Contents>"),
        ],
    )
    def test_a_listing_that_makes_no_sense_is_an_error(self, told, answer):
        with pytest.raises((EngineMisconfigured, EngineUnavailable)):
            told("list", answer)

    @pytest.mark.parametrize("half", [b"half", bytes(3 * 1024 * 1024)], ids=["small", "large"])
    def test_half_a_body_is_unavailable(self, told, half):
        with pytest.raises(EngineUnavailable):
            told("get", found(half, announced=2 * len(half)))

    def test_no_more_is_read_than_was_asked_for(self, told):
        assert told(lambda engine: engine.get_object("n", first=2), found(b"whole", announced=10**9)).body == b"wh"

    def test_a_body_over_the_limit_is_not_read(self, told):
        with pytest.raises(ObjectTooLarge) as caught:
            told(lambda engine: engine.get_object("n", limit=1000), found(b"h", announced=10**9))
        assert caught.value.etag == ETAG

    @pytest.mark.parametrize("first", [0, 2, 5, 9])
    def test_the_first_bytes_are_right_where_the_server_sends_all(self, told, first):
        assert told(lambda engine: engine.get_object("n", first=first), found(b"whole")).body == b"whole"[:first]

    def test_the_limit_is_for_the_whole_object_also_where_its_first_bytes_are_asked_for(self, engine):
        engine.put_object("n", b"12345")
        assert engine.get_object("n", first=2, limit=5).body == b"12"
        with pytest.raises(ObjectTooLarge):
            engine.get_object("n", first=2, limit=4)

    @pytest.mark.parametrize("verb", ALL)
    def test_a_closed_port_is_unavailable(self, open_engine, verb):
        with Proxy() as gone:
            url = gone.url
        with pytest.raises(EngineUnavailable, match="s3://bucket/cache.*endpoint_url"):
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
        with pytest.raises(EngineMisconfigured, match=r"s3://no-such-bucket/.*NoSuchBucket.*Create the bucket"):
            VERBS[verb](open_engine(moto, "no-such-bucket"))

    def test_etags_are_refused_in_a_delete_before_anything_is_sent(self, engine, proxy):
        with pytest.raises(NotSupported):
            engine.delete_objects(["name"], etags=[ETAG])
        assert proxy.requests == []

    @pytest.mark.parametrize("verb", CONDITIONAL)
    def test_conditions_are_refused_where_the_profile_has_none_before_anything_is_sent(self, open_engine, proxy, verb):
        with pytest.raises(NotSupported, match="put_object takes no conditions"):
            VERBS[verb](open_engine(proxy.url, PROFILE="plain"))
        assert proxy.requests == []

    def test_only_option_errors_come_from_construction(self):
        with pytest.raises(OptionError):
            self.engine_class.from_options("ftp://bucket/cache", {})

    def test_the_date_is_the_servers_where_the_engine_learns_it(self, open_engine, proxy):
        engine, then = open_engine(proxy.url), datetime.datetime(2015, 10, 21, 7, 28, tzinfo=datetime.UTC)
        proxy.answer = lambda request, forward: found(b"body", [("Date", "Wed, 21 Oct 2015 07:28:00 GMT")])
        assert engine.get_object("n").date == (then if engine.features.server_date else None)
        proxy.answer = lambda request, forward: found(b"body")
        assert engine.get_object("n").date is None


class SecretTests(S3EngineFixtures):
    KEYS = {"access_key": "AKIDtopsecret", "secret_key": "topsecret-key", "security_token": "topsecret-token"}
    CUSTOMER_KEY = "topsecret-customer-key-32-bytes!"
    SECRETS = {**KEYS, "request_parameters": {"SSECustomerKey": CUSTOMER_KEY, "SSECustomerAlgorithm": "AES256"}}

    def test_no_secret_is_in_a_repr(self, open_engine, moto):
        engine = open_engine(moto, **self.SECRETS)
        assert repr(engine) == f"{type(engine).__name__}('s3://bucket/cache?endpoint={moto}')"

    @pytest.mark.parametrize("verb", ALL)
    def test_no_secret_is_in_a_message_even_if_the_server_repeats_it(self, open_engine, proxy, verb):
        proxy.answer = lambda request, forward: Answer.error(403, "Forbidden", " ".join([*self.KEYS.values(), self.CUSTOMER_KEY]))
        with pytest.raises(EngineMisconfigured, match="Forbidden") as caught:
            VERBS[verb](open_engine(proxy.url, **self.SECRETS))
        assert "topsecret" not in str(caught.value)

    def test_no_secret_of_a_proxy_is_in_a_message(self, open_engine, moto):
        engine = open_engine(moto, proxies={"http": "http://user:topsecret@127.0.0.1:1"}, max_attempts=1)
        with pytest.raises(EngineUnavailable) as caught:
            engine.get_object("name")
        assert "topsecret" not in str(caught.value)


class OptionTests(S3EngineFixtures):
    def test_construction_imports_no_sdk_and_opens_no_connection(self):
        program = f"""
import sys
sys.addaudithook(lambda event, _: sys.exit(event) if event.startswith("socket.") else None)
from {self.engine_class.__module__} import {self.engine_class.__name__} as Engine
engine = Engine.from_options("s3://bucket/x", {{"endpoint_url": "http://127.0.0.1:9", "access_key": "a", "secret_key": "b"}})
repr(engine), engine.features, engine.asynchronous(), engine.close()
sys.exit(", ".join({set(self.sdk)} & sys.modules.keys()) or 0)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.stderr.strip(), done.returncode) == ("", 0)

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

    def test_request_parameters_arrive_on_every_request_that_knows_them(self, open_engine, proxy):
        proxy.answer = as_s3
        customer = {"SSECustomerKey": "k" * 32, "SSECustomerAlgorithm": "AES256"}
        engine = open_engine(proxy.url, request_parameters={"RequestPayer": "requester", **customer})
        for verb in ALL:
            VERBS[verb](engine)
        assert {request.headers["x-amz-request-payer"] for request in proxy.requests} == {"requester"}
        keys = {(request.kind, request.headers["x-amz-server-side-encryption-customer-key"]) for request in proxy.requests}
        assert {(kind, key) for kind, key in keys if key} == {(kind, "a2tr" * 10 + "a2s=") for kind in ("GET object", "PUT object")}

    def test_every_header_that_must_be_signed_is_signed(self, open_engine, proxy):
        """S3 refuses a request with an x-amz- header that is not among the signed ones."""
        proxy.answer = as_s3
        parameters = {"object_parameters": {"Tagging": "a=b"}, "request_parameters": {"RequestPayer": "requester"}}
        engine = open_engine(proxy.url, security_token="token", **parameters)
        for verb in ALL:
            VERBS[verb](engine)
        for request in proxy.requests:
            signed = request.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
            assert {name.lower() for name in request.headers if name.lower().startswith("x-amz-")} < set(signed)

    def test_unsigned_requests_carry_no_credentials(self, open_engine, proxy):
        proxy.answer = as_s3
        engine = open_engine(proxy.url, signature_version="unsigned")
        for verb in ALL:
            VERBS[verb](engine)
        assert len(proxy.requests) == len(ALL)
        assert not [request for request in proxy.requests if "Authorization" in request.headers]

    def test_a_proxy_of_the_options_is_used_with_its_password(self, open_engine, proxy, bucket):
        engine = open_engine("http://s3.invalid", bucket, proxies={"http": proxy.url.replace("//", "//user:p%40ss@")})
        proxy.answer = lambda request, forward: found(b"body")
        assert engine.get_object("name").body == b"body"
        assert proxy.requests[0].target == f"http://s3.invalid/{bucket}/name"
        assert proxy.requests[0].headers["Proxy-Authorization"] == "Basic dXNlcjpwQHNz"

    def test_no_proxies_overrule_the_environment(self, monkeypatch, open_engine, moto, bucket):
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        with pytest.raises(EngineUnavailable):
            open_engine(moto, bucket, max_attempts=1).put_object("name", b"body")
        open_engine(moto, bucket, max_attempts=1, proxies={}).put_object("name", b"body")

    @pytest.mark.parametrize("style", ["path", "virtual"])
    def test_the_bucket_stands_where_addressing_style_says(self, open_engine, proxy, style):
        proxy.answer = lambda request, forward: found()
        open_engine(proxy.url.replace("127.0.0.1", "localhost"), "bucket", addressing_style="path").get_object("n")
        engine = open_engine("http://s3.invalid", "bucket", addressing_style=style, proxies={"http": proxy.url})
        engine.get_object("n")
        host, path = ("s3.invalid", "/bucket/n") if style == "path" else ("bucket.s3.invalid", "/n")
        assert (proxy.requests[-1].headers["Host"], proxy.requests[-1].target) == (host, f"http://{host}{path}")

    def test_https_to_a_port_of_http_is_misconfigured(self, open_engine, proxy):
        with pytest.raises(EngineMisconfigured, match="https://"):
            open_engine(proxy.url.replace("http:", "https:"), max_attempts=1).get_object("n")

    def test_a_server_that_ends_the_handshake_is_unavailable(self, open_engine):
        with serving(b"") as address, pytest.raises(EngineUnavailable, match="(?i)eof"):
            open_engine(f"https://{address}", max_attempts=1).get_object("n")


class ConnectionTests(S3EngineFixtures):
    def test_closing_lets_go_of_every_connection_and_makes_new_ones_on_next_use(self, engine, proxy):
        engine.put_object("name", b"body")
        engine.put_object("other", b"body", if_none_match=True)
        held = vars(engine).copy()  # or the garbage collector would do the work of close()
        engine.close()
        assert proxy.clients_have_left()
        assert engine.get_object("name").body == b"body"
        del held


class S3EngineTests(RequestTests, RepeatingTests, ErrorTests, SecretTests, OptionTests, ConnectionTests):
    """What every S3 engine does."""


class UnrestrictedTests(S3EngineFixtures):
    """What an SDK allows that sends any name and any header, and shows the answers it gets."""

    @pytest.mark.parametrize("name", ["a//b", "end/"])
    def test_a_name_may_have_empty_parts(self, engine, name):
        use(engine, name)

    def test_a_listing_asks_for_a_page_when_it_is_reached(self, engine, proxy):
        more = "<IsTruncated>true</IsTruncated><NextContinuationToken>next</NextContinuationToken>"
        proxy.answer = lambda request, forward: (
            listing(listed("b")) if "continuation-token=next" in request.target else listing(listed("a"), more)
        )
        pages = engine.list_objects()
        assert proxy.requests == []
        assert next(pages).name == "a"
        assert len(proxy.requests) == 1
        assert [info.name for info in pages] == ["b"]
        assert len(proxy.requests) == 2

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

    def test_the_certificate_must_be_one_that_verify_names(self, open_engine, tmp_path):
        certificate = self_signed(tmp_path)
        with Proxy(tls=served_by(certificate)) as server:
            server.answer = lambda request, forward: found(b"body")
            assert open_engine(server.url, verify=str(certificate)).get_object("n").body == b"body"
            for options in ({"verify": True}, {"verify": str(tmp_path / "missing")}):
                with pytest.raises(EngineMisconfigured, match=r"s3://bucket/cache\?endpoint=https://127\.0\.0\.1"):
                    open_engine(server.url, max_attempts=1, **options).get_object("n")

    def test_a_server_that_redirects_everything_is_asked_once(self, engine, proxy):
        proxy.answer = lambda request, forward: Answer(301, headers=[("Location", f"{proxy.url}/elsewhere")])
        with pytest.raises(EngineMisconfigured, match="endpoint_url"):
            engine.get_object("name")
        assert len(proxy.requests) == 1

    def test_a_page_of_html_is_no_empty_listing(self, told):
        with pytest.raises(EngineMisconfigured, match=r"s3://bucket/cache.*endpoint_url"):
            told("list", Answer(200, b"<html>welcome</html>", [("Content-Type", "text/html")]))

    def test_a_name_that_was_not_there_hides_none_that_was_not_deleted(self, told):
        with pytest.raises(EngineMisconfigured, match="AccessDenied"):
            told("delete many", undeleted(n="NoSuchKey", m="AccessDenied"))


def use(engine, name):
    """Every verb takes the name as it is."""
    etag = engine.put_object(name, b"body")
    assert engine.get_object(name, first=2)[:2] == (b"bo", etag)
    [info] = engine.list_objects(name)
    assert (info.name, info.size, info.etag) == (name, 4, etag)
    assert list(engine.list_objects(name, start_after=name)) == []
    engine.put_object(name, b"other", if_match=etag)
    engine.put_object("another", b"")
    engine.delete_objects([name, "another"])
    assert list(engine.list_objects()) == []


def served_by(certificate):
    """A server's TLS, with the key and the certificate of that file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@contextlib.contextmanager
def serving(answer):
    """Host and port of a server that hears its client once, sends these bytes, and hangs up."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65536)
            self.request.sendall(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
