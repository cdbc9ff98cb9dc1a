"""Where, when and with what a benchmark ran."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "Django",
    "django-s3-cache",
    "boto3",
    "botocore",
    "minio",
    "obstore",
    "django-storages",
    "django-storages-s3",
    "urllib3",
    "django-redis",
    "redis",
    "diskcache",
    "django-s3-express-cache",
)
PROGRAMS = {"nginx": "-v", "redis-server": "--version"}
VERSION = re.compile(r"\d+(?:\.\d+)+")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def load() -> float:
    """How many processes ran or wanted to, in the mean of the last minute."""
    return round(os.getloadavg()[0], 2)


def machine() -> dict[str, str | int]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "memory": f"{memory / 2**30:.0f} GB",
    }


def processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def versions() -> Mapping[str, str]:
    """Of what is installed."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {**found, **{name: program_version(name, option) for name, option in PROGRAMS.items() if where(name)}}


def where(program: str) -> str | None:
    """The path of a server's program; those of Debian lie where not every user's PATH looks."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def program_version(name: str, option: str) -> str:
    told = subprocess.run([where(name) or name, option], capture_output=True, text=True, check=True)
    found = VERSION.search(told.stdout + told.stderr)
    return found[0] if found else "unknown"
