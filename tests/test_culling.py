"""Culling, on the real ``Culler`` and a simulated store: how many entries stay, which go, and what it costs."""

import itertools
import math
import random
from bisect import bisect_left, insort
from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cache.culling import Culler, oldest_beyond
from s3cache.naming import object_name, point, position
from s3cache.sampling import (
    DIRECTORIES,
    INTERVAL,
    PAGE,
    SMALL,
    WHOLE_PAGE,
    Listed,
    Page,
    Sample,
    look_interval,
    whole_directories,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


class Store:
    """A cache of many processes: each set writes one byte, or ``size()``, and takes the look that falls to it.

    Deletes take effect ``latency`` sets after their listing, as they do in a store with others at work.
    """

    def __init__(
        self, max_entries, frequency=3, *, processes=1, seed=0, latency=0, max_bytes=None, size=lambda: 1, sample=WHOLE_PAGE
    ):
        self.max_entries, self.frequency, self.latency = max_entries, frequency, latency
        self.max_bytes, self.size, self.sample = max_bytes, size, sample
        self.random = random.Random(seed)
        self.cullers = [self.fresh() for _ in range(processes)]
        self.names, self.modified, self.leaving = [], {}, deque()
        self.sizes, self.bytes = {}, 0
        self.sets = self.requests = 0
        self.oldest = []
        self.keys = map(str, itertools.count())

    def fresh(self):
        """The culler of a process that has just started."""
        draw = random.Random(self.random.random())
        return Culler(self.max_entries, self.frequency, draw, max_bytes=self.max_bytes, sample=self.sample)

    def __len__(self):
        return len(self.names)

    def set(self, key=None, culler=None):
        """One set by the given culler or a random one; tells how many listings and deletes it took."""
        name = object_name("", next(self.keys) if key is None else key)
        culler = culler or self.random.choice(self.cullers)
        if name not in self.modified:
            insort(self.names, name)
        self.modified[name] = self.sets
        self.bytes -= self.sizes.pop(name, 0)
        self.sizes[name] = self.size()
        self.bytes += self.sizes[name]
        self.sets += 1
        cost = self.look(culler, name) if culler.wrote(name, self.sizes[name]) else (0, 0)
        self.requests += sum(cost)
        while self.leaving and self.leaving[0][0] <= self.sets:
            self.delete(self.leaving.popleft()[1])
        return cost

    def look(self, culler, written):
        page, listings = self.page(culler.next_start()), 1
        another = culler.another_start(page)
        if another is not None:
            page, listings = self.page(another), 2
        victims = culler.looked(page, written)
        self.check(page, victims, written)
        self.leaving.append((self.sets + self.latency, victims))
        return listings, math.ceil(len(victims) / PAGE)

    def page(self, start):
        begin = point("", start)
        first = 0 if begin is None else bisect_left(self.names, begin)
        if self.sample.directories:
            end = start + self.sample.directories / DIRECTORIES
            inside = [[name for name in self.names[first:] if position("", name) < end], []]
            inside[1] = [name for name in self.names[:first] if position("", name) + 1 < end]
            return Page(start, [self.listed(name) for names in inside for name in names], truncated=False, end=end)
        entries = [self.listed(name) for name in self.names[first : first + PAGE]]
        return Page(start, entries, truncated=len(entries) == PAGE)

    def listed(self, name):
        return Listed(name, position("", name), START + timedelta(seconds=self.modified[name]), self.sizes[name])

    def check(self, page, victims, written):
        """What holds for every look: the oldest of the page go, and never the entry just written."""
        others = sorted(self.modified[entry.name] for entry in page.entries if entry.name != written)
        assert written not in victims
        assert [self.modified[name] for name in victims] == others[: len(victims)]

    def delete(self, victims):
        oldest_third = sorted(self.modified.values())[len(self) // 3] if victims else 0
        for name in victims:
            if name in self.modified:
                self.oldest.append(self.modified[name] <= oldest_third)
                del self.names[bisect_left(self.names, name)], self.modified[name]
                self.bytes -= self.sizes.pop(name)

    def run(self, sets):
        """The number of entries after each of so many sets."""
        for _ in range(sets):
            self.set()
            yield len(self)


# --- Django's counts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize(("frequency", "left"), [(3, 29), (0, 19)])
def test_a_single_process_gets_django_s_exact_counts(frequency, left, seed):
    store = Store(30, frequency, seed=seed)
    assert list(store.run(49))[-1] == left


@pytest.mark.parametrize("seed", range(20))
def test_a_single_process_keeps_a_small_limit_exactly(seed):
    assert max(Store(300, seed=seed).run(1500)) == 300


@pytest.mark.parametrize("frequency", [0, 1])
def test_a_cull_frequency_of_0_or_1_empties_a_small_cache(frequency):
    counts = list(Store(10, frequency, seed=1).run(25))
    assert counts == [*range(1, 11), *range(1, 11), *range(1, 6)]


@pytest.mark.parametrize("frequency", [0, 1, 2, 3, 100])
@pytest.mark.parametrize("max_entries", [1, 2, 3])
def test_the_smallest_limits_are_kept(max_entries, frequency):
    assert max(Store(max_entries, frequency).run(50)) == max_entries


def test_a_limit_of_one_keeps_the_last_write():
    store = Store(1)
    for key in ("a", "b", "c"):
        store.set(key)
        assert store.names == [object_name("", key)]


def test_writing_the_same_entries_again_removes_none():
    store = Store(300)
    for _ in range(20):
        for key in range(250):
            store.set(str(key))
    assert len(store) == 250


# --- how full the cache gets, and what it costs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_entries", "processes", "mean", "most", "cost"),
    [
        (300, 1, (0.80, 0.87), 1.01, 0.0205),
        (300, 8, (0.50, 0.80), 2.2, 0.0205),
        (300, 64, (0.70, 1.10), 3.5, 0.025),
        (3000, 1, (0.68, 0.78), 0.95, 0.011),
        (3000, 8, (0.75, 0.88), 1.2, 0.011),
        (3000, 64, (0.76, 0.95), 1.5, 0.011),
        (10_000, 1, (0.68, 0.78), 0.88, 0.0095),
        (10_000, 8, (0.76, 0.88), 1.03, 0.0095),
        (10_000, 64, (0.76, 0.90), 1.15, 0.0095),
    ],
)
def test_the_cache_stays_near_its_limit_at_a_bounded_cost(max_entries, processes, mean, most, cost):
    store = Store(max_entries, processes=processes, seed=3, latency=processes)
    for _ in store.run(max_entries * 3 // 2):
        pass
    paid, store.oldest, sets = store.requests, [], max(2 * max_entries, 6000)
    occupancy = [entries / max_entries for entries in store.run(sets)]
    assert mean[0] <= sum(occupancy) / sets <= mean[1]
    assert max(occupancy) <= most
    assert (store.requests - paid) / sets <= cost
    if max_entries >= 3000:
        assert sum(store.oldest) >= 0.88 * len(store.oldest)  # victims from the globally oldest third


@pytest.mark.parametrize("seed", range(3))
def test_a_look_at_a_small_cache_of_many_processes_does_not_empty_it(seed):
    store = Store(300, processes=8, seed=seed)
    for _ in store.run(600):
        pass
    assert min(store.run(3000)) >= 50


@pytest.mark.parametrize(
    ("max_entries", "listings", "seeds"), [(300, 2, 5), (500, 2, 3), (501, 1, 3), (2000, 1, 3), (10_000, 1, 1)]
)
def test_one_set_takes_at_most_one_look(max_entries, listings, seeds):
    for seed in range(seeds):
        store = Store(max_entries, processes=8, seed=seed)
        costs = [store.set() for _ in range(2 * max_entries)]
        assert max(cost[0] for cost in costs) <= listings
        assert max(cost[1] for cost in costs) == 1


def test_a_small_limit_over_a_large_store_looks_at_a_second_place_and_drains_it():
    store = Store(300, processes=4, seed=1)
    for key in range(5000):
        name = object_name("", f"left {key}")
        insort(store.names, name)
        store.modified[name], store.sizes[name] = -key, 1
    assert max(store.set()[0] for _ in range(3000)) == 2
    assert len(store) <= 600


def test_a_lowered_limit_is_met_by_and_by():
    store = Store(10_000, processes=8, seed=2)
    for _ in store.run(8000):
        pass
    before = store.requests
    store.max_entries = 1000
    store.cullers = [store.fresh() for _ in range(8)]
    assert list(store.run(5000))[-1] <= 1500
    assert (store.requests - before) / 5000 <= 4 / INTERVAL


@pytest.mark.parametrize(("max_entries", "mean", "most"), [(300, 2.2, 5), (3000, 0.95, 4), (6000, 0.9, 4)])
def test_fresh_processes_that_make_100_sets_pay_little_and_keep_the_limit(max_entries, mean, most):
    store = Store(max_entries, seed=5)
    costs, counts = [], []
    for _ in range(max_entries * 3 // 100 + 100):
        culler = store.fresh()
        costs.append(sum(sum(store.set(culler=culler)) for _ in range(100)))
        counts.append(len(store) / max_entries)
    assert sum(costs) / len(costs) <= mean
    assert max(costs) <= most
    assert max(counts) <= 1.5


@pytest.mark.parametrize("frequency", [0, 1, 2, 5, 50])
def test_every_cull_frequency_keeps_the_limit(frequency):
    assert max(Store(2000, frequency, processes=8, seed=1).run(6000)) <= 2000 * 1.3


# --- stores that are read by directories ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_entries", "processes", "mean", "most"),
    [(600, 8, (0.6, 0.95), 1.9), (3000, 8, (0.65, 0.9), 1.45), (12_000, 1, (0.6, 0.75), 0.85), (12_000, 16, (0.7, 0.85), 1.0)],
)
def test_a_store_that_is_read_by_directories_stays_near_its_limit(max_entries, processes, mean, most):
    sample = whole_directories(max_entries, dear=False)
    store = Store(max_entries, processes=processes, seed=3, latency=processes, sample=sample)
    for _ in store.run(max_entries * 3 // 2):
        pass
    occupancy = [entries / max_entries for entries in store.run(max_entries * 3 // 2)]
    assert mean[0] <= sum(occupancy) / len(occupancy) <= mean[1]
    assert max(occupancy) <= most


def test_every_directory_has_its_turn_and_none_more_than_others():
    culler = Culler(100_000, 3, random.Random(1), sample=Sample(1171, 3))
    starts = [culler.next_start() * DIRECTORIES for _ in range(100 * DIRECTORIES)]
    seen = [starts.count(directory) for directory in range(DIRECTORIES)]
    assert min(seen) >= 90 and max(seen) <= 110


def test_where_all_directories_are_read_the_look_begins_at_the_first():
    assert {Culler(10_000, 3, sample=Sample(10_000, DIRECTORIES)).next_start() for _ in range(5)} == {0.0}


# --- bytes ------------------------------------------------------------------------------------------------------------------


def mixed(seed, large, chance):
    """Sizes: mostly 4 KB, by chance a large one."""
    draw = random.Random(seed)
    return lambda: large if draw.random() < chance else 4096


@pytest.mark.parametrize(
    ("large", "chance", "entries", "mean", "most"),
    [
        (4096, 0.0, 8000, (0.70, 0.85), 0.95),
        (10**6, 0.001, 8000, (0.65, 0.85), 1.0),
        (10**6, 0.02, 2000, (0.60, 0.85), 1.15),
        (10**8, 1.0, 100, (0.50, 1.1), 1.8),
    ],
)
def test_the_bytes_stay_near_their_limit(large, chance, entries, mean, most):
    average = large * chance + 4096 * (1 - chance)
    limit = int(entries * average)
    store = Store(None, processes=4, seed=5, latency=4, max_bytes=limit, size=mixed(5, large, chance))
    for _ in store.run(max(500, entries * 2)):
        pass
    paid, occupancy = store.requests, []
    for _ in store.run(max(500, entries * 2)):
        occupancy.append(store.bytes / limit)
    assert mean[0] <= sum(occupancy) / len(occupancy) <= mean[1]
    assert max(occupancy) <= most
    if entries >= 2000:
        assert (store.requests - paid) / len(occupancy) <= 0.013


@pytest.mark.parametrize(("max_entries", "max_bytes"), [(300, 10**9), (10**6, 300 * 4096), (3000, 3000 * 4096)])
def test_both_limits_hold_at_once(max_entries, max_bytes):
    store = Store(max_entries, processes=4, seed=1, max_bytes=max_bytes, size=lambda: 4096)
    for _ in store.run(2000):
        pass
    most = [(entries, store.bytes) for entries in store.run(4000)]
    assert max(entries for entries, _ in most) <= max_entries * 1.8
    assert max(size for _, size in most) <= max_bytes * 2


def test_a_value_as_large_as_the_limit_brings_a_look_at_once():
    culler = Culler(None, 3, random.Random(1), max_bytes=10**6)
    assert culler.wrote("large", 10**6)


def test_a_large_value_counts_as_many_small_ones():
    culler = Culler(10_000, 3, random.Random(1), max_bytes=10_000 * 4096)
    culler.wrote("first", 10**9)
    small = next(number for number in itertools.count(1) if culler.wrote(str(number), 4096))
    large = next(number for number in itertools.count(1) if culler.wrote(str(number), 40_960))
    assert (small, large) == (INTERVAL, INTERVAL // 10)


@given(st.lists(st.integers(1, 10**6), max_size=30), st.integers(-(10**6), 10**7), st.sampled_from([0, 1, 2, 3, 1000]))
def test_just_as_many_go_as_must(weights, room, frequency):
    excess = oldest_beyond(room, weights, frequency)
    total, left = sum(weights), sum(weights[excess:])
    if not weights or total < room:
        assert excess == 0
        return
    quota = total // frequency if frequency else total
    assert excess == len(weights) or (left <= room and total - left >= quota)
    spared = sum(weights[excess - 1 :])
    assert excess == 1 or spared > room or total - spared < quota


# --- foreign objects --------------------------------------------------------------------------------------------------------


def test_after_a_page_that_foreign_objects_fill_the_next_begins_behind_them():
    culler = Culler(10_000, 3, random.Random(1))
    entries = [Listed(str(number), 0.2 + number / 10**5, START) for number in range(20)]
    culler.looked(Page(0.19, entries, truncated=True), "written")
    assert culler.next_start() == 52 / 256  # the directory after that of 0.20019
    assert culler.next_start() != 52 / 256
    culler.looked(Page(0.999, [], truncated=True), "written")
    assert culler.next_start() == 0


# --- one look ---------------------------------------------------------------------------------------------------------------


@st.composite
def looks(draw):
    """A culler that has some writes behind it, a page it sees, and the name that was written."""
    max_entries = draw(st.sampled_from([1, 2, 30, 300, SMALL, SMALL + 1, 3000, 10_000, 10**8]))
    culler = Culler(max_entries, draw(st.sampled_from([0, 1, 2, 3, 7, 1000])), random.Random(draw(st.integers(0, 99))))
    positions = sorted(draw(st.sets(st.floats(0, 1, exclude_max=True), max_size=60)))
    ages = draw(st.lists(st.integers(0, 5), min_size=len(positions), max_size=len(positions)))
    entries = [Listed(f"{at!r}", at, START - timedelta(seconds=age)) for at, age in zip(positions, ages, strict=True)]
    start = positions[0] * draw(st.floats(0, 1)) if positions and draw(st.booleans()) else 0.0
    written = draw(st.sampled_from([entry.name for entry in entries])) if entries and draw(st.booleans()) else "written"
    for entry in entries[: draw(st.integers(0, 60))]:
        culler.wrote(entry.name)
    return culler, Page(start, entries, draw(st.booleans())), written


@given(looks())
def test_victims_are_the_oldest_of_the_page_and_never_the_written(look):
    culler, page, written = look
    victims = culler.looked(page, written)
    others = {entry.name: entry.modified for entry in page.entries if entry.name != written}
    assert len(set(victims)) == len(victims) and set(victims) <= set(others)
    assert [others[name] for name in victims] == sorted(others.values())[: len(victims)]


@given(looks())
def test_after_a_look_the_arc_holds_no_more_than_its_share(look):
    culler, page, written = look
    others = [entry for entry in page.entries if entry.name != written]
    left = len(others) - len(culler.looked(page, written))
    assert left <= page.arc * culler.max_entries
    # What was just written must fit, too, where the page is the whole cache.
    assert left < culler.max_entries or page.truncated or page.start > 0


@given(looks())
def test_a_page_well_below_its_share_loses_nothing(look):
    culler, page, written = look
    interval = look_interval(culler.max_entries, 3)
    if len(page.entries) < page.arc * culler.max_entries - 3 * max(interval, INTERVAL):
        assert culler.looked(page, written) == []


@given(looks())
def test_after_a_look_the_next_is_some_writes_away(look):
    culler, page, written = look
    culler.looked(page, written)
    due = next(number for number in itertools.count(1) if culler.wrote(f"new {number}"))
    assert 1 <= due <= 3 * INTERVAL // 2


@pytest.mark.parametrize("seed", range(30))
def test_far_above_the_limit_the_next_look_comes_sooner(seed):
    culler = Culler(10_000, 3, random.Random(seed))
    crowd = [Listed(str(number), 0.5 + number / 10**6, START) for number in range(PAGE)]  # ten times its share
    culler.looked(Page(0.495, crowd, truncated=True), "written")
    due = next(number for number in itertools.count(1) if culler.wrote(str(number)))
    assert INTERVAL // 4 <= due <= 3 * INTERVAL // 4


def test_an_empty_page_loses_nothing():
    assert Culler(1, 0).looked(Page(0.0, [], False), "written") == []
    assert Culler(10_000, 0).looked(Page(0.5, [], True), "written") == []


def test_a_look_that_fails_is_put_off_for_an_interval():
    culler = Culler(10_000, 3, random.Random(1))
    due = [number for number in range(5 * INTERVAL) if culler.wrote(str(number))]
    assert len(due) == 5
    assert {later - earlier for earlier, later in itertools.pairwise(due)} == {INTERVAL}


def test_while_listing_fails_a_process_remembers_no_more_names_than_the_limit():
    culler = Culler(300, 3, random.Random(1))
    for number in range(10_000):
        culler.wrote(str(number))
    assert len(culler._known) <= 300


# --- when and where ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_entries", "frequency", "interval"),
    [(1, 3, 1), (30, 3, 10), (300, 3, 100), (300, 0, 200), (300, 1, 200), (500, 2, 200), (501, 1000, 200), (10**9, 3, 200)],
)
def test_the_interval_between_looks(max_entries, frequency, interval):
    assert look_interval(max_entries, frequency) == interval


@pytest.mark.parametrize("max_entries", [SMALL + 1, 1000, 3000, 10_000, 10**7])
def test_no_place_on_the_ring_is_left_out(max_entries):
    culler = Culler(max_entries, 3, random.Random(1))
    width = min(1, PAGE / max_entries)
    places = [0.0, 0.05, 0.3, 0.5, 0.77, 0.999999]
    looks = max(2000, int(100 / width)) if width > 0.001 else 100_000
    seen = dict.fromkeys(places, 0)
    for _ in range(looks):
        start = culler.next_start()
        assert 0 <= start < 1
        for place in places:
            seen[place] += start <= place < start + width
    expected = looks * width / (1 + width)
    assert all(0.7 * expected - 2 <= times <= 2.1 * expected + 2 for times in seen.values())


def test_a_small_cache_is_looked_at_from_the_start():
    assert {Culler(SMALL, 3).next_start() for _ in range(5)} == {0.0}


def test_the_arc_of_a_page():
    entries = [Listed("a", 0.25, START), Listed("b", 0.5, START)]
    assert Page(0.125, entries, truncated=True).arc == 0.375
    assert Page(0.125, entries, truncated=False).arc == 0.875
    assert Page(0.125, [], truncated=False).arc == 0.875


def test_processes_that_start_together_do_not_look_together():
    cullers = [Culler(10_000, 3, random.Random(seed)) for seed in range(64)]
    due = [sum(culler.wrote(str(number)) for culler in cullers) for number in range(INTERVAL)]
    assert sum(due) >= 64 and max(due) <= 6
