"""The verdict of ``python -m integration locks`` finds each kind of fault in what the holders were told, and none where none is."""

import pytest

from integration.atomicity.journal import ANSWERED, CUT, FAILED, UNAVAILABLE, Call
from integration.locks.checking import CheckingStore, Write
from integration.locks.verdict import judge


def acquire(began, ended, token):
    return Call("acquire", "lock", None, began, ended, ANSWERED, token)


def write(began, token, accepted=True):
    return Call("write", "lock", token, began, began + 0.1, ANSWERED, accepted)


def release(began, token, outcome=ANSWERED, answer=None):
    return Call("release", "lock", token, began, began + 0.1, outcome, answer)


LOST = {"outcome": FAILED, "answer": "LockError: it is lost"}

GOOD = {"one": [acquire(0, 1, 1), write(2, 1), release(3, 1)], "other": [acquire(0.5, 4, 2), write(5, 2), release(6, 2)]}
ACCEPTED = {"lock": [Write(1, "one"), Write(2, "other")]}


def test_two_who_follow_each_other_are_no_problem():
    verdict = judge(GOOD, ACCEPTED)
    assert verdict.problems == []
    assert (verdict.acquisitions, verdict.writes, verdict.take_overs, verdict.fenced) == (2, 2, 0, 0)


def test_a_take_over_from_one_who_was_killed_is_counted_with_its_time():
    calls = {"one": [acquire(0, 1, 1), write(2, 1), Call("write", "lock", 1, 3, None, CUT)], "other": [acquire(0.5, 8, 2)]}
    verdict = judge(calls, {"lock": [Write(1, "one")]})
    assert verdict.problems == []
    assert (verdict.take_overs, verdict.longest_take_over) == (1, 5)


def test_the_time_of_a_take_over_from_one_who_was_killed_at_once_is_not_known():
    calls = {"one": [acquire(0, 1, 1), write(2, 1)], "other": [acquire(0.5, 20, 3)]}
    verdict = judge(calls, {"lock": [Write(1, "one")]})
    assert (verdict.take_overs, verdict.longest_take_over) == (1, 0)


def test_one_who_was_stopped_loses_his_lock_and_his_writes():
    calls = {
        "one": [acquire(0, 1, 1), write(9, 1, accepted=False), release(10, 1, **LOST)],
        "other": [acquire(0.5, 5, 2), write(6, 2), release(7, 2)],
    }
    verdict = judge(calls, {"lock": [Write(2, "other")]})
    assert verdict.problems == []
    assert (verdict.fenced, verdict.lost, verdict.take_overs) == (1, 1, 1)


def test_who_got_none_and_who_got_no_answer_are_counted():
    calls = {"one": [acquire(0, 1, None), Call("acquire", "lock", None, 2, 3, UNAVAILABLE, "EngineUnavailable: 503")]}
    verdict = judge(calls, {})
    assert verdict.problems == []
    assert (verdict.acquisitions, verdict.gave_up, verdict.unavailable) == (0, 1, 1)


FAULTS = {
    "token 1 was given to one and to other": (
        {"one": [acquire(0, 1, 1), release(2, 1)], "other": [acquire(3, 4, 1), release(5, 1)]},
        {},
    ),
    "token 1 was given when a greater one had been": (
        {"one": [acquire(0, 1, 2), release(2, 2)], "other": [acquire(3, 4, 1), release(5, 1)]},
        {},
    ),
    "token 2 was given before 1 was released": (
        {"one": [acquire(0, 1, 1), release(5, 1)], "other": [acquire(2, 3, 2), release(9, 2)]},
        {},
    ),
    "token 1 was accepted after one with 2": (GOOD, {"lock": [Write(2, "other"), Write(1, "one")]}),
    "a write of one with token 2 was accepted, which was given to other": (GOOD, {"lock": [Write(1, "one"), Write(2, "one")]}),
    "raised ValueError": ({"one": [Call("acquire", "lock", None, 0, 1, FAILED, "ValueError: what")]}, {}),
    "acquire of lock raised LockError": ({"one": [Call("acquire", "lock", None, 0, 1, FAILED, "LockError: what")]}, {}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault):
    calls, accepted = FAULTS[fault]
    assert any(fault in problem for problem in judge(calls, accepted).problems)


def test_the_checking_store_refuses_a_token_below_one_that_it_has_seen(tmp_path):
    store = CheckingStore(tmp_path)
    assert store.last("lock") is None
    assert [store.write("lock", token, 7, life) for token, life in ((2, 0), (2, 0), (1, 1), (5, 2), (4, 0))] == [
        *(True, True, False, True, False)
    ]
    assert CheckingStore(tmp_path).writes("lock") == [Write(2, "7-0"), Write(2, "7-0"), Write(5, "7-2")]
    assert store.last("lock") == (7, 2)
    assert store.write("another", 1, 1, 1)
