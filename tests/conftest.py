"""Fixtures for every test: the servers of ``tests.servers``, and settings with nothing in them but a secret key."""

from django.conf import settings

pytest_plugins = ["tests.servers", "tests.metadata"]

settings.configure(SECRET_KEY="the secret key of the tests")
