"""The example plugin, as its users have it: installed, and found by name through its entry point."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from django.core.cache import CacheHandler
from django.test import override_settings

from s3cache import plugins
from s3cache.testing import CompressorContract, EngineContract

EXAMPLE = Path(__file__).parent.parent / "examples" / "s3cache-example-engine"


@pytest.fixture(scope="module", autouse=True)
def installed():
    try:
        distribution("s3cache-example-engine")
    except PackageNotFoundError:
        pytest.fail("The example plugin is not installed. Install it with: pip install ./examples/s3cache-example-engine")


@pytest.fixture
def entry(tmp_path):
    options = {"ENGINE": "sqlite", "COMPRESSOR": "lzma", "COMPRESS_MIN_BYTES": 0, "timeout": 2.0}
    return {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": str(tmp_path / "objects.db"), "OPTIONS": options}


@pytest.fixture
def cache(entry):
    cache = CacheHandler({"default": entry})["default"]
    yield cache
    cache.engine.close()


class TestTheEngineOfTheEntryPoint(EngineContract):
    @pytest.fixture
    def engine(self, tmp_path):
        engine = plugins.find(plugins.ENGINE, "sqlite").from_options(f"sqlite://{tmp_path}/objects.db", {})
        yield engine
        engine.close()


class TestTheCompressorOfTheEntryPoint(CompressorContract):
    @pytest.fixture
    def compressor(self):
        return plugins.find(plugins.COMPRESSOR, "lzma")()


def test_caches_names_the_engine_by_its_entry_point(cache):
    assert type(cache.engine).__module__ == "s3cache_sqlite.engine"
    assert "sqlite" in plugins.installed_plugins().names["ENGINE"]
    assert plugins.installed_plugins().broken == {}


def test_the_cache_works(cache):
    assert cache.get("page") is None
    cache.set("page", "<p>The same again.</p>" * 100)
    assert cache.get("page") == "<p>The same again.</p>" * 100
    assert cache.add("page", "another") is False
    assert cache.add("hits", 1) is True
    assert cache.incr("hits", 2) == 3
    assert cache.get_many(["page", "hits", "missing"]).keys() == {"page", "hits"}
    assert cache.delete("page") is True
    cache.clear()
    assert cache.get("hits") is None


async def test_the_cache_works_for_asynchronous_callers(cache):
    await cache.aset("name", b"value")
    assert await cache.aget("name") == b"value"


def test_values_are_compressed_by_the_plugin(cache):
    cache.set("page", "<p>The same again.</p>" * 1000)
    [info] = cache.objects()
    assert info.size < 1000
    assert b"lzma" in cache.engine.get_object(info.name).body


def test_django_finds_nothing_to_complain_of(entry):
    from s3cache.checks import check_caches

    with override_settings(CACHES={"default": entry}):
        assert check_caches(None) == []


def test_the_hooks_import_neither_engine_nor_sdk():
    """In a fresh process, because this one has imported them by now."""
    code = "import sys, s3cache_sqlite.hooks; print([name for name in sys.modules if name in ('sqlite3', 's3cache_sqlite.engine')])"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"


def test_its_own_tests_pass():
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=EXAMPLE, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "passed" in answer.stdout
    assert "skipped" not in answer.stdout
