import base64
import datetime
import hashlib

import botocore.session
import pytest

from s3cache.engines.s3headers import ENCRYPTED, EVERYWHERE, HEADERS, WRITTEN, request_headers
from s3cache.engines.s3options import S3Options
from s3cache.errors import OptionError

WHEN = datetime.datetime(2026, 11, 20, 11, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))


@pytest.fixture(scope="module")
def model():
    """``model(operation)``: the headers of an operation of S3, by parameter, as AWS describes them."""
    service = botocore.session.Session().get_service_model("s3")

    def headers(operation):
        members = service.operation_model(operation).input_shape.members
        return {name: one.serialization["name"] for name, one in members.items() if one.serialization.get("location") == "header"}

    return headers


def put(**parameters):
    return request_headers(S3Options(object_parameters=parameters)).put


def test_the_headers_of_a_write_are_those_of_s3(model):
    assert model("PutObject").items() >= HEADERS.items()


@pytest.mark.parametrize(
    ("operations", "parameters"),
    [
        (["GetObject"], {**ENCRYPTED, **EVERYWHERE}),
        (["DeleteObject", "DeleteObjects", "ListObjectsV2"], EVERYWHERE),
    ],
)
def test_each_request_knows_the_parameters_that_go_along_with_it(model, operations, parameters):
    for operation in operations:
        assert model(operation).items() >= parameters.items()
        assert not model(operation).keys() & (HEADERS.keys() - parameters.keys())


def test_a_parameter_of_every_request_goes_along_with_those_that_know_it():
    given = {"RequestPayer": "requester", "SSECustomerAlgorithm": "AES256", "StorageClass": "STANDARD"}
    headers = request_headers(S3Options(request_parameters=given))
    assert headers.other == {"x-amz-request-payer": "requester"}
    assert headers.get == {**headers.other, "x-amz-server-side-encryption-customer-algorithm": "AES256"}
    assert headers.put == {**headers.get, "x-amz-storage-class": "STANDARD"}


def test_a_parameter_of_writes_goes_along_with_nothing_else():
    headers = request_headers(S3Options(object_parameters={"RequestPayer": "requester"}, default_acl="private"))
    assert headers.put == {"x-amz-request-payer": "requester", "x-amz-acl": "private"}
    assert headers.get == headers.other == {}


def test_nothing_goes_along_by_default():
    assert request_headers(S3Options()) == ({}, {}, {})


@pytest.mark.parametrize(
    ("name", "value", "header"),
    [
        ("BucketKeyEnabled", True, "true"),
        ("BucketKeyEnabled", False, "false"),
        ("Expires", WHEN, "Fri, 20 Nov 2026 10:00:00 GMT"),
        ("Expires", "Fri, 20 Nov 2026 10:00:00 GMT", "Fri, 20 Nov 2026 10:00:00 GMT"),
        ("ObjectLockRetainUntilDate", WHEN, "2026-11-20T11:00:00+01:00"),
        ("Tagging", "a=b&c=d", "a=b&c=d"),
    ],
)
def test_a_value_is_written_as_s3_wants_it(name, value, header):
    assert put(**{name: value}) == {WRITTEN[name]: header}


def test_metadata_has_a_header_for_each_name():
    assert put(Metadata={"kind": "cache", "of": "site"}) == {"x-amz-meta-kind": "cache", "x-amz-meta-of": "site"}


@pytest.mark.parametrize("key", [b"\xffbytes of a key", "text of a key"])
def test_a_customer_key_goes_out_in_base64_beside_its_md5(key):
    raw = key if isinstance(key, bytes) else key.encode()
    headers = put(SSECustomerKey=key)
    assert base64.b64decode(headers[ENCRYPTED["SSECustomerKey"]]) == raw
    assert base64.b64decode(headers[ENCRYPTED["SSECustomerKeyMD5"]]) == hashlib.md5(raw).digest()


def test_a_customer_key_whose_md5_is_given_goes_out_as_it_is():
    assert set(put(SSECustomerKey="a2V5", SSECustomerKeyMD5="bWQ1").values()) == {"a2V5", "bWQ1"}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"StorageClas": "STANDARD"}, "StorageClas, which this engine cannot send.*Did you mean 'StorageClass'"),
        ({"ChecksumAlgorithm": "SHA256"}, "ChecksumAlgorithm"),
        ({"StorageClass": 5}, "'StorageClass'. is of type int"),
        ({"StorageClass": "A\nB"}, "'StorageClass'. is of type str; accepted: text of printable ASCII"),
        ({"CacheControl": "naïve"}, "CacheControl"),
        ({"Metadata": "kind"}, "Metadata.*a dictionary"),
        ({"Metadata": {"kind": "ä"}}, "Metadata"),
        ({"Metadata": {5: "kind"}}, "Metadata"),
        ({"SSECustomerKey": 5}, "SSECustomerKey.*int"),
    ],
)
def test_what_no_header_can_carry_is_refused_by_name(parameters, said):
    with pytest.raises(OptionError, match=said):
        put(**parameters)


def test_no_message_repeats_a_value():
    with pytest.raises(OptionError) as caught:
        put(SSEKMSKeyId="topsecret\n")
    assert "topsecret" not in str(caught.value)
