"""Programs in processes of their own, with an entry of CACHES each: how they are started, and how they must end.

A program is a function of ``tests.processes.programs``. Every warning is an error there, but for one: from 3.12 on Python warns of
each fork beside other threads, which is what some of them are about.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.servers import s3_options

ROOT = Path(__file__).parents[2]
FORK_BESIDE_THREADS = "ignore:This process (pid=:DeprecationWarning"
PATIENCE = 60
"""Seconds until a program counts as one that hangs."""

S3 = ("boto3", "minio", "storages")
"""The engines for S3 that may be used before a fork; the fourth is obstore."""
ENGINES = (*S3, "obstore", "files", "local", "memory")
"""``files`` is ``storages`` over Django's FileSystemStorage."""


def entry(engine, place, url="http://127.0.0.1:1", **options):
    """An entry of CACHES. ``place`` is a bucket for S3, else a directory."""
    files = {"storage": "django.core.files.storage.FileSystemStorage", "location": f"{place}/files"}
    location, more = {
        "memory": ("", {}),
        "local": (f"{place}/cache", {}),
        "files": ("", {"ENGINE": "storages", **files}),
    }.get(engine, (f"s3://{place}/cache", s3_options(url)))
    return {
        "BACKEND": "s3cache.ObjectStoreCache",
        "LOCATION": location,
        "OPTIONS": {"ENGINE": engine, "MAX_ENTRIES": None, **more, **options},
    }


STRICT = ("-W", "error", "-W", FORK_BESIDE_THREADS)


def python(code, *arguments, options=()):
    """The command for code in a process where ``s3cache`` is the one that is installed, as in this process."""
    path = f"import sys; sys.path.append({str(ROOT)!r}); "
    return [sys.executable, "-B", *options, "-P", "-c", path + code, *map(str, arguments)]


def command(program, entry, *arguments):
    return python("from tests.processes.programs import main; main()", program, json.dumps(entry), *arguments, options=STRICT)


def environment(**more):
    """This process's, but for what has a say in development mode: that is slow, and switched on where it is looked at."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONWARNINGS", "PYTHONDEVMODE")}
    return {**kept, "PYTHONMALLOC": "default", **more}


def start(program, entry, *arguments):
    """A running program, to be used in a ``with``; its output comes through pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command(program, entry, *arguments), text=True, env=environment(), **pipes)


def run(program, entry, *arguments, **environ):
    """What a program printed; it must end in time, well, and without another word."""
    done = ended(program, entry, *arguments, **environ)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


def ended(program, entry, *arguments, **environ):
    """How a program ended, which it must in time."""
    given = {"capture_output": True, "text": True, "timeout": PATIENCE, "env": environment(**environ)}
    return subprocess.run(command(program, entry, *arguments), **given)
