"""What fuzzing has found worth keeping, given to its targets again: no promise is broken. ``fuzz`` tells how to find more."""

from pathlib import Path

import pytest

import fuzz
from fuzz.targets import TARGETS

CORPUS = Path(fuzz.__file__).parent / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_keeps_its_promise_for_all_that_was_found(name):
    found = sorted((CORPUS / name).iterdir())
    assert found
    for path in found:
        TARGETS[name].check(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_keeps_its_promise_for_what_fuzzing_begins_with(name):
    seeds = list(TARGETS[name].seeds())
    assert seeds
    for seed in seeds:
        TARGETS[name].check(seed)


def test_no_corpus_is_left_without_a_target():
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
