"""The demo's site over a local directory, visited with Django's test client, as a browser would: with CSRF checks."""

import pytest
from django.apps import apps
from django.core.cache import caches
from django.test import Client, override_settings

from s3cache.demo import library
from s3cache.demo.history import history
from s3cache.demo.settings import settings

FEW = {"keyword", "email", "pathlib", "_pydecimal"}
"""Top-level modules of the library that the site shows in tests: the whole library takes seconds."""

apps.populate(())


@pytest.fixture
def engine():
    """The engine of the site; a test may ask for another."""
    return "local"


@pytest.fixture
def options():
    """Its OPTIONS beside the engine."""
    return {}


@pytest.fixture
def few_modules(monkeypatch):
    few = {name: module for name, module in library.modules().items() if module.top in FEW}
    monkeypatch.setattr(library, "modules", lambda: few)
    monkeypatch.setattr(library, "by_size", lambda: sorted(few.values(), key=lambda module: -len(module.source())))


@pytest.fixture
def site(engine, options, tmp_path, few_modules):
    history.clear()
    with override_settings(**settings(engine, str(tmp_path / "cache"), options, quiet=True)):
        yield Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1")
        caches["default"].close()
