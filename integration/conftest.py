"""What the tests are given: the servers that ``python -m integration test`` started, and buckets, engines and caches on them.

The working directory must not be on the path before the installed s3cache, so the project's root, where ``tests`` is, goes to
the path's end.
"""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

import pytest  # noqa: E402
from django.conf import settings  # noqa: E402

from integration import VARIABLE, expected  # noqa: E402
from integration.places import Places  # noqa: E402

settings.configure(SECRET_KEY="the secret key of the tests")


def pytest_configure(config):
    if VARIABLE not in os.environ:
        raise pytest.UsageError("No servers. These tests are run by: python -m integration test [pytest's arguments]")
    for warnings in expected.WARNINGS.values():  # of all tests, because garbage is collected when it pleases
        for warning in warnings:
            config.addinivalue_line("filterwarnings", warning.replace("()", r"\(\)"))


def pytest_collection_modifyitems(config, items):
    items[:] = expected.mark(config, items)


def pytest_report_header():
    return expected.header()


@pytest.fixture(scope="session")
def places():
    """Buckets, engines and caches for a pair of engine and server."""
    with Places() as places:
        yield places
