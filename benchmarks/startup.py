"""What importing s3cache adds to the start of a Django process, in fresh processes that take turns."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from statistics import median

from benchmarks.harness import Aim, Options, Report

AIM = 0.030
ROUNDS = 11
SDKS = ("boto3", "botocore", "urllib3", "minio", "obstore", "storages", "msgpack", "lz4", "backports.zstd", "cryptography")
DJANGO = """
import json, sys, time, django
from django.conf import settings
settings.configure(SECRET_KEY="a key for benchmarks")
django.setup()
import django.core.cache.backends.base
took = 0.0
"""
S3CACHE = "start = time.process_time()\nimport s3cache\ntook = time.process_time() - start\n"
BUILT = "s3cache.ObjectStoreCache('s3://bucket/prefix', {'OPTIONS': {'ENGINE': 'boto3', 'region_name': 'eu-west-1'}})\n"
END = f"print(json.dumps([took, [name for name in {SDKS} if name in sys.modules]]))\n"
PROGRAMS = {
    "Django alone": DJANGO,
    "and import s3cache": DJANGO + S3CACHE,
    "and an entry of CACHES, ENGINE boto3": DJANGO + S3CACHE + BUILT,
}
NOTES = [
    "Django alone is django.setup() without apps, and django.core.cache.backends.base.",
    f"Whole processes, {ROUNDS} rounds (3 with --quick) in random order, bytecode and files cached. In ms: medians.",
    "'more' is the median of the differences to Django alone within a round.",
    "'import' is the CPU time of the statement itself, by which the aim is judged: it waits for nothing but the processor.",
]
COLUMNS = ["process", "median", "CPU", "more", "more CPU", "import", "SDKs imported"]

Times = tuple[float, float, float]
"""Seconds: elapsed, of CPU time, and of CPU time in ``import s3cache``."""


def run(options: Options) -> Report:
    environment = with_bytecode(options.directory)
    loaded = {name: one(program, environment)[1] for name, program in PROGRAMS.items()}  # also makes the bytecode
    rounds = [turn(environment) for _ in range(3 if options.quick else ROUNDS)]
    report = Report("startup: what importing s3cache adds", NOTES, COLUMNS)
    for name in PROGRAMS:
        figures = [find(rounds, name, kind) for find, kind in FIGURES]
        report.rows.append([name, *(f"{figure * 1000:.0f}" for figure in figures), ", ".join(loaded[name]) or "none"])
    importing = typical(rounds, "and import s3cache", 2)
    report.aims.append(
        Aim(f"import s3cache takes at most {AIM * 1000:.0f} ms of CPU", f"{importing * 1000:.1f} ms", importing <= AIM)
    )
    found = sorted({sdk for sdks in loaded.values() for sdk in sdks})
    report.aims.append(Aim("no SDK is imported, nor by an entry of CACHES", ", ".join(found) or "none", not found))
    return report


def typical(rounds: list[dict[str, Times]], name: str, kind: int) -> float:
    return median(turn[name][kind] for turn in rounds)


def added(rounds: list[dict[str, Times]], name: str, kind: int) -> float:
    return median(turn[name][kind] - turn["Django alone"][kind] for turn in rounds)


FIGURES = [(typical, 0), (typical, 1), (added, 0), (added, 1), (typical, 2)]
"""The columns."""


def turn(environment: dict[str, str]) -> dict[str, Times]:
    """Each program once."""
    return {name: one(PROGRAMS[name], environment)[0] for name in random.sample(list(PROGRAMS), len(PROGRAMS))}


def one(program: str, environment: dict[str, str]) -> tuple[Times, list[str]]:
    """What a process that runs the program takes, and which SDKs it had imported at its end."""
    start, before = time.perf_counter(), children_cpu()
    answer = subprocess.run([sys.executable, "-c", program + END], check=True, capture_output=True, text=True, env=environment)
    wall, cpu = time.perf_counter() - start, children_cpu() - before
    importing, sdks = json.loads(answer.stdout)
    return (wall, cpu, importing), sdks


def with_bytecode(directory: str) -> dict[str, str]:
    """An environment whose processes keep their bytecode in that directory, as an installed package does, whatever is set here."""
    return {**os.environ, "PYTHONPYCACHEPREFIX": directory, "PYTHONDONTWRITEBYTECODE": ""}


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
