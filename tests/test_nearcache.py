"""The structure: what is kept, what leaves, and what a write lets nobody keep."""

import threading
import tracemalloc
from collections import OrderedDict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from s3cache.envelope import Payload
from s3cache.fields import Described
from s3cache.nearcache import OVERHEAD, Kept, NearCache

NOW = 1_700_000_000_000


def kept(held=b"value", *, etag="1", expires_at=0, checked_at=NOW):
    return Kept(held, etag, expires_at, checked_at)


def keep(near, name, entry):
    with near.reading(name) as found:
        found(entry)


@pytest.fixture
def near():
    return NearCache(1_000_000, 1_000_000, 5000)


# --- how long ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires_at", "age", "fresh"),
    (
        (0, 0, True),
        (0, 4999, True),
        (0, 5000, False),
        (NOW + 3000, 2999, True),
        (NOW + 3000, 3000, False),
        (NOW + 9000, 5000, False),
        (0, -1, False),
    ),
)
def test_an_entry_is_fresh_for_its_ttl_and_not_beyond_its_expiry_nor_after_a_clock_was_set_back(expires_at, age, fresh):
    assert kept(expires_at=expires_at).is_fresh(NOW + age, 5000) is fresh


def test_a_check_makes_it_fresh_again_and_moves_no_expiry():
    entry = kept(expires_at=NOW + 9000).checked(NOW + 7000)
    assert entry == kept(expires_at=NOW + 9000, checked_at=NOW + 7000)
    assert entry.is_fresh(NOW + 8999, 5000)
    assert not entry.is_fresh(NOW + 9000, 5000)


def test_with_a_ttl_of_none_nothing_is_ever_fresh():
    assert not kept().is_fresh(NOW, 0)


# --- how much ---------------------------------------------------------------------------------------------------------------


def test_an_entry_counts_with_its_name_its_etag_and_an_overhead(near):
    before = near.gauges()
    keep(near, "name", kept(b"x" * 1000))
    assert before == {"near_entries": 0, "near_bytes": 0}
    size = near.gauges()["near_bytes"]
    assert 1000 + OVERHEAD < size < 1000 + OVERHEAD + 200
    assert kept(Payload(b"x" * 1000, Described("pickle", "none"))).size("name") == size


def test_the_least_recently_used_leave_first():
    near = NearCache(3 * kept().size("a"), 10_000, 5000)
    for name in "abc":
        keep(near, name, kept())
    near.get("a")
    keep(near, "d", kept())
    assert [name for name in "abcd" if near.get(name)] == ["a", "c", "d"]


def test_a_large_entry_makes_many_small_ones_leave():
    small, large = kept(), kept(b"x" * 2000)
    near = NearCache(large.size("k") + 2 * small.size("a"), 100_000, 5000)
    for name in "abcd":
        keep(near, name, small)
    keep(near, "k", large)
    assert [name for name in "abcdk" if near.get(name)] == ["c", "d", "k"]


def test_what_is_too_large_is_not_kept_and_takes_the_place_of_nothing_but_its_own():
    near = NearCache(100_000, 1000, 5000)
    keep(near, "a", kept())
    keep(near, "b", kept())
    keep(near, "b", kept(b"x" * 1000))
    assert near.get("a") and near.get("b") is None
    assert near.gauges()["near_bytes"] == kept().size("a")


def test_replacing_an_entry_counts_it_once(near):
    for turn in range(3):
        keep(near, "a", kept(b"x" * turn))
    assert near.gauges() == {"near_entries": 1, "near_bytes": kept(b"xx").size("a")}


@pytest.mark.parametrize("wrapped", (False, True), ids=("values", "payloads"))
def test_the_bytes_counted_are_the_bytes_taken(wrapped):
    near = NearCache(100_000_000, 100_000, 5000)
    tracemalloc.start()
    try:
        for number in range(5500):  # a dictionary has just grown: the worst moment
            body = bytes(500) + number.to_bytes(4)
            held = Payload(body, Described("pickle", "none")) if wrapped else body
            keep(near, f"site-cache/{number:064x}.s3c", Kept(held, f'"{number:032x}"', NOW + number, NOW + 2 * number))
        del body, held
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.8 * near.gauges()["near_bytes"] < taken < 1.01 * near.gauges()["near_bytes"]


# --- reads and writes -------------------------------------------------------------------------------------------------------


def test_what_a_read_found_is_kept_and_what_it_did_not_find_is_dropped(near):
    keep(near, "name", kept())
    assert near.get("name") == kept()
    keep(near, "name", None)
    assert near.get("name") is None


def test_a_read_that_finds_out_nothing_changes_nothing(near):
    keep(near, "name", kept())
    with pytest.raises(ConnectionError), near.reading("name"):
        raise ConnectionError
    assert near.get("name") == kept()


def test_a_write_drops_the_entry_as_it_begins(near):
    keep(near, "name", kept())
    near.begin_write(["other", "name"])
    assert near.get("name") is None


def test_a_read_that_began_before_a_write_keeps_nothing(near):
    with near.reading("name") as found:
        near.begin_write(["name"])
        near.end_write(["name"])
        found(kept())
    assert near.get("name") is None


def test_a_read_that_began_during_a_write_keeps_nothing(near):
    near.begin_write(["name"])
    with near.reading("name") as found:
        near.end_write(["name"])
        found(kept())
    assert near.get("name") is None


def test_a_read_keeps_nothing_until_the_last_of_several_writes_has_ended(near):
    near.begin_write(["name"])
    near.begin_write(["name"])
    near.end_write(["name"])
    keep(near, "name", kept())
    assert near.get("name") is None
    near.end_write(["name"])
    keep(near, "name", kept())
    assert near.get("name") == kept()


def test_a_read_that_a_write_overtook_leaves_the_later_read_alone(near):
    with near.reading("name") as overtaken:
        near.begin_write(["name"])
        near.end_write(["name"])
        with near.reading("name") as later:
            overtaken(kept(b"old"))
            later(kept(b"new"))
            overtaken(None)
    assert near.get("name") == kept(b"new")


def test_the_end_of_a_read_that_a_write_overtook_ends_no_other(near):
    overtaken, later = near.reading("name"), near.reading("name")
    overtaken.__enter__()
    near.begin_write(["name"])
    near.end_write(["name"])
    found = later.__enter__()
    overtaken.__exit__(None, None, None)
    found(kept())
    later.__exit__(None, None, None)
    assert near.get("name") == kept()


def test_clearing_drops_all_and_lets_no_read_keep_what_it_found_before(near):
    keep(near, "kept", kept())
    with near.reading("name") as found:
        near.clear()
        found(kept())
    assert near.get("kept") is near.get("name") is None
    assert near.gauges() == {"near_entries": 0, "near_bytes": 0}
    keep(near, "name", kept())
    assert near.get("name") == kept()


def test_clearing_ends_no_write(near):
    near.begin_write(["name"])
    near.clear()
    keep(near, "name", kept())
    assert near.get("name") is None


def test_writes_of_other_names_do_not_matter(near):
    with near.reading("name") as found:
        near.begin_write(["other"])
        found(kept())
    assert near.get("name") == kept()


def test_of_two_reads_what_the_earlier_one_found_is_not_kept(near):
    with near.reading("name") as earlier, near.reading("name") as later:
        later(kept(b"new", checked_at=NOW + 1))
        earlier(kept(b"old", checked_at=NOW))
    assert near.get("name") is None, "or a clock was set back between them, and the earlier is the later"


def test_nothing_is_remembered_of_names_that_nobody_reads_or_writes(near):
    for number in range(100):
        name = f"name-{number}"
        with near.reading(name), near.reading(name):
            near.begin_write([name, name])
        near.end_write([name, name])
    assert near._reads == near._writes == {}


def test_a_finalizer_that_uses_the_cache_waits_for_nobody(near):
    """The garbage collector may run one anywhere, also while the lock is held."""

    class Name(str):
        def __hash__(self):
            if near._lock._is_owned():
                near.get("other")
            return str.__hash__(self)

    thread = threading.Thread(target=keep, args=(near, Name("name"), kept()), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


# --- a model ----------------------------------------------------------------------------------------------------------------

NAMES = "abcd"
LARGE = 1000
SIZES = (0, 300, LARGE, LARGE + 1)
MOST = kept(b"x" * LARGE).size("a")
ROOM = 5 * MOST // 2


class Read:
    """One in flight, and what it will have found."""

    def __init__(self, near, name, entry, overtaken):
        self.name = name
        self.entry = entry
        self.overtaken = overtaken
        self.reading = near.reading(name)
        self.found = self.reading.__enter__()


class Histories(RuleBasedStateMachine):
    """Reads and writes of a few names, which begin and end in any order. What is kept begins with the version that was read."""

    def __init__(self):
        super().__init__()
        self.near = NearCache(ROOM, MOST, 5000)
        self.model = OrderedDict()
        self.now = NOW
        self.reads = []
        self.writes = []
        self.version = 0
        self.stored = dict.fromkeys(NAMES, 0)
        self.ours = dict.fromkeys(NAMES, 0)
        """What the last write of this process left."""

    @rule(name=st.sampled_from(NAMES), size=st.sampled_from(SIZES))
    def begin_read(self, name, size):
        held = f"{self.stored[name]:09}".encode().ljust(size, b"x")
        self.reads.append(Read(self.near, name, kept(held, checked_at=self.now), name in self.writes))

    @precondition(lambda self: self.reads)
    @rule(number=st.integers(0, 9), there=st.booleans())
    def end_read(self, number, there):
        read = self.reads.pop(number % len(self.reads))
        read.found(read.entry if there else None)
        read.reading.__exit__(None, None, None)
        if not read.overtaken:
            self.expect(read.name, read.entry if there else None)

    def expect(self, name, entry):
        current = self.model.pop(name, None)
        later = entry is not None and (current is None or entry.checked_at >= current.checked_at)
        if later and entry.size(name) <= MOST:
            self.model[name] = entry
        while self.weight() > ROOM:
            self.model.popitem(last=False)

    def weight(self):
        return sum(entry.size(name) for name, entry in self.model.items())

    @precondition(lambda self: self.reads)
    @rule(number=st.integers(0, 9))
    def fail_to_read(self, number):
        self.reads.pop(number % len(self.reads)).reading.__exit__(None, None, None)

    @rule(name=st.sampled_from(NAMES))
    def begin_write(self, name):
        self.near.begin_write([name])
        self.writes.append(name)
        self.model.pop(name, None)
        for read in self.reads:
            read.overtaken = read.overtaken or read.name == name

    @precondition(lambda self: self.writes)
    @rule(number=st.integers(0, 9))
    def apply_write(self, number):
        name = self.writes[number % len(self.writes)]
        self.somebody_else_writes(name)
        self.ours[name] = self.version

    @precondition(lambda self: self.writes)
    @rule(number=st.integers(0, 9))
    def end_write(self, number):
        self.near.end_write([self.writes.pop(number % len(self.writes))])

    @rule()
    def clear(self):
        self.near.clear()
        self.model.clear()
        for read in self.reads:
            read.overtaken = True

    @rule(name=st.sampled_from(NAMES))
    def somebody_else_writes(self, name):
        self.version += 1
        self.stored[name] = self.version

    @rule(name=st.sampled_from(NAMES))
    def get(self, name):
        assert self.near.get(name) == self.model.get(name)
        if name in self.model:
            self.model.move_to_end(name)

    @rule(milliseconds=st.integers(-10, 1000))
    def time_passes(self, milliseconds):
        self.now += milliseconds

    @invariant()
    def it_holds_what_the_model_holds_in_order_of_use(self):
        assert [(name, entry) for name, (entry, _) in self.near._entries.items()] == list(self.model.items())

    @invariant()
    def it_never_holds_more_than_it_may(self):
        assert self.near.gauges() == {"near_entries": len(self.model), "near_bytes": self.weight()}
        assert self.weight() <= ROOM

    @invariant()
    def it_never_holds_what_an_own_write_has_replaced(self):
        assert all(int(entry.held[:9]) >= self.ours[name] for name, (entry, _) in self.near._entries.items())
        assert not set(self.near._entries) & set(self.writes)

    @invariant()
    def it_remembers_only_names_in_flight(self):
        assert set(self.near._reads) <= {read.name for read in self.reads}
        assert set(self.near._writes) == set(self.writes)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
