"""Timeouts become moments, and moments pass."""

import math
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cache.expiry import LATEST, NEVER, deadline, is_expired, leaves_nothing, now_ms

NOW = 1_700_000_000_000
timeouts = st.none() | st.integers() | st.floats(allow_nan=False)
moments = st.integers(0, 2**62)


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (None, NEVER),
        (300, NOW + 300_000),
        (0.25, NOW + 250),
        (Decimal("1.5"), NOW + 1500),
        (True, NOW + 1000),
        (0, NOW),
        (-1, NOW - 1000),
        (-1e300, 1),
        (-math.inf, 1),
        (math.inf, LATEST),
        (1e308, LATEST),
        (10**400, LATEST),
        (-(10**400), 1),
    ],
)
def test_a_timeout_becomes_a_moment(timeout, expected):
    assert deadline(timeout, NOW) == expected


def test_nan_is_refused():
    with pytest.raises(ValueError):
        deadline(math.nan, NOW)


@pytest.mark.parametrize("timeout", ["300", "", b"", [], [1], {}, object(), 1j])
def test_what_is_no_number_is_refused(timeout):
    with pytest.raises(TypeError):
        deadline(timeout, NOW)


@given(timeouts, moments)
def test_every_moment_fits_the_envelope(timeout, now):
    moment = deadline(timeout, now)
    assert type(moment) is int and 0 <= moment <= LATEST
    assert (moment == NEVER) == (timeout is None)


@given(timeouts, timeouts, moments)
def test_a_longer_timeout_never_expires_earlier(one, other, now):
    def order(timeout):
        return math.inf if timeout is None else timeout

    short, long = sorted([one, other], key=order)
    assert long is None or deadline(short, now) <= deadline(long, now)


@given(timeouts, moments)
def test_a_timeout_of_zero_or_below_is_expired_at_once(timeout, now):
    if leaves_nothing(timeout):
        assert is_expired(deadline(timeout, max(1, now)), max(1, now))


@pytest.mark.parametrize(("timeout", "nothing"), [(None, False), (0, True), (-1, True), (0.001, False), (-math.inf, True)])
def test_django_s_zero_or_below_leaves_nothing(timeout, nothing):
    assert leaves_nothing(timeout) is nothing


def test_an_entry_expires_at_its_moment_and_not_before():
    assert not is_expired(NOW, NOW - 1)
    assert is_expired(NOW, NOW)
    assert is_expired(NOW, NOW + 1)


def test_never_does_not_come():
    assert not is_expired(NEVER, LATEST)


def test_now_is_in_whole_milliseconds():
    before = int(time.time() * 1000) - 1
    assert before <= now_ms() <= int(time.time() * 1000) + 1
    assert type(now_ms()) is int


@pytest.mark.parametrize("timeout", ("60", timedelta(seconds=60), [60]))
def test_a_refusal_says_what_is_accepted(timeout):
    for function in (leaves_nothing, lambda given: deadline(given, 0)):
        with pytest.raises(TypeError, match="The timeout is of type .*; accepted: a number of seconds, or None"):
            function(timeout)
