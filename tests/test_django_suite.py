"""Django's own cache tests pass, all of them, on every engine."""

import json
import subprocess
import sys
from pathlib import Path

import django
import pytest

from tests.servers import s3_options

RUNNER = Path(__file__).with_name("django_suite.py")
TESTS = {(5, 2): 54, (6, 0): 54, (6, 1): 62}
"""How many tests the mixin of each Django has: a run that finds fewer has lost some."""


def run_suite(options, location):
    command = [sys.executable, "-W", "error", str(RUNNER), json.dumps(options), str(location)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stderr[-10_000:]
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.parametrize("engine", ["memory", "local", "boto3"])
def test_djangos_own_suite_passes_in_full(engine, tmp_path, request):
    options, location = {"ENGINE": engine}, str(tmp_path)
    if engine == "boto3":
        options |= s3_options(request.getfixturevalue("moto"))
        location = f"s3://{request.getfixturevalue('bucket')}/django"
    counts = run_suite(options, location)
    assert counts == {"run": TESTS[django.VERSION[:2]], "failed": 0, "skipped": 0}
