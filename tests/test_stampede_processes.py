"""Many processes that ask at once, on a directory, and the judge of such a run. ``integration/stampede`` is the long form."""

import pytest

from integration.atomicity.places import place_on
from integration.stampede.run import ABSENT, KILLED, OLD, STALE, Asked, Outcome, run


@pytest.mark.parametrize("situation", [STALE, ABSENT])
def test_processes_that_ask_at_once_have_a_value_computed_once(situation):
    with place_on(None, "local") as place:
        outcome = run(place, situation, processes=4, takes=0.5)
    assert outcome.problems == []
    assert len(outcome.asked) == 4
    assert len(outcome.computed) == 1


def told(number, value, looks=1, *, had_turn=False):
    return Asked(number, 0.1, value, looks, had_turn)


HE = told(7, 7, 2, had_turn=True)
"""Who computes."""


@pytest.mark.parametrize(
    ("situation", "computed", "asked"),
    [
        (STALE, [7], [HE, told(1, OLD), told(2, OLD)]),
        (STALE, [7], [HE, told(1, OLD), told(2, 7)]),
        (STALE, [7], [HE, told(1, 7, 2, had_turn=True)]),
        (ABSENT, [7], [HE, told(1, 7, 2), told(2, 7)]),
        (KILLED, [3, 7], [HE, told(1, 7, 2)]),
    ],
)
def test_what_is_right_is_no_problem(situation, computed, asked):
    assert Outcome(situation, 2, computed, asked).problems == []


@pytest.mark.parametrize(
    ("situation", "computed", "asked", "problem"),
    [
        (STALE, [7, 8], [HE], "computed by"),
        (STALE, [7], [HE, told(1, None)], "got None"),
        (STALE, [7], [HE, told(1, 7, 2)], "waited: it looked 2 times"),
        (STALE, [7], [told(7, OLD, had_turn=True)], "got 'old'"),
        (ABSENT, [7], [HE, told(1, OLD)], "got 'old'"),
        (KILLED, [7], [HE], "computed by"),
        (KILLED, [3, 7], [HE, told(1, 3)], "got 3"),
    ],
)
def test_what_is_wrong_is_a_problem(situation, computed, asked, problem):
    assert any(problem in one for one in Outcome(situation, 2, computed, asked).problems)


def test_waits_are_of_those_who_did_not_compute_and_beyond_what_there_was_to_wait_for():
    outcome = Outcome(ABSENT, 2, [7], [HE, told(1, 7)._replace(waited=2.5), told(2, 7)._replace(waited=2.0)])
    assert outcome.waits == [2.5, 2.0]
    assert outcome.beyond == 0.5
