from datetime import UTC, datetime, timedelta

import pytest

from s3cache.demo import units


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.004, "0.004 ms"), (3.21, "3.21 ms"), (812.4, "812 ms"), (1240, "1.24 s"), (99.96, "100 ms")],
)
def test_milliseconds(value, expected):
    assert units.milliseconds(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0, "0 B"), (3210, "3.21 kB"), (2_860_000, "2.86 MB"), (5e12, "5,000 GB")])
def test_size(value, expected):
    assert units.size(value) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(-5, "0 s"), (12, "12 s"), (180, "3 min"), (18_000, "5 h"), (400_000, "5 days")])
def test_age(seconds, expected):
    assert units.age(datetime.now(UTC) - timedelta(seconds=seconds)) == expected


def test_counts_and_ratios():
    assert (units.count(12345), units.percent(0.756), units.times(253.4)) == ("12,345", "76%", "253×")
