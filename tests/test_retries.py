"""How long a conditional write is tried."""

import pytest

from s3cache.deadlines import Limit
from s3cache.errors import Conflict, EngineUnavailable, PreconditionFailed
from s3cache.retries import LEAST_BOUND, LONGEST_WAIT, PATIENCE, UNANSWERED, WIDTH, Retries
from s3cache.runtime import finish


class Runtime:
    """Remembers how long it was asked to wait."""

    def __init__(self):
        self.waited = []

    async def sleep(self, seconds):
        self.waited.append(seconds)


@pytest.fixture
def runtime():
    return Runtime()


def fail(retries, error, times=1):
    for _ in range(times):
        finish(retries.wait_after(error))
        retries.raise_if_spent(error)


def test_the_first_failure_is_not_waited_for(runtime):
    fail(Retries(runtime), PreconditionFailed("412"))
    assert runtime.waited == []


@pytest.mark.parametrize(("took", "bound"), ((0.0, LEAST_BOUND), (0.02, 0.02 * WIDTH), (3.0, LONGEST_WAIT)))
def test_a_wait_is_bounded_by_how_long_the_attempt_took(runtime, took, bound):
    now = 100.0

    def clock():
        return now

    for _ in range(100):
        retries = Retries(runtime, clock)
        fail(retries, Conflict("409"))
        now += took
        fail(retries, Conflict("409"))
    assert len(runtime.waited) == 100
    assert bound / 2 < max(runtime.waited) <= bound


def test_a_call_that_has_lost_often_waits_no_longer_than_others(runtime):
    fail(Retries(runtime, clock=lambda: 0.0), Conflict("409"), times=200)
    assert max(runtime.waited) <= LEAST_BOUND


def test_nobody_waits_beyond_the_end_of_his_call(runtime):
    now = 100.0
    with Limit(3.0):
        retries = Retries(runtime, clock=lambda: now)
    fail(retries, Conflict("409"))
    now += 2.9
    for _ in range(100):
        finish(retries.wait_after(Conflict("409")))
    assert max(runtime.waited) < 0.11


def test_attempts_without_an_answer_end_in_the_last_error(runtime):
    retries, error = Retries(runtime), EngineUnavailable("no answer")
    fail(retries, error, times=UNANSWERED - 1)
    with pytest.raises(EngineUnavailable) as caught:
        fail(retries, error)
    assert caught.value is error


def test_races_are_lost_for_so_long_and_no_longer(runtime):
    now = 100.0
    retries = Retries(runtime, clock=lambda: now)
    fail(retries, Conflict("409"), times=50)
    now = 100.0 + PATIENCE
    fail(retries, Conflict("409"))
    now += 0.001
    with pytest.raises(EngineUnavailable, match="52 races for one entry were lost"):
        fail(retries, Conflict("409"))


@pytest.mark.parametrize("total", (3.0, 2 * PATIENCE))
def test_races_are_lost_no_longer_than_the_call_may_take(runtime, total):
    now = 100.0
    with Limit(total):
        retries = Retries(runtime, clock=lambda: now)
    now += min(total, PATIENCE) - 0.1
    fail(retries, Conflict("409"))
    now += 0.2
    with pytest.raises(EngineUnavailable, match="races for one entry were lost"):
        fail(retries, Conflict("409"))


def test_a_lost_race_after_attempts_without_an_answer_is_tried_again(runtime):
    retries = Retries(runtime)
    for _ in range(UNANSWERED):
        finish(retries.wait_after(EngineUnavailable("no answer")))  # and somebody else wrote each time, so the call went on
    fail(retries, Conflict("409"))
