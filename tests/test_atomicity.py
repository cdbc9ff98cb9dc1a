"""The checker behind ``python -m integration atomicity`` finds what must not be. In a short run on a directory it finds nothing."""

import json

import pytest

from integration.atomicity import pages
from integration.atomicity.journal import ANSWERED, CUT, FAILED, UNAVAILABLE, Call, Journal, calls, read
from integration.atomicity.places import place_on
from integration.atomicity.run import Extent, run
from integration.atomicity.verdict import Left, judge
from s3cache.errors import CircuitOpen


def call(verb, key, argument=None, answer=None, *, at=0.0, outcome=ANSWERED, took=1.0):
    return Call(verb, key, argument, at, None if outcome == CUT else at + took, outcome, answer)


def problems(calls, values=(), expiries=(), **keywords):
    return judge(calls, Left(dict(values), dict(expiries)), **keywords).problems


# Adders

WON, LOST = call("add", "key", "a", True), call("add", "key", "b", False)
UNKNOWN = [call("add", "key", "c", outcome=outcome) for outcome in (CUT, UNAVAILABLE)]


def test_one_winner_whose_value_is_there_is_right():
    verdict = judge([WON, LOST, *UNKNOWN], Left({"key": "a"}))
    assert (verdict.problems, verdict.adds, verdict.racers, verdict.winners) == ([], 1, 4, 1)


def test_two_winners_are_one_too_many():
    verdict = judge([WON, call("add", "key", "b", True)], Left({"key": "a"}))
    assert verdict.double_winners == 1
    assert verdict.problems == ["key: ['a', 'b'] have all won"]


def test_a_winner_of_each_of_two_keys_is_right():
    verdict = judge([WON, call("add", "other", "b", True)], Left({"key": "a", "other": "b"}))
    assert (verdict.problems, verdict.adds, verdict.winners, verdict.double_winners) == ([], 2, 2, 0)


def test_no_winner_is_wrong_where_all_are_known():
    assert "key: nobody has won" in problems([LOST], {"key": "b"})


@pytest.mark.parametrize("unknown", UNKNOWN, ids=(CUT, UNAVAILABLE))
def test_no_winner_is_right_where_the_value_is_of_somebody_unknown(unknown):
    assert problems([LOST, unknown], {"key": "c"}) == []
    assert problems([unknown]) == []


@pytest.mark.parametrize("value", ("b", "nobody's"))
def test_the_value_of_a_loser_is_wrong(value):
    assert len(problems([WON, LOST], {"key": value})) == 1
    assert len(problems([LOST, *UNKNOWN], {"key": value})) == 1


def test_the_value_of_somebody_unknown_is_wrong_where_another_was_told_that_he_won():
    assert len(problems([WON, *UNKNOWN], {"key": "c"})) == 1


@pytest.mark.parametrize("told", (WON, LOST), ids=("won", "lost"))
def test_an_entry_that_is_gone_is_wrong(told):
    assert len(problems([told, *UNKNOWN])) == 1


# Counters

INCREMENTS = [call("incr", "up", 1, 1), call("incr", "up", 1, 2), call("incr", "up", 1, outcome=CUT)]


@pytest.mark.parametrize("total", (2, 3))
def test_a_counter_within_its_bounds_is_right(total):
    verdict = judge(INCREMENTS, Left({"up": total}))
    assert (verdict.problems, verdict.acknowledged, verdict.sum, verdict.attempted) == ([], 2, total, 3)


@pytest.mark.parametrize("total", (None, 0, 1, 4))
def test_a_counter_beyond_its_bounds_is_wrong(total):
    assert problems(INCREMENTS, {"up": total}) == [f"up: moved by {total or 0}; 2 were acknowledged, 3 attempted"]


def test_without_unknown_outcomes_the_bounds_are_one_number():
    assert problems(INCREMENTS[:2], {"up": 2}) == []
    assert problems(INCREMENTS[:2], {"up": 3})


def test_a_decrement_moves_a_counter_as_far_as_an_increment():
    decrements = [call("decr", "down", 1, -1), call("decr", "down", 1, -2)]
    assert problems(decrements, {"down": -2}) == []
    assert problems(decrements, {"down": -1})


def test_one_counter_does_not_make_up_for_another():
    assert len(problems([call("incr", "one", 1, 1), call("incr", "two", 1, 1)], {"one": 2, "two": 0})) == 2


def test_a_total_that_two_were_told_is_wrong():
    assert problems([call("incr", "up", 1, 1), call("incr", "up", 1, 1)], {"up": 2}) == [
        "up: several calls were told that it is [1] now"
    ]


def test_an_expiry_that_changed_is_wrong():
    assert problems([], expiries={"up": (5, 5)}) == []
    assert problems([], expiries={"up": (5, 0)}) == ["up: expires at 0, and not at 5 any more"]


# Pages


def writing(number, at, outcome=ANSWERED):
    return call("set", "page", number, at=at, outcome=outcome)


def reading(number, at, outcome=ANSWERED):
    return call("get", "page", answer=number, at=at, outcome=outcome)


SETS = [writing(10, 0.0), writing(20, 2.0), writing(30, 4.0)]


def test_what_was_there_before_or_after_a_write_is_right_while_it_is_made():
    assert problems([*SETS, *(reading(number, 2.5) for number in (10, 20))]) == []
    assert problems([*SETS, reading(0, 0.5)]) == []


def test_an_old_page_after_a_new_one_was_acknowledged_is_wrong():
    verdict = judge([*SETS, reading(10, 3.5)], Left({}))
    assert verdict.brought_back == 1
    assert verdict.problems == ["page: number 10 was read after 20 was acknowledged"]
    assert problems([*SETS, reading(0, 1.5)])


@pytest.mark.parametrize("outcome", (CUT, UNAVAILABLE))
def test_an_unknown_write_may_be_applied_late_or_not_at_all(outcome):
    sets = [writing(10, 0.0), writing(15, 1.0, outcome), writing(20, 2.0)]
    assert problems([*sets, reading(15, 9.0)]) == []
    assert problems([*sets, reading(20, 9.0)]) == []
    assert problems([*sets, reading(10, 9.0)])


def test_a_page_that_was_never_written_is_wrong():
    assert problems([*SETS, reading(11, 9.0)]) == ["page: number 11 was read, and never written"]


def test_a_page_that_is_not_there_counts_as_torn():
    verdict = judge([*SETS, reading(None, 9.0)], Left({}))
    assert verdict.torn == 1
    assert verdict.problems == ["page: was not there for a reader"]


def test_a_torn_page_is_an_exception_of_its_reader():
    with pytest.raises(ValueError, match="torn page") as caught:
        pages.number_of("page", pages.page("page", 4)[:-1])
    verdict = judge([reading(f"ValueError: {caught.value}", 9.0, FAILED)], Left({}))
    assert (verdict.torn, verdict.reader_errors, len(verdict.problems)) == (1, 1, 1)


def test_a_set_that_met_a_touch_may_be_lost_where_the_store_is_known_for_it():
    read_back, touch = reading(10, 3.5), call("touch", "page", 5, True, at=1.9)
    assert problems([*SETS, touch, read_back], lost_overwrites=True) == []
    assert problems([*SETS, touch, read_back])
    assert problems([*SETS, touch._replace(began=0.1, ended=1.9), read_back], lost_overwrites=True)
    assert problems([*SETS, touch, reading(10, 5.5)], lost_overwrites=True), "the third was lost without a touch"


# Exceptions


@pytest.mark.parametrize("outcome", (UNAVAILABLE, FAILED))
def test_a_reader_never_sees_an_exception(outcome):
    verdict = judge([reading("Oops: it failed", 9.0, outcome)], Left({}))
    assert (verdict.reader_errors, verdict.problems) == (1, ["get page: Oops: it failed"])


@pytest.mark.parametrize("verb", ("add", "incr", "set", "touch"))
def test_a_writer_sees_none_but_engine_unavailable(verb):
    failed = call(verb, "key", 1, "ValueError: no", outcome=FAILED)
    assert f"{verb} key: ValueError: no" in problems([failed])
    assert problems([failed._replace(outcome=UNAVAILABLE)]) == []


def test_a_touch_that_finds_nothing_is_wrong():
    assert problems([call("touch", "page", 5, False)]) == ["touch page: it was not there"]


# Pages and journals themselves


@pytest.mark.parametrize("number", range(len(pages.SIZES)))
def test_a_page_tells_its_number(number):
    assert pages.number_of("key", pages.page("key", number)) == number


def test_a_page_of_another_key_or_a_mixture_of_two_is_none():
    one, other = pages.page("key", 0), pages.page("key", 2)
    for value in (pages.page("other", 0), one[:500] + other[500:], b"", None):
        with pytest.raises(ValueError, match="key"):
            pages.number_of("key", value)


def test_a_journal_tells_what_each_call_was_told(tmp_path):
    def fail(error):
        raise error

    with Journal(tmp_path / "0-0") as journal:
        journal.record("add", "key", "me", lambda: True)
        journal.record("incr", "key", 1, lambda: fail(CircuitOpen("away")))
        journal.record("get", "key", None, lambda: fail(KeyError("no")))
    assert [(one.verb, one.argument, one.outcome, one.answer) for one in calls(tmp_path)] == [
        ("add", "me", ANSWERED, True),
        ("incr", 1, UNAVAILABLE, "CircuitOpen: away"),
        ("get", None, FAILED, "KeyError: 'no'"),
    ]


def test_a_journal_that_a_kill_cut_short_tells_of_what_had_begun():
    lines = [[0, "add", "one", "me", 1.0], [1, "add", "two", "me", 2.0], [0, 3.0, ANSWERED, True], [1, 4.0, ANSWERED, True]]
    whole = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert [(one.key, one.outcome) for one in read(whole)] == [("one", ANSWERED), ("two", ANSWERED)]
    assert [(one.key, one.outcome) for one in read(whole[:-5])] == [("one", ANSWERED), ("two", CUT)]
    assert [(one.key, one.outcome) for one in read(whole[:40])] == [("one", CUT)]


# For real


@pytest.mark.parametrize("kills", (False, True), ids=("all live", "some are killed"))
def test_writes_of_many_processes_are_atomic_and_reads_whole(kills):
    with place_on(None, "local") as place:
        verdict, killed = run(place, Extent(processes=3, threads=4, seconds=3, kills=kills))
    assert verdict.problems == []
    assert verdict.adds and verdict.winners and verdict.reads and verdict.acknowledged, "nothing was tried"
    assert bool(killed) == kills
    if not kills:
        assert verdict.winners == verdict.adds
        assert verdict.sum == verdict.acknowledged == verdict.attempted
