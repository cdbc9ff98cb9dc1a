import argparse

import pytest

from s3cache.demo.settings import option, settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("COMPRESSOR=zstd", ("COMPRESSOR", "zstd")),
        ("MAX_ENTRIES=500", ("MAX_ENTRIES", 500)),
        ("SIGNING=false", ("SIGNING", False)),
        ("verify=null", ("verify", None)),
        ('object_parameters={"StorageClass": "STANDARD_IA"}', ("object_parameters", {"StorageClass": "STANDARD_IA"})),
        ("endpoint_url=http://127.0.0.1:9000/?a=b", ("endpoint_url", "http://127.0.0.1:9000/?a=b")),
        ('secret_key="12345"', ("secret_key", "12345")),
        ("NAMESPACE=", ("NAMESPACE", "")),
    ],
)
def test_the_value_of_an_option_is_json_or_else_text(text, expected):
    assert option(text) == expected


@pytest.mark.parametrize("text", ["", "=value", "name"])
def test_an_option_needs_a_name_and_an_equals_sign(text):
    with pytest.raises(argparse.ArgumentTypeError, match="name=value"):
        option(text)


def test_options_given_win_over_the_demos_own():
    given = settings("local", "/tmp/x", {"MAX_ENTRIES": 7})["CACHES"]["default"]["OPTIONS"]
    assert given == {"ENGINE": "local", "MAX_ENTRIES": 7}


def test_the_secret_key_is_new_for_each_run():
    assert settings("local", "", {})["SECRET_KEY"] != settings("local", "", {})["SECRET_KEY"]


@pytest.mark.parametrize(("host", "expected"), [("127.0.0.1", False), ("demo.example", False), ("0.0.0.0", True), ("::", True)])
def test_only_who_listens_everywhere_answers_to_every_name(host, expected):
    assert ("*" in settings("local", "", {}, host)["ALLOWED_HOSTS"]) is expected
