"""How long a conditional write is tried."""

import pytest

from s3cache.errors import Conflict, EngineUnavailable, PreconditionFailed
from s3cache.retries import LONGEST_WAIT, PATIENCE, UNANSWERED, Retries
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


def test_the_waits_are_bounded(runtime):
    fail(Retries(runtime, clock=lambda: 0.0), Conflict("409"), times=200)
    assert len(runtime.waited) == 199
    assert max(runtime.waited[:3]) <= 0.008
    assert 0.008 < max(runtime.waited) <= LONGEST_WAIT


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
