"""Every S3 engine over stores that break the protocol, and with options over which an SDK would stumble."""

import base64
import itertools

import pytest

from s3cache.engines.boto3 import Boto3Engine
from s3cache.engines.minio import MinioEngine
from s3cache.engines.obstore import ObstoreEngine
from s3cache.engines.s3errors import LONGEST
from s3cache.engines.storages import StoragesEngine
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable, OptionError
from tests.engines.s3engine_tests import XML, found, listed, listing
from tests.servers import Answer, Proxy, s3_options

WITH_PAGES = {"boto3": Boto3Engine, "minio": MinioEngine, "storages": StoragesEngine}
"""The engines that see where a page of a listing ends."""
ALL = {**WITH_PAGES, "obstore": ObstoreEngine}
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
