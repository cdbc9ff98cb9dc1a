"""Which storage the engine ``storages`` chooses, and what it says where it can choose none."""

import subprocess
import sys

import pytest
from django.core.files.storage import InMemoryStorage
from django.test import override_settings

from s3cache import ObjectStoreCache, plugins
from s3cache.engines import storages as module
from s3cache.engines.plainstorage import PlainStorageEngine
from s3cache.engines.s3storage import S3StorageEngine
from s3cache.engines.storages import S3_MODULES, StoragesEngine, is_installed
from s3cache.errors import OptionError

[INSTALLED] = [f"{one}.S3Storage" for one in S3_MODULES[:2] if is_installed(one)]
MEMORY = "django.core.files.storage.InMemoryStorage"
STORAGES = {
    "default": {"BACKEND": MEMORY},
    "media": {"BACKEND": INSTALLED, "OPTIONS": {"bucket_name": "media-bucket", "file_overwrite": False}},
}


class OwnStorage(InMemoryStorage):
    pass


def chosen(**options):
    return StoragesEngine.from_options("cache", options)


def test_the_engine_is_found_by_its_name():
    assert plugins.find(plugins.ENGINE, "storages") is StoragesEngine


def test_without_a_storage_it_is_the_s3storage_that_is_installed():
    engine = chosen(bucket_name="bucket")
    assert isinstance(engine, S3StorageEngine)
    assert (engine.target.bucket, engine.prefix) == ("bucket", "cache/")


@pytest.mark.parametrize("path", [INSTALLED, INSTALLED.replace("S3Storage", "S3StaticStorage")])
def test_a_dotted_path_of_an_s3storage_is_one(path):
    assert isinstance(chosen(storage=path, bucket_name="bucket"), S3StorageEngine)


@pytest.mark.parametrize("path", [MEMORY, "django.core.files.storage.FileSystemStorage", f"{__name__}.OwnStorage"])
def test_a_dotted_path_of_another_storage_is_plain(path, tmp_path):
    assert isinstance(chosen(storage=path, location=str(tmp_path)), PlainStorageEngine)


@override_settings(STORAGES=STORAGES)
def test_an_alias_of_storages_is_either():
    assert isinstance(chosen(storage="default"), PlainStorageEngine)
    engine = chosen(storage="media")
    assert isinstance(engine, S3StorageEngine)
    assert engine.target.bucket == "media-bucket"


@override_settings(STORAGES=STORAGES)
@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("medea", "'medea', which is no alias of STORAGES. Known: default, media. Did you mean 'media'?"),
        (5, "is 5 .int.; accepted: an alias of STORAGES, or the dotted path of a class"),
        (None, "Install it with: pip install .django-s3-cache.storages"),
        ("storages.backends.nowhere.Storage", "cannot be imported"),
        ("no.such.module.Storage", "cannot be imported: ModuleNotFoundError"),
        ("django.core.files.storage.Missing", "cannot be imported: ImportError"),
        ("django.core.files.base.ContentFile", "is no Django Storage"),
        ("s3cache.engines.storages.INSTALL", "is no Django Storage"),
    ],
)
def test_what_cannot_be_chosen_is_an_option_error(monkeypatch, storage, said):
    if storage is None:
        monkeypatch.setattr(module, "is_installed", lambda name: False)
    with pytest.raises(OptionError, match=said):
        chosen(storage=storage)


@pytest.mark.parametrize("path", ["storages.s3.S3Storage", "storages.backends.s3.S3Storage"])
def test_the_s3storage_of_the_other_package_is_not_installed(path):
    if path != INSTALLED:
        with pytest.raises(OptionError, match="not installed. Install it with: pip install"):
            chosen(storage=path, bucket_name="bucket")
    else:
        assert chosen(storage=path, bucket_name="bucket").target.bucket == "bucket"


def test_construction_imports_no_sdk_and_opens_no_connection():
    program = """
import sys
sys.addaudithook(lambda event, _: sys.exit(event) if event.startswith("socket.") else None)
from django.conf import settings
settings.configure(AWS_STORAGE_BUCKET_NAME="bucket")
from s3cache.engines.storages import StoragesEngine
engine = StoragesEngine.from_options("x", {"endpoint_url": "http://127.0.0.1:9", "access_key": "a", "secret_key": "b"})
repr(engine), engine.features, engine.asynchronous(), engine.close()
sys.exit(", ".join({"boto3", "botocore", "urllib3"} & sys.modules.keys()) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stderr.strip(), done.returncode) == ("", 0)


def test_caches_of_one_location_share_an_in_memory_storage():
    one, other = (ObjectStoreCache("shared", {"OPTIONS": {"ENGINE": "storages", "storage": MEMORY}}) for _ in range(2))
    one.set("key", "value")
    assert other.get("key") == "value"
    one.clear()
