"""Which engine does what on which server, read from the results that the runs of ``test`` left, one file for each Django."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

RESULTS = Path(__file__).parents[1] / ".servers"


class Outcome(NamedTuple):
    module: str
    """As in "test_contract"."""
    about: str
    """What stands in the brackets of its name."""
    passed: int
    """1, or how many tests of Django's passed in it."""


def results() -> Path:
    """Where pytest writes them."""
    import django

    return RESULTS / f"results-{'.'.join(map(str, django.VERSION[:2]))}.xml"


def show() -> int:
    from rich.console import Console

    console = Console(width=160)
    found = sorted(RESULTS.glob("results-*.xml"))
    for path in found:
        outcomes = list(read(path))
        console.print(by_server(f"Django {path.stem.removeprefix('results-')}: tests passed", outcomes))
        console.print(by_pair("Interchange: tests passed, by writer and reader", outcomes))
    if not found:
        console.print("There are no results yet. They come from: python -m integration test")
    return not found


def read(path: Path) -> Iterator[Outcome]:
    # A test that fails at both ends stands there twice.
    for case in {
        case.get("classname", "") + case.get("name", ""): case for case in ElementTree.parse(path).iter("testcase")
    }.values():
        module = case.get("classname", "").removeprefix("integration.").split(".")[0]
        counted = case.find("properties/property[@name='passed']")
        failed = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        passed = 0 if failed else int(counted.get("value", 0)) if counted is not None else 1
        about = re.search(r"\[(.*)\]", case.get("name", ""))
        yield Outcome(module, about[1] if about else "", passed)


def by_server(title: str, outcomes: list[Outcome]) -> object:
    """Engines below, servers across; in a cell what passed of the contract, and of Django's suite."""
    contract, asked = count(outcomes, "test_contract", r"([\w]+)@(\w+)$")
    suite, _ = count(outcomes, "test_django_suite", r"(\w+)@(\w+)$")
    whole, whole_suite = max(asked.values(), default=0), max(suite.values(), default=0)
    cells = {pair: f"{contract[pair]}/{whole}  {suite[pair]}/{whole_suite}" for pair in asked | suite}
    return drawn(f"{title} (contract, Django's suite)", "engine", cells)


def by_pair(title: str, outcomes: list[Outcome]) -> object:
    """Writers below, readers and servers across."""
    passed, asked = count(outcomes, "test_interchange", r"(\w+)-(\w+-\w+)$")
    return drawn(title, "writer", {pair: f"{passed[pair]}/{asked[pair]}" for pair in asked})


def count(outcomes: list[Outcome], module: str, pattern: str) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """By the two groups of the pattern: how many passed, and how many there were."""
    passed: Counter[tuple[str, str]] = Counter()
    asked: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        if outcome.module == module and (found := re.search(pattern, outcome.about)):
            pair = found[1], found[2]
            passed[pair] += outcome.passed
            asked[pair] += 1
    return passed, asked


def drawn(title: str, corner: str, cells: dict[tuple[str, str], str]) -> object:
    from rich.table import Table

    columns = sorted({column for _, column in cells})
    table = Table(corner, *columns, title=title)
    for row in sorted({row for row, _ in cells}):
        table.add_row(row, *(cells.get((row, column), "") for column in columns))
    return table
