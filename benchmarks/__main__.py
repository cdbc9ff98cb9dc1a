"""``python -m benchmarks NAME`` runs a benchmark and prints its figures beside what was aimed for; without a name it lists them.
``python -m benchmarks engines minio obstore`` measures only these engines.

An aim that is missed is a finding and no failure: the exit status is 0 either way.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
from collections.abc import Iterable, Sequence

from django.conf import settings

from benchmarks.engines import RIVALS
from benchmarks.harness import Options, Report

BENCHMARKS = {
    "layer": "What s3cache itself costs: get and set over the memory engine.",
    "local": "The engine local against Django's FileBasedCache.",
    "engines": "get and set through each S3 engine, or those named, against its SDK.",
    "startup": "What importing s3cache adds to the start of a Django process.",
}
AIM_COLUMNS = ["aim", "measured", ""]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.name is None:
        print(*(f"{name:10}{what}" for name, what in BENCHMARKS.items()), sep="\n")
        return
    settings.configure(SECRET_KEY="a key for benchmarks")
    for name in BENCHMARKS if options.name == "all" else [options.name]:
        with tempfile.TemporaryDirectory(dir=options.directory, prefix="benchmark-") as directory:
            asked = Options(options.quick, directory, options.engines)
            report: Report = importlib.import_module(f"benchmarks.{name}").run(asked)
        show(report, options.markdown)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*BENCHMARKS, "all"])
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help="of the benchmark engines: only these")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look, not a measurement")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--directory", help="where files are written: the file system to measure (default: a temporary directory)")
    options = parser.parse_args(arguments)
    if options.engines and (options.name != "engines" or not RIVALS.keys() >= set(options.engines)):
        parser.error(f"only the benchmark engines takes names, of these: {', '.join(RIVALS)}")
    return options


def show(report: Report, markdown: bool) -> None:
    aims = [[aim.promise, aim.measured, "met" if aim.met else "NOT MET"] for aim in report.aims]
    print(f"\n{'## ' * markdown}{report.title}\n")
    load = f"The load average of this machine with {os.cpu_count()} processors is {os.getloadavg()[0]:.1f} at the end."
    print(*(f"- {note}" for note in [*report.notes, load]), sep="\n", end="\n\n")
    table = as_markdown if markdown else as_text
    table(report.columns, report.rows)
    table(AIM_COLUMNS, aims)


def as_markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for row in (columns, ["---"] + ["---:"] * (len(columns) - 1), *rows):
        print(f"| {' | '.join(row)} |")
    print()


def as_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        as_plain_text(columns, rows)
        return
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False, width=132).print(table, "")


def as_plain_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())
    print()


if __name__ == "__main__":
    main()
