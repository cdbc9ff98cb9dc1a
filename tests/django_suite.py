"""Runs Django's own tests of caches, or of sessions in a cache, unmodified, against ObjectStoreCache.

Django does not install its tests; they are in the source distribution of each release. This fetches the one of the Django that
is installed and unpacks two folders of it into ``.django/``. Nothing is copied into this repository.

- "cache": the mixin ``cache.tests.BaseCacheTests`` with CACHES as Django's own back ends have them, seven aliases over one
  LOCATION;
- "sessions": the tests of ``sessions_tests.tests`` for the session engines ``cache`` and ``cached_db``, and those of the middleware
  with ``cached_db``.

    python -m tests.django_suite '{"ENGINE": "local"}' /tmp/some-directory [s3cache.ObjectStoreCache [cache]]

prints a line of JSON with the counts and exits 0 only if every test ran and passed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path
from typing import Any

import django
from django.conf import settings

FETCHED = Path(__file__).parent.parent / ".django"
APPS = ("cache", "sessions_tests")
SESSIONS = "django.contrib.sessions"


def tests_folder() -> Path:
    """The ``tests`` folder of the installed Django's source distribution, with ``APPS`` alone, fetched once."""
    version = django.get_version()
    folder = FETCHED / "-".join((version, *APPS))
    if not folder.exists():
        FETCHED.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FETCHED) as scratch:
            unpack(fetch(version, Path(scratch)), Path(scratch) / "unpacked")
            try:
                os.rename(Path(scratch) / "unpacked", folder)
            except OSError:
                if not folder.exists():  # else another process was faster
                    raise
    return next(folder.glob("*/tests"))


def fetch(version: str, scratch: Path) -> Path:
    """Downloads the source distribution with pip."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*pip, "--dest", str(scratch), f"Django=={version}"], check=True)
    return next(scratch.glob("*.tar.gz"))


def unpack(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() for app in APPS if f"/tests/{app}/" in member.name]
        tar.extractall(target, members=members, filter="data")


def caches(base: dict[str, Any], aliases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Django's aliases over one backend. OPTIONS are merged, so that the culling aliases keep their ENGINE."""
    return {
        alias: {**base, **params, "OPTIONS": {**base["OPTIONS"], **params.get("OPTIONS", {})}} for alias, params in aliases.items()
    }


def run(
    options: dict[str, Any], location: str, backend: str = "s3cache.ObjectStoreCache", suite: str = "cache"
) -> unittest.TestResult:
    """Runs all of Django's tests for cache back ends, or for sessions in a cache."""
    sys.path.insert(0, str(tests_folder()))
    settings.configure(
        SECRET_KEY="django's suite",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}},
        INSTALLED_APPS=["cache", "s3cache", SESSIONS, "sessions_tests"],
        ALLOWED_HOSTS=["*"],
        USE_TZ=False,
    )
    django.setup()
    from django.test.runner import DiscoverRunner

    base = {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}
    cases = {"cache": cache_cases, "sessions": session_cases}[suite](base)
    runner = DiscoverRunner(verbosity=1)
    runner.setup_test_environment()
    databases = runner.setup_databases()
    try:
        return runner.run_suite(unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, cases)))
    finally:
        runner.teardown_databases(databases)
        runner.teardown_test_environment()


def cache_cases(base: dict[str, Any]) -> list[type[unittest.TestCase]]:
    from cache.tests import BaseCacheTests, _caches_setting_base
    from django.test import TestCase

    return [with_settings(BaseCacheTests, TestCase, CACHES=caches(base, _caches_setting_base))]


def session_cases(base: dict[str, Any]) -> list[type[unittest.TestCase]]:
    from sessions_tests import tests

    stores = (tests.CacheSessionTests, tests.CacheDBSessionTests, tests.CacheDBSessionWithTimeZoneTests)
    return [
        *(with_settings(case, CACHES={"default": base}) for case in stores),
        with_settings(tests.SessionMiddlewareTests, CACHES={"default": base}, SESSION_ENGINE=f"{SESSIONS}.backends.cached_db"),
    ]


def with_settings(*cases: type, **changed: Any) -> type[unittest.TestCase]:
    from django.test import override_settings

    return override_settings(**changed)(type(f"ObjectStore{cases[0].__name__}", cases, {}))


def main() -> None:
    result = run(json.loads(sys.argv[1]), *sys.argv[2:])
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(json.dumps({"run": result.testsRun, "failed": failed, "skipped": len(result.skipped)}))
    sys.exit(bool(failed or result.skipped or not result.testsRun))


if __name__ == "__main__":
    main()
