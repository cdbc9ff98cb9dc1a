"""Django's own cache tests pass, all of them, on every engine."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import django
import pytest

from s3cache.engines import S3_ENGINES
from tests.servers import s3_options

RUNNER = Path(__file__).with_name("django_suite.py")
TESTS = {(5, 2): 54, (6, 0): 54, (6, 1): 62}
"""How many tests the mixin of each Django has: a run that finds fewer has lost some."""


def run_suite(options, location, *backend, warnings=()):
    """The counts. ``warnings`` says, as Python's option -W, which are no errors."""
    warned = [f"-W{warning}" for warning in ("error", *warnings)]
    command = [sys.executable, *warned, str(RUNNER), json.dumps(options), str(location), *backend]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stderr[-10_000:]
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.parametrize("engine", ["memory", "local", *S3_ENGINES])
def test_djangos_own_suite_passes_in_full(engine, tmp_path, request):
    options, location = {"ENGINE": engine}, str(tmp_path)
    if engine in S3_ENGINES:
        options |= s3_options(request.getfixturevalue("moto"))
        location = f"s3://{request.getfixturevalue('bucket')}/django"
    counts = run_suite(options, location)
    assert counts == {"run": TESTS[django.VERSION[:2]], "failed": 0, "skipped": 0}


@pytest.mark.parametrize("engine", [{}, {"ENGINE": "boto3"}], ids=["as installed", "boto3"])
def test_djangos_own_suite_passes_in_full_with_the_settings_of_1x(engine, moto, bucket):
    place = urlsplit(moto)
    reached = {"HOST": place.hostname, "PORT": place.port, "USE_SSL": False, "ACCESS_KEY": "key", "SECRET_KEY": "secret"}
    options = {**reached, "BUCKET_NAME": bucket, "LOCATION": "/django/", "PROFILE": "moto", **engine}
    counts = run_suite(options, "", "s3cache.AmazonS3Cache")
    assert counts == {"run": TESTS[django.VERSION[:2]], "failed": 0, "skipped": 0}
