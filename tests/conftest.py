"""Fixtures for every test: the servers of ``tests.servers``, and settings with nothing in them but a secret key."""

import sys
from pathlib import Path

import hypothesis
from django.conf import settings

pytest_plugins = ["tests.servers", "tests.metadata"]

settings.configure(SECRET_KEY="the secret key of the tests")

# How long an example takes is the machine's matter.
hypothesis.settings.register_profile("s3cache", deadline=None)
hypothesis.settings.load_profile("s3cache")

# For ``benchmarks``. Last, so that s3cache is the one that is installed.
sys.path.append(str(Path(__file__).parent.parent))
