"""Run as ``python -m tests.memory_worker``: what a cache's get and set of large values take in memory, in a process of its own.

Reads an entry of CACHES from standard input as JSON. Prints for each kind of value, as multiples of the value, how much set and get
took at their peak over what was there before: ``[resident, traced by Python]``. Linux only.
"""

import json
import os
import sys
import tracemalloc
from pathlib import Path

from django.conf import settings

SIZE = 40 << 20
"""Of a body. Above 32 MiB glibc's malloc maps each block by itself, so that what is freed does not stay."""
BLOCK = os.urandom(1 << 16)
VALUES = {
    "bytes": lambda: BLOCK * (SIZE // len(BLOCK)),
    "str": lambda: "sixteen letters\n" * (SIZE // 16),
    "wide": lambda: "fünfzehn €uro\n" * (SIZE // 17),
    "pickled": lambda: {"key": BLOCK * (SIZE // len(BLOCK))},
}


def resident(field):
    """VmRSS, what is in memory now, or VmHWM, the most there was; in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def peaks(action):
    """How much more memory the action takes at its worst, and what it returns."""
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    tracemalloc.start()
    before = resident("VmRSS")
    result = action()
    found = resident("VmHWM") - before, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, result


def measured(cache, value):
    size = sys.getsizeof(value["key"] if isinstance(value, dict) else value)
    cache.set("key", "to be warm")
    cache.get("key")
    stored, _ = peaks(lambda: cache.set("key", value))
    read, found = peaks(lambda: cache.get("key"))
    assert found == value
    return {"set": [peak / size for peak in stored], "get": [peak / size for peak in read]}


if __name__ == "__main__":
    settings.configure(SECRET_KEY="the secret key of the tests", CACHES={"default": json.load(sys.stdin)})
    from django.core.cache import cache

    json.dump({kind: measured(cache, value()) for kind, value in VALUES.items()}, sys.stdout)
