import gc
import threading
import weakref

import pytest

from s3cache import deadlines
from s3cache.deadlines import Limit
from s3cache.engines import abandoned
from s3cache.engines.abandoned import Overdue, in_time
from s3cache.errors import EngineUnavailable

LONG, SHORT = 60, 0.01


@pytest.fixture
def gate():
    """Opens at the end of the test at the latest; then no thread is left."""
    gate = threading.Event()
    yield gate
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "s3cache-request":
            thread.join()
    assert not abandoned._left_behind


@pytest.mark.parametrize("seconds", [None, float("inf")])
def test_without_a_deadline_work_is_done_on_the_callers_own_thread(seconds):
    with Limit(seconds) if seconds else threading.Lock():
        assert in_time(threading.current_thread) is threading.current_thread()


def test_with_one_it_is_done_on_another_with_the_same_deadline():
    with Limit(LONG):
        thread, deadline = in_time(lambda: (threading.current_thread(), deadlines.current.get()))
        assert thread is not threading.current_thread()
        assert deadline is deadlines.current.get()


@pytest.mark.parametrize("error", [ValueError("nothing"), TimeoutError("of the work"), SystemExit(1)])
def test_what_the_work_raises_is_raised(error):
    def fail():
        raise error

    with Limit(LONG), pytest.raises(type(error)) as caught:
        in_time(fail)
    assert caught.value is error


def test_an_error_keeps_nothing_alive():
    """A connection in its traceback would be closed by the garbage collector alone."""

    class Connection:
        pass

    def fail():
        held = Connection()
        kept.append(weakref.ref(held))
        raise ValueError

    kept = []
    gc.disable()
    try:
        with Limit(LONG), pytest.raises(ValueError) as caught:
            in_time(fail)
        del caught
        assert kept[0]() is None
    finally:
        gc.enable()


def test_at_the_deadline_the_caller_goes_on_and_the_work_is_undone_when_it_ends(gate):
    undone = threading.Event()
    with Limit(SHORT), pytest.raises(Overdue):
        in_time(gate.wait, undone.set)
    assert not undone.is_set()
    gate.set()
    assert undone.wait(LONG)


def test_work_that_fails_late_is_undone_too(gate):
    undone = threading.Event()

    def fail():
        gate.wait()
        raise ValueError

    with Limit(SHORT), pytest.raises(Overdue):
        in_time(fail, undone.set)
    gate.set()
    assert undone.wait(LONG)


def test_work_that_ends_in_time_is_not_undone():
    with Limit(LONG):
        assert in_time(lambda: 5, pytest.fail) == 5


def test_a_deadline_that_is_put_off_meanwhile_counts(gate):
    def work():
        deadlines.current.get().until += LONG
        allowed.set()
        return gate.wait()

    allowed = threading.Event()
    threading.Thread(target=lambda: allowed.wait() and threading.Timer(10 * SHORT, gate.set).start()).start()
    with Limit(5 * SHORT):
        assert in_time(work) is True


def test_only_so_many_threads_are_left_behind(gate, monkeypatch):
    monkeypatch.setattr(abandoned, "MOST", 2)
    for _ in range(2):
        with Limit(SHORT), pytest.raises(Overdue):
            in_time(gate.wait)
    with Limit(LONG), pytest.raises(EngineUnavailable, match="2 earlier requests hang"):
        in_time(pytest.fail)
    gate.set()
    for thread in [thread for thread in threading.enumerate() if thread.name == "s3cache-request"]:
        thread.join()
    with Limit(LONG):
        assert in_time(lambda: 5) == 5


def test_a_thread_that_cannot_be_started_is_unavailable(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Limit(LONG), pytest.raises(EngineUnavailable, match="can't start new thread"):
        in_time(pytest.fail)


def test_a_caller_who_is_interrupted_waits_no_more_and_the_work_is_undone(gate, monkeypatch):
    undone = threading.Event()

    def interrupted(*_):
        raise KeyboardInterrupt

    with Limit(LONG), monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(deadlines.Deadline, "left", interrupted)
        in_time(gate.wait, undone.set)
    gate.set()
    assert undone.wait(LONG)
