"""Every S3 engine finds the same credentials, in the same order, and renews them: read from the requests that it sends."""

import contextlib
import hashlib
import importlib
import itertools
import json
import re
import sys
import threading

import pytest

from s3cache.engines import ENGINES
from s3cache.errors import EngineMisconfigured, EngineUnavailable, ObjectNotFound
from tests.metadata import MOMENT, moment
from tests.servers import Answer

pytestmark = pytest.mark.once

S3_ENGINES = [name for name in ENGINES if name not in ("local", "memory")]
KEYS = {"aws_access_key_id": "{0}", "aws_secret_access_key": "secret of {0}"}
PROCESS = """
import pathlib, json, sys
asked = pathlib.Path(sys.argv[1])
asked.write_text(asked.read_text() + "x" if asked.exists() else "x")
number = len(asked.read_text())
print(json.dumps({"Version": 1, "AccessKeyId": f"process-{number}", "SecretAccessKey": "secret of process",
                  "SessionToken": f"token-{number}", "Expiration": sys.argv[2]}))
"""


def keys_of(name):
    return {setting: value.format(name) for setting, value in KEYS.items()}


def options(place):
    place.options |= {"access_key": "options", "secret_key": "secret of options"}
    return lambda: {("options", None)}


def options_with_token(place):
    place.options |= {"access_key": "options", "secret_key": "secret of options", "security_token": "token of options"}
    return lambda: {("options", "token of options")}


def environment(place):
    place.set("AWS_ACCESS_KEY_ID", "environment")
    place.set("AWS_SECRET_ACCESS_KEY", "secret of environment")
    return lambda: {("environment", None)}


def environment_with_token(place):
    environment(place)
    place.set("AWS_SESSION_TOKEN", "token of environment")
    return lambda: {("environment", "token of environment")}


def environment_with_the_older_name_of_a_token(place):
    environment_with_token(place)
    place.set("AWS_SECURITY_TOKEN", "older token of environment")
    return lambda: {("environment", "older token of environment")}


def environment_that_says_when_it_ends(place):
    environment_with_token(place)
    place.set("AWS_CREDENTIAL_EXPIRATION", moment(MOMENT * 12))
    return lambda: {("environment", "token of environment")}


def assumed_role(place):
    place.configure("credentials", "base", **keys_of("base"))
    place.configure("config", "default", role_arn="arn:aws:iam::123456789012:role/site", source_profile="base")
    return lambda: set(place.sts.issued())


def web_identity(place):
    place.set("AWS_WEB_IDENTITY_TOKEN_FILE", place.write("identity", "a token of the cluster"))
    place.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/site")
    return lambda: set(place.sts.issued())


def single_sign_on(place, ends="2099-01-01T00:00:00Z"):
    start = "https://sign-on.example/start"
    account = {"sso_region": "us-east-1", "sso_account_id": "123456789012", "sso_role_name": "site"}
    place.configure("config", "default", sso_start_url=start, **account)
    token = {"startUrl": start, "region": "us-east-1", "accessToken": "the portal's token", "expiresAt": ends}
    place.write(f".aws/sso/cache/{hashlib.sha1(start.encode()).hexdigest()}.json", json.dumps(token))
    return lambda: issued(place)


def credentials_file(place):
    place.configure("credentials", "default", **keys_of("credentials file"), aws_session_token="token of a file")
    return lambda: {("credentials file", "token of a file")}


def credential_process(place):
    script, asked = place.write("process.py", PROCESS), place.home / "asked"
    place.configure("config", "default", credential_process=f"{sys.executable} {script} {asked} {moment(place.issuer.lifetime)}")
    return lambda: {(f"process-{number + 1}", f"token-{number + 1}") for number in range(len(asked.read_text()))}


def config_file(place):
    place.configure("config", "default", **keys_of("config file"))
    return lambda: {("config file", None)}


def container(place):
    place.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{place.issuer.url}/ecs")
    return lambda: issued(place)


def container_with_relative_uri(place):
    place.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/ecs?for=the-task")
    return lambda: issued(place)


def container_with_token(place):
    place.issuer.authorization = "Basic of the container"
    place.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic of the container")
    return container(place)


def container_with_token_in_a_file(place):
    place.issuer.authorization = "Basic of the pod"
    place.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", place.write("pod", "Basic of the pod"))
    return container(place)


def machine(place):
    place.set("AWS_EC2_METADATA_DISABLED", "false")
    place.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", place.issuer.url)
    return lambda: issued(place)


def issued(place):
    return {(f"issued-{number + 1}", f"token-{number + 1}") for number in range(place.issuer.issued)}


ORDER = [
    options,
    environment,
    assumed_role,
    web_identity,
    single_sign_on,
    credentials_file,
    credential_process,
    config_file,
    container,
    machine,
]
"""The first that is there counts. Each tells, by then, with which keys and token a request may be signed."""
VARIANTS = [
    options_with_token,
    environment_with_token,
    environment_with_the_older_name_of_a_token,
    environment_that_says_when_it_ends,
    container_with_relative_uri,
    container_with_token,
    container_with_token_in_a_file,
]
RENEWED = [assumed_role, web_identity, single_sign_on, credential_process, container, container_with_token, machine]


@pytest.fixture(params=S3_ENGINES)
def engine_class(request):
    module, _, name = ENGINES[request.param].rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.fixture
def place(place):
    """The place, and in it the options that an engine is given."""
    place.options = {"region_name": "eu-west-1", "PROFILE": "moto", "max_attempts": 1}
    return place


@pytest.fixture
def engine(engine_class, place, proxy, bucket):
    """Makes the one engine of a test when it is first called."""
    made = []

    def make():
        if not made:
            made.append(engine_class.from_options(f"s3://{bucket}/cache", {"endpoint_url": proxy.url, **place.options}))
        return made[0]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def sent(engine, proxy):
    """``sent()``: the key id and the session token with which a request was signed just now."""

    def send():
        with contextlib.suppress(ObjectNotFound):
            engine().get_object("cache/none")
        return signature(proxy.requests[-1])

    return send


def signature(request):
    signed = re.search("Credential=([^/]+)/", request.headers["Authorization"] or "")
    return signed and signed[1], request.headers["x-amz-security-token"]


def named(source):
    return source.__name__.replace("_", " ")


def later(sent, claim):
    """The first keys of which the claim is true. obstore may go on with what it was given for a tenth of a second."""
    return next((keys for _ in range(300) if claim(keys := sent())), None)


@pytest.mark.parametrize("source", [*ORDER, *VARIANTS], ids=named)
def test_a_request_is_signed_with_the_keys_of(source, place, sent):
    expected = source(place)
    assert sent() in expected()


@pytest.mark.parametrize(("first", "second"), list(itertools.pairwise(ORDER)), ids=named)
def test_of_two_sources_the_first_counts(first, second, place, sent):
    second(place)
    expected = first(place)
    assert sent() in expected()


@pytest.mark.parametrize("source", RENEWED, ids=named)
def test_keys_that_are_about_to_expire_are_renewed(source, place, sent):
    place.issuer.lifetime = place.sts.lifetime = MOMENT
    expected = source(place)
    sent()
    known = expected()
    assert later(sent, lambda keys: keys not in known) in expected()


def test_environment_keys_that_are_about_to_expire_are_read_again(place, sent):
    environment_with_token(place)
    place.set("AWS_CREDENTIAL_EXPIRATION", moment(MOMENT))
    assert sent() == ("environment", "token of environment")
    place.set("AWS_ACCESS_KEY_ID", "next environment")
    assert later(sent, lambda keys: keys == ("next environment", "token of environment"))


def test_keys_that_last_are_not_asked_for_again(place, sent):
    container(place)
    keys, known = sent(), place.issuer.issued
    assert sent() == keys
    assert place.issuer.issued == known


class TestProfiles:
    def test_the_environment_names_one(self, place, sent):
        place.configure("credentials", "default", **keys_of("default"))
        place.configure("credentials", "site", **keys_of("site"))
        place.set("AWS_PROFILE", "site")
        assert sent() == ("site", None)

    def test_the_option_counts_more_than_that_and_than_keys_of_the_environment(self, place, sent):
        environment(place)
        place.configure("credentials", "site", **keys_of("site"))
        place.configure("credentials", "other", **keys_of("other"))
        place.set("AWS_PROFILE", "other")
        place.options["session_profile"] = "site"
        assert sent() == ("site", None)

    def test_the_option_passes_over_a_web_identity_of_the_environment(self, place, sent):
        web_identity(place)
        place.configure("credentials", "site", **keys_of("site"))
        place.options["session_profile"] = "site"
        assert sent() == ("site", None)

    def test_keys_of_the_environment_count_more_than_the_profile_that_it_names(self, place, sent):
        environment(place)
        place.configure("credentials", "site", **keys_of("site"))
        place.set("AWS_PROFILE", "site")
        assert sent() == ("environment", None)

    def test_the_files_may_be_elsewhere(self, place, sent):
        place.set(
            "AWS_SHARED_CREDENTIALS_FILE",
            place.write("elsewhere", "[default]\naws_access_key_id=else\naws_secret_access_key=where\n"),
        )
        assert sent() == ("else", None)

    def test_a_role_is_assumed_with_the_keys_of_its_base(self, place, sent):
        assumed_role(place)
        sent()
        assert [signature(request)[0] for request in place.sts.requests] == ["base"]


class TestRegion:
    @pytest.fixture
    def place(self, place):
        environment(place)
        del place.options["region_name"]
        return place

    @pytest.fixture
    def region(self, sent, proxy):
        """``region()``: the one for which a request was signed just now."""

        def send():
            sent()
            return proxy.requests[-1].headers["Authorization"].split("/")[2]

        return send

    def test_the_option_counts_most(self, place, region):
        place.options["region_name"] = "eu-west-3"
        place.set("AWS_DEFAULT_REGION", "eu-west-2")
        assert region() == "eu-west-3"

    def test_then_the_environment(self, place, region):
        place.set("AWS_DEFAULT_REGION", "eu-west-2")
        place.configure("config", "default", region="eu-south-1")
        assert region() == "eu-west-2"

    def test_then_the_shared_config_file(self, place, region):
        place.configure("config", "default", region="eu-south-1")
        assert region() == "eu-south-1"

    def test_or_that_of_the_credentials(self, place, region):
        place.configure("credentials", "default", region="eu-south-1")
        assert region() == "eu-south-1"

    def test_that_of_the_profile_which_the_option_names(self, place, region):
        place.configure("config", "default", region="eu-south-1")
        place.configure("config", "profile site", region="eu-south-2", **keys_of("site"))
        place.options["session_profile"] = "site"
        assert region() == "eu-south-2"

    def test_a_variable_that_boto3_does_not_know_counts_nothing(self, place, region):
        place.set("AWS_REGION", "eu-west-2")
        place.configure("config", "default", region="eu-south-1")
        assert region() == "eu-south-1"

    def test_without_any_it_is_the_first(self, region):
        assert region() in ("us-east-1", "aws-global")


class TestMachine:
    def test_without_session_tokens_it_is_asked_as_in_its_first_version(self, place, sent):
        place.issuer.tokens = False
        expected = machine(place)
        assert sent() in expected()

    def test_that_can_be_forbidden(self, place, sent):
        place.issuer.tokens = False
        place.set("AWS_EC2_METADATA_V1_DISABLED", "true")
        machine(place)
        with pytest.raises(EngineUnavailable, match="IMDSv1 has been disabled"):
            sent()
        assert place.issuer.issued == 0

    def test_it_is_not_asked_where_the_environment_says_so(self, place, sent):
        machine(place)
        place.set("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(EngineMisconfigured):
            sent()
        assert place.issuer.requests == []

    def test_it_is_asked_again_after_it_gave_nothing(self, place, sent):
        expected, answer = machine(place), place.issuer.answer
        place.issuer.answer = lambda request, forward: None
        with pytest.raises(EngineMisconfigured):
            sent()
        place.issuer.answer = answer
        assert sent() in expected()


class TestNone:
    def test_unsigned_requests_carry_no_keys(self, place, sent):
        environment_with_token(place)
        place.options["signature_version"] = "unsigned"
        assert sent() == (None, None)

    def test_without_any_the_message_says_what_to_do(self, sent, proxy):
        with pytest.raises(EngineMisconfigured, match=r"AWS_ACCESS_KEY_ID.*OPTIONS\['access_key'\]"):
            sent()
        assert proxy.requests == []


def missing_profile(place):
    place.options["session_profile"] = "missing"
    return EngineMisconfigured, "missing"


def missing_profile_of_the_environment(place):
    environment(place)
    place.set("AWS_PROFILE", "missing")
    return EngineMisconfigured, "missing"


def half_of_the_environment(place):
    place.set("AWS_ACCESS_KEY_ID", "environment")
    return EngineMisconfigured, "AWS_SECRET_ACCESS_KEY"


def line_break_in_the_environment(place):
    environment(place)
    place.set("AWS_SESSION_TOKEN", "secret of environment\n")
    return EngineMisconfigured, "line break"


def line_break_from_a_process(place):
    keys = {"Version": 1, "AccessKeyId": "process", "SecretAccessKey": "secret", "SessionToken": "secret of process\n"}
    script = place.write("process.py", f"print({json.dumps(keys)!r})")
    place.configure("config", "default", credential_process=f"{sys.executable} {script}")
    return EngineMisconfigured, "line break"


def half_of_a_profile(place):
    place.configure("credentials", "default", aws_access_key_id="half")
    return EngineMisconfigured, "aws_secret_access_key"


def environment_that_has_ended(place):
    environment(place)
    place.set("AWS_CREDENTIAL_EXPIRATION", moment(-MOMENT))
    return EngineMisconfigured, "expired"


def file_that_is_none(place):
    place.write(".aws/credentials", "secret of a broken file")
    return EngineMisconfigured, "Unable to parse"


def missing_process(place):
    place.configure("config", "default", credential_process="/no/such/process")
    return EngineMisconfigured, "/no/such/process"


def process_that_fails(place):
    script = place.write("process.py", "raise SystemExit('Log in first.')")
    place.configure("config", "default", credential_process=f"{sys.executable} {script}")
    return EngineUnavailable, "Log in first"


def process_that_prints_something_else(place):
    script = place.write("process.py", "print('secret of something else')")
    place.configure("config", "default", credential_process=f"{sys.executable} {script}")
    return EngineMisconfigured, "Expecting value"


def missing_identity(place):
    web_identity(place)
    place.set("AWS_WEB_IDENTITY_TOKEN_FILE", "/no/such/token")
    return EngineMisconfigured, "/no/such/token"


def sign_on_that_has_ended(place):
    single_sign_on(place, ends="2020-01-01T00:00:00Z")
    return EngineMisconfigured, "expired"


def sts_that_refuses(place):
    web_identity(place)
    refusal = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not this role.</Message></Error></ErrorResponse>"
    place.sts.answer = lambda request, forward: Answer(403, refusal)
    return EngineMisconfigured, "AccessDenied"


def sts_that_is_down(place):
    web_identity(place)
    place.sts.answer = lambda request, forward: Answer(503)
    return EngineUnavailable, "503"


def sts_that_hangs_up(place):
    web_identity(place)
    place.sts.answer = lambda request, forward: None
    return EngineUnavailable, "onnection"


def container_that_refuses(place):
    container_with_token(place)
    place.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret of another")
    return EngineUnavailable, "403"


def container_that_hangs_up(place):
    container(place)
    place.issuer.answer = lambda request, forward: None
    return EngineUnavailable, "container"


def container_that_answers_something_else(place):
    container(place)
    place.issuer.answer = lambda request, forward: Answer(200, b'{"SecretAccessKey": "secret of a container"}')
    return EngineMisconfigured, "AccessKeyId"


def container_of_another_host(place):
    place.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.org/")
    return EngineMisconfigured, "example.org"


def container_with_a_broken_token(place):
    container(place)
    place.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret of\na container")
    return EngineMisconfigured, "Auth token"


FAILING = [
    missing_profile,
    missing_profile_of_the_environment,
    half_of_the_environment,
    line_break_in_the_environment,
    line_break_from_a_process,
    half_of_a_profile,
    environment_that_has_ended,
    file_that_is_none,
    missing_process,
    process_that_fails,
    process_that_prints_something_else,
    missing_identity,
    sign_on_that_has_ended,
    sts_that_refuses,
    sts_that_is_down,
    sts_that_hangs_up,
    container_that_refuses,
    container_that_hangs_up,
    container_that_answers_something_else,
    container_of_another_host,
    container_with_a_broken_token,
]


@pytest.mark.parametrize("source", FAILING, ids=named)
def test_no_request_is_sent_and_the_error_tells_of_a(source, place, sent, proxy):
    error, what = source(place)
    with pytest.raises(error, match=re.escape(what)) as caught:
        sent()
    assert "secret of" not in str(caught.value)
    assert proxy.requests == []


@pytest.mark.parametrize("engine_class", [name for name in S3_ENGINES if name != "storages"], indirect=True)
def test_a_service_that_says_nothing_is_given_up_after_the_time_out(place, sent):
    web_identity(place)
    place.options["read_timeout"] = 0.05
    asked, ended = threading.Semaphore(0), threading.Event()
    place.sts.answer = lambda request, forward: asked.release() or ended.wait(60) and None
    with pytest.raises(EngineUnavailable, match="Read timeout|the time of the call"):
        sent()
    for _ in range(place.options["max_attempts"]):
        assert asked.acquire(timeout=30)  # it may be heard after its caller has left
    assert len(place.sts.requests) == place.options["max_attempts"]
    ended.set()
