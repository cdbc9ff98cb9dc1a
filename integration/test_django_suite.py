"""Django's own cache tests pass, all of them, with every engine on every server."""

import django
import pytest

from integration.expected import WARNINGS
from integration.places import AZURE_PAIRS, S3_PAIRS
from tests.test_django_suite import TESTS, run_suite


@pytest.mark.parametrize("pair", S3_PAIRS + AZURE_PAIRS, ids=str)
def test_djangos_own_suite_passes_in_full(places, pair, record_property):
    counts = run_suite(places.options(pair), places.location(pair), warnings=WARNINGS.get(str(pair), ()))
    assert counts == {"run": TESTS[django.VERSION[:2]], "failed": 0, "skipped": 0}
    record_property("passed", counts["run"])
