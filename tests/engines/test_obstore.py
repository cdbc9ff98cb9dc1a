import asyncio
import datetime
import ipaddress
import itertools
import os
import re
import ssl
import subprocess
import sys
import threading
from contextlib import aclosing
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from s3cache.engines.obstore import ObstoreEngine
from s3cache.engines.obstorenames import folder, is_name, offset
from s3cache.engines.obstores3settings import endpoint
from s3cache.engines.obstoreservice import READING, writing
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
from tests.servers import Answer, Proxy, s3_options
from tests.tls import self_signed

pytest_plugins = ["tests.servers"]

MEGABYTE = 2**20
XML = [("Content-Type", "application/xml")]
ETAG = [("ETag", '"0123"')]
AS_S3 = {
    "GET object": Answer(200, b"body", ETAG),
    "PUT object": Answer(200, b"", ETAG),
    "DELETE object": Answer(204),
    "POST delete": Answer(200, b"<DeleteResult><Deleted><Key>n</Key></Deleted></DeleteResult>", XML),
    "GET list": Answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>", XML),
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
ALL = tuple(VERBS)
READS = ("get",)
CONDITIONAL = ("create", "replace")
OTHERS = tuple(verb for verb in ALL if verb not in CONDITIONAL)


@pytest.fixture
def open_engine():
    """Makes engines, and closes them at the end."""
    opened = []

    def make(url, bucket="bucket", **options):
        opened.append(ObstoreEngine.from_options(f"s3://{bucket}/cache", s3_options(url, **options)))
        return opened[-1]

    yield make
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_engine, proxy, bucket):
    """An engine whose requests go through the proxy."""
    return open_engine(proxy.url, bucket)


@pytest.fixture
def echo():
    """A server that answers whatever it is asked as S3 does at least."""
    with Proxy() as server:
        server.answer = lambda request, forward: AS_S3[request.kind]
        yield server


@pytest.fixture(scope="module")
def told():
    """``told(verb, answer)``: what a verb makes of an answer that no real store would give when asked."""
    with Proxy() as server:
        engine = ObstoreEngine.from_options("s3://bucket/cache", s3_options(server.url, max_attempts=1, PROFILE="ceph"))

        def tell(verb, answer):
            server.answer = lambda request, forward: answer
            return verb(engine) if callable(verb) else VERBS[verb](engine)

        yield tell
        engine.close()


@pytest.fixture
def bare_environment(monkeypatch, tmp_path):
    """No credentials anywhere, whatever the machine has. Gives the path of the shared credentials file, which does not exist."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "credentials"


@pytest.fixture(scope="module")
def contract_engine(moto_server):
    engine = ObstoreEngine.from_options(f"s3://{moto_server.make_bucket()}/cache", s3_options(moto_server.url))
    yield engine
    engine.close()


class TestS3(EngineContract):
    @pytest.fixture
    def engine(self, contract_engine):
        return contract_engine


class TestMemory(EngineContract):
    @pytest.fixture
    def engine(self):
        return ObstoreEngine.from_options("memory:///name", {})


class TestDirectory(EngineContract):
    @pytest.fixture
    def engine(self, tmp_path):
        return ObstoreEngine.from_options(f"file://{tmp_path}/cache", {})


class FakeGcs(Proxy):
    """What Google's XML API does of what the engine uses, as its documentation has it. No Google Storage was at hand."""

    def __init__(self):
        super().__init__()
        self.objects = {}
        self.generations = itertools.count(1)
        self.lock = threading.Lock()
        self.answer = self.serve

    def serve(self, request, forward):
        url = urlsplit(request.target)
        _, bucket, *rest = unquote(url.path).split("/", 2)
        with self.lock:
            if bucket != "bucket":
                return Answer.error(404, "NoSuchBucket")
            return getattr(self, request.method)(request, rest[0] if rest else parse_qs(url.query))

    def PUT(self, request, name):
        demanded = request.headers["x-goog-if-generation-match"]
        if demanded not in (None, self.objects.get(name, (b"", "0"))[1]):
            return Answer.error(412, "PreconditionFailed")
        self.objects[name] = request.body, str(next(self.generations))
        return Answer(200, b"", self.about(name))

    def GET(self, request, name):
        if isinstance(name, dict):
            return self.listing(name)
        if name not in self.objects:
            return Answer.error(404, "NoSuchKey")
        if request.headers["If-None-Match"] == dict(self.about(name))["ETag"]:
            return Answer(304)
        body, asked = self.objects[name][0], re.fullmatch(r"bytes=0-(\d+)", request.headers["Range"] or "")
        if asked is None:
            return Answer(200, body, self.about(name))
        if not body:
            return Answer.error(416, "InvalidRange")
        part = body[: int(asked[1]) + 1]
        return Answer(206, part, [*self.about(name), ("Content-Range", f"bytes 0-{len(part) - 1}/{len(body)}")])

    def DELETE(self, request, name):
        return Answer(204) if self.objects.pop(name, None) else Answer.error(404, "NoSuchKey")

    def about(self, name):
        now = datetime.datetime.now(datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        generation = self.objects[name][1]
        return [("ETag", f'"e{generation}"'), ("x-goog-generation", generation), ("Last-Modified", now)]

    def listing(self, query):
        prefix, after = query.get("prefix", [""])[0], query.get("start-after", [""])[0]
        after = max(after, query.get("continuation-token", [""])[0], key=str.encode)
        names = sorted((n for n in self.objects if n.startswith(prefix) and n.encode() > after.encode()), key=str.encode)
        now = datetime.datetime.now(datetime.UTC).isoformat()
        entries = "".join(
            f"<Contents><Key>{escape(n)}</Key><Size>{len(self.objects[n][0])}</Size><LastModified>{now}</LastModified>"
            f"<ETag>{dict(self.about(n))['ETag']}</ETag></Contents>"
            for n in names[:1000]
        )
        more = f"<NextContinuationToken>{escape(names[999])}</NextContinuationToken>" if names[1000:] else ""
        return Answer(200, f"<ListBucketResult>{entries}{more}</ListBucketResult>".encode(), XML)


@pytest.fixture
def gcs():
    with FakeGcs() as server:
        yield server


@pytest.fixture(scope="module")
def gcs_engine():
    with FakeGcs() as server:
        engine = ObstoreEngine.from_options("gs://bucket/cache", {"endpoint": server.url, "bearer_token": "token"})
        yield engine
        engine.close()


class TestGcs(EngineContract):
    """Against the fake above: it shows that the engine says what the documentation wants to hear, and no more."""

    @pytest.fixture
    def engine(self, gcs_engine):
        return gcs_engine


class TestRequests:
    @pytest.mark.parametrize(
        ("verb", "kind"),
        [
            (lambda engine: engine.get_object("there"), "GET object"),
            (lambda engine: engine.get_object("there", first=2), "GET object"),
            (lambda engine: engine.get_object("there", first=0), "GET object"),
            (lambda engine: engine.put_object("new", b"body"), "PUT object"),
            (lambda engine: engine.put_object("new", bytes(6 * MEGABYTE)), "PUT object"),
            (lambda engine: engine.put_object("new", b"body", if_none_match=True), "PUT object"),
            (lambda engine: engine.delete_objects(["there"]), "DELETE object"),
            (lambda engine: engine.delete_objects(["there", "missing"]), "POST delete"),
            (lambda engine: list(engine.list_objects()), "GET list"),
            (lambda engine: list(engine.list_objects("cache/ab")), "GET list"),
            (lambda engine: list(engine.list_objects("cache/", start_after="cache/ab")), "GET list"),
        ],
    )
    def test_a_verb_costs_one_request(self, engine, proxy, verb, kind):
        engine.put_object("there", b"body")
        proxy.forget()
        verb(engine)
        assert proxy.kinds() == {kind: 1}

    def test_a_missing_object_costs_one_request(self, engine, proxy):
        with pytest.raises(ObjectNotFound):
            engine.get_object("missing", first=10)
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

    def test_a_listing_asks_for_a_page_when_it_is_reached(self, open_engine, echo):
        def page(number, more):
            entries = "".join(
                f"<Contents><Key>{number}/{n:04}</Key><Size>1</Size><LastModified>2026-11-20T10:00:00Z</LastModified></Contents>"
                for n in range(1000)
            )
            return Answer(200, f"<ListBucketResult>{entries}{more}</ListBucketResult>".encode(), XML)

        more = "<NextContinuationToken>next</NextContinuationToken>"
        echo.answer = lambda request, forward: page(2, "") if "continuation-token=next" in request.target else page(1, more)
        listing = open_engine(echo.url).list_objects()
        assert echo.requests == []
        assert next(listing).name == "1/0000"
        assert len(echo.requests) == 1
        assert len(list(listing)) == 1999
        assert len(echo.requests) == 2

    @pytest.mark.parametrize(
        ("prefix", "start_after", "asked"),
        [
            ("cache/", None, {"prefix": ["cache/"]}),
            ("", None, {}),
            ("cache/", "cache/ab/1", {"prefix": ["cache/"], "start-after": ["cache/ab/1"]}),
            ("cache/ab", None, {"prefix": ["cache/"], "start-after": ["cache/aa\U0010fffd"]}),
            ("cache/ab", "cache/ab/1", {"prefix": ["cache/"], "start-after": ["cache/ab/1"]}),
            ("cache/ab", "a", {"prefix": ["cache/"], "start-after": ["cache/aa\U0010fffd"]}),
        ],
    )
    def test_a_listing_begins_near_the_first_name_that_is_wanted(self, open_engine, echo, prefix, start_after, asked):
        list(open_engine(echo.url).list_objects(prefix, start_after))
        query = parse_qs(urlsplit(echo.requests[0].target).query)
        assert query == {"list-type": ["2"], **asked}

    def test_a_listing_by_text_ends_behind_its_last_name(self, open_engine, echo):
        """What follows in the folder is not asked for."""
        entries = "".join(
            f"<Contents><Key>k/{n:04}</Key><Size>1</Size><LastModified>2026-11-20T10:00:00Z</LastModified></Contents>"
            for n in range(1000)
        )
        page = f"<ListBucketResult>{entries}<NextContinuationToken>next</NextContinuationToken></ListBucketResult>"
        echo.answer = lambda request, forward: Answer(200, page.encode(), XML)
        assert len(list(open_engine(echo.url).list_objects("k/08"))) == 100
        assert len(echo.requests) == 1

    @pytest.mark.parametrize("prefix", ["k/0", "k/ ", "k/\ue000", "k/\0", "k//", "k/\x01/b", "\ud800", "k/./a"])
    def test_a_prefix_that_borders_on_what_obstore_cannot_say_is_listed(self, prefix):
        engine = ObstoreEngine.from_options("memory:///name", {})
        names = [name for name in (prefix, prefix + "1", prefix + "1/2") if is_name(name)]
        for name in [*names, "a", "k/!", "k/z", "z"]:
            engine.put_object(name, b"")
        assert [info.name for info in engine.list_objects(prefix)] == names

    def test_a_replacement_sends_the_etag_as_the_profile_wants_it(self, open_engine, echo):
        for profile in ("ceph", "r2"):
            open_engine(echo.url, PROFILE=profile).put_object("name", b"body", if_match='W/"0123"')
        assert [request.headers["If-Match"] for request in echo.requests] == ["0123", '"0123"']

    def test_the_user_agent_is_short_and_no_checksum_is_sent(self, engine, proxy):
        engine.put_object("name", b"body")
        [request] = proxy.requests
        assert request.headers["User-Agent"].startswith("s3cache/")
        assert (request.body, request.headers["Content-Type"]) == (b"body", "application/octet-stream")
        assert not [header for header in request.headers if "checksum" in header.lower()]


class TestNames:
    def test_a_name_is_the_same_object_for_every_engine(self, engine, proxy):
        name = "cache/ä%20b+c~d=e'(f)!*{g}|h/\U0001f9ca.s3c"
        engine.put_object(name, b"body")
        path = proxy.requests[0].target
        assert unquote(path) == f"/{engine.service.target.bucket}/{name}"
        assert [info.name for info in engine.list_objects()] == [name]

    @pytest.mark.parametrize("name", ["", "/", "/a", "a/", "a//b", "a/./b", "../a", "a\x01b", "a\x7f", "\ud800"])
    @pytest.mark.parametrize("verb", ["get", "put", "delete", "delete many"])
    def test_a_name_that_obstore_would_change_is_refused_before_anything_is_sent(self, open_engine, echo, name, verb):
        engine = open_engine(echo.url)
        calls = {
            "get": engine.get_object,
            "put": lambda name: engine.put_object(name, b""),
            "delete": lambda name: engine.delete_objects([name]),
            "delete many": lambda name: engine.delete_objects(["n", name]),
        }
        with pytest.raises(NotSupported):
            calls[verb](name)
        assert echo.requests == []
        assert not is_name(name)

    def test_a_prefix_that_obstore_would_change_is_refused_at_construction(self):
        for location in ("s3://bucket/a\x01b", "gs://bucket/a\x01b", "az://container/a\x01b", "s3://bucket/\ud800"):
            with pytest.raises(OptionError, match="prefix"):
                ObstoreEngine.from_options(location, {})

    def test_a_folder_mark_of_another_tool_hurts_no_listing(self, engine, proxy):
        """S3's console makes one for each folder: an empty object whose name ends in a slash."""
        engine.put_object("cache/there", b"body")
        mark = Answer(
            200,
            b"<ListBucketResult><Contents><Key>cache/</Key><Size>0</Size><LastModified>2026-11-20T10:00:00Z"
            b"</LastModified></Contents></ListBucketResult>",
            XML,
        )
        proxy.answer = lambda request, forward: mark
        assert list(engine.list_objects("cache/")) == []

    def test_an_object_whose_name_obstore_cannot_hold_ends_a_listing_with_a_message(self, open_engine, echo):
        entry = "<Contents><Key>cache/a//b</Key><Size>0</Size><LastModified>2026-11-20T10:00:00Z</LastModified></Contents>"
        echo.answer = lambda request, forward: Answer(200, f"<ListBucketResult>{entry}</ListBucketResult>".encode(), XML)
        with pytest.raises(EngineMisconfigured, match="cache/a//b.*Remove this object"):
            list(open_engine(echo.url).list_objects("cache/"))

    @pytest.mark.parametrize(
        ("prefix", "parts"), [("", None), ("a", None), ("a/", "a"), ("a/b", "a"), ("a/b/", "a/b"), ("a//b", "a"), ("\x01/b", None)]
    )
    def test_a_listing_goes_by_whole_parts(self, prefix, parts):
        assert folder(prefix) == parts

    @pytest.mark.parametrize("prefix", ["k/a", "k/0", "a", "k/é", "k/\U0001f9ca"])
    def test_an_offset_lies_before_the_prefix_and_behind_what_comes_before_it(self, prefix):
        assert offset(prefix, None).encode() < prefix.encode()
        assert offset(prefix, None).encode() >= prefix[:-1].rstrip("/").encode()


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

    @pytest.mark.parametrize("answer", [Answer.error(409, "ConditionalRequestConflict"), Answer.error(503, "SlowDown")])
    @pytest.mark.parametrize("verb", CONDITIONAL)
    def test_no_refusal_makes_it_go_out_again(self, open_engine, echo, verb, answer):
        echo.answer = lambda request, forward: answer
        with pytest.raises(EngineError):
            VERBS[verb](open_engine(echo.url))
        assert len(echo.requests) == 1

    @pytest.mark.parametrize("verb", ["get", "put", "delete", "delete many", "list"])
    def test_everything_else_is_repeated(self, engine, proxy, verb):
        engine.put_object("n", b"body")
        proxy.forget()
        turns = itertools.count()
        proxy.answer = lambda request, forward: forward(request) if next(turns) else None
        VERBS[verb](engine)
        assert len(proxy.requests) == 2

    @pytest.mark.parametrize("attempts", [1, 2])
    def test_max_attempts_counts_the_first_one_in(self, open_engine, echo, attempts):
        echo.answer = lambda request, forward: Answer.error(500, "InternalError")
        with pytest.raises(EngineUnavailable):
            open_engine(echo.url, max_attempts=attempts).get_object("name")
        assert len(echo.requests) == attempts


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
            (CONDITIONAL, 500, "UnknownError", Conflict),
            (CONDITIONAL, 500, "InternalError", EngineUnavailable),
            (OTHERS, 409, "OperationAborted", EngineUnavailable),
            (OTHERS, 500, "UnknownError", EngineUnavailable),
            (ALL, 404, "NoSuchBucket", EngineMisconfigured),
            (ALL, 404, "", EngineMisconfigured),
            (ALL, 403, "AccessDenied", EngineMisconfigured),
            (ALL, 403, "InvalidAccessKeyId", EngineMisconfigured),
            (ALL, 403, "SignatureDoesNotMatch", EngineMisconfigured),
            (ALL, 403, "RequestTimeTooSkewed", EngineMisconfigured),
            (ALL, 401, "Unauthorized", EngineMisconfigured),
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
            assert caught.value.__cause__ is not None

    def test_an_unknown_error_is_a_lost_race_only_where_the_profile_says_so(self, open_engine, echo):
        echo.answer = lambda request, forward: Answer.error(500, "UnknownError")
        with pytest.raises(EngineUnavailable):
            open_engine(echo.url, PROFILE="aws").put_object("n", b"", if_none_match=True)

    def test_a_message_says_what_was_asked_where_and_what_came_back(self, told):
        with pytest.raises(EngineMisconfigured) as caught:
            told(lambda engine: engine.get_object("cache/name"), Answer.error(403, "AccessDenied", "Not you."))
        message = str(caught.value)
        assert message.startswith("get_object of 'cache/name' at s3://bucket/cache?endpoint=http://127.0.0.1:")
        assert re.search(": AccessDenied: Not you. Allow these credentials s3:GetObject, .*", message)
        assert "AccessDenied" in str(caught.value.__cause__)

    def test_an_answer_without_a_code_is_named_by_its_status(self, told):
        with pytest.raises(EngineMisconfigured, match="HTTP status 405. What answers there is no S3 store"):
            told("put", Answer(405, b"<html>no</html>"))

    @pytest.mark.parametrize(
        ("code", "expected"),
        [("AccessDenied", EngineMisconfigured), ("InternalError", EngineUnavailable), ("SlowDown", EngineUnavailable)],
    )
    def test_a_name_that_was_not_deleted_is_an_error(self, told, code, expected):
        failure = f"<DeleteResult><Error><Key>n</Key><Code>{code}</Code><Message>No.</Message></Error></DeleteResult>"
        with pytest.raises(expected, match=f"{code}: (n: )?No"):
            told("delete many", Answer(200, failure.encode(), XML))

    @pytest.mark.parametrize("shape", ["blocking", "async"])
    def test_a_failure_of_a_name_that_was_not_sent_is_unavailable(self, told, shape, capfd):
        """object_store panics then."""

        async def delete(engine):
            await engine.asynchronous().delete_objects(["n", "m"])

        failure = b"<DeleteResult><Error><Key>x</Key><Code>AccessDenied</Code><Message>No.</Message></Error></DeleteResult>"
        with pytest.raises(EngineUnavailable):
            told((lambda engine: asyncio.run(delete(engine))) if shape == "async" else "delete many", Answer(200, failure, XML))
        assert "panicked" in capfd.readouterr().err

    def test_a_name_that_was_not_there_to_delete_is_none(self, told):
        failure = b"<DeleteResult><Error><Key>n</Key><Code>NoSuchKey</Code><Message>No.</Message></Error></DeleteResult>"
        told("delete many", Answer(200, failure, XML))
        told("delete", Answer.error(404, "NoSuchKey"))

    @pytest.mark.parametrize(
        "listing",
        [
            b"not XML at all",
            b"<ListBucketResult><Contents>",
            b"<ListBucketResult><Contents><LastModified>yesterday</LastModified></Contents></ListBucketResult>",
            b"<ListBucketResult><Contents><Size>much</Size></Contents></ListBucketResult>",
        ],
    )
    def test_a_listing_that_makes_no_sense_is_unavailable(self, told, listing):
        with pytest.raises(EngineUnavailable, match="What answers there is no S3 store"):
            told("list", Answer(200, listing, XML))

    @pytest.mark.parametrize("verb", ["get", "put", "create", "replace"])
    def test_a_web_server_that_says_yes_to_everything_is_misconfigured(self, told, verb):
        with pytest.raises(EngineMisconfigured, match="What answers there is no S3 store"):
            told(verb, Answer(200, b"<html>Welcome!</html>"))

    @pytest.mark.parametrize("answer", [None, Answer(200, b"half", ETAG, announced=8)])
    def test_half_an_answer_is_unavailable(self, told, answer):
        with pytest.raises(EngineUnavailable):
            told("get", answer)

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
        with pytest.raises(EngineUnavailable, match="ConnectionRefused.*Check OPTIONS"):
            VERBS[verb](open_engine(url, max_attempts=1))

    @pytest.mark.parametrize("verb", ["get", "put"])
    def test_a_server_that_does_not_answer_is_unavailable(self, open_engine, echo, verb):
        told_to_go_on = threading.Event()
        echo.answer = lambda request, forward: told_to_go_on.wait(30) and None
        try:
            with pytest.raises(EngineUnavailable, match="TimedOut"):
                VERBS[verb](open_engine(echo.url, read_timeout=0.1, max_attempts=1))
        finally:
            told_to_go_on.set()

    @pytest.mark.parametrize("verb", ALL)
    def test_a_missing_bucket_is_misconfigured(self, open_engine, moto, verb):
        with pytest.raises(EngineMisconfigured, match="s3://no-such-bucket/.*NoSuchBucket.*Create the bucket"):
            VERBS[verb](open_engine(moto, "no-such-bucket"))

    def test_etags_are_refused_in_a_delete_before_anything_is_sent(self, engine, proxy):
        with pytest.raises(NotSupported):
            engine.delete_objects(["name"], etags=['"etag"'])
        assert proxy.requests == []

    def test_conditions_are_refused_where_the_profile_has_none(self, open_engine, echo):
        for verb in CONDITIONAL:
            with pytest.raises(NotSupported):
                VERBS[verb](open_engine(echo.url, PROFILE="plain"))
        assert echo.requests == []

    def test_a_directory_that_must_not_be_written_is_misconfigured(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(EngineMisconfigured):
            ObstoreEngine.from_options(f"file://{tmp_path}/file/cache", {}).put_object("name", b"body")


class TestTimes:
    def test_a_large_body_may_take_a_second_more_for_each_megabyte(self):
        """obstore's read time-out runs while the body is sent."""
        sizes = [0, MEGABYTE, MEGABYTE + 1, 3 * MEGABYTE, 256 * MEGABYTE]
        assert [writing(size, conditional=False).megabytes for size in sizes] == [0, 0, 2, 4, 512]
        assert writing(0, conditional=False) == READING

    def test_a_slow_upload_of_a_large_body_is_waited_for(self, open_engine, echo):
        told_to_go_on = threading.Event()
        echo.answer = lambda request, forward: told_to_go_on.wait(0.5) or AS_S3[request.kind]
        engine = open_engine(echo.url, read_timeout=0.1, max_attempts=1)
        engine.put_object("name", bytes(MEGABYTE + 1))
        with pytest.raises(EngineUnavailable):
            engine.put_object("name", b"small")
        told_to_go_on.set()

    def test_the_time_outs_and_the_pool_are_those_of_the_options(self, open_engine):
        engine = open_engine("http://127.0.0.1:9", connect_timeout=0.5, read_timeout=2.5, max_pool_connections=7, max_attempts=4)
        store = engine._stores.of(READING)
        names = ("connect_timeout", "read_timeout", "timeout", "pool_max_idle_per_host")
        assert [str(store.client_options[name]) for name in names] == ["500ms", "2s 500ms", "7days", "7"]
        assert store.retry_config["max_retries"] == 3


class TestSecrets:
    SECRETS = {
        "access_key": "AKIDtopsecret",
        "secret_key": "topsecret-key",
        "security_token": "topsecret-token",
        "request_parameters": {"SSECustomerKey": "topsecret-customer-key-32-bytes!", "SSECustomerAlgorithm": "AES256"},
    }

    def test_no_secret_is_in_a_repr(self, open_engine, moto):
        engine = open_engine(moto, **self.SECRETS)
        assert "topsecret" not in repr(engine) + repr(engine.service) + repr(engine.service.target)
        assert repr(engine) == f"ObstoreEngine('s3://bucket/cache?endpoint={moto}')"

    @pytest.mark.parametrize("verb", ALL)
    def test_no_secret_is_in_a_message_even_if_the_server_repeats_it(self, open_engine, echo, verb):
        secrets = [*list(self.SECRETS.values())[:3], "topsecret-customer-key-32-bytes!"]
        echo.answer = lambda request, forward: Answer.error(403, "Forbidden", " ".join(secrets))
        with pytest.raises(EngineMisconfigured, match="Forbidden") as caught:
            VERBS[verb](open_engine(echo.url, **self.SECRETS))
        assert "topsecret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("location", "secrets"),
        [
            ("gs://bucket/cache", {"bearer_token": "topsecret"}),
            ("az://container/cache", {"account_name": "a", "account_key": "dG9wc2VjcmV0"}),
            ("az://container/cache", {"account_name": "a", "sas_token": "sv=1&sig=topsecret"}),
        ],
    )
    def test_nor_of_the_clouds(self, echo, location, secrets):
        [(name, secret)] = [(name, value) for name, value in secrets.items() if name != "account_name"]
        engine = ObstoreEngine.from_options(location, {"endpoint": echo.url, **secrets})
        echo.answer = lambda request, forward: Answer.error(403, "Forbidden", f"{secret} topsecret {request.target}")
        with pytest.raises(EngineMisconfigured, match="Forbidden") as caught:
            engine.get_object("name")
        assert secret not in str(caught.value)
        assert secret not in repr(engine) + repr(engine.service.options) + engine.location

    def test_no_secret_is_in_a_message_about_a_proxy(self, open_engine, moto):
        engine = open_engine(moto, proxies={"http": "http://user:topsecret@127.0.0.1:1"}, max_attempts=1)
        with pytest.raises(EngineUnavailable) as caught:
            engine.get_object("name")
        assert "topsecret" not in str(caught.value)


class TestOptions:
    def test_construction_imports_no_sdk_and_opens_no_connection(self, tmp_path):
        program = f"""
import sys
sys.addaudithook(lambda event, _: sys.exit(event) if event.startswith("socket.") else None)
from s3cache.engines.obstore import ObstoreEngine
s3 = {{"endpoint_url": "http://127.0.0.1:9", "access_key": "a", "secret_key": "b"}}
for location in ("s3://bucket/x", "gs://bucket/x", "az://container/x", "file://{tmp_path}/x", "memory:///x"):
    engine = ObstoreEngine.from_options(location, s3 if location.startswith("s3") else {{}})
    repr(engine), engine.features, engine.asynchronous(), engine.close()
sys.exit(", ".join({{"obstore", "botocore"}} & sys.modules.keys()) or 0)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.stderr.strip(), done.returncode) == ("", 0)
        assert not (tmp_path / "x").exists()

    @pytest.mark.parametrize(
        ("location", "options", "said"),
        [
            ("ftp://bucket", {}, "LOCATION is a URL of another kind"),
            ("s3://bucket", {"endpoint": "x"}, "OPTIONS.'endpoint'. is not an option"),
            ("gs://bucket", {"endpoint_url": "http://x"}, "Did you mean 'endpoint'"),
            ("gs://bucket", {"access_key": "x"}, "is not an option. Known: application_credentials, bearer_token"),
            ("gs://bucket", {"endpoint": "nowhere"}, "accepted: http://host"),
            ("gs:///prefix", {}, "no bucket or container"),
            ("gs://user:secret@bucket/prefix", {}, "Keys and accounts belong into OPTIONS"),
            ("az://container?x=1", {}, "accepted: az://name|query"),
            ("az://container/a/../b", {}, "empty part"),
            ("az://container", {"read_timeout": 0}, "seconds"),
            ("file:///var/cache", {"read_timeout": 1.0}, "A file:// LOCATION has none"),
            ("file://host/var/cache", {}, "file:///path"),
            ("file:///", {}, "file:///path"),
            ("memory:///name", {"x": 1}, "A memory:// LOCATION has none"),
            ("s3://bucket", {"signature_version": "s3"}, "signature of old"),
            ("s3://bucket", {"default_acl": "private"}, "default_acl"),
            ("s3://bucket", {"object_parameters": {"ACL": "private"}}, "ACL.*It knows: .*StorageClass"),
            ("s3://bucket", {"object_parameters": {"Metadata": "x"}}, "Metadata"),
            ("s3://bucket", {"request_parameters": {"ExpectedBucketOwner": "1"}}, "ExpectedBucketOwner"),
            ("s3://bucket", {"unsigned_payload": True, "endpoint_url": "http://h"}, "unsigned_payload.*https"),
            ("s3://bucket", {"unsigned_payload": True, "use_ssl": False}, "unsigned_payload.*https"),
            ("s3://bucket", {"unsigned_payload": 1}, "True or False"),
        ],
    )
    def test_what_it_cannot_honour_is_refused_at_construction(self, location, options, said):
        with pytest.raises(OptionError, match=said):
            ObstoreEngine.from_options(location, options)

    @pytest.mark.parametrize(
        ("location", "options", "expected"),
        [
            ("s3://bucket/a/b/", {}, ("s3://bucket/a/b", "a/b/")),
            ("a/b", {"bucket_name": "bucket"}, ("s3://bucket/a/b", "a/b/")),
            ("gs://bucket/a b", {}, ("gs://bucket/a%20b", "a b/")),
            ("gs://bucket", {"endpoint": "http://h:1/"}, ("gs://bucket?endpoint=http://h:1", "")),
            ("az://container/a", {"account_name": "me"}, ("az://container/a?account=me", "a/")),
            ("file:///var/cache/", {}, ("file:///var/cache", "")),
            ("memory:///name", {}, ("memory:///name", "")),
        ],
    )
    def test_a_location_and_a_prefix_are_told(self, location, options, expected):
        engine = ObstoreEngine.from_options(location, options)
        assert (engine.location, engine.prefix) == expected

    def test_every_engine_has_a_memory_of_its_own(self):
        first, second = (ObstoreEngine.from_options("memory:///name", {}) for _ in range(2))
        first.put_object("name", b"body")
        with pytest.raises(ObjectNotFound):
            second.get_object("name")

    @pytest.mark.parametrize("variable", ["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
    def test_the_endpoint_of_the_options_beats_that_of_the_environment(self, monkeypatch, engine, variable):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
        engine.put_object("name", b"body")

    def test_without_one_the_endpoint_of_the_environment_counts(self, monkeypatch, bucket, moto):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
        options = s3_options(moto)
        del options["endpoint_url"]
        engine = ObstoreEngine.from_options(f"s3://{bucket}", options)
        engine.put_object("name", b"body")
        engine.close()

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("SESSION_TOKEN", "token"),
            ("TOKEN", "token"),
            ("REGION", "eu-central-1"),
            ("DEFAULT_REGION", "eu-central-1"),
            ("SKIP_SIGNATURE", "true"),
            ("UNSIGNED_PAYLOAD", "true"),
            ("REQUEST_PAYER", "true"),
            ("VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
            ("S3_EXPRESS", "true"),
            ("CONDITIONAL_PUT", "disabled"),
            ("DISABLE_BULK_DELETE", "false"),
            ("DISABLE_TAGGING", "true"),
            ("COPY_IF_NOT_EXISTS", "nonsense"),
            ("SSE_KMS_KEY_ID", "key"),
            ("SSE_BUCKET_KEY_ENABLED", "true"),
            ("SSE_CUSTOMER_KEY_BASE64", "a" * 43 + "="),
            ("ALLOW_HTTP", "false"),
            ("PROXY_URL", "http://127.0.0.1:1"),
            ("USER_AGENT", "else"),
            ("DEFAULT_CONTENT_TYPE", "text/html"),
            ("HTTP2_ONLY", "true"),
            ("TIMEOUT", "nonsense"),
            ("BUCKET", "other"),
            ("ROLE_ARN", "arn"),
            ("WEB_IDENTITY_TOKEN_FILE", "/nowhere"),
            ("CONTAINER_CREDENTIALS_RELATIVE_URI", "/nowhere"),
        ],
    )
    def test_no_other_variable_changes_what_the_options_say(self, monkeypatch, open_engine, echo, variable, value):
        def sent():
            echo.forget()
            engine = open_engine(echo.url, object_parameters={"Tagging": "a=b"})
            engine.put_object("name", b"body", if_none_match=True)
            engine.delete_objects(["name"])
            return [(request.method, request.target, headers(request)) for request in echo.requests]

        def headers(request):
            signed = re.sub("Signature=.*", "", request.headers["Authorization"])
            return {**dict(request.headers.items()), "authorization": signed, "x-amz-date": "", "Authorization": ""}

        before = sent()
        monkeypatch.setenv(f"AWS_{variable}", value)
        assert sent() == before

    @pytest.mark.parametrize(
        ("variable", "value", "parameter"),
        [("SERVER_SIDE_ENCRYPTION", "AES256", "ServerSideEncryption"), ("CHECKSUM_ALGORITHM", "SHA256", "ChecksumAlgorithm")],
    )
    def test_a_variable_that_cannot_be_overruled_is_refused(self, monkeypatch, open_engine, echo, variable, value, parameter):
        monkeypatch.setenv(f"AWS_{variable}", value)
        with pytest.raises(EngineMisconfigured, match=f"AWS_{variable}.*{parameter}"):
            open_engine(echo.url).put_object("name", b"body")
        assert echo.requests == []
        open_engine(echo.url, object_parameters={parameter: value}).put_object("name", b"body")

    def test_object_parameters_arrive_on_writes_alone(self, open_engine, proxy, bucket):
        given = {
            "StorageClass": "STANDARD_IA",
            "Metadata": {"kind": "cache"},
            "ContentType": "application/x-entry",
            "CacheControl": "no-store",
            "Tagging": "team=web&tier=cold%20one",
            "ServerSideEncryption": "AES256",
        }
        engine = open_engine(proxy.url, bucket, object_parameters=given)
        engine.put_object("name", b"body")
        engine.get_object("name")
        write, read = (request.headers for request in proxy.requests)
        expected = {
            "x-amz-storage-class": "STANDARD_IA",
            "x-amz-meta-kind": "cache",
            "Content-Type": "application/x-entry",
            "Cache-Control": "no-store",
            "x-amz-server-side-encryption": "AES256",
        }
        assert {name: write[name] for name in expected} == expected
        assert parse_qs(write["x-amz-tagging"]) == {"team": ["web"], "tier": ["cold one"]}
        assert not any(read[name] for name in [*expected, "x-amz-tagging"])
        assert "x-amz-storage-class" in re.search("SignedHeaders=([^,]*)", write["Authorization"])[1]

    def test_request_parameters_arrive_on_every_request_that_knows_them(self, open_engine, echo):
        customer = {"SSECustomerKey": "k" * 32, "SSECustomerAlgorithm": "AES256"}
        engine = open_engine(echo.url, request_parameters={"RequestPayer": "requester", **customer})
        for verb in ALL:
            VERBS[verb](engine)
        assert {request.headers["x-amz-request-payer"] for request in echo.requests} == {"requester"}
        key = "x-amz-server-side-encryption-customer-key"
        assert {request.kind for request in echo.requests if request.headers[key]} == {"GET object", "PUT object"}
        assert {request.headers[key] for request in echo.requests} == {None, "a2tr" * 10 + "a2s="}

    def test_unsigned_requests_carry_no_credentials(self, open_engine, proxy, bucket):
        open_engine(proxy.url, bucket, signature_version="unsigned").put_object("name", b"body")
        assert "Authorization" not in proxy.requests[0].headers

    @pytest.mark.parametrize(("given", "sent"), [({}, "230d8358"), ({"unsigned_payload": True}, "UNSIGNED-PAYLOAD")])
    def test_an_unsigned_payload_is_for_https(self, open_engine, tmp_path, given, sent):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(tmp_path))
        with Proxy(tls=context) as server:
            server.answer = lambda request, forward: AS_S3[request.kind]
            open_engine(server.url, verify=False, **given).put_object("name", b"body")
            assert server.requests[0].headers["x-amz-content-sha256"].startswith(sent)

    def test_the_certificate_must_be_one_that_is_trusted(self, open_engine, tmp_path):
        certificate = self_signed(tmp_path)
        (tmp_path / "nonsense").write_text("nonsense")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with Proxy(tls=context) as server:
            server.answer = lambda request, forward: AS_S3[request.kind]
            assert open_engine(server.url, verify=False).get_object("n").body == b"body"
            for verify in (True, str(tmp_path / "missing"), str(tmp_path / "nonsense")):
                with pytest.raises(EngineMisconfigured):
                    open_engine(server.url, max_attempts=1, verify=verify).get_object("n")

    def test_an_authority_that_verify_names_is_trusted(self, open_engine, tmp_path):
        """The server's certificate must be signed by another: Rust's TLS takes none that is its own authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed(tmp_path))
        with Proxy(tls=context) as server:
            server.answer = lambda request, forward: AS_S3[request.kind]
            assert open_engine(server.url, verify=str(tmp_path / "authority.pem")).get_object("n").body == b"body"
            with pytest.raises(EngineMisconfigured, match="UnknownIssuer"):
                open_engine(server.url, max_attempts=1).get_object("n")

    def test_https_to_a_port_of_http_is_misconfigured(self, open_engine, proxy):
        with pytest.raises(EngineMisconfigured, match="https:// only where the server speaks TLS"):
            open_engine(proxy.url.replace("http:", "https:"), max_attempts=1).get_object("n")

    def test_a_proxy_gets_the_requests_of_its_scheme(self, monkeypatch, open_engine, echo):
        with Proxy() as given, Proxy() as environment:
            given.answer = environment.answer = lambda request, forward: AS_S3["GET object"]
            for name in ("no_proxy", "NO_PROXY"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("http_proxy", environment.url)
            for proxies in (None, {}, {"http": given.url}, {"https": given.url}):
                open_engine(echo.url, proxies=proxies).get_object("name")
            assert [len(server.requests) for server in (environment, echo, given)] == [1, 2, 1]
            assert given.requests[0].target == f"{echo.url}/bucket/name"

    @pytest.mark.parametrize(
        ("location", "options", "expected"),
        [
            ("s3://bucket", {}, ("https://bucket.s3.eu-west-1.amazonaws.com", True)),
            ("s3://my.bucket", {}, ("https://s3.eu-west-1.amazonaws.com", False)),
            ("s3://bucket", {"addressing_style": "path"}, ("https://s3.eu-west-1.amazonaws.com", False)),
            ("s3://bucket", {"use_ssl": False}, ("http://bucket.s3.eu-west-1.amazonaws.com", True)),
            ("s3://bucket", {"region_name": "cn-north-1"}, ("https://bucket.s3.cn-north-1.amazonaws.com.cn", True)),
            ("s3://bucket", {"endpoint_url": "http://h:1/"}, ("http://h:1", False)),
            ("s3://bucket", {"endpoint_url": "http://h:1", "addressing_style": "virtual"}, ("http://bucket.h:1", True)),
            ("s3://b--use1-az4--x-s3", {}, ("https://b--use1-az4--x-s3.s3express-use1-az4.eu-west-1.amazonaws.com", True)),
        ],
    )
    def test_the_bucket_stands_where_the_store_wants_it(self, monkeypatch, location, options, expected):
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.delenv(name, raising=False)
        engine = ObstoreEngine.from_options(location, options)
        assert endpoint(engine.service.target, options.get("region_name", "eu-west-1")) == expected
        assert engine._stores.of(READING).config["endpoint"]

    def test_a_directory_bucket_lists_in_no_order_and_from_no_point(self, open_engine, echo):
        engine = open_engine(echo.url, "cache--use1-az4--x-s3", PROFILE="express")
        assert (engine.features.ordered_listing, engine.features.start_after) == (False, False)
        with pytest.raises(NotSupported):
            list(engine.list_objects("cache/", start_after="cache/0"))
        assert echo.requests == []

    def test_there_is_no_date_of_the_server(self, engine):
        engine.put_object("name", b"body")
        assert engine.get_object("name").date is None
        assert not engine.features.server_date


class TestCredentials:
    def test_those_of_the_shared_files_are_found(self, bare_environment, proxy, bucket):
        bare_environment.write_text("[someone]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = word\n")
        options = s3_options(proxy.url, access_key=None, secret_key=None, session_profile="someone")
        engine = ObstoreEngine.from_options(f"s3://{bucket}", options)
        engine.put_object("name", b"body")
        engine.close()
        assert "Credential=AKIDPROFILE/" in proxy.requests[0].headers["Authorization"]

    def test_a_region_that_nobody_names_is_us_east_1(self, bare_environment, open_engine, echo):
        open_engine(echo.url, region_name=None).get_object("name")
        assert "/us-east-1/s3/aws4_request" in echo.requests[0].headers["Authorization"]

    @pytest.mark.parametrize("shape", ["blocking", "async"])
    def test_without_any_nothing_is_sent(self, bare_environment, open_engine, echo, shape):
        engine = open_engine(echo.url, access_key=None, secret_key=None)
        with pytest.raises(EngineMisconfigured, match="There are no credentials"):
            asyncio.run(get(engine)) if shape == "async" else engine.get_object("name")
        assert echo.requests == []

    def test_a_source_that_does_not_answer_is_unavailable(self, monkeypatch, open_engine, echo):
        def keys():
            raise EngineUnavailable("The credentials cannot be read: no answer.")

        engine = open_engine(echo.url)
        monkeypatch.setattr(engine.service._aws, "keys", keys)
        with pytest.raises(EngineUnavailable, match="The credentials cannot be read: no answer."):
            engine.get_object("name")


class TestClouds:
    def test_a_generation_is_the_condition_of_google(self, gcs):
        engine = ObstoreEngine.from_options("gs://bucket/cache", {"endpoint": gcs.url, "bearer_token": "token"})
        etag = engine.put_object("n", b"old", if_none_match=True)
        engine.put_object("n", b"new", if_match=etag)
        with pytest.raises(NotModified):
            engine.get_object("n", if_none_match=engine.get_object("n").etag)
        assert [request.headers["x-goog-if-generation-match"] for request in gcs.requests] == ["0", "1", None, None]
        assert gcs.requests[-1].headers["If-None-Match"] == '"e2"'
        assert gcs.requests[0].headers["Authorization"] == "Bearer token"
        engine.close()

    @pytest.mark.parametrize("verb", [verb for verb in ALL if verb != "delete many"])
    def test_a_missing_bucket_of_google_is_misconfigured(self, gcs, verb):
        engine = ObstoreEngine.from_options("gs://other/cache", {"endpoint": gcs.url, "bearer_token": "token"})
        with pytest.raises(EngineMisconfigured, match="NoSuchBucket.*Create the bucket"):
            VERBS[verb](engine)

    @pytest.mark.parametrize(
        ("verb", "answer", "expected"),
        [
            ("get", Answer.error(404, "BlobNotFound"), ObjectNotFound),
            ("get", Answer.error(404, "ContainerNotFound"), EngineMisconfigured),
            ("put", Answer.error(404, "ContainerNotFound"), EngineMisconfigured),
            ("list", Answer.error(404, "ContainerNotFound"), EngineMisconfigured),
            ("create", Answer.error(409, "BlobAlreadyExists"), PreconditionFailed),
            ("create", Answer.error(409, "BlobImmutableDueToPolicy"), Conflict),
            ("replace", Answer.error(412, "ConditionNotMet"), PreconditionFailed),
            ("replace", Answer.error(404, "BlobNotFound"), PreconditionFailed),
            ("put", Answer.error(503, "ServerBusy"), EngineUnavailable),
            ("put", Answer.error(403, "AuthenticationFailed"), EngineMisconfigured),
        ],
    )
    def test_an_answer_of_azure_becomes_an_error_of_ours(self, echo, verb, answer, expected):
        options = {"endpoint": echo.url, "account_name": "me", "account_key": "a2V5", "max_attempts": 1}
        echo.answer = lambda request, forward: answer
        with pytest.raises(expected) as caught:
            VERBS[verb](ObstoreEngine.from_options("az://container/cache", options))
        assert type(caught.value) is expected

    def test_an_etag_of_azure_is_in_quotes_everywhere(self):
        service = ObstoreEngine.from_options("az://container", {}).service
        assert service.etag({"e_tag": "0x1"}) == service.etag({"e_tag": '"0x1"'}) == '"0x1"'

    @pytest.mark.parametrize(
        ("location", "options"), [("gs://bucket", {"service_account_path": "/nowhere"}), ("az://container", {})]
    )
    def test_options_that_obstore_refuses_are_misconfigured(self, monkeypatch, location, options):
        monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
        with pytest.raises(EngineMisconfigured, match=f"obstore refuses the options of {location}"):
            ObstoreEngine.from_options(location, options).get_object("name")


async def get(engine, name="name"):
    return await engine.asynchronous().get_object(name)


class TestAsync:
    async def test_no_thread_is_started(self, open_engine, echo, monkeypatch):
        def refuse(*_):
            raise AssertionError("a thread was wanted")

        store = open_engine(echo.url).asynchronous()
        monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
        await store.put_object("name", b"body")
        assert (await store.get_object("name")).body == b"body"
        await store.delete_objects(["name"])
        assert [info async for info in store.list_objects()] == []
        assert len(echo.requests) == 4

    async def test_a_hundred_requests_wait_together(self, open_engine, echo):
        store, here = open_engine(echo.url).asynchronous(), threading.Barrier(100)
        echo.answer = lambda request, forward: here.wait(10) is not None and AS_S3[request.kind]
        stored = await asyncio.gather(*(store.get_object("name") for _ in range(100)))
        assert {one.body for one in stored} == {b"body"}

    async def test_a_cancelled_call_ends_at_once_and_the_next_one_is_answered(self, open_engine, echo):
        store, asked, told_to_go_on = open_engine(echo.url).asynchronous(), asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def hesitate(request, forward):
            loop.call_soon_threadsafe(asked.set)
            told_to_go_on.wait(30)

        echo.answer = hesitate
        task = asyncio.ensure_future(store.get_object("name"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        told_to_go_on.set()
        echo.answer = lambda request, forward: AS_S3[request.kind]
        assert (await store.get_object("name")).body == b"body"

    async def test_errors_are_the_same(self, open_engine, echo):
        store = open_engine(echo.url, max_attempts=1).asynchronous()
        echo.answer = lambda request, forward: Answer.error(404, "NoSuchBucket")
        with pytest.raises(EngineMisconfigured, match="get_object of 'n' at s3://bucket/.*NoSuchBucket"):
            await store.get_object("n")
        with pytest.raises(EngineMisconfigured, match="list_objects.*NoSuchBucket"):
            async with aclosing(store.list_objects("n")) as listing:
                await anext(listing)

    async def test_both_shapes_share_their_connections(self, engine):
        store = engine.asynchronous()
        await store.put_object("name", b"body")
        made = engine._stores.of(READING)
        assert engine.get_object("name").body == b"body"
        assert engine._stores.of(READING) is made

    def test_it_works_in_one_event_loop_after_another(self, engine):
        engine.put_object("name", b"body")
        for _ in range(3):
            assert asyncio.run(get(engine)).body == b"body"


class TestStores:
    def test_many_threads_make_one_store(self, monkeypatch, open_engine, moto, bucket):
        engine, gate, made = open_engine(moto, bucket), threading.Barrier(16), []
        make = engine.service.make
        monkeypatch.setattr(engine.service, "make", lambda kind: made.append(kind) or make(kind))

        def work():
            gate.wait()
            engine.delete_objects(["name"])

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [READING]

    def test_closing_lets_go_of_every_connection_and_makes_new_ones_on_next_use(self, engine, proxy):
        engine.put_object("name", b"body")
        engine.put_object("other", b"body", if_none_match=True)
        engine.close()
        assert proxy.clients_have_left()
        assert engine.get_object("name").body == b"body"


class TestForks:
    @pytest.mark.parametrize("how", ["fork", "multiprocessing"])
    @pytest.mark.parametrize("shape", ["blocking", "async"])
    @pytest.mark.parametrize(
        ("before", "expected"), [("used", "EngineMisconfigured: obstore was used"), ("configured", "answered")]
    )
    def test_a_child_answers_or_says_at_once_why_it_cannot(self, moto_server, bucket, before, expected, shape, how):
        ObstoreEngine.from_options(f"s3://{bucket}", s3_options(moto_server.url)).put_object("name", b"body")
        worker = Path(__file__).with_name("obstore_fork_worker.py")
        command = [sys.executable, "-W", "ignore", worker, moto_server.url, bucket, before, shape, how]
        root = Path(__file__).parents[2]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
        )
        assert done.stdout.startswith(expected), done.stderr


def signed(tmp_path):
    """The path of a file with a fresh key and its certificate for 127.0.0.1, signed by the one of authority.pem beside it."""
    now, keys = datetime.datetime.now(datetime.UTC), [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("authority", "127.0.0.1")]

    def certificate(number):
        return (
            x509.CertificateBuilder()
            .subject_name(names[number])
            .issuer_name(names[0])
            .public_key(keys[number].public_key())
            .serial_number(1 + number)
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), critical=True)
            .sign(keys[0], hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    plain = serialization.NoEncryption()
    key = keys[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (tmp_path / "authority.pem").write_bytes(certificate(0))
    (tmp_path / "server.pem").write_bytes(key + certificate(1))
    return tmp_path / "server.pem"
