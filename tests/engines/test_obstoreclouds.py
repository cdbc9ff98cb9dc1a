"""Google Cloud Storage and Azure behind the engine ``obstore``, in front of servers that stand in for theirs."""

import datetime
import itertools
import re
import threading
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from s3cache.engines.obstore import ObstoreEngine
from s3cache.errors import (
    Conflict,
    EngineMisconfigured,
    EngineUnavailable,
    NotModified,
    ObjectNotFound,
    PreconditionFailed,
)
from s3cache.testing import EngineContract
from tests.engines.s3engine_tests import ALL, VERBS, XML, S3EngineFixtures
from tests.servers import Answer, Proxy

pytest_plugins = ["tests.servers"]


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


class TestClouds(S3EngineFixtures):
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

    @pytest.mark.parametrize(
        ("location", "secrets"),
        [
            ("gs://bucket/cache", {"bearer_token": "topsecret"}),
            ("az://container/cache", {"account_name": "a", "account_key": "dG9wc2VjcmV0"}),
            ("az://container/cache", {"account_name": "a", "sas_token": "sv=1&sig=topsecret"}),
        ],
    )
    def test_no_secret_is_in_a_message_or_a_repr(self, echo, location, secrets):
        [(name, secret)] = [(name, value) for name, value in secrets.items() if name != "account_name"]
        engine = ObstoreEngine.from_options(location, {"endpoint": echo.url, **secrets})
        echo.answer = lambda request, forward: Answer.error(403, "Forbidden", f"{secret} topsecret {request.target}")
        with pytest.raises(EngineMisconfigured, match="Forbidden") as caught:
            engine.get_object("name")
        assert secret not in str(caught.value)
        assert secret not in repr(engine) + repr(engine.service.options) + engine.location
