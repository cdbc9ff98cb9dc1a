"""The benchmark of culling counts rightly, and small runs of it keep what the documentation promises. No time is looked at."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.culling_census import Census, figures
from benchmarks.culling_processes import Event, played
from benchmarks.culling_writers import Crowd, Store, caches, crowd
from s3cache.naming import object_name

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent


def counted(crowd, warm, sets):
    """The figures of that many sets."""
    crowd.run(warm)
    crowd.store.census.forget()
    crowd.store.requests.clear()
    crowd.run(sets)
    crowd.close()
    return figures(crowd.store.census, crowd.store.requests)


def listed(store):
    return [info.name for info in store.list_objects()]


# --- what is counted --------------------------------------------------------------------------------------------------------


def test_a_census_knows_how_many_entries_there_are_and_were():
    census = Census(100)
    for number in range(50):
        census.wrote(number)
    census.removed(range(30))
    assert census.entries == 20
    assert (census.mean, census.most, census.p99) == (0.255, 0.5, 0.5)


def test_99_writes_of_100_met_no_more_entries_than_p99():
    census = Census(1000)
    for number in range(1000):
        census.wrote(number)
    assert census.p99 == 0.99


def test_victims_are_told_apart_by_their_age():
    census = Census(90)
    for number in range(7, 97):
        census.wrote(number)
    census.removed([7, 36, 37, 66, 67, 96])  # the first and the last of each third
    assert (census.victims, census.from_oldest_third, census.from_youngest_third) == (6, 2, 2)


def test_ages_are_those_among_the_entries_that_are_left():
    census = Census(90)
    for number in range(90):
        census.wrote(number)
    census.removed(range(60))
    census.forget()
    census.removed([60, 69, 70, 89])
    assert (census.from_oldest_third, census.from_youngest_third) == (2, 1)


def test_a_store_counts_requests_as_s3_does():
    store = Store(10_000)
    for number in range(1001):
        store.put_object(object_name("", str(number)), b"")
    names = listed(store)
    store.delete_objects(names[:1000])
    store.delete_objects(["missing"])
    assert store.requests == {"list": 2, "delete": 2}
    assert listed(store) == names[1000:]
    assert store.census.entries == 1


@pytest.mark.parametrize(("whole_seconds", "moments"), [(True, {0, 1}), (False, {0.0, 0.25, 0.5, 0.75, 1.0})])
def test_a_store_shows_whole_seconds_or_exact_times(whole_seconds, moments):
    store = Store(100, 4, whole_seconds)
    for number in range(5):
        store.put_object(str(number), b"")
    assert {info.modified.timestamp() for info in store.list_objects()} == moments


def test_each_request_takes_a_turn():
    store = Store(100)
    shaped = store.asynchronous()
    seen = []

    async def write(number):
        await shaped.put_object(str(number), b"")
        seen.append([info.name async for info in shaped.list_objects()])
        await shaped.delete_objects([str(number)])

    writers = Crowd(store, [write, write], Random(1))
    found = []
    for _ in range(4):
        writers.turn()
        found.append((store.census.writes, len(seen), store.census.entries))
    assert found == [(0, 0, 0), (2, 0, 2), (2, 2, 2), (2, 2, 0)]
    assert seen == [["0", "1"], ["0", "1"]]
    writers.close()
    assert (store.census.writes, len(seen), store.census.entries) == (4, 4, 0)


def test_a_journal_is_played_back_in_the_order_of_time():
    journal = [
        Event(1, "put", ["a"]),
        Event(2, "put", ["b"]),
        Event(3, "put", ["c"]),
        Event(4, "list", ()),
        Event(5, "delete", ["a"]),
    ]
    row = played(journal, 10, 1, {"b", "c"})
    assert (row["sets"], row["mean"], row["max"]) == (2, 0.25, 0.3)
    assert (row["listings"], row["deletes"], row["oldest"]) == (500, 500, 1)


def test_a_journal_that_the_listing_belies_is_refused():
    with pytest.raises(RuntimeError, match="tell of 1 entries, the listing of 0"):
        played([Event(1, "put", ["a"])], 10, 0, set())


# --- small runs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "writers", "requests", "mean", "most", "oldest"),
    [
        (300, 1, 21, (0.80, 0.87), 1.01, 0.99),
        (300, 8, 22, (0.50, 0.80), 2.5, 0.45),
        (3000, 8, 10, (0.70, 0.90), 1.3, 0.90),
        (3000, 64, 10, (0.75, 1.00), 1.8, 0.85),
    ],
)
def test_the_cache_stays_near_its_limit_at_a_bounded_cost(limit, writers, requests, mean, most, oldest):
    row = counted(crowd(Store(limit), writers, Random(2)), 2 * limit, 10_000)
    assert row["requests"] <= requests
    assert mean[0] <= row["mean"] <= mean[1]
    assert row["max"] <= most
    assert row["oldest"] >= oldest


@pytest.mark.parametrize("seed", range(3))
def test_no_look_removes_anything_in_a_cache_that_is_to_be_filled_without_looks(seed):
    growing = crowd(Store(20_000), 8, Random(seed))
    growing.run(14_000)
    growing.close()
    assert growing.store.requests["list"] >= 50
    assert growing.store.requests["delete"] == 0


def test_filling_makes_the_entries_that_sets_would_make():
    filled, grown = crowd(Store(1000), 1, Random(1)), crowd(Store(1000), 1, Random(1))
    filled.fill(300)
    grown.run(300)
    assert listed(filled.store) == listed(grown.store)
    assert filled.store.census.entries == 300
    for one in (filled, grown):
        one.close()


def test_whole_caches_count_as_their_looks_alone_do():
    alone = counted(crowd(Store(3000), 8, Random(4)), 6000, 12_000)
    whole = counted(caches(3000, 8, Random(4)), 6000, 12_000)
    assert whole["requests"] == pytest.approx(alone["requests"], rel=0.2)
    assert whole["mean"] == pytest.approx(alone["mean"], abs=0.1)
    assert whole["oldest"] == pytest.approx(alone["oldest"], abs=0.05)


@pytest.mark.parametrize(("processes", "name"), [([], "culling"), (["--processes", "2"], "culling-processes")])
def test_the_command_counts_what_it_is_asked_for(processes, name, tmp_path):
    command = [sys.executable, "-m", "benchmarks", "culling", "300", *processes, "--smoke", "--json", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=120)
    rows = json.loads((tmp_path / f"{name}.json").read_text())["rows"]
    assert {row["MAX_ENTRIES"] for row in rows} == {300}
    assert all(row["listings"] and row["max"] < 5 for row in rows)
