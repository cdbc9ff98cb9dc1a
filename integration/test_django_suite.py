"""Django's own cache tests pass, all of them, with every engine on every server."""

import pytest

from integration.expected import WARNINGS
from integration.places import AZURE_PAIRS, S3_PAIRS
from tests.test_django_suite import PASSED, suites_at_once


@pytest.fixture(scope="module")
def suites(places, request):
    """Those of the pairs that pytest was asked for."""
    pairs = [item.callspec.params["pair"] for item in request.session.items if item.path == request.path]
    with suites_at_once({pair: arguments(places, pair) for pair in pairs}) as suites:
        yield suites


def arguments(places, pair):
    return {"options": places.options(pair), "location": places.location(pair), "warnings": WARNINGS.get(str(pair), ())}


@pytest.mark.parametrize("pair", S3_PAIRS + AZURE_PAIRS, ids=str)
def test_djangos_own_suite_passes_in_full(suites, pair, record_property):
    assert suites[pair].result() == PASSED
    record_property("passed", PASSED["run"])
