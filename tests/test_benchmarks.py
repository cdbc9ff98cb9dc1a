"""The benchmark of the S3 engines runs, and its server counts what a call costs in requests. Its timings are nobody's promise."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINES = [engine for engine in ("boto3", "minio", "storages", "obstore") if find_spec(engine)]


@pytest.fixture(scope="module")
def rows():
    """What the benchmark says of each contest, by column."""
    command = [sys.executable, "-m", "benchmarks", "engines", "--quick", "--markdown"]
    shown = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    columns, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.split("\n\n")[2].splitlines()]
    return {row[0]: dict(zip(columns, row, strict=True)) for row in rows}


def test_every_installed_engine_takes_part(rows):
    contests = ["get 1 KB", "set 1 KB", "get 64 KB", "set 64 KB"]
    assert list(rows) == [f"{contest}: {engine}" for contest in contests for engine in ENGINES]


def test_a_get_is_one_request_and_a_set_is_one(rows):
    assert {(what[:3], row["cache's requests"]) for what, row in rows.items()} == {("get", "1 GET"), ("set", "1 PUT")}
