"""``python -m integration leaks``: whether many operations leave anything behind, on each engine, blocking and asynchronous.

    python -m integration leaks [ENGINE ...] [--operations 100000] [--json FILE]

Each engine works in a process of its own (``leakworker``), against a store that sometimes fails (``leakserver``). What the process
holds may grow while it warms up, but not from the middle to the end: no descriptor and no thread more than a few, which pools may
still open, and no memory above what the allocator moves about. The exit status is 1 where it does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from integration import leakserver

ENGINES = ("boto3", "minio", "storages", "obstore", "files", "local", "memory")
"""``files`` is ``storages`` over Django's FileSystemStorage."""
SHAPES = ("blocking", "asynchronous")
SPARE = {"descriptors": 8, "threads": 8, "kilobytes": 4096}
"""How much more of each there may be at the end than in the middle."""
PATIENCE = 3600


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m integration leaks")
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=f"of {', '.join(ENGINES)} (default: all)")
    parser.add_argument("--operations", type=int, default=100_000, help="on each engine and in each shape")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found there")
    asked = parser.parse_args(arguments)
    if not set(asked.engines) <= set(ENGINES):
        parser.error(f"the engines are {', '.join(ENGINES)}")
    found = []
    for row in rows(asked.engines or ENGINES, asked.operations):
        found.append(row)
        print(line(row), flush=True)
        if asked.json:
            asked.json.write_text(json.dumps(found, indent=1))
    return int(any(grown(row) for row in found))


def rows(engines: Sequence[str], operations: int) -> Iterator[dict[str, Any]]:
    """What was found, for each engine and shape."""
    with leakserver.running() as url, tempfile.TemporaryDirectory(prefix="leaks-") as folder:
        for engine in engines:
            for shape in SHAPES:
                began = time.monotonic()
                found = work(shape, operations, entry(engine, shape, url, folder))
                seconds = round(time.monotonic() - began, 1)
                yield {"engine": engine, "shape": shape, "operations": operations, "seconds": seconds, **found}


def entry(engine: str, shape: str, url: str, folder: str) -> dict[str, Any]:
    """That of CACHES."""
    keys = {"endpoint_url": url, "region_name": "us-east-1", "access_key": "key", "secret_key": "secret", "max_attempts": 1}
    files = {"storage": "django.core.files.storage.FileSystemStorage", "location": f"{folder}/{shape}-files"}
    location, options = {
        "memory": ("", {}),
        "local": (f"{folder}/{shape}-local", {}),
        "files": ("", {"ENGINE": "storages", **files}),
    }.get(engine, (f"s3://leaks/{engine}-{shape}", {**keys, "PROFILE": "moto"}))
    return {
        "BACKEND": "s3cache.ObjectStoreCache",
        "LOCATION": location,
        "OPTIONS": {"ENGINE": engine, "MAX_ENTRIES": None, **options},
    }


def work(shape: str, operations: int, entry: dict[str, Any]) -> dict[str, Any]:
    start = leakserver.START.format(module="leakworker")
    command = [sys.executable, "-P", "-c", start, shape, str(operations), json.dumps(entry)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def grown(row: dict[str, Any]) -> list[str]:
    """What there is too much of at the end."""
    return [what for what, spare in SPARE.items() if row["after"][what] > row["middle"][what] + spare]


def line(row: dict[str, Any]) -> str:
    """One of the table: before, middle and after of each."""
    held = "  ".join(f"{what} {row['before'][what]:>6} {row['middle'][what]:>6} {row['after'][what]:>6}" for what in SPARE)
    verdict = f"GROWN: {', '.join(grown(row))}" if grown(row) else "steady"
    return f"{row['engine']:9}{row['shape']:13}{held}  {row['seconds']:>7} s  {verdict}  {row['ended']}"
