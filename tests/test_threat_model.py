"""docs/explanation/threat-model.rst names the tests that hold its claims. They exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/explanation/threat-model.rst").read_text()
NAMED = re.findall(r"((?:tests|integration)/[\w/]+\.py)::(\w+)", PAGE)


def test_the_page_names_tests():
    assert len(NAMED) > 20


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda part: part.rpartition("/")[2])
def test_a_test_that_holds_a_claim_exists(path, name):
    assert re.search(rf"^ *(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
