"""Fixtures for every test: the servers of ``tests.servers``, and settings with nothing in them but a secret key."""

import sys
from pathlib import Path
from random import Random

import hypothesis
import pytest
from django.conf import settings

pytest_plugins = ["tests.servers", "tests.metadata"]

settings.configure(SECRET_KEY="the secret key of the tests")

# How long an example takes is the machine's matter.
hypothesis.settings.register_profile("s3cache", deadline=None)
hypothesis.settings.load_profile("s3cache")

# For ``benchmarks``. Last, so that s3cache is the one that is installed.
sys.path.append(str(Path(__file__).parent.parent))


@pytest.fixture(autouse=True)
def drawn_looks(request, monkeypatch):
    """Culling draws the same in each run of a test: a bound that nearly all draws keep would else be broken now and then."""
    from s3cache import culling, sweeping

    seeds = Random(request.node.nodeid)
    for module in (culling, sweeping):
        monkeypatch.setattr(module, "Random", lambda: Random(seeds.random()))
