"""``python -m benchmarks NAME`` runs a benchmark and prints its figures beside what was aimed for; without a name it lists them.
``python -m benchmarks engines minio obstore`` measures only these engines. ``python -m benchmarks all --json DIRECTORY`` writes
what was found, and ``python -m benchmarks report --json DIRECTORY`` makes the tables and plots of the documentation of it.

An aim that is missed is a finding and no failure: the exit status is 0 either way.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import django
from django.conf import settings

from benchmarks import conditions, tables
from benchmarks.harness import Options
from benchmarks.results import Report
from benchmarks.sdks import SDKS

BENCHMARKS = {
    "layer": "What s3cache itself costs: get and set over the memory engine.",
    "engines": "get and set through each S3 engine, or those named, against its SDK.",
    "rivals": "get, set, has_key and delete against Django's caches, django-redis and diskcache.",
    "express": "get through the engine boto3 against django-s3-express-cache.",
    "local": "The engine local against Django's FileBasedCache, among 100 to 100,000 entries.",
    "population": "set among 100 to 1,000,000 entries, over the engines memory and local.",
    "concurrency": "get_many and concurrent aget of 100 keys at 20 ms of latency.",
    "startup": "What importing s3cache, and a first get, add to the start of a Django process.",
    "culling": "Requests and victims of culling, and how full the cache is, with 1 to 64 writers.",
    "sweeps": "The same as culling, of readable names, in four orders of the keys.",
    "memory": "Peak extra memory of get and set of 64 MB.",
}
NAMED = ("engines", "culling", "sweeps")
HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs"


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parse(arguments)
    if asked.name is None:
        print(*(f"{name:12}{what}" for name, what in BENCHMARKS.items()), sep="\n")
    elif asked.name == "report":
        importlib.import_module("benchmarks.documentation").write(asked.json or RESULTS, asked.docs)
    elif asked.name == "all":
        run_all(options_of(asked))
    else:
        run(asked)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*BENCHMARKS, "all", "report"])
    parser.add_argument(
        "engines", nargs="*", metavar="ENGINE", help="of engines: only these; of culling and sweeps: only these limits"
    )
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", dest="effort", action="store_const", const="quick", help="a look, not a measurement")
    effort.add_argument("--smoke", dest="effort", action="store_const", const="smoke", help="only whether it runs")
    parser.add_argument("--rows", action="store_true", help="print every figure, p99 and CPU time too, in a row for each contender")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--json", type=Path, metavar="DIRECTORY", help="write NAME.json there (report: read from there)")
    parser.add_argument("--docs", type=Path, metavar="DIRECTORY", default=DOCS, help="of report: the documentation's sources")
    parser.add_argument("--directory", help="where files are written: the file system to measure (default: a temporary directory)")
    keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are its keys"
    parser.add_argument("--url", help=f"of engines and culling: the bucket to use, as http://host:port/bucket; {keys}")
    parser.add_argument("--processes", type=int, default=0, help="of culling: write with so many processes, over boto3")
    parser.set_defaults(effort="full")
    asked = parser.parse_args(arguments)
    if (asked.engines and asked.name not in NAMED) or (asked.url and asked.name not in NAMED[:2]):
        parser.error("only the benchmarks engines and culling take names and --url, and sweeps takes names")
    if asked.name == "engines" and not SDKS.keys() >= set(asked.engines):
        parser.error(f"the engines are {', '.join(SDKS)}")
    return asked


def options_of(asked: argparse.Namespace) -> list[str]:
    """The same options for one benchmark of all."""
    flags = [f"--{asked.effort}"] if asked.effort != "full" else []
    flags += [f"--{name}" for name in ("rows", "markdown") if getattr(asked, name)]
    flags += ["--processes", str(asked.processes)] if asked.processes else []
    flags += ["--url", asked.url] if asked.url else []
    flags += ["--json", str(asked.json)] if asked.json else []
    return flags + (["--directory", asked.directory] if asked.directory else [])


def run_all(options: Sequence[str]) -> None:
    """Each in a process of its own, so that none has another's garbage; one that fails does not keep the rest from running."""
    commands = {name: [sys.executable, "-m", "benchmarks", name, *options] for name in BENCHMARKS}
    failed = [name for name, command in commands.items() if subprocess.run(command).returncode]
    if failed:
        raise SystemExit(f"These failed: {', '.join(failed)}.")


def run(asked: argparse.Namespace) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a benchmark which is stopped stops its servers
    start, load = conditions.now(), conditions.load()
    with tempfile.TemporaryDirectory(dir=asked.directory, prefix="benchmark-") as directory:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{directory}/benchmark.sqlite3"}
        settings.configure(SECRET_KEY="a key for benchmarks", DATABASES={"default": database})
        django.setup()
        options = Options(directory, asked.effort, asked.engines, asked.url, asked.processes)
        report: Report = importlib.import_module(f"benchmarks.{asked.name}").run(options)
    report.conditions = {
        "command": " ".join(["python -m benchmarks", asked.name, *asked.engines, *options_of(asked)]),
        "effort": asked.effort,
        "started": start,
        "finished": conditions.now(),
        "load": [load, conditions.load()],
        "machine": conditions.machine(),
        "versions": conditions.versions(),
    }
    if asked.json:
        report.write(asked.json / f"{asked.name}{'-processes' * bool(asked.processes)}.json")
    show(asked.name, report, asked)


def show(name: str, report: Report, asked: argparse.Namespace) -> None:
    print(f"\n{'## ' * asked.markdown}{name}: {report.title}\n")
    first, last = report.conditions["load"]
    load = f"The load average of this machine with {report.conditions['machine']['cores']} processors was {first} at the start, "
    print(*(f"- {note}" for note in [*report.notes, f"{load}{last} at the end."]), sep="\n", end="\n\n")
    table = tables.as_markdown if asked.markdown else tables.as_text
    table(*(tables.rows if asked.rows else tables.pivoted)(report))
    table(*tables.aims(report))


if __name__ == "__main__":
    main()
