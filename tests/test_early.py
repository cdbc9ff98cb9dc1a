"""When a value is computed before it expires."""

import math
import random

import pytest

from s3cache.early import Early

MINUTE = 60_000


def share(beta, left, compute_ms, callers=20_000):
    """How many of so many callers compute, with so long to go."""
    draw = random.Random(1).random
    early = Early(beta, draw)
    return sum(early.is_due(MINUTE - left, MINUTE, compute_ms) for _ in range(callers)) / callers


@pytest.mark.parametrize("beta", [0.5, 1, 3])
@pytest.mark.parametrize("left", [100, 1_000, 4_000])
def test_the_share_of_callers_grows_as_the_paper_has_it(beta, left):
    """How far one looks ahead is exponential, and beta times the time to compute on average."""
    assert share(beta, left, 1_000) == pytest.approx(math.exp(-left / (1_000 * beta)), abs=0.015)


def test_a_value_that_takes_longer_is_computed_earlier():
    assert share(1, 2_000, 4_000) > share(1, 2_000, 1_000) > share(1, 2_000, 100)


def test_long_before_the_end_nobody_computes():
    assert share(1, 55_000, 1_000) == 0


@pytest.mark.parametrize("drawn", [0.0, math.nextafter(1, 0)])
def test_the_least_and_the_greatest_draw_give_an_answer(drawn):
    early = Early(1, lambda: drawn)
    assert early.is_due(MINUTE - 36_000, MINUTE, 1_000) is bool(drawn)
    assert early.is_due(MINUTE, MINUTE, 1_000)


@pytest.mark.parametrize(("beta", "expires_at", "compute_ms"), [(0, MINUTE, 1_000), (1, 0, 1_000), (1, MINUTE, 0)])
def test_never_by_beta_0_without_an_end_or_without_a_measured_time(beta, expires_at, compute_ms):
    assert not Early(beta, lambda: math.nextafter(1, 0)).is_due(MINUTE, expires_at, compute_ms)


def test_the_largest_numbers_that_options_and_entries_hold_give_an_answer():
    assert Early(2**62, lambda: math.nextafter(1, 0)).is_due(0, 2**63 - 1, 2**64 - 1)
