"""Sweeps, without a store: what goes, what stays, and what is handed on from look to look."""

import itertools
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cache import sweeping, sweepstate
from s3cache.sampling import FEW, PAGE, Listed
from s3cache.sweeping import BUCKETS, NAMES, Reached, Sweep, Sweeper, Tally

START = datetime(2026, 1, 1, tzinfo=UTC)


def entry(name, seconds, size=1):
    return Listed(name, 0.0, START + timedelta(seconds=seconds), size)


def swept(sweeper, store, room, sweep=None, looks=1, written=""):
    """The store, a dict of entries by name, after so many looks that pass ``room`` names each; and the sweep."""
    sweep = sweep or sweeper.first()
    for _ in range(looks):
        after = sorted(name for name in store if name > sweep.after)
        entries = [store[name] for name in after[:room]]
        victims = {}
        reached = Reached(entries, entries[-1].name if entries else sweep.after, len(after) < room)
        handed_on = sweepstate.decode(sweepstate.encode(sweep), sweeper.limits)
        sweep = sweeper.passes(handed_on, reached, victims, written)
        store = {name: kept for name, kept in store.items() if name not in victims}
    return store, sweep


moments = st.lists(st.integers(0, 10**6), min_size=1, max_size=60, unique=True)


@given(moments, st.integers(1, 80), st.integers(1, 20), st.integers(1, 5))
def test_a_cache_at_rest_comes_under_its_limit_and_loses_the_oldest_only(moments, limit, room, frequency):
    store = {f"k/{number:03}": entry(f"k/{number:03}", moment) for number, moment in enumerate(moments)}
    looks = 4 * (len(store) // room + 2)
    left, _ = swept(Sweeper(limit, frequency), store, room, looks=looks)
    assert len(left) <= limit
    gone = [store[name].modified for name in store if name not in left]
    assert not gone or max(gone) <= min([kept.modified for kept in left.values()], default=max(gone))


@given(moments, st.integers(0, 5), st.integers(1, 20))
def test_a_cache_that_is_well_below_its_limit_loses_nothing(moments, frequency, room):
    store = {f"k/{number:03}": entry(f"k/{number:03}", moment) for number, moment in enumerate(moments)}
    left, _ = swept(Sweeper(3 * len(store), frequency), store, room, looks=100)
    assert left == store


@pytest.mark.parametrize(("limits", "left"), [((None, 60), 60), ((40, 60), 40), ((80, 60), 60)])
def test_of_bytes_and_entries_the_stricter_limit_holds(limits, left):
    most, most_bytes = limits
    store = {f"k/{number:03}": entry(f"k/{number:03}", number, 10) for number in range(100)}
    kept, _ = swept(Sweeper(most, 1000, max_bytes=most_bytes * 10), store, 7, looks=200)
    assert left * 0.8 <= len(kept) <= left
    assert [*kept] == [*store][-len(kept) :]


def test_the_name_just_written_stays():
    store = {f"k/{number}": entry(f"k/{number}", number) for number in range(9)}
    kept, _ = swept(Sweeper(1, 0), store, 3, looks=20, written="k/0")
    assert "k/0" in kept


@given(st.integers(0, 2**62), st.integers(0, 2**62), moments)
def test_no_more_goes_than_is_due_whatever_the_line_says(line, due, moments):
    store = {f"k/{number:03}": entry(f"k/{number:03}", moment) for number, moment in enumerate(moments)}
    forged = Sweep({"entries": Tally(10**6, line, due)})
    left, _ = swept(Sweeper(10**6, 3), store, 5, forged, looks=len(store) // 5 + 1)
    assert len(store) - len(left) <= due


def test_one_who_forges_counts_alone_removes_no_more_than_was_there_by_then():
    """What is written after the last moment that was counted is safe, whatever else is claimed."""
    tally = Tally(0, 0, 0, 10**9)
    tally.ages.add(START, 10**9)
    assert tally.ended(100, 3).line <= (START.timestamp() + 1) * 1000


def test_growth_is_left_free():
    """A sweep that finds a tenth more than the last one left expects as much, and half of it again, to come."""
    tally = Tally(left=900)
    for number in range(1000):
        tally.count(entry(str(number), number), 1, removed=False)
    assert (tally.ended(1151, 1000).due, tally.ended(1100, 1000).due, tally.ended(1150, 3).due) == (0, 50 + 15, 0)
    assert tally.ended(1149, 3).due == 333 + 15
    assert tally.ended(1149, 0).due == 1000


def test_a_growth_that_fills_the_cache_does_not_empty_it():
    tally = Tally(left=0)
    for number in range(1000):
        tally.count(entry(str(number), number), 1, removed=False)
    assert tally.ended(1000, 3).due == 500 + 15


def test_a_look_stops_at_its_last_victim_where_deletes_are_single():
    sweeper = Sweeper(600, 3, single=True)
    sweep = Sweep({"entries": Tally(1000, 2**60, 1000)})
    victims = {}
    entries = [entry(f"k/{number:04}", number) for number in range(1000)]
    sweep = sweeper.passes(sweep, Reached(entries, entries[-1].name, True), victims, "")
    assert [*victims] == [one.name for one in entries[:FEW]]
    assert (sweep.after, sweep.tallies["entries"].due) == (entries[FEW - 1].name, 900)


@pytest.mark.parametrize(("limit", "single", "interval"), [(501, False, 50), (10**6, False, 400), (10**6, True, 40)])
def test_a_look_is_due_once_in_so_many_writes(limit, single, interval):
    sweeper = Sweeper(limit, 3, random.Random(1), single=single)
    due = [number for number in range(200 * interval) if sweeper.wrote(0)]
    assert due[0] < interval
    assert {interval // 2 <= later - earlier <= 3 * interval // 2 for earlier, later in itertools.pairwise(due)} == {True}
    assert len(due) == pytest.approx(200, rel=0.1)


def test_large_values_bring_looks_sooner():
    sweeper = Sweeper(None, 3, random.Random(1), max_bytes=NAMES * PAGE)
    assert sum(sweeper.wrote(100 * PAGE) for _ in range(40)) == pytest.approx(10, abs=4)


sweeps = st.builds(
    lambda after, left, line, due, passed, times: (after, left, line, due, passed, times),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.integers(0, 2**60),
    *[st.integers(0, 2**60)] * 3,
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)), max_size=300),
)


@settings(deadline=None)
@given(sweeps)
def test_a_sweep_reads_as_it_was_written(parts):
    after, left, line, due, passed, times = parts
    tally = Tally(left, line, due, passed)
    for seconds, weight in times:
        tally.ages.add(START + timedelta(seconds=seconds), weight)
    body = sweepstate.encode(Sweep({"entries": tally}, after))
    found = sweepstate.decode(body, ["entries"])
    assert sweepstate.encode(found) == body
    assert found.tallies["entries"].ages.total == tally.ages.total
    assert len(tally.ages.weights) <= BUCKETS
    assert sweepstate.decode(body, ["entries", "bytes"]) is None and sweepstate.decode(body, ["bytes"]) is None
    assert sweepstate.decode(body, []) is None


def test_a_sweep_of_two_limits_is_short_enough_to_be_read():
    sweep = Sweeper(10, 3, max_bytes=10).first()
    for tally in sweep.tallies.values():
        for second in range(1000):
            tally.ages.add(START + timedelta(seconds=second * 10**5), 2**40)
    sweep.after = "k/" + "x" * 1022
    assert len(sweepstate.encode(sweep)) < sweepstate.LONGEST // 2


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=9).map(json.dumps).map(str.encode))
def test_what_is_no_sweep_is_none(body):
    assert sweepstate.decode(body, ["entries"]) is None


GOOD = {"left": 1, "line": 2, "due": 3, "passed": 4, "shift": 5, "ages": [[1, 2]]}


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: value} for name in ("left", "line", "due", "passed", "shift") for value in (-1, 2**63, 1.5, "1", True, [])),
        *({name: None} for name in ("line", "due", "passed", "shift", "ages")),
        *(
            {"ages": value}
            for value in (1, "ab", [1], [[1]], [[1, -1]], [[1, None]], [[number, 1] for number in range(BUCKETS + 1)])
        ),
        {"shift": 64},
    ],
)
def test_a_sweep_with_a_wrong_number_is_none(wrong):
    def body(fields):
        return json.dumps({"after": "", "tallies": {"entries": fields}}).encode()

    assert sweepstate.decode(body(GOOD), ["entries"]) is not None
    assert sweepstate.decode(body({**GOOD, **wrong}), ["entries"]) is None


@pytest.mark.parametrize(
    "body", [b"[" * 30_000, b'{"after": "\\ud800", "tallies": {}}', b'{"after": 1, "tallies": {}}', b"1" * 9000]
)
def test_hostile_json_is_none(body):
    assert sweepstate.decode(body, []) is None


def test_the_module_has_what_its_docs_say():
    assert (sweeping.NAMES, sweeping.VISITS, sweeping.MARGIN) == (4000, 10, 1.5)
