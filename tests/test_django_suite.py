"""Django's own cache tests pass, all of them, on every engine, and its tests of sessions in a cache.

Most of its time a suite waits for entries to expire, so several run at once.
"""

import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import django
import pytest

from s3cache.engines import S3_ENGINES
from tests import django_suite
from tests.servers import s3_options

RUNNER = Path(__file__).with_name("django_suite.py")
TESTS = {(5, 2): 54, (6, 0): 54, (6, 1): 62}
"""How many tests the mixin of each Django has: a run that finds fewer has lost some."""
PASSED = {"run": TESTS[django.VERSION[:2]], "failed": 0, "skipped": 0}
SESSION_TESTS = 222
"""The same for sessions, in each of these Djangos."""
SESSIONS_PASSED = {"run": SESSION_TESTS, "failed": 0, "skipped": 0}
SESSION_ENGINES = ("memory", "local", "boto3")
AT_ONCE = 4
"""More would let entries expire before a busy machine comes to read them."""
SETTINGS_OF_1X = {"1.x as installed": {}, "1.x with boto3": {"ENGINE": "boto3"}}


def run_suite(options, location, backend="s3cache.ObjectStoreCache", warnings=(), suite="cache"):
    """The counts. ``warnings`` says, as Python's option -W, which are no errors."""
    warned = [f"-W{warning}" for warning in ("error", *warnings)]
    command = [sys.executable, *warned, str(RUNNER), json.dumps(options), str(location), backend, suite]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stderr[-10_000:]
    return json.loads(finished.stdout.splitlines()[-1])


@contextlib.contextmanager
def suites_at_once(runs):
    """The futures of ``run_suite``, by name; ``runs`` has the arguments of each."""
    django_suite.tests_folder()  # fetched here, lest each of them does
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(run_suite, **arguments) for name, arguments in runs.items()}


@pytest.fixture(scope="module")
def suites(moto_server, tmp_path_factory):
    runs = {
        "memory": {"options": {"ENGINE": "memory"}, "location": ""},
        "local": {"options": {"ENGINE": "local"}, "location": tmp_path_factory.mktemp("django")},
        "encrypted": {"options": {"ENGINE": "memory", "ENCRYPTION_KEYS": "k" * 32, "NAME_KEY": "n" * 32}, "location": ""},
    }
    for engine in S3_ENGINES:
        location = f"s3://{moto_server.make_bucket()}/django"
        runs[engine] = {"options": {"ENGINE": engine, **s3_options(moto_server.url)}, "location": location}
    for engine in SESSION_ENGINES:
        options, place = runs[engine]["options"], f"{runs[engine]['location']}/sessions"
        runs[f"sessions in {engine}"] = {"options": options, "location": place, "suite": "sessions"}
    for name, engine in SETTINGS_OF_1X.items():
        runs[name] = {"options": settings_of_1x(moto_server) | engine, "location": "", "backend": "s3cache.AmazonS3Cache"}
    with suites_at_once(runs) as suites:
        yield suites


def settings_of_1x(moto_server):
    place = urlsplit(moto_server.url)
    reached = {"HOST": place.hostname, "PORT": place.port, "USE_SSL": False, "ACCESS_KEY": "key", "SECRET_KEY": "secret"}
    return {**reached, "BUCKET_NAME": moto_server.make_bucket(), "LOCATION": "/django/", "PROFILE": "moto"}


@pytest.mark.parametrize("engine", ["memory", "local", *S3_ENGINES])
def test_djangos_own_suite_passes_in_full(engine, suites):
    assert suites[engine].result() == PASSED


def test_djangos_own_suite_passes_in_full_with_encryption(suites):
    assert suites["encrypted"].result() == PASSED


@pytest.mark.parametrize("engine", SESSION_ENGINES)
def test_djangos_own_tests_of_sessions_pass_in_full(engine, suites):
    assert suites[f"sessions in {engine}"].result() == SESSIONS_PASSED


@pytest.mark.parametrize("settings", SETTINGS_OF_1X)
def test_djangos_own_suite_passes_in_full_with_the_settings_of_1x(settings, suites):
    assert suites[settings].result() == PASSED
