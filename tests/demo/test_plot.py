from collections import deque

import pytest

from s3cache.demo.history import PageTimes
from s3cache.demo.plot import LEFT, RIGHT, plot


def times(compute_ms, *cached_ms):
    return PageTimes(compute_ms, deque(cached_ms))


def test_the_axis_goes_from_one_millisecond_to_one_second_at_least():
    assert [ms for ms, _ in plot([("/", times(200, 5))]).axis.ticks()] == [1, 10, 100, 1000]


def test_the_axis_grows_by_powers_of_ten():
    assert [ms for ms, _ in plot([("/", times(2000, 0.5))]).axis.ticks()] == [0.1, 1, 10, 100, 1000, 10000]


@pytest.mark.parametrize("ms", [0.01, 0.99, 1, 50, 1000, 123456])
def test_every_time_lies_within_the_drawing(ms):
    row = plot([("/", times(ms, 3))]).rows[0]
    assert LEFT <= row.compute_place <= RIGHT
    assert LEFT <= row.cached_place <= RIGHT


def test_equal_ratios_are_equal_distances():
    axis = plot([("/", times(100, 1))]).axis
    assert axis.place(100) - axis.place(10) == pytest.approx(axis.place(10) - axis.place(1))


def test_a_page_shows_the_median_of_its_cached_times():
    row = plot([("/", times(100, 1, 2, 90))]).rows[0]
    assert (row.cached_ms, row.gain) == (2, 50)


def test_a_page_that_never_came_from_the_cache_has_no_second_point():
    assert plot([("/", times(100))]).rows[0].cached_ms is None


def test_rows_lie_below_each_other_and_above_the_axis():
    drawing = plot([("/", times(100)), ("/module/keyword/", times(10))])
    assert [row.label for row in drawing.rows] == ["home", "keyword"]
    assert 0 == drawing.rows[0].top < drawing.rows[1].top < drawing.axis_top < drawing.height


def test_nothing_visited_is_an_empty_plot():
    assert plot([]).rows == []
