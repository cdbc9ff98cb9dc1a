"""Runs Django's own cache tests, unmodified, against ObjectStoreCache.

Django does not install its tests; they are in the source distribution of each release. This fetches the one of the Django that
is installed, unpacks its ``tests`` folder into ``.django/`` and runs the mixin ``cache.tests.BaseCacheTests`` with CACHES as
Django's own back ends have them: seven aliases over one LOCATION. Nothing is copied into this repository.

    python -m tests.django_suite '{"ENGINE": "local"}' /tmp/some-directory [s3cache.ObjectStoreCache]

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


def tests_folder() -> Path:
    """The ``tests`` folder of the installed Django's source distribution, fetched once."""
    version = django.get_version()
    folder = FETCHED / version
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
        members = [member for member in tar.getmembers() if "/tests/cache/" in member.name]
        tar.extractall(target, members=members, filter="data")


def caches(base: dict[str, Any], aliases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Django's aliases over one backend. OPTIONS are merged, so that the culling aliases keep their ENGINE."""
    return {
        alias: {**base, **params, "OPTIONS": {**base["OPTIONS"], **params.get("OPTIONS", {})}} for alias, params in aliases.items()
    }


def run(options: dict[str, Any], location: str, backend: str = "s3cache.ObjectStoreCache") -> unittest.TestResult:
    """Runs all of Django's tests for cache back ends."""
    sys.path.insert(0, str(tests_folder()))
    settings.configure(
        SECRET_KEY="django's suite",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}},
        INSTALLED_APPS=["cache", "s3cache"],
        ALLOWED_HOSTS=["*"],
        USE_TZ=False,
    )
    django.setup()
    from cache.tests import BaseCacheTests, _caches_setting_base
    from django.test import TestCase, override_settings
    from django.test.runner import DiscoverRunner

    base = {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}

    @override_settings(CACHES=caches(base, _caches_setting_base))
    class ObjectStoreCacheTests(BaseCacheTests, TestCase):
        pass

    runner = DiscoverRunner(verbosity=1)
    runner.setup_test_environment()
    databases = runner.setup_databases()
    try:
        return runner.run_suite(unittest.defaultTestLoader.loadTestsFromTestCase(ObjectStoreCacheTests))
    finally:
        runner.teardown_databases(databases)
        runner.teardown_test_environment()


def main() -> None:
    result = run(json.loads(sys.argv[1]), *sys.argv[2:])
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(json.dumps({"run": result.testsRun, "failed": failed, "skipped": len(result.skipped)}))
    sys.exit(bool(failed or result.skipped or not result.testsRun))


if __name__ == "__main__":
    main()
