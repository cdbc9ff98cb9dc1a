"""The short form of ``python -m integration leaks``: descriptors and threads. Memory is for the long one."""

import pytest

from integration import leaks

OPERATIONS = 2000


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each engine held in each shape, measured once, when it is asked for."""
    with leaks.leakserver.running() as url:
        yield lambda engine, shape: leaks.work(
            shape, OPERATIONS, leaks.entry(engine, shape, url, str(tmp_path_factory.mktemp("leaks")))
        )


@pytest.mark.once
@pytest.mark.parametrize("shape", leaks.SHAPES)
@pytest.mark.parametrize("engine", leaks.ENGINES)
def test_operations_leave_no_descriptors_and_no_threads_behind(found, engine, shape):
    held = found(engine, shape)
    assert held["ended"]["answered"] > OPERATIONS // 2
    faulty = engine not in ("files", "local", "memory")
    assert bool(held["ended"].get("EngineUnavailable")) is faulty
    for what in ("descriptors", "threads"):
        assert held["after"][what] - held["before"][what] < OPERATIONS // 10
