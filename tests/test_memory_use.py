"""How much memory get and set of large values take, over every kind of engine, at their peak and as multiples of the value.

What get returns counts, and what set is given does not.
"""

import json
import re
import subprocess
import sys

import pytest

from s3cache.engines import ENGINES, S3_ENGINES
from tests.servers import s3_options

AT_MOST = {"bytes": 1.3, "str": 1.3, "wide": 1.3, "pickled": 2.1}


@pytest.fixture(params=[*ENGINES, "storages over files", "local, encrypted"])
def settings(request, tmp_path):
    """An entry of CACHES."""
    engine = re.match(r"\w+", request.param)[0]
    location, options = str(tmp_path), {}
    if "encrypted" in request.param:
        options = {"ENCRYPTION_KEYS": "k" * 32, "NAME_KEY": "n" * 32}
    elif "files" in request.param:
        location, options = "", {"storage": "django.core.files.storage.FileSystemStorage", "location": str(tmp_path)}
    elif engine in S3_ENGINES:
        moto = request.getfixturevalue("moto_server")
        location, options = f"s3://{moto.make_bucket()}/cache", s3_options(moto.url)
    return {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": location, "OPTIONS": {"ENGINE": engine, **options}}


def test_get_and_set_make_no_needless_copy_of_a_large_value(settings):
    worker = subprocess.run(
        [sys.executable, "-m", "tests.memory_worker"], input=json.dumps(settings), stdout=subprocess.PIPE, text=True, check=True
    )
    taken = json.loads(worker.stdout)
    too_much = {
        (kind, operation): peaks
        for kind, operations in taken.items()
        for operation, peaks in operations.items()
        if max(peaks) > AT_MOST[kind] and (settings["OPTIONS"]["ENGINE"], operation) != ("memory", "set")
    }
    assert too_much == {}
