"""``python -m fuzz``: see the package."""

from __future__ import annotations

import argparse
import logging
import resource
import sys
import tempfile
from pathlib import Path

from django.conf import settings

import fuzz
from fuzz import keeping

MEMORY = 4 << 30
"""Of the process: an input that wants more ends it with MemoryError."""


def main() -> None:
    arguments = parsed()
    settings.configure()
    logging.getLogger("s3cache").setLevel(logging.CRITICAL)
    work = Path(arguments.work or tempfile.mkdtemp(prefix="fuzz-"))
    if arguments.minimise:
        minimise(arguments.target, work)
    else:
        run(arguments.target, work, [f"-runs={arguments.runs}", f"-max_total_time={arguments.seconds}"])


def minimise(name: str, work: Path) -> None:
    from fuzz.targets import TARGETS

    keeping.minimise(name, TARGETS[name].check, work)


def run(name: str, work: Path, limits: list[str]) -> None:
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

    with atheris.instrument_imports(include=["s3cache"]):
        from fuzz.targets import TARGETS

    target, kept = TARGETS[name], keeping.kept(name)
    work.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        keeping.write(work, seed)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    options = [f"-artifact_prefix={kept}/", "-print_final_stats=1", *limits]
    atheris.Setup([sys.argv[0], str(work), str(kept), *options], target.check)
    atheris.Fuzz()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m fuzz", description=fuzz.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--work", metavar="DIRECTORY")
    parser.add_argument("--minimise", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
