import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3cache.engines.awsconfig import AwsConfig, Keys
from s3cache.engines.s3options import S3Options
from s3cache.errors import EngineMisconfigured, EngineUnavailable
from tests.metadata import MOMENT
from tests.servers import Answer

pytestmark = pytest.mark.once

GIVEN = S3Options(access_key="options", secret_key="secret of options", security_token="token of options")
ROLE = "arn:aws:iam::123456789012:role/site"
SCRIPT = """
import sys
{before}
from s3cache.engines.awsconfig import AwsConfig
from s3cache.engines.s3options import S3Options
config = AwsConfig(S3Options({options}))
try:
    print({asked})
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
print("botocore" in sys.modules)
"""


def in_a_process(asked, options="", before=""):
    """What a new Python prints for ``asked``, and whether it has imported botocore then."""
    script = SCRIPT.format(asked=asked, options=options, before=before)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    printed, imported = run.stdout.splitlines()
    return printed, imported == "True"


def use_container(place):
    place.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{place.issuer.url}/ecs")


def use_web_identity(place):
    place.set("AWS_WEB_IDENTITY_TOKEN_FILE", place.write("identity", "a token of the cluster"))
    place.set("AWS_ROLE_ARN", ROLE)
    place.set("AWS_DEFAULT_REGION", "eu-west-1")


class TestKeys:
    def test_a_repr_shows_no_secret(self):
        assert repr(Keys("id", "secret", "token")) == "Keys(access_key='id')"

    def test_those_of_the_options_come_as_they_are(self, place):
        assert AwsConfig(GIVEN).keys() == ("options", "secret of options", "token of options")

    def test_there_are_none_for_unsigned_requests(self, place):
        assert AwsConfig(S3Options(signature_version="unsigned")).keys() is None

    def test_those_of_the_environment_are_what_botocore_reads(self, place):
        place.set("AWS_ACCESS_KEY_ID", "environment")
        place.set("AWS_SECRET_ACCESS_KEY", "secret of environment")
        alone = AwsConfig(S3Options()).keys()
        place.configure("config", "profile site")
        place.set("AWS_PROFILE", "site")
        assert AwsConfig(S3Options()).keys() == alone == ("environment", "secret of environment", None)

    def test_an_empty_variable_is_none(self, place):
        place.set("AWS_ACCESS_KEY_ID", "")
        place.set("AWS_SECRET_ACCESS_KEY", "secret of environment")
        place.configure("credentials", "default", aws_access_key_id="file", aws_secret_access_key="secret of file")
        assert AwsConfig(S3Options()).keys().access_key == "file"

    def test_many_threads_search_once(self, place):
        use_container(place)
        config, start = AwsConfig(S3Options()), threading.Barrier(8)

        def ask(_):
            start.wait()
            return config.keys()

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(ask, range(8))) == {("issued-1", "issued-secret", "token-1")}
        assert len(place.issuer.requests) == 1

    def test_a_source_is_asked_again_only_when_its_keys_are_about_to_expire(self, place):
        use_container(place)
        lasting = AwsConfig(S3Options())
        assert lasting.keys() == lasting.keys()
        place.issuer.lifetime = MOMENT
        ending = AwsConfig(S3Options())
        assert ending.keys() != ending.keys()

    def test_a_source_that_fails_while_the_keys_are_good_is_no_error(self, place):
        use_container(place)
        place.issuer.lifetime = MOMENT * 2.5
        config = AwsConfig(S3Options())
        keys = config.keys()
        place.issuer.answer = lambda request, forward: Answer(500)
        place.issuer.forget()
        assert config.keys() == keys
        assert place.issuer.requests != []

    def test_a_source_that_fails_when_they_must_be_renewed_is_unavailable(self, place):
        use_container(place)
        place.issuer.lifetime = MOMENT
        config = AwsConfig(S3Options())
        keys = config.keys()
        place.issuer.answer, answer = lambda request, forward: Answer(500), place.issuer.answer
        with pytest.raises(EngineUnavailable):
            config.keys()
        place.issuer.answer = answer
        assert config.keys() != keys


class TestServices:
    def test_sts_is_asked_in_the_region_of_the_option(self, place):
        place.configure("credentials", "base", aws_access_key_id="base", aws_secret_access_key="secret of base")
        place.configure("config", "default", role_arn=ROLE, source_profile="base")
        AwsConfig(S3Options(region_name="eu-west-3")).keys()
        assert "/eu-west-3/sts/" in place.sts.requests[0].headers["Authorization"]

    def test_sts_is_asked_as_often_as_the_store(self, place):
        use_web_identity(place)
        place.sts.answer = lambda request, forward: None
        with pytest.raises(EngineUnavailable):
            AwsConfig(S3Options(max_attempts=2)).keys()
        assert len(place.sts.requests) == 2

    def test_sts_that_says_nothing_is_given_up_after_the_time_out(self, place):
        use_web_identity(place)
        ended = threading.Event()
        place.sts.answer = lambda request, forward: ended.wait(30) and None
        with pytest.raises(EngineUnavailable, match="Read timeout"):
            AwsConfig(S3Options(max_attempts=1, read_timeout=0.05)).keys()
        ended.set()

    def test_sts_with_an_untrusted_certificate_is_misconfigured(self, place):
        use_web_identity(place)
        place.set("AWS_ENDPOINT_URL_STS", place.sts.url.replace("http:", "https:"))
        with pytest.raises(EngineMisconfigured, match="SSL"):
            AwsConfig(S3Options(max_attempts=1)).keys()


class TestRegion:
    def test_without_any_there_is_none(self, place):
        assert AwsConfig(S3Options()).region() is None

    def test_an_empty_variable_is_none(self, place):
        place.set("AWS_DEFAULT_REGION", "")
        assert AwsConfig(S3Options()).region() is None

    def test_the_variables_that_name_the_files_may_hold_others(self, place):
        place.write("elsewhere/config", "[default]\nregion = eu-south-1\n")
        place.set("AWS_CONFIG_FILE", "$HOME/elsewhere/config")
        assert AwsConfig(S3Options()).region() == "eu-south-1"

    def test_a_missing_profile_is_misconfigured(self, place):
        with pytest.raises(EngineMisconfigured, match="missing"):
            AwsConfig(S3Options(session_profile="missing")).region()


class TestBotocore:
    """It takes a while to import, and need not be there."""

    @pytest.mark.parametrize("asked", ["None", "config.keys() is not None", "config.region()"])
    def test_is_not_imported_for_what_the_options_say(self, asked, place):
        options = "access_key='options', secret_key='secret', region_name='eu-west-1'"
        assert in_a_process(asked, options)[1] is False

    def test_is_not_imported_for_unsigned_requests(self, place):
        assert in_a_process("config.keys()", "signature_version='unsigned'") == ("None", False)

    def test_is_not_imported_for_what_the_environment_says(self, place):
        place.set("AWS_ACCESS_KEY_ID", "environment")
        place.set("AWS_SECRET_ACCESS_KEY", "secret of environment")
        assert in_a_process("(config.keys().access_key, config.region())") == ("('environment', None)", False)

    def test_is_imported_for_what_else_may_hold_keys(self, place):
        printed, imported = in_a_process("config.keys()")
        assert printed.startswith("EngineMisconfigured")
        assert imported

    @pytest.mark.parametrize("asked", ["config.keys()", "config.region()"])
    def test_is_named_where_it_is_missing(self, asked, place):
        place.configure("config", "default", region="eu-south-1")
        printed, _ = in_a_process(asked, before="sys.modules['botocore'] = sys.modules['botocore.config'] = None")
        assert printed.startswith("EngineMisconfigured")
        assert "pip install" in printed
