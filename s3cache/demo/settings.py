"""The command line as Django's settings: no database, no sessions, no installed apps; one cache."""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ANY_ADDRESS = ("", "0.0.0.0", "::")

CACHE_DEFAULTS = {"MAX_ENTRIES": 10_000}
"""Room for every page of the library; the cache's own default of 300 would cull while one browses."""


def settings(
    engine: str, location: str, options: Mapping[str, object], host: str = "127.0.0.1", *, quiet: bool = False
) -> dict[str, object]:
    """What to give to ``django.conf.settings.configure``."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(32),
        "DEBUG": False,
        "ALLOWED_HOSTS": allowed_hosts(host),
        "ROOT_URLCONF": "s3cache.demo.urls",
        "USE_TZ": True,
        "CACHES": {"default": cache(engine, location, options)},
        "LOGGING": logging(quiet),
        "CSRF_COOKIE_NAME": "s3cache_demo_csrf",
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Strict",
        "MIDDLEWARE": [
            "s3cache.demo.measuring.Measuring",
            "s3cache.demo.failures.Failures",
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [HERE / "templates"],
                "OPTIONS": {
                    "builtins": ["django.templatetags.cache", "s3cache.demo.units"],
                    "context_processors": ["django.template.context_processors.request", "s3cache.demo.views.everywhere"],
                },
            }
        ],
    }


def cache(engine: str, location: str, options: Mapping[str, object]) -> dict[str, object]:
    return {
        "BACKEND": "s3cache.ObjectStoreCache",
        "LOCATION": location,
        "KEY_FUNCTION": "s3cache.demo.labels.make_key",
        "OPTIONS": {**CACHE_DEFAULTS, "ENGINE": engine, **options},
    }


def logging(quiet: bool) -> dict[str, object]:
    """Requests and errors to the console; of requests only the failed ones where ``quiet``."""
    console = {"handlers": ["console"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {
            "django.request": {**console, "level": "ERROR"},
            "django.server": {**console, "level": "ERROR" if quiet else "INFO"},
        },
    }


def allowed_hosts(host: str) -> list[str]:
    return ["*"] if host in ANY_ADDRESS else [*LOOPBACK, host]


def option(text: str) -> tuple[str, object]:
    """``name=value`` as a pair. The value is read as JSON where it is JSON, else it is text. Raises ArgumentTypeError."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name=value")
    return name, json_or_text(value)


def json_or_text(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value
