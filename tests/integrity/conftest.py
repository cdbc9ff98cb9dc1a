"""Whatever lies in the store: nothing of it is executed."""

import pytest

from tests.cache.support import callers
from tests.integrity.support import EXECUTED, Vault


@pytest.fixture(autouse=True)
def executed():
    """What traps were sprung; none, unless the test empties the list."""
    EXECUTED.clear()
    yield EXECUTED
    assert EXECUTED == []


@pytest.fixture(params=("sync", "async"))
def mode(request):
    return request.param


@pytest.fixture
def vault(mode):
    """``vault(**options)``: a new one, used as ``mode`` says."""
    with callers() as called:
        yield lambda **options: Vault(called, mode, **options)
