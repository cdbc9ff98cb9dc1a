import pytest

from s3cache import ObjectStoreCache, plugins
from s3cache.engines import S3_ENGINES, s3options
from s3cache.engines.profiles import PROFILES, Profile, is_amazon, profile_of
from s3cache.errors import Conflict, EngineMisconfigured, EngineUnavailable, NotSupported, PreconditionFailed
from tests.servers import Answer, Proxy, s3_options

pytest_plugins = ["tests.servers"]

AMAZON = (
    None,
    "https://s3.amazonaws.com",
    "https://s3.eu-west-1.amazonaws.com",
    "https://s3-eu-west-1.amazonaws.com",
    "https://S3.EU-West-1.AmazonAWS.com/",
    "https://s3.dualstack.eu-west-1.amazonaws.com",
    "https://s3-fips.us-gov-west-1.amazonaws.com",
    "https://s3-fips.dualstack.us-east-1.amazonaws.com",
    "https://s3-accelerate.amazonaws.com",
    "https://s3-accelerate.dualstack.amazonaws.com",
    "https://s3.cn-north-1.amazonaws.com.cn",
    "https://s3.eusc-de-east-1.amazonaws.eu",
    "https://bucket.s3.eu-west-1.amazonaws.com",
    "https://point-123456789012.s3-accesspoint.eu-west-1.amazonaws.com",
    "https://vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
    "https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
    "https://accesspoint.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
    "https://s3express-use1-az4.us-east-1.amazonaws.com",
    "https://s3express-fips-use1-az4.dualstack.us-east-1.amazonaws.com",
)
OTHERS = (
    "http://localhost:9000",
    "http://127.0.0.1:9000",
    "http://[::1]:9000",
    "http://minio:9000",
    "https://s3.example.com",
    "https://amazonaws.com",
    "https://s3.amazonaws.com.example",
    "https://nots3.amazonaws.com.example",
    "https://my-minio-123.eu-west-1.elb.amazonaws.com",
    "https://s3-minio-123.eu-west-1.elb.amazonaws.com",
    "http://ec2-1-2-3-4.eu-west-1.compute.amazonaws.com:9000",
    "https://abc123.execute-api.eu-west-1.amazonaws.com",
    "https://point-1.op-1.123456789012.s3-outposts.us-west-2.amazonaws.com",
    "https://lambda-1.s3-object-lambda.us-west-2.amazonaws.com",
    "https://r2.cloudflarestorage.com.example",
    "https://storage.googleapis.com.example",
    "https://f004.backblazeb2.com",
    "https://bigquery.googleapis.com",
)


@pytest.mark.parametrize("endpoint", AMAZON)
def test_the_many_hosts_of_amazon_are_known(endpoint):
    assert is_amazon(endpoint)
    assert profile_of("bucket", endpoint).name == "aws"


@pytest.mark.parametrize("bucket", ["cache--use1-az4--x-s3", "point--use1-az4--xa-s3"])
@pytest.mark.parametrize("endpoint", AMAZON)
def test_a_directory_bucket_is_known_by_its_name(bucket, endpoint):
    assert profile_of(bucket, endpoint).name == "express"


@pytest.mark.parametrize("endpoint", OTHERS)
def test_a_host_that_tells_nothing_is_unknown(endpoint):
    assert not is_amazon(endpoint)
    assert profile_of("bucket", endpoint).name == profile_of("cache--use1-az4--x-s3", endpoint).name == "unknown"


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("https://0123abc.r2.cloudflarestorage.com", "r2"),
        ("https://0123abc.eu.r2.cloudflarestorage.com", "r2"),
        ("https://storage.googleapis.com", "gcs"),
        ("https://bucket.storage.googleapis.com", "gcs"),
        ("https://storage.europe-west3.rep.googleapis.com", "gcs"),
        ("https://storage.mtls.googleapis.com", "gcs"),
        ("https://s3.us-west-004.backblazeb2.com", "b2"),
        ("https://bucket.s3.eu-central-003.backblazeb2.com", "b2"),
        ("https://fra1.digitaloceanspaces.com", "spaces"),
        ("https://bucket.fra1.digitaloceanspaces.com", "spaces"),
    ],
)
def test_a_host_tells_the_profile(endpoint, name):
    assert profile_of("bucket", endpoint).name == name


def test_a_profile_that_is_set_goes_before_what_the_host_tells():
    options = {"endpoint_url": "https://0123abc.r2.cloudflarestorage.com", "PROFILE": "plain"}
    assert s3options.read("s3://bucket", options, {}).profile.name == "plain"


def test_the_endpoint_of_the_environment_tells_too():
    environ = {"AWS_ENDPOINT_URL_S3": "https://s3.us-west-004.backblazeb2.com"}
    assert s3options.read("s3://bucket", {}, environ).profile.name == "b2"


def test_where_nobody_knows_or_it_is_a_matter_of_the_bucket_the_conditions_must_be_proven():
    assert [name for name, profile in PROFILES.items() if not profile.proven] == ["spaces", "ceph", "unknown"]


def test_features_are_what_the_profile_says():
    features = PROFILES["rclone"].features
    assert (features.conditional_writes, features.atomic_overwrites, features.delete_batch) == (False, False, 1000)
    features = PROFILES["express"].features
    assert (features.ordered_listing, features.start_after, features.conditional_writes) == (False, False, True)
    features = PROFILES["unknown"].features
    assert (features.conditional_writes, features.proven) == (True, False)


@pytest.mark.parametrize("etag", ['"0123"', 'W/"0123"', "0123"])
def test_if_match_has_the_etag_in_the_form_that_the_store_wants(etag):
    assert Profile("any").if_match(etag) == "0123"
    assert Profile("any", quoted_etags=True).if_match(etag) == '"0123"'


@pytest.fixture(scope="module")
def told():
    """``told(engine, profile, answer, condition)``: what put_object with a condition makes of an answer."""
    opened = {}

    def tell(name, profile, answer, condition):
        if (name, profile) not in opened:
            options = s3_options(server.url, PROFILE=profile, addressing_style="path", max_attempts=1)
            opened[name, profile] = plugins.find(plugins.ENGINE, name).from_options("s3://bucket/cache", options)
        server.answer = lambda request, forward: answer
        return opened[name, profile].put_object("name", b"body", **condition)

    with Proxy() as server:
        tell.server = server
        yield tell
        for engine in opened.values():
            engine.close()


CONDITIONS = ({"if_none_match": True}, {"if_match": '"0123"'})


@pytest.mark.parametrize("engine", S3_ENGINES)
@pytest.mark.parametrize(
    ("profile", "status", "code", "expected"),
    [
        ("aws", 409, "ConditionalRequestConflict", Conflict),
        ("aws", 500, "UnknownError", EngineUnavailable),
        ("aws", 500, "InternalError", EngineUnavailable),
        ("ceph", 409, "ConcurrentModification", Conflict),
        ("ceph", 500, "UnknownError", Conflict),
        ("ceph", 500, "InternalError", EngineUnavailable),
        ("unknown", 500, "UnknownError", Conflict),
        ("minio", 503, "SlowDown", EngineUnavailable),
        ("r2", 412, "PreconditionFailed", PreconditionFailed),
        ("r2", 429, "TooManyRequests", EngineUnavailable),
    ],
)
def test_the_profile_says_what_a_lost_race_looks_like(told, engine, profile, status, code, expected):
    for condition in CONDITIONS:
        with pytest.raises(expected) as caught:
            told(engine, profile, Answer.error(status, code), condition)
        assert type(caught.value) is expected


@pytest.mark.parametrize("engine", S3_ENGINES)
@pytest.mark.parametrize(("profile", "sent"), [("r2", '"0123"'), ("rustfs", '"0123"'), ("ceph", "0123"), ("aws", "0123")])
def test_every_engine_sends_the_etag_as_the_store_wants_it(told, engine, profile, sent):
    told(engine, profile, Answer(200, headers=[("ETag", '"4567"')]), {"if_match": '"0123"'})
    assert told.server.requests[-1].headers["If-Match"] == sent


@pytest.mark.parametrize("engine", S3_ENGINES)
@pytest.mark.parametrize("profile", [name for name, one in PROFILES.items() if not one.conditional_writes])
def test_a_store_without_conditions_is_sent_none(told, engine, profile):
    told.server.forget()
    for condition in CONDITIONS:
        with pytest.raises(NotSupported):
            told(engine, profile, Answer(200), condition)
    assert told.server.requests == []


ACCEPTED = b"<html><h1>Accepted</h1><p>The request is accepted for processing.</p></html>"


@pytest.mark.parametrize("engine", S3_ENGINES)
def test_swift_gives_no_etag_for_a_write_that_was_overtaken(told, engine):
    told.server.forget()
    assert told(engine, "swift", Answer(200, ACCEPTED, [("Content-Type", "text/html; charset=UTF-8")]), {}) is None
    assert len(told.server.requests) == 1
    assert told(engine, "swift", Answer(200, headers=[("ETag", '"4567"')]), {}) == '"4567"'


@pytest.mark.parametrize("engine", S3_ENGINES)
@pytest.mark.parametrize("profile", ["aws", "plain"])
def test_of_any_other_store_an_answer_without_an_etag_is_an_error(told, engine, profile):
    with pytest.raises(EngineMisconfigured, match="ETag"):
        told(engine, profile, Answer(200, ACCEPTED), {})


@pytest.mark.parametrize("engine", S3_ENGINES)
def test_a_value_that_was_overtaken_counts_as_written(told, engine):
    told.server.answer = lambda request, forward: Answer(200, ACCEPTED)
    options = s3_options(told.server.url, ENGINE=engine, PROFILE="swift", MAX_ENTRIES=None, SIGNING_KEY="k", max_attempts=1)
    cache = ObjectStoreCache("s3://bucket/overtaken", {"OPTIONS": options})
    told.server.forget()
    cache.set("key", 1)
    assert cache.set_many({"a": 1, "b": 2}) == []
    assert len(told.server.requests) == 3
    cache.engine.close()


@pytest.mark.parametrize("engine", S3_ENGINES)
def test_of_a_store_without_batches_names_are_deleted_one_by_one(told, engine):
    engine = plugins.find(plugins.ENGINE, engine).from_options("s3://bucket/cache", s3_options(told.server.url, PROFILE="plain"))
    assert engine.features.delete_batch == 1
    engine.close()
