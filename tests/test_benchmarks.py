"""Every benchmark runs, counts what it should, and its figures become tables and plots. Its timings are nobody's promise."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import tables
from benchmarks.__main__ import BENCHMARKS
from benchmarks.harness import Spread, measure, ratio
from benchmarks.results import Report, View

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
ENGINES = [engine for engine in ("boto3", "minio", "storages", "obstore") if find_spec(engine)]


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout


def found_by(name, directory):
    """What a benchmark writes down in its least form, after a look at what all of them must."""
    run(name, "--smoke", "--json", str(directory))
    report = json.loads((directory / f"{name}.json").read_text())
    assert report["rows"] or any("not installed" in note for note in report["notes"])
    assert not report["rows"] or report["units"].keys() <= {column for row in report["rows"] for column in row}
    return report


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name != "engines"])
def test_a_benchmark_writes_down_what_it_found_and_where_and_when(name, tmp_path):
    conditions = found_by(name, tmp_path)["conditions"]
    assert conditions["machine"]["cores"] >= 1
    assert {"Python", "Django"} <= conditions["versions"].keys()
    assert conditions["started"] <= conditions["finished"]
    assert conditions["command"] == f"python -m benchmarks {name} --smoke --json {tmp_path}"


def test_through_each_engine_a_get_is_one_request_and_a_set_one_that_waits_for_no_leave(tmp_path):
    rows = [row for row in found_by("engines", tmp_path)["rows"] if "requests" in row]
    asked = {(row["engine"], row["operation"], row["what"]): row["requests"] for row in rows if row["what"] != "SDK"}
    each = [(verb, what) for verb in ("get", "set") for what in ("signing off", "signing on")]
    assert asked == {(engine, verb, what): {"get": "1 GET", "set": "1 PUT"}[verb] for engine in ENGINES for verb, what in each}


def test_what_was_found_becomes_tables_and_plots_of_the_documentation(tmp_path):
    sized = Report("", [], {"engine": "", "entries": "count", "median": "µs"}, View(["engine"], "entries", ["median"]))
    parts = Report("", [], {"part": "", "median": "µs"}, View([]))
    for median in (0.001, 0.002):
        sized.add({"engine": "local", "entries": int(median * 100_000), "median": median})
        parts.add({"part": f"of {median} s", "median": median})
    for name, report in {"population": sized, "layer": parts}.items():
        report.aim_times("it", Spread(2.0, 1.0, 3.0), 1.5)
        report.conditions = {"machine": {"cores": 2}, "versions": {}, "started": "", "command": name, "load": [0.0, 1.0]}
        report.write(tmp_path / "json" / f"{name}.json")
    said = run("report", "--json", str(tmp_path / "json"), "--docs", str(tmp_path))
    tables = tmp_path / "explanation" / "performance"
    assert (tables / "population.csv").read_text() == 'engine,"100: median, µs","200: median, µs"\nlocal,"1,000","2,000"\n'
    assert (tables / "aims.csv").read_text().splitlines()[1] == "layer,it: at least 1.5 times as fast,2.00 (1.00–3.00),met"
    drawn = {path.name for path in tmp_path.glob("_static/*.svg")}
    assert drawn == {"benchmark-layer.svg", "benchmark-population.svg"} if find_spec("matplotlib") else "no plots" in said


def test_contenders_take_turns_and_no_call_is_dropped():
    calls = []
    found = measure({name: lambda number, name=name: calls.append((name, number)) for name in ("one", "two")}, 5, block=0)
    assert [len(found[name].calls) for name in ("one", "two")] == [5, 5]
    rounds = [calls[start : start + 2] for start in range(2, 12, 2)]  # after one call of each to warm up
    assert [{*turns} for turns in rounds] == [{("one", number), ("two", number)} for number in range(5)]


def test_a_turn_is_prepared_before_it_and_not_within():
    done = []
    measure({"it": lambda number: done.append(number)}, 3, 0, before={"it": lambda number: done.append(-number)})
    assert done[2:] == [0, 0, -1, 1, -2, 2]


def test_a_ratio_is_of_what_was_measured_in_the_same_round():
    assert ratio([1.0, 20.0, 3.0], [2.0, 40.0, 6.0]) == Spread(0.5, 0.5, 0.5)


def test_what_is_compared_stands_side_by_side():
    report = Report("", [], {"engine": "", "what": "", "median": "µs"}, View(["engine"], "what", ["median"]))
    report.add({"engine": "boto3", "what": "SDK", "median": 0.002})
    report.add({"engine": "boto3", "what": "cache", "median": 0.001})
    report.add({"engine": "minio", "what": "cache", "median": 0.0005})
    head, lines = tables.pivoted(report)
    assert head == ["engine", "SDK: median, µs", "cache: median, µs"]
    assert lines == [["boto3", "2,000", "1,000"], ["minio", "", "500.0"]]


def test_a_report_survives_being_written_down(tmp_path):
    report = Report("title", ["note"], {"a": "", "b": "ratio"}, View(["a"], values=["b"]), conditions={"load": [0.1, 0.2]})
    report.add({"a": "x", "b": Spread(2.0, 1.0, 3.0)})
    report.aim_times("promise", Spread(2.0, 1.0, 3.0), 1.5)
    report.write(tmp_path / "it.json")
    assert Report.read(tmp_path / "it.json") == report
