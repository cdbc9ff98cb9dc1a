"""How much memory a get and a set of a large value take beyond the value: the peak of the resident set, each in a fresh process.

A set begins with the caller's value in place, which is not counted; a get ends with the value, which is. Linux only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

from benchmarks.endpoints import Bucket, fast_bucket, options_for
from benchmarks.harness import Options, spread
from benchmarks.results import Aim, Report, View, number
from benchmarks.sdks import SDKS
from benchmarks.values import MB, sized

KINDS = {
    "bytes": "random.Random(1).randbytes(size)",
    "str": "('<p>' + 'a page of a site; ' * 56 + '</p>')[:1024] * (size // 1024)",
    "list": "[random.Random(number).randbytes(512).hex() for number in range(size // 1024)]",
}
"""By kind: an expression for a value of ``size`` bytes. Those of the list, too, are as many in memory as pickled, nearly."""
MOST = {"bytes": 1.3, "str": 1.3, "list": 2.1}
PROGRAM = """
import gc, json, random, sys
from django.conf import settings
settings.configure(SECRET_KEY="a key for benchmarks")
import django
django.setup()
from s3cache import ObjectStoreCache

def kilobytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

location, options, verb, size, expression = json.loads(sys.argv[1])
cache = ObjectStoreCache(location, {"OPTIONS": options})
value = eval(expression) if verb == "set" else None
cache.set("small", b"opens the connections")
assert cache.get("small")
gc.collect()
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")  # the peak begins anew
before = kilobytes("VmRSS")
if verb == "set":
    cache.set("large", value)
else:
    value = cache.get("large")
print(json.dumps((kilobytes("VmHWM") - before) * 1024))
assert value is not None
cache.engine.close()
"""
NOTES = [
    "Extra memory is the peak of the process's resident set over that before the call, in parts of the value's size.",
    "str is ASCII; list is one of strings of 1 KB, pickled. SIGNING is on, nothing is compressed.",
    "The rest of a get is the value itself: its floor is 1, and 2 for the list, whose pickle and strings are there at once.",
]
UNITS = {"engine": "", "operation": "", "kind": "", "extra": "times"}


def run(options: Options) -> Report:
    size, rounds = options.of(64 * MB, 16 * MB, 4 * MB), options.of(3, 1, 1)
    report = Report(
        f"peak extra memory of get and set of {sized(size)}", NOTES, UNITS, View(["engine", "operation"], "kind", ["extra"])
    )
    engines = ["local", *filter(find_spec, SDKS)] if options.effort != "smoke" else ["local"]
    with fast_bucket() as bucket:
        for engine in engines:
            for kind in KINDS:
                for verb in ("set", "get"):  # in this order: the one stores what the other reads
                    found = [extra(bucket, engine, options.directory, verb, size, kind) for _ in range(rounds)]
                    report.add({"engine": engine, "operation": verb, "kind": kind, "extra": spread(found).typical})
    for kind, most in MOST.items():
        measured = {f"{row['engine']} {row['operation']}": row["extra"] for row in report.rows if row["kind"] == kind}
        over = [f"{what} {number(one)}" for what, one in measured.items() if isinstance(one, float) and one > most]
        report.aims.append(Aim(f"{kind}: at most {most} times the value, everywhere", ", ".join(over) or "yes", not over))
    return report


def extra(bucket: Bucket, engine: str, directory: str, verb: str, size: int, kind: str) -> float:
    """In parts of the size."""
    location = f"{directory}/{kind}" if engine == "local" else f"s3://{bucket.name}/{engine}/{kind}"
    options = {"ENGINE": engine} if engine == "local" else options_for(bucket, engine)
    asked = json.dumps([location, options, verb, size, KINDS[kind]])
    told = subprocess.run([sys.executable, "-c", PROGRAM, asked], check=True, stdout=subprocess.PIPE, text=True)
    return int(json.loads(told.stdout)) / size
