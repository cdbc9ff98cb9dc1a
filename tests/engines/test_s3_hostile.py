"""Every S3 engine over stores that break the protocol, and with options over which an SDK would stumble."""

import base64
import io
import itertools

import pytest

from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.minio import MinioEngine
from s3cache.engines.obstore import ObstoreEngine
from s3cache.engines.s3errors import LONGEST
from s3cache.engines.storages import StoragesEngine
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable, OptionError
from tests.engines.rawserver import raw_server
from tests.engines.s3engine_tests import ETAG, VERBS, XML, found, listed, listing
from tests.servers import Answer, Proxy, s3_options
from tests.tls import self_signed

WITH_PAGES = {"boto3": Boto3Engine, "minio": MinioEngine, "storages": StoragesEngine}
"""The engines that see where a page of a listing ends."""
ALL = {**WITH_PAGES, "obstore": ObstoreEngine}
OVER_HTTP_CLIENT = ["boto3", "minio", "storages"]
"""The engines that send over the standard library's connections, and check what these take for an answer."""
CUSTOMER_KEY = "customer-key-of-32-bytes-in-full"


@pytest.fixture
def store():
    with Proxy() as server:
        yield server


@pytest.fixture
def open_engine(store):
    opened = []

    def make(name, **options):
        opened.append(ALL[name].from_options("s3://bucket/cache", s3_options(store.url, max_attempts=1, **options)))
        return opened[-1]

    yield make
    for engine in opened:
        engine.close()


def more(token):
    return f"<IsTruncated>true</IsTruncated>{token}"


class TestListings:
    @pytest.mark.parametrize("name", WITH_PAGES)
    @pytest.mark.parametrize("entries", ["", listed("a")])
    @pytest.mark.parametrize("token", ["", "<NextContinuationToken/>", "<NextContinuationToken>same</NextContinuationToken>"])
    def test_one_that_goes_in_circles_or_breaks_off_is_an_error(self, open_engine, store, name, entries, token):
        store.answer = lambda request, forward: listing(entries, more(token))
        with pytest.raises(EngineMisconfigured, match="breaks off"):
            list(itertools.islice(open_engine(name).list_objects(), 10))
        assert len(store.requests) <= 2

    @pytest.mark.parametrize("name", WITH_PAGES)
    def test_one_that_goes_in_a_wide_circle_is_an_error(self, open_engine, store, name):
        tokens = itertools.cycle("abc")
        store.answer = lambda request, forward: listing("", more(f"<NextContinuationToken>{next(tokens)}</NextContinuationToken>"))
        with pytest.raises(EngineMisconfigured, match="breaks off"):
            list(open_engine(name).list_objects())
        assert len(store.requests) == 4

    @pytest.mark.parametrize("name", WITH_PAGES)
    def test_a_token_after_the_last_page_is_none(self, open_engine, store, name):
        end = "<IsTruncated>false</IsTruncated><NextContinuationToken>more</NextContinuationToken>"
        store.answer = lambda request, forward: listing(listed("a"), end)
        assert [info.name for info in open_engine(name).list_objects()] == ["a"]

    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize("missing", ["Key", "Size", "LastModified"])
    def test_an_entry_that_lacks_something_is_an_error(self, open_engine, store, name, missing):
        parts = {"Key": "a", "Size": "1", "LastModified": "2026-11-20T10:00:00.000Z"}
        entry = "".join(f"<{part}>{text}</{part}>" for part, text in parts.items() if part != missing)
        store.answer = lambda request, forward: listing(f"<Contents>{entry}</Contents>")
        with pytest.raises((EngineMisconfigured, EngineUnavailable)):
            list(open_engine(name).list_objects())


class TestAnswers:
    @pytest.mark.parametrize("name", ALL)
    def test_an_empty_etag_is_none(self, open_engine, store, name):
        store.answer = lambda request, forward: Answer(200, b"body", [("ETag", "")])
        with pytest.raises(EngineMisconfigured, match="ETag"):
            open_engine(name).get_object("n")

    @pytest.mark.parametrize("name", ["boto3", "minio", "storages"])
    def test_a_length_beyond_all_memory_is_an_error(self, open_engine, store, name):
        store.answer = lambda request, forward: found(b"body", announced=10**30)
        with pytest.raises(EngineError):
            open_engine(name).get_object("n")

    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize("message", ["word " * 100_000, "x" * 500_000])
    def test_a_long_message_is_cut(self, open_engine, store, name, message):
        store.answer = lambda request, forward: Answer.error(403, "AccessDenied", message)
        with pytest.raises(EngineMisconfigured, match="AccessDenied.*…. Allow these credentials") as caught:
            open_engine(name).get_object("n")
        assert len(str(caught.value)) < 2 * LONGEST

    @pytest.mark.parametrize("name", ALL)
    def test_a_message_is_one_line(self, open_engine, store, name):
        store.answer = lambda request, forward: Answer.error(403, "AccessDenied", "one\ntwo\r\n\tthree\x85four\x7f")
        with pytest.raises(EngineMisconfigured, match="one two three four") as caught:
            open_engine(name).get_object("n")
        assert str(caught.value).isprintable()

    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize("key", [CUSTOMER_KEY, CUSTOMER_KEY.encode()])
    def test_no_customers_key_is_in_a_message_as_the_header_carries_it(self, open_engine, store, name, key):
        sent = base64.b64encode(CUSTOMER_KEY.encode()).decode()
        store.answer = lambda request, forward: Answer.error(403, "AccessDenied", f"You sent {sent}, {CUSTOMER_KEY}.")
        engine = open_engine(name, request_parameters={"SSECustomerKey": key, "SSECustomerAlgorithm": "AES256"})
        with pytest.raises(EngineMisconfigured, match=r"You sent \*\*\*, \*\*\*"):
            engine.put_object("n", b"")
        assert store.requests[0].headers["x-amz-server-side-encryption-customer-key"] == sent

    def test_a_batch_that_is_deleted_says_so(self, open_engine, store):
        store.answer = lambda request, forward: Answer(200, b"<DeleteResult/>", XML)
        for name in WITH_PAGES:
            open_engine(name).delete_objects(["a", "b"])


def about(head, size=0):
    """The answer to that request: its body begins with the target, and is padded until there are so many bytes."""
    start = f"HTTP/1.1 200 OK\r\nETag: {ETAG}\r\nContent-Length: "
    body = head.split()[1]
    padding = "." * (size - len(f"{start}0000\r\n\r\n{body}"))
    return f"{start}{len(body + padding):04}\r\n\r\n{body}{padding}"


class TestConnections:
    @pytest.mark.parametrize("name", OVER_HTTP_CLIENT)
    @pytest.mark.parametrize("interim", ["102 Processing", "103 Early Hints\r\nLink: x"])
    def test_no_request_gets_the_answer_to_an_earlier_one_after_an_interim_answer(self, open_engine, name, interim):
        def behind(heads):
            """The final answer to a PUT comes when the next request is there, and so on."""
            if heads[-1].startswith("PUT"):
                return f"HTTP/1.1 {interim}\r\n\r\n"
            return about(heads[-2] if heads[0].startswith("PUT") else heads[-1])

        with raw_server(behind) as server:
            engine = open_engine(name, endpoint_url=server.url)
            with pytest.raises(EngineUnavailable):
                engine.put_object("one", b"body")
            assert [engine.get_object(one).body for one in ("two", "three")] == [b"/bucket/two", b"/bucket/three"]
            assert server.accepted == 2

    @pytest.mark.parametrize("name", OVER_HTTP_CLIENT)
    def test_what_comes_after_an_answer_is_none_though_tls_has_decrypted_it(self, open_engine, tmp_path, name):
        """A reader takes so much at once: the rest of the TLS record is where no poll sees it."""
        certificate = str(self_signed(tmp_path))

        def more(heads):
            answer = about(heads[-1], io.DEFAULT_BUFFER_SIZE)
            return answer + about("GET stowaway") if len(server.received) == 1 else answer

        with raw_server(more, certificate=certificate) as server:
            engine = open_engine(name, endpoint_url=server.url, verify=certificate)
            assert [engine.get_object(one).body.rstrip(b".") for one in ("one", "two")] == [b"/bucket/one", b"/bucket/two"]
            assert server.accepted == 2

    @pytest.mark.parametrize("name", [*OVER_HTTP_CLIENT, "obstore"])
    @pytest.mark.parametrize("verb", ["get", "put", "delete"])
    @pytest.mark.parametrize(
        "cut",
        [
            "",
            "Server: x\r\nETa",
            f"ETag: {ETAG}\r\nContent-Le",
            f"ETag: {ETAG}\r\n",
            f"Content-Length: 0\r\nETag: {ETAG[:3]}",
            f"ETag: {ETAG}\r\nTransfer-Encoding: chunked\r\n",
        ],
    )
    def test_headers_that_are_cut_are_no_answer(self, open_engine, name, verb, cut):
        with raw_server(f"HTTP/1.1 200 OK\r\n{cut}", keep=False) as server, pytest.raises(EngineUnavailable):
            VERBS[verb](open_engine(name, endpoint_url=server.url))

    @pytest.mark.parametrize("name", OVER_HTTP_CLIENT)
    def test_a_line_among_the_headers_that_is_none_makes_them_no_answer(self, open_engine, name):
        """Those after it would be lost."""
        answer = f"HTTP/1.1 200 OK\r\nETag: {ETAG}\r\nnonsense\r\nContent-Length: 4\r\n\r\nbody"
        with raw_server(answer, keep=False) as server, pytest.raises(EngineUnavailable):
            open_engine(name, endpoint_url=server.url).get_object("n")

    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/mixed; boundary=b", "message/rfc822"])
    def test_an_object_may_be_of_any_type(self, open_engine, store, name, kind):
        """The parser of headers looks for the parts of a mail."""
        store.answer = lambda request, forward: Answer(200, b"body", [("ETag", ETAG), ("Content-Type", kind)])
        assert open_engine(name).get_object("n").body == b"body"


class TestOptions:
    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize(
        "options",
        [
            {"region_name": "us-east-1\n"},
            {"object_parameters": {"ContentType": "text/plain\r\nX-Header: secret"}},
            {"object_parameters": {"Tagging": "secret\ud800"}},
            {"object_parameters": {"Metadata": {"a": "secret\n"}}},
            {"object_parameters": {"Metadata": {"a": b"secret"}}},
            {"object_parameters": {"Metadata": {1: "secret"}}},
            {"object_parameters": {"Metadata": "secret"}},
            {"request_parameters": {"SSECustomerKey": ["secret"], "SSECustomerAlgorithm": "AES256"}},
        ],
    )
    def test_what_no_header_can_carry_is_refused_at_construction(self, open_engine, name, options):
        with pytest.raises(OptionError, match=r"OPTIONS\['") as caught:
            open_engine(name, **options)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("location", "options"),
        [
            ("gs://bucket/cache", {"bearer_token": "secret\n"}),
            ("az://container/cache", {"bearer_token": "secret\n"}),
            ("az://container/cache", {"account_name": "a\nb", "account_key": "secret"}),
            ("az://container/cache", {"account_name": "me", "endpoint": "https://me:secret@host"}),
            ("az://container/cache", {"account_name": "me", "endpoint": "https://host/?sig=secret"}),
        ],
    )
    def test_so_it_is_of_clouds(self, location, options):
        with pytest.raises(OptionError, match=r"OPTIONS\['") as caught:
            ObstoreEngine.from_options(location, options)
        assert "secret" not in str(caught.value)

    def test_a_region_of_the_environment_that_makes_obstore_panic_is_an_error_of_ours(self, monkeypatch, open_engine):
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1\n")
        with pytest.raises(EngineMisconfigured):
            open_engine("obstore", region_name=None).get_object("n")

    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize("prefix", ["a\nb", "\x7f", "\ud800"])
    def test_no_prefix_has_what_a_name_cannot_have(self, name, prefix):
        with pytest.raises(OptionError, match=r"OPTIONS\['location'\]|LOCATION"):
            ALL[name].from_options("", {"bucket_name": "bucket", "location": prefix})
