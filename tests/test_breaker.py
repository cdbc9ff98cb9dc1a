"""The circuit breaker, on a clock of the test's own."""

import threading

import pytest

from s3cache.breaker import Breaker
from s3cache.errors import CircuitOpen, EngineUnavailable

AWAY = EngineUnavailable("503 SlowDown")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told():
    return []


@pytest.fixture
def breaker(clock, told):
    return Breaker(5, 5.0, lambda state, error: told.append((state, error)), clock)


def opened(breaker):
    for _ in range(5):
        breaker.failed(AWAY)
    return breaker


def test_it_lets_all_through_while_the_store_answers(breaker, told):
    for _ in range(100):
        breaker.check()
        breaker.answered()
    assert breaker.state == "closed"
    assert told == []


def test_it_opens_after_five_failures_in_a_row(breaker, told):
    for _ in range(4):
        breaker.failed(AWAY)
    breaker.check()
    breaker.failed(AWAY)
    with pytest.raises(CircuitOpen, match=r"left alone for 5.0 seconds more. The last time: 503 SlowDown") as caught:
        breaker.check()
    assert caught.value.__cause__ is AWAY
    assert told == [("open", AWAY)]


def test_an_answer_in_between_starts_the_count_anew(breaker):
    for _ in range(10):
        for _ in range(4):
            breaker.failed(AWAY)
        breaker.answered()
    assert breaker.state == "closed"


@pytest.mark.parametrize(("refused", "served"), [("write", "read"), ("read", "write")])
def test_answers_of_one_kind_do_not_hide_failures_of_the_other(breaker, refused, served):
    for _ in range(4):
        breaker.failed(AWAY, refused)
        breaker.failed(AWAY, served)
        breaker.answered(served)
    assert breaker.state == "closed"
    breaker.failed(AWAY, refused)
    assert breaker.state == "open"


def test_failures_of_both_kinds_are_not_added_up(breaker):
    for _ in range(4):
        breaker.failed(AWAY, "write")
        breaker.failed(AWAY, "read")
    assert breaker.state == "closed"


def test_one_call_that_spent_all_its_time_is_enough(breaker):
    breaker.failed(AWAY, spent=True)
    assert breaker.state == "open"


def test_after_the_wait_one_caller_tries_and_the_others_go_on_without(breaker, clock):
    opened(breaker)
    clock.now += 5
    breaker.check()
    assert breaker.state == "half open"
    with pytest.raises(CircuitOpen):
        breaker.check()


def test_an_answer_to_the_one_who_tries_closes_it(breaker, clock, told):
    opened(breaker)
    clock.now += 5
    breaker.check()
    breaker.answered()
    breaker.check()
    assert [state for state, _ in told] == ["open", "half open", "closed"]


def test_no_answer_to_him_opens_it_for_as_long_again(breaker, clock):
    opened(breaker)
    clock.now += 5
    breaker.check()
    breaker.failed(AWAY)
    clock.now += 4.9
    with pytest.raises(CircuitOpen):
        breaker.check()
    clock.now += 0.1
    breaker.check()


def test_who_was_called_away_leaves_the_try_to_the_next_one(breaker, clock):
    opened(breaker)
    clock.now += 5
    breaker.check()
    breaker.left()
    breaker.check()
    assert breaker.state == "half open"


def test_who_tries_and_never_tells_leaves_the_try_to_another_after_the_wait(breaker, clock):
    opened(breaker)
    clock.now += 5
    breaker.check()
    clock.now += 4.9
    with pytest.raises(CircuitOpen):
        breaker.check()
    clock.now += 0.1
    breaker.check()
    assert breaker.state == "half open"


def test_a_late_answer_of_somebody_else_closes_it(breaker):
    opened(breaker).answered()
    assert breaker.state == "closed"


def test_work_in_vain_is_refused_without_taking_the_try(breaker, clock):
    breaker.raise_if_open()
    opened(breaker)
    with pytest.raises(CircuitOpen):
        breaker.raise_if_open()
    clock.now += 5
    breaker.raise_if_open()
    breaker.check()


def test_of_many_threads_one_tries(breaker, clock):
    opened(breaker)
    clock.now += 5
    through = []
    barrier = threading.Barrier(32)

    def call():
        barrier.wait()
        try:
            breaker.check()
        except CircuitOpen:
            return
        through.append(threading.get_ident())

    threads = [threading.Thread(target=call) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(through) == 1


class Work:
    def __init__(self, due):
        self._due = due

    @property
    def remains(self):
        return self._due[0]

    def begin(self):
        pass


def test_a_recovery_tries_in_place_of_the_caller(breaker, clock):
    due = [True]
    breaker.recovery = Work(due)
    opened(breaker)
    clock.now += 5
    with pytest.raises(CircuitOpen):
        breaker.check()
    assert breaker.state == "half open"
    breaker.failed(AWAY)
    due[0] = False
    clock.now += 5
    breaker.check()


def test_who_hears_of_a_change_may_ask_from_another_thread():
    refused = []

    def ask():
        with pytest.raises(CircuitOpen):
            breaker.check()
        refused.append(True)

    def hear(state, error):
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(30)

    breaker = Breaker(1, 5.0, hear)
    breaker.failed(AWAY)
    assert refused == [True]
