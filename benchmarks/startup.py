"""What s3cache adds to the start of a Django process: its import, and the first get through each engine.

Fresh processes take turns.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

from benchmarks.endpoints import Bucket, fast_bucket, options_for
from benchmarks.harness import Options, Spread, spread
from benchmarks.results import Aim, Report, View
from benchmarks.sdks import SDKS

IMPORT_CPU = 0.030
FIRST_GET = 0.060
ALONE, IMPORTED, BUILT, FIRST = "Django alone", "and import s3cache", "and an entry of CACHES, boto3", "and a first get: {}"
MODULES = ("boto3", "botocore", "urllib3", "minio", "obstore", "storages", "msgpack", "lz4", "backports.zstd", "cryptography")
DJANGO = """
import json, sys, time, django
from django.conf import settings
settings.configure(SECRET_KEY="a key for benchmarks")
django.setup()
import django.core.cache.backends.base
began, cpu = time.perf_counter(), time.process_time()
"""
S3CACHE = "import s3cache\n"
ENTRY = "s3cache.ObjectStoreCache('s3://bucket/prefix', {'OPTIONS': {'ENGINE': 'boto3', 'region_name': 'eu-west-1'}})\n"
GET = "cache = s3cache.ObjectStoreCache({location!r}, {{'OPTIONS': {options!r}}})\nassert cache.get('absent') is None\n"
END = f"""
took = time.perf_counter() - began, time.process_time() - cpu
print(json.dumps([*took, [name for name in {MODULES} if name in sys.modules]]))
"""
CLOSE = "cache.engine.close()\n"
NOTES = [
    "Django alone is django.setup() without apps, and django.core.cache.backends.base.",
    "'whole process' and its CPU time have the interpreter's start and end in them.",
    "The first get is of an absent key.",
    "'added' is what came after django.setup(), as the process itself saw it: the aims are judged by it.",
]
UNITS = {"process": "", "whole process": "ms", "whole CPU": "ms", "added": "ms", "added CPU": "ms", "SDKs imported": ""}


class Times(NamedTuple):
    """Seconds: of the whole process, and of what follows on Django."""

    wall: float
    cpu: float
    added: float
    added_cpu: float


def run(options: Options) -> Report:
    environment = with_bytecode(options.directory)
    with fast_bucket() as bucket:
        started = programs(bucket, options.directory)
        if options.effort == "smoke":
            started = {name: started[name] for name in (ALONE, IMPORTED, FIRST.format("local"))}
        loaded = {name: one(program, environment)[1] for name, program in started.items()}  # also makes the bytecode
        rounds = [turn(started, environment) for _ in range(options.of(15, 3, 1))]
    report = Report("what importing s3cache and a first get add", [bucket.note, *NOTES], UNITS, View([]))
    for name in started:
        figures = {column: spread([turn[name][place] for turn in rounds]).typical for place, column in enumerate([*UNITS][1:5])}
        report.add({"process": name}, figures, {"SDKs imported": ", ".join(loaded[name]) or "none"})
    add_aims(report, rounds, loaded)
    return report


def programs(bucket: Bucket, directory: str) -> dict[str, str]:
    """By name."""
    found = {ALONE: DJANGO + END, IMPORTED: DJANGO + S3CACHE + END, BUILT: DJANGO + S3CACHE + ENTRY + END}
    for engine in ("local", "memory"):
        get = GET.format(location=f"{directory}/{engine}", options={"ENGINE": engine})
        found[FIRST.format(engine)] = DJANGO + S3CACHE + get + END + CLOSE
    for engine in filter(find_spec, SDKS):
        get = GET.format(location=f"s3://{bucket.name}/{engine}", options=options_for(bucket, engine))
        found[FIRST.format(engine)] = DJANGO + S3CACHE + get + END + CLOSE
    return found


def add_aims(report: Report, rounds: list[dict[str, Times]], loaded: Mapping[str, list[str]]) -> None:
    importing = spread([turn[IMPORTED].added_cpu for turn in rounds])
    report.aims.append(at_most("import s3cache, CPU", importing, IMPORT_CPU))
    if (obstore := FIRST.format("obstore")) in rounds[0]:
        first = spread([turn[obstore].added for turn in rounds])
        report.aims.append(at_most("import s3cache and a first get on obstore", first, FIRST_GET))
    found = sorted({sdk for name in (IMPORTED, BUILT) for sdk in loaded.get(name, [])})
    report.aims.append(Aim("no SDK is imported, nor by an entry of CACHES", ", ".join(found) or "none", not found))


def at_most(what: str, found: Spread, most: float) -> Aim:
    low, high = found.low * 1000, found.high * 1000
    measured = f"{found.typical * 1000:.1f} ms ({low:.1f}–{high:.1f})"
    return Aim(f"{what}: at most {most * 1000:.0f} ms", measured, found.typical <= most)


def turn(started: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, Times]:
    """Each program once."""
    return {name: one(started[name], environment)[0] for name in random.sample(list(started), len(started))}


def one(program: str, environment: Mapping[str, str]) -> tuple[Times, list[str]]:
    """What a process that runs the program takes, and which SDKs it had imported at its end."""
    start, before = time.perf_counter(), children_cpu()
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    wall, cpu = time.perf_counter() - start, children_cpu() - before
    added, added_cpu, sdks = json.loads(answer.stdout)
    return Times(wall, cpu, added, added_cpu), sdks


def with_bytecode(directory: str) -> dict[str, str]:
    """An environment whose processes keep their bytecode in that directory, as an installed package does, whatever is set here."""
    return {**os.environ, "PYTHONPYCACHEPREFIX": directory, "PYTHONDONTWRITEBYTECODE": ""}


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
