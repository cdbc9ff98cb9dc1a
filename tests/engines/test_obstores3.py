"""What the engine ``obstore`` tells obstore of S3: options, environment, certificates, proxies, credentials."""

import asyncio
import datetime
import ipaddress
import re
import ssl
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from s3cache.engines.obstore import ObstoreEngine
from s3cache.engines.obstores3settings import endpoint
from s3cache.engines.obstoreservice import USUAL
from s3cache.errors import (
    EngineMisconfigured,
    EngineUnavailable,
    NotSupported,
)
from tests.engines.s3engine_tests import S3EngineFixtures, as_s3, found
from tests.servers import Proxy, s3_options
from tests.tls import self_signed

pytest_plugins = ["tests.servers"]


class ObstoreFixtures(S3EngineFixtures):
    engine_class = ObstoreEngine


class TestOptions(ObstoreFixtures):
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

    @pytest.mark.parametrize(("given", "sent"), [({}, "230d8358"), ({"unsigned_payload": True}, "UNSIGNED-PAYLOAD")])
    def test_an_unsigned_payload_is_for_https(self, open_engine, tmp_path, given, sent):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(tmp_path))
        with Proxy(tls=context) as server:
            server.answer = as_s3
            open_engine(server.url, verify=False, **given).put_object("name", b"body")
            assert server.requests[0].headers["x-amz-content-sha256"].startswith(sent)

    def test_the_certificate_must_be_one_that_is_trusted(self, open_engine, tmp_path):
        certificate = self_signed(tmp_path)
        (tmp_path / "nonsense").write_text("nonsense")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with Proxy(tls=context) as server:
            server.answer = as_s3
            assert open_engine(server.url, verify=False).get_object("n").body == b"body"
            for verify in (True, str(tmp_path / "missing"), str(tmp_path / "nonsense")):
                with pytest.raises(EngineMisconfigured):
                    open_engine(server.url, max_attempts=1, verify=verify).get_object("n")

    def test_an_authority_that_verify_names_is_trusted(self, open_engine, tmp_path):
        """The server's certificate must be signed by another: Rust's TLS takes none that is its own authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed(tmp_path))
        with Proxy(tls=context) as server:
            server.answer = as_s3
            assert open_engine(server.url, verify=str(tmp_path / "authority.pem")).get_object("n").body == b"body"
            with pytest.raises(EngineMisconfigured, match="UnknownIssuer"):
                open_engine(server.url, max_attempts=1).get_object("n")

    def test_a_proxy_gets_the_requests_of_its_scheme(self, monkeypatch, open_engine, echo):
        with Proxy() as given, Proxy() as environment:
            given.answer = environment.answer = lambda request, forward: found(b"body")
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
        assert engine._stores.of(USUAL).config["endpoint"]

    def test_a_directory_bucket_lists_in_no_order_and_from_no_point(self, open_engine, echo):
        engine = open_engine(echo.url, "cache--use1-az4--x-s3", PROFILE="express")
        assert (engine.features.ordered_listing, engine.features.start_after) == (False, False)
        with pytest.raises(NotSupported):
            list(engine.list_objects("cache/", start_after="cache/0"))
        assert echo.requests == []


class TestCredentials(ObstoreFixtures):
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

    def test_only_keys_that_may_be_renewed_are_asked_for_again(self, bare_environment, monkeypatch, open_engine):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "word")
        given = open_engine("http://127.0.0.1:1").service._credential()
        found = open_engine("http://127.0.0.1:1", access_key=None, secret_key=None).service._credential()
        assert (given["access_key_id"], given["expires_at"]) == ("test-key", None)
        assert found["access_key_id"] == "AKIDENVIRONMENT"
        assert found["expires_at"] > datetime.datetime.now(datetime.UTC)

    def test_a_source_that_does_not_answer_is_unavailable(self, monkeypatch, open_engine, echo):
        def keys():
            raise EngineUnavailable("The credentials cannot be read: no answer.")

        engine = open_engine(echo.url)
        monkeypatch.setattr(engine.service._aws, "keys", keys)
        with pytest.raises(EngineUnavailable, match="The credentials cannot be read: no answer."):
            engine.get_object("name")


async def get(engine, name="name"):
    return await engine.asynchronous().get_object(name)


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
