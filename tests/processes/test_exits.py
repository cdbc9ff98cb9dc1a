"""The end of a process: nothing is left open, and requests to a server that says nothing do not hold it, nor make a noise."""

import re
import signal
import socket

import pytest

from tests.processes.support import ENGINES, PATIENCE, S3, entry, run, start

REMOTE = (*S3, "obstore")
IMPATIENT = {"connect_timeout": 1, "read_timeout": 1, "max_attempts": 1}
NOISE = re.compile(r"Exception (ignored )?in|Warning|was never retrieved|was destroyed|Fatal|panicked")


@pytest.mark.parametrize("engine", ENGINES)
def test_development_mode_finds_nothing_left_open_at_the_end(made, engine):
    assert run("use_all", made(engine), PYTHONDEVMODE="1") == []


@pytest.fixture
def silent():
    """A server to which one can connect, and which never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        listener.settimeout(PATIENCE)
        yield listener


def end(silent, engine, how, number=None):
    """The exit status of a process that ended so, maybe by a signal in the middle of a request, and what it said."""
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    with start("unanswered", entry(engine, "bucket", url, **IMPATIENT), how) as process:
        try:
            with silent.accept()[0]:
                if number is not None:
                    process.send_signal(number)
                _, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    return process.returncode, said


@pytest.mark.parametrize("how", ["returns", "leaves its loop", "closes its loop"])
@pytest.mark.parametrize("engine", REMOTE)
def test_a_process_ends_in_silence_while_requests_are_under_way(silent, engine, how):
    assert end(silent, engine, how) == (0, "")


@pytest.mark.parametrize("engine", REMOTE)
def test_sigterm_ends_a_process_that_waits(silent, engine):
    assert end(silent, engine, "waits", signal.SIGTERM) == (-signal.SIGTERM, "")


@pytest.mark.parametrize("engine", REMOTE)
def test_sys_exit_ends_a_process_that_waits(silent, engine):
    assert end(silent, engine, "exits at SIGTERM", signal.SIGTERM) == (3, "")


@pytest.mark.parametrize("engine", REMOTE)
def test_an_interrupt_ends_a_process_that_waits_with_one_traceback(silent, engine):
    status, said = end(silent, engine, "waits", signal.SIGINT)
    assert status == -signal.SIGINT
    assert said.endswith("KeyboardInterrupt\n")
    assert not NOISE.search(said), said
