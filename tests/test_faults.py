"""The checker of ``python -m integration faults`` finds what is wrong, and only that; so do the figures beside it."""

import asyncio
import json
from dataclasses import replace

import pytest

from integration.faults import report
from integration.faults.checker import LINGER, judged
from integration.faults.history import Call, History, Read, Write
from integration.faults.load import MANY, Owned, Owner, unanswered
from integration.faults.rounds import Cell, Moments
from integration.faults.timeline import answered, by_second, seconds_to_recover, throughput
from integration.faults.values import COUNTERS, LARGE, Stamp, count_of, counted, stamp_of, stamped
from integration.faults.worker import Blocking, Task

pytestmark = pytest.mark.once

KEY = "boto3.0/1"
OTHER = "boto3.0/2"
STAMP = Stamp(KEY, 7, "boto3.0")


# --- values -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 40))
def test_a_value_says_what_it_is(number):
    stamp = Stamp(KEY, number, "boto3.0")
    assert stamp_of(stamped(stamp)) == stamp


def test_values_are_of_many_sizes():
    sizes = {len(stamped(Stamp(KEY, number, "boto3.0"))) // 100 * 100 for number in range(1000)}
    assert {100, 1000, 10_000, 100_000, LARGE} <= sizes


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b"\n",
        stamped(STAMP)[:-1],
        stamped(STAMP) + b"x",
        stamped(STAMP)[:50] + stamped(Stamp(KEY, 8, "boto3.0"))[50:],
        stamped(STAMP).replace(b" 7 ", b" 8 "),
        stamped(STAMP).replace(b"boto3.0/1", b"boto3.0/2"),
        bytes([stamped(STAMP)[0] ^ 1]) + stamped(STAMP)[1:],
        stamped(STAMP).decode("latin-1"),
        7,
        None,
    ],
)
def test_what_nobody_wrote_as_a_whole_is_no_value(torn):
    assert stamp_of(torn) is None


def test_a_counter_says_how_many_writes_made_it():
    assert count_of(3, counted(3, 12) + 1) == 13


@pytest.mark.parametrize("value", [counted(4, 12), counted(2, COUNTERS - 1), 12, None, "3", True, 3.0 * COUNTERS])
def test_the_value_of_another_counter_is_none_of_its(value):
    assert count_of(3, value) is None


# --- the checker ------------------------------------------------------------------------------------------------------------


def done(number, began, ended=None, key=KEY):
    return Write(key, number, began, began + 0.1 if ended is None else ended, "done")


def refused(number, began, ended=None):
    return done(number, began, ended)._replace(outcome="refused")


def unknown(number, began, ended=None):
    return done(number, began, ended)._replace(outcome="unknown")


def faults(found, *writes, at=10.0, ended=None):
    """What is wrong with one read of the key."""
    read = Read(KEY, found, at, at + 0.1 if ended is None else ended)
    return [wrong.why for wrong in judged(History([*writes], [read])).wrong]


def test_the_newest_write_is_right():
    assert faults(2, done(1, 1), done(2, 2)) == []


def test_an_older_one_is_stale():
    assert faults(1, done(1, 1), done(2, 2)) == ["stale"]


def test_a_torn_value_is_wrong():
    assert faults("torn", done(1, 1)) == ["torn"]


def test_a_value_of_another_key_is_wrong():
    assert faults("foreign", done(1, 1), done(1, 1, key=OTHER)) == ["foreign"]


def test_what_was_written_under_another_key_only_was_never_written():
    assert faults(2, done(1, 1), done(2, 2, key=OTHER)) == ["never written"]


def test_what_is_yet_to_be_written_was_never_written():
    assert faults(2, done(1, 1), done(2, 20)) == ["never written"]


def test_what_was_written_before_a_delete_is_stale():
    assert faults(1, done(1, 1), done(None, 2)) == ["stale"]


def test_what_was_written_after_a_delete_is_right():
    assert faults(2, done(1, 1), done(None, 2), done(2, 3)) == []


def test_nothing_is_never_wrong():
    assert faults(None, done(1, 1)) == []


@pytest.mark.parametrize("found", [1, 2])
def test_while_a_write_is_made_both_are_right(found):
    assert faults(found, done(1, 1), done(2, 9.9, 10.05)) == []


@pytest.mark.parametrize("found", [1, 2])
def test_a_write_that_begins_during_the_read_may_be_seen(found):
    assert faults(found, done(1, 1), done(2, 10.05)) == []


def test_a_write_that_begins_after_the_read_may_not():
    assert faults(2, done(1, 1), done(2, 10.2)) == ["never written"]


@pytest.mark.parametrize("found", [1, 2])
def test_after_a_write_of_unknown_outcome_both_are_right(found):
    assert faults(found, done(1, 1), unknown(2, 2)) == []


def test_a_write_of_unknown_outcome_may_still_be_applied_after_a_newer_one():
    assert faults(2, done(1, 1), unknown(2, 2), done(3, 3)) == []


def test_a_write_before_it_may_not():
    assert faults(1, done(1, 1), unknown(2, 2), done(3, 3)) == ["stale"]


def test_a_slow_write_may_have_left_an_attempt_behind():
    assert faults(1, done(1, 1, 1 + LINGER + 0.01), done(2, 5)) == []
    assert faults(1, done(1, 1, 1 + LINGER - 0.01), done(2, 5)) == ["stale"]


def test_a_write_that_the_cache_refused_must_not_be_seen():
    assert faults(2, done(1, 1), refused(2, 2)) == ["refused"]


def test_but_for_one_whose_first_attempt_was_left_behind():
    assert faults(2, done(1, 1), refused(2, 2, 2 + LINGER + 0.01)) == []


def test_a_number_that_was_refused_once_may_be_used_again():
    assert faults(2, done(1, 1), refused(2, 2), done(2, 3)) == []


def test_a_touch_is_a_write_of_what_was_there():
    assert faults(1, done(1, 1), done(1, 2)) == []
    assert faults(1, done(1, 1), done(1, 2), done(2, 3)) == ["stale"]


def test_a_touch_of_unknown_outcome_may_bring_back_what_it_touched():
    assert faults(1, done(1, 1), unknown(1, 2), done(2, 3)) == []


def test_an_unknown_delete_allows_what_was_there():
    assert faults(1, done(1, 1), unknown(None, 2)) == []


def test_how_many_writes_are_loose_is_counted():
    verdict = judged(History([done(1, 1), unknown(2, 2), done(3, 3, 3 + LINGER + 0.01)]))
    assert (verdict.writes, verdict.loose) == (3, 2)


def test_histories_of_many_processes_are_judged_together():
    writer, reader = History([done(1, 1), done(2, 2)]), History([], [Read(KEY, 1, 10, 11)])
    assert judged(reader).wrong[0].why == "never written"
    assert judged(writer + reader).wrong[0].why == "stale"


# --- what was forgotten -----------------------------------------------------------------------------------------------------


def missed(*writes, last=False, at=10.0):
    verdict = judged(History([*writes], [Read(KEY, None, at, at + 0.1, last)]))
    assert verdict.wrong == []
    return verdict.forgotten, verdict.lost


def test_what_was_written_and_is_not_there_is_forgotten():
    assert missed(done(1, 1)) == (1, [])


def test_after_the_load_it_is_lost():
    assert missed(done(1, 1), last=True) == (0, [KEY])


@pytest.mark.parametrize(
    "writes",
    [
        [],
        [refused(1, 1)],
        [unknown(1, 1)],
        [done(1, 1), done(None, 2)],
        [done(1, 1), unknown(None, 2), done(2, 3)],
        [done(1, 1), done(None, 2, 2 + LINGER + 0.1), done(2, 5)],
        [done(1, 1), done(None, 9.9, 10.05)],
        [done(1, 20)],
    ],
    ids=["never written", "refused", "unknown", "deleted", "maybe deleted", "slowly deleted", "being deleted", "later"],
)
def test_what_need_not_be_there_is_neither(writes):
    assert missed(*writes) == (0, [])


def test_what_is_readable_after_the_load_is_kept():
    verdict = judged(History([done(1, 1)], [Read(KEY, 1, 10, 11, last=True), Read(KEY, 1, 5, 6)]))
    assert (verdict.kept, verdict.lost) == (1, [])


# --- the time line ----------------------------------------------------------------------------------------------------------


def at_rate(rate, begin, end):
    return [begin + number / rate for number in range(round((end - begin) * rate))]


def test_throughput_is_in_calls_per_second():
    assert throughput(at_rate(10, 0, 5), 1, 3) == 10


def test_only_calls_that_the_store_answered_count():
    calls = [Call("get", 0, 2, True), Call("get", 0, 1, True), Call("get", 0, 1.5, False)]
    assert answered(calls) == [1, 2]


def test_recovery_counts_from_the_moment_that_all_was_well():
    ended = at_rate(10, 0, 10) + at_rate(10, 17.05, 30)
    assert seconds_to_recover(ended, 10, healed=15, end=30) == pytest.approx(1.9, abs=0.11)


def test_who_never_was_slow_recovered_at_once():
    assert seconds_to_recover(at_rate(10, 0, 30), 10, healed=15, end=30) == 0


def test_who_stays_slow_never_recovers():
    assert seconds_to_recover(at_rate(10, 0, 10) + at_rate(7, 10, 30), 10, healed=15, end=30) is None


def test_each_second_has_its_calls():
    assert by_second(at_rate(4, 0, 2), 0, 3.5) == [4, 4, 0]


# --- the load ---------------------------------------------------------------------------------------------------------------

OWNED = [Owned("boto3.0", 0), Owned("boto3.1", 1)]


class Dictionary:
    """A cache that never fails, but for the methods in ``failing``: with an error, or as ON_ERROR="miss" has it."""

    def __init__(self):
        self.values = {}
        self.failing = {}

    def __getattr__(self, method):
        def call(*args):
            failure = self.failing.get(method)
            if failure == "miss":
                unanswered.get().append(method)
            elif failure is not None:
                raise failure
            return getattr(self, f"_{method}")(*args)

        return call

    def _get(self, key):
        return self.values.get(key)

    def _get_many(self, keys):
        return {key: self.values[key] for key in keys if key in self.values}

    def _set(self, key, value):
        self.values[key] = value

    def _set_many(self, values):
        self.values |= values
        return []

    def _add(self, key, value):
        return self.values.setdefault(key, value) is value

    def _touch(self, key, timeout):
        return key in self.values

    def _delete(self, key):
        return self.values.pop(key, None) is not None

    def _incr(self, key):
        if key not in self.values:
            raise ValueError(key)
        self.values[key] += 1
        return self.values[key]


@pytest.fixture
def dictionary():
    return Dictionary()


@pytest.fixture
def owner(dictionary):
    return Owner(OWNED[0], OWNED, Blocking(dictionary), "EngineUnavailable: ", rate=1_000_000)


def worked(owner, calls):
    """The history after so many calls."""
    until = len(owner.history.calls) + calls

    async def life():
        await owner.prepare()
        await owner.work(lambda: len(owner.history.calls) >= until)
        await owner.look_back()

    asyncio.run(life())
    return owner.history


def test_a_good_cache_gives_no_wrong_value_and_loses_nothing(owner):
    verdict = judged(worked(owner, 1500))
    assert (verdict.wrong, verdict.lost, verdict.forgotten) == ([], [], 0)
    assert verdict.kept
    assert {call.method for call in owner.history.calls} == {
        *("get", "get_many", "set", "set_many", "add", "touch", "delete", "incr"),
    }


def promised(cache, key):
    """An addition that is said to be made, and is not."""
    value = Dictionary._incr(cache, key)
    cache.values[key] -= 1
    return value


@pytest.mark.parametrize(
    ("method", "broken", "why"),
    [
        ("_set", lambda cache, key, value: cache.values.setdefault(key, value), "stale"),
        ("_set", lambda cache, key, value: cache.values.update({key: value[:-1]}), "torn"),
        ("_set", lambda cache, key, value: cache.values.update({cache.neighbour(key): value}), "foreign"),
        ("_delete", lambda cache, key: True, "stale"),
        ("_add", lambda cache, key, value: cache.values.update({key: value}), "refused"),
        ("_incr", lambda cache, key: promised(cache, key), "stale"),
    ],
)
def test_a_broken_cache_is_found_out(owner, dictionary, method, broken, why):
    dictionary.neighbour = lambda key: f"{key[:-1]}{(int(key[-1]) + 1) % 10}"
    setattr(dictionary, method, lambda *args: broken(dictionary, *args))
    assert why in {wrong.why for wrong in judged(worked(owner, 1500)).wrong}


def test_a_cache_that_loses_everything_at_the_end_is_found_out(owner, dictionary):
    dictionary._get = lambda key: None
    verdict = judged(worked(owner, 500))
    assert verdict.lost
    assert verdict.forgotten


@pytest.mark.parametrize("failure", ["miss", RuntimeError("EngineUnavailable")])
def test_what_the_store_did_not_answer_is_neither_a_read_nor_a_write_that_was_done(owner, dictionary, failure):
    dictionary.failing = dict.fromkeys(("get", "get_many", "set", "add", "touch", "delete", "incr"), failure)
    dictionary._set_many = lambda values: [*values]
    asyncio.run(owner._set_many())
    asyncio.run(owner._get())
    asyncio.run(owner._incr())
    asyncio.run(owner._add())
    history = owner.history
    assert history.reads == []
    assert {write.outcome for write in history.writes} == {"unknown"}
    assert not any(call.answered for call in history.calls)


def test_only_the_policys_exceptions_are_within_it(owner, dictionary):
    class EngineUnavailable(Exception): ...

    dictionary.failing = {"get": EngineUnavailable("away"), "touch": ValueError("odd"), "incr": OSError("hidden")}
    for method in ("_get", "_touch", "_incr"):
        asyncio.run(getattr(owner, method)())
    assert [call.outside for call in owner.history.calls] == [None, "ValueError: odd", "OSError: hidden"]


def test_a_missing_counter_begins_where_it_ended(owner, dictionary):
    key = next(iter(OWNED[0].counters))
    owner._random.choice = lambda keys: key
    asyncio.run(owner._incr())
    asyncio.run(owner._incr())
    del dictionary.values[key]
    asyncio.run(owner._incr())
    assert dictionary.values[key] == counted(0, 3)
    assert judged(owner.history).wrong == []


def test_keys_that_set_many_could_not_store_are_of_unknown_outcome(owner, dictionary):
    dictionary._set_many = lambda values: [*values][:2]
    asyncio.run(owner._set_many())
    outcomes = [write.outcome for write in owner.history.writes]
    assert outcomes == ["unknown"] * 2 + ["done"] * (MANY - 2)
    assert not owner.history.calls[0].answered


def test_a_task_reaches_its_process_as_it_is():
    task = Task("s3://bucket/faults", {"ENGINE": "boto3"}, False, OWNED[:1], OWNED, "EngineUnavailable", 8.0)
    assert Task.from_text(task.to_text()) == task


# --- the report -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cell():
    return Cell(
        fault="osd-killed",
        engine="boto3",
        calls=2,
        unanswered=1,
        outside=[],
        verdict=judged(History([done(1, 1), done(2, 2)], [Read(KEY, 2, 10, 11)])),
        longest=Call("get", 1.0, 3.5, True),
        longest_of_many=Call("set_many", 2.0, 9.0, False),
        before=20.0,
        healing=0.5,
        recovered=1.25,
        by_second=[20, 20],
        moments=Moments(0, 1, 2, 3, 4),
    )


def test_a_row_has_the_figures(cell):
    assert report.row(cell) == ["osd-killed", "boto3", "2", "20", "1", "0", "0 of 1", "0", "0 of 0", "2.5", "7.0", "0.5", "1.2"]
    assert report.row(replace(cell, recovered=None))[-1] == "never"


def test_a_wrong_value_or_an_exception_outside_the_policy_is_a_failure(cell, capsys):
    wrong = replace(cell, verdict=judged(History([done(1, 1), done(2, 2)], [Read(KEY, 1, 10, 11)])))
    outside = replace(cell, outside=["ValueError: odd"])
    assert report.is_good([cell])
    assert not report.is_good([cell, wrong])
    assert not report.is_good([cell, outside])
    report.show([wrong, outside])
    printed = capsys.readouterr().out
    assert "stale: 'boto3.0/1' read as 1" in printed
    assert "outside the policy: ValueError: odd" in printed


def test_all_figures_are_written_down(cell, tmp_path):
    wrong = replace(cell, verdict=judged(History([done(1, 1), done(2, 2)], [Read(KEY, 1, 10, 11)])))
    report.write([wrong], tmp_path / "faults.json")
    [figures] = json.loads((tmp_path / "faults.json").read_text())
    assert figures["verdict"]["wrong"] == [["stale", KEY, 1, 10, 11, False]]
    assert figures["longest"] == {"method": "get", "began": 1.0, "ended": 3.5, "answered": True, "outside": None}
    assert figures["moments"]["healed"] == 3
