"""What each operation sends, counted at the server: every S3 engine, blocking and awaited, against docs/reference/requests.rst.

``test_costs`` counts what the cache asks of an engine, and has the boundaries. Here an HTTP proxy in front of moto counts what
leaves the machine, so that a request an SDK adds would be seen.
"""

import csv
import itertools
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from s3cache.engines import S3_ENGINES
from s3cache.envelope import HEADER_LIMIT
from s3cache.errors import EngineMisconfigured
from s3cache.plugins import ENGINE, find
from s3cache.runtime import finish
from tests import servers
from tests.cache.support import cache_over, name_of
from tests.servers import Answer, Proxy, Request, s3_options

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "requests.rst"
NAMES = {
    "GET object": "GET",
    "PUT object": "PUT",
    "DELETE object": "DELETE",
    "POST delete": "batch DELETE",
    "GET list": "listing",
}
KINDS = {"GET": "get", "GET of 2 KiB": "get", "PUT": "put", "DELETE": "delete", "batch DELETE": "delete", "listing": "list"}
HEADER = f"bytes=0-{HEADER_LIMIT - 1}"
LARGE = bytes(2 * 1024 * 1024)
"""Too much to send for nothing."""
WAITING = ("boto3", "storages")
"""The engines whose SDK asks with ``Expect: 100-continue`` whether a large body may come. The others read the header first."""


def sent(server):
    """The requests that came, in the words of the docs."""
    return [
        f"{NAMES[request.kind]} of 2 KiB" if request.headers["Range"] == HEADER else NAMES[request.kind]
        for request in server.requests
    ]


def measured(server):
    """The lengths of the bodies that it answers from now on."""
    lengths = []

    def answer(request, forward):
        answer = forward(request)
        lengths.append(len(answer.body))
        return answer

    server.answer = answer
    return lengths


@pytest.fixture(scope="module")
def module_server(moto):
    with Proxy(moto) as proxy:
        yield proxy


@pytest.fixture
def server(module_server):
    """Between the engine and moto; remembers nothing at first."""
    module_server.forget()
    yield module_server
    module_server.answer = lambda request, forward: forward(request)


@pytest.fixture(scope="module")
def location(moto_server):
    return f"s3://{moto_server.make_bucket()}/cache"


@pytest.fixture(scope="module", params=S3_ENGINES)
def engine_name(request):
    return request.param


@pytest.fixture(scope="module")
def engine(engine_name, location, module_server):
    engine = find(ENGINE, engine_name).from_options(location, s3_options(module_server.url))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def rival_engine(location, moto):
    """Another way to the same objects, which the server does not see."""
    engine = find(ENGINE, "minio").from_options(location, s3_options(moto))
    yield engine
    engine.close()


NUMBERS = itertools.count()


class Story:
    """One entry, the cache under test, and somebody else who uses the same objects."""

    def __init__(self, cache, call, rival, clock):
        self.key = f"key-{next(NUMBERS)}"
        self.cache = cache
        self.call = call
        self.rival = rival
        self.clock = clock

    def no_object(self):
        """Nobody has used the key."""

    def an_entry(self):
        self.rival.set(self.key, 1)

    def a_lasting_entry(self):
        self.rival.set(self.key, 1, None)

    def an_expired_entry(self):
        self.rival.set(self.key, 1, 10)
        self.clock.advance(10)

    def a_foreign_object(self):
        self.rival.engine.put_object(name_of(self.cache, self.key), b"not ours")

    def a_damaged_value(self):
        self.an_entry()
        name = name_of(self.cache, self.key)
        self.rival.engine.put_object(name, self.rival.engine.get_object(name).body + b"garbage")

    def get_or_set_loses(self):
        def default():
            self.rival.set(self.key, "theirs")
            return "ours"

        assert self.call.get_or_set(self.key, default) == "theirs"

    def lock(self):
        """Its methods, as the mode says. What follows is counted from here on."""
        self.server.forget()
        return self.called(self.cache.lock(self.key, 30))

    def held_lock(self):
        lock = self.lock()
        assert lock.acquire()
        self.server.forget()
        return lock

    def somebody_s_lock(self):
        assert self.rival.lock(self.key, 30).acquire()

    def second_look(self):
        """At a lock that somebody holds."""
        lock = self.lock()
        assert not lock.acquire(blocking=False)
        self.server.forget()
        assert not lock.acquire(blocking=False)

    def seven(self):
        return [f"{self.key}-{number}" for number in range(7)]


@pytest.fixture
def tell(engine, rival_engine, called, mode, clock, server):
    """``tell(**options)`` begins a story, with these OPTIONS of the cache."""

    def begin(**options):
        cache = cache_over(engine, clock, MAX_ENTRIES=None, **options)
        rival = cache_over(rival_engine, clock, MAX_ENTRIES=None)
        story = Story(cache, called(cache, mode), rival, clock)
        story.server, story.called = server, lambda lock: called(lock, mode)
        return story

    return begin


@pytest.fixture
def story(tell):
    return tell()


@pytest.fixture
def near_story(tell):
    return tell(NEAR_CACHE={"MAX_BYTES": 1_000_000, "TTL": 5})


def titles(budget):
    return [f"{row.replace('`', '')} ({before.__name__})" for row, before, *_ in budget]


def refused(deed):
    """The deed, which raises for want of an entry."""

    def tried(story):
        with pytest.raises(ValueError, match="not found"):
            deed(story)

    return tried


BUDGET = [
    ("``get``: hit, miss, expired, damaged", Story.an_entry, lambda s: s.call.get(s.key), "GET"),
    ("``get``: hit, miss, expired, damaged", Story.no_object, lambda s: s.call.get(s.key), "GET"),
    ("``get``: hit, miss, expired, damaged", Story.an_expired_entry, lambda s: s.call.get(s.key), "GET"),
    ("``get``: hit, miss, expired, damaged", Story.a_damaged_value, lambda s: s.call.get(s.key), "GET"),
    ("``has_key``", Story.an_entry, lambda s: s.call.has_key(s.key), "GET of 2 KiB"),
    ("``has_key``", Story.no_object, lambda s: s.call.has_key(s.key), "GET of 2 KiB"),
    ("``ttl``, ``pttl``, ``meta``", Story.an_entry, lambda s: s.call.ttl(s.key), "GET of 2 KiB"),
    ("``ttl``, ``pttl``, ``meta``", Story.an_expired_entry, lambda s: s.call.pttl(s.key), "GET of 2 KiB"),
    ("``ttl``, ``pttl``, ``meta``", Story.no_object, lambda s: s.call.meta(s.key), "GET of 2 KiB"),
    ("``set``", Story.no_object, lambda s: s.call.set(s.key, 2), "PUT"),
    ("``set``", Story.an_entry, lambda s: s.call.set(s.key, 2), "PUT"),
    ("``set`` with a timeout of 0 or below", Story.an_entry, lambda s: s.call.set(s.key, 2, 0), "DELETE"),
    ("``set`` with a timeout of 0 or below", Story.no_object, lambda s: s.call.set(s.key, 2, -1), "DELETE"),
    ("``add``: nothing was there", Story.no_object, lambda s: s.call.add(s.key, 2), "PUT"),
    ("``add``: an entry is there", Story.an_entry, lambda s: s.call.add(s.key, 2), "PUT, GET of 2 KiB"),
    (
        "``add``: an expired or foreign object is replaced",
        Story.an_expired_entry,
        lambda s: s.call.add(s.key, 2),
        "PUT, GET of 2 KiB, PUT",
    ),
    (
        "``add``: an expired or foreign object is replaced",
        Story.a_foreign_object,
        lambda s: s.call.add(s.key, 2),
        "PUT, GET of 2 KiB, PUT",
    ),
    ("``add`` with a timeout of 0 or below", Story.no_object, lambda s: s.call.add(s.key, 2, 0), "GET of 2 KiB"),
    ("``add`` with a timeout of 0 or below", Story.an_entry, lambda s: s.call.add(s.key, 2, -1), "GET of 2 KiB"),
    ("``touch``, ``incr``, ``decr``", Story.an_entry, lambda s: s.call.touch(s.key, 9), "GET, PUT"),
    ("``touch``, ``incr``, ``decr``", Story.an_entry, lambda s: s.call.incr(s.key), "GET, PUT"),
    ("``touch``, ``incr``, ``decr``", Story.an_entry, lambda s: s.call.decr(s.key), "GET, PUT"),
    ("``touch``, ``incr``, ``decr``: absent", Story.no_object, lambda s: s.call.touch(s.key), "GET"),
    ("``touch``, ``incr``, ``decr``: absent", Story.an_expired_entry, lambda s: s.call.touch(s.key), "GET"),
    ("``touch``, ``incr``, ``decr``: absent", Story.no_object, refused(lambda s: s.call.incr(s.key)), "GET"),
    ("``touch`` with a timeout of 0 or below", Story.an_entry, lambda s: s.call.touch(s.key, 0), "GET of 2 KiB, DELETE"),
    ("``expire``, ``expire_at``, ``persist``", Story.an_entry, lambda s: s.call.expire(s.key, 9), "GET, PUT"),
    ("``expire``, ``expire_at``, ``persist``", Story.an_entry, lambda s: s.call.expire_at(s.key, 5e9), "GET, PUT"),
    ("``expire``, ``expire_at``, ``persist``", Story.an_entry, lambda s: s.call.persist(s.key), "GET, PUT"),
    ("``expire``, ``expire_at``, ``persist``: absent", Story.no_object, lambda s: s.call.expire(s.key, 9), "GET"),
    ("``expire``, ``expire_at``, ``persist``: absent", Story.an_expired_entry, lambda s: s.call.expire_at(s.key, 5e9), "GET"),
    ("``expire``, ``expire_at``, ``persist``: absent", Story.a_foreign_object, lambda s: s.call.persist(s.key), "GET"),
    ("``persist``: no expiry", Story.a_lasting_entry, lambda s: s.call.persist(s.key), "GET"),
    (
        "``expire`` by 0 or below, ``expire_at`` a moment that has passed",
        Story.an_entry,
        lambda s: s.call.expire(s.key, 0),
        "GET of 2 KiB, DELETE",
    ),
    (
        "``expire`` by 0 or below, ``expire_at`` a moment that has passed",
        Story.an_entry,
        lambda s: s.call.expire_at(s.key, 1),
        "GET of 2 KiB, DELETE",
    ),
    ("``delete``", Story.an_entry, lambda s: s.call.delete(s.key), "GET of 2 KiB, DELETE"),
    ("``delete``", Story.an_expired_entry, lambda s: s.call.delete(s.key), "GET of 2 KiB, DELETE"),
    ("``delete``: nothing is there", Story.no_object, lambda s: s.call.delete(s.key), "GET of 2 KiB"),
    ("``incr_version``, ``decr_version``", Story.an_entry, lambda s: s.call.incr_version(s.key), "GET, PUT, DELETE"),
    ("``incr_version``, ``decr_version``: absent", Story.no_object, refused(lambda s: s.call.incr_version(s.key)), "GET"),
    ("``get_or_set``: hit", Story.an_entry, lambda s: s.call.get_or_set(s.key, 2), "GET"),
    ("``get_or_set``: nothing was there", Story.no_object, lambda s: s.call.get_or_set(s.key, 2), "GET, PUT"),
    (
        "``get_or_set``: an expired or foreign object",
        Story.an_expired_entry,
        lambda s: s.call.get_or_set(s.key, 2),
        "GET, PUT, GET of 2 KiB, PUT",
    ),
    ("``get_or_set``: another writer was faster", Story.no_object, Story.get_or_set_loses, "GET, PUT, GET of 2 KiB, GET"),
    (
        "``get_or_set``: a damaged value, good header",
        Story.a_damaged_value,
        lambda s: s.call.get_or_set(s.key, 2),
        "GET, PUT, GET of 2 KiB, GET, PUT",
    ),
    ("``lock()``, ``held``, ``token``", Story.no_object, lambda s: (s.cache.lock("a", 30).held, s.cache.lock("a", 30).token), ""),
    ("a lock: ``acquire``", Story.no_object, lambda s: s.lock().acquire(), "GET, PUT"),
    ("a lock: each further look at one that somebody holds", Story.somebody_s_lock, Story.second_look, "GET"),
    ("a lock: ``extend``, and each renewal", Story.no_object, lambda s: s.held_lock().extend(), "PUT"),
    ("a lock: ``release``", Story.no_object, lambda s: s.held_lock().release(), "PUT"),
    ("a lock: ``locked``, nobody holds it", Story.no_object, lambda s: s.lock().locked(), "GET"),
    ("``stats()``, ``close()``", Story.an_entry, lambda s: (s.cache.stats(), s.call.close()), ""),
]
"""The row of the docs, what is there before, what is done, and what that sends."""

BULK = {
    "``get_many``": ("*n*", "GET"),
    "``set_many``": ("*n*", "PUT"),
    "``set_many`` with a timeout of 0 or below": ("*n* / 1,000", "batch DELETE"),
    "``delete_many``": ("*n* / 1,000", "batch DELETE"),
    "``clear``": ("2 · *n* / 1,000", "listing, batch DELETE"),
    "``objects()``": ("*n* / 1,000", "listing"),
    "``keys``, ``iter_keys``, ``count``": ("*n* / 1,000 + *n*", "listing, GET of 2 KiB"),
    "``delete_pattern`` of *m* entries": ("*n* / 1,000 + *n* + *m* / 1,000", "listing, GET of 2 KiB, batch DELETE"),
    "``keys``, ``iter_keys``, ``count``: readable": ("*p* / 1,000 + 1", "listing"),
    "``delete_pattern`` of *m* entries: readable": ("*p* / 1,000 + 1 + *m* / 1,000", "listing, batch DELETE"),
    "``keys``, ``iter_keys``, ``count``: no wildcard": ("1", "GET of 2 KiB"),
    "``delete_pattern``: no wildcard": ("2", "GET of 2 KiB, DELETE"),
    "``delete_pattern``: no wildcard, missing": ("1", "GET of 2 KiB"),
}
"""The rows whose cost grows with *n*."""


@pytest.mark.parametrize(("row", "before", "deed", "expected"), BUDGET, ids=titles(BUDGET))
def test_an_operation_sends_what_the_docs_say(story, server, row, before, deed, expected):
    before(story)
    deed(story)
    assert ", ".join(sent(server)) == expected


@pytest.mark.parametrize("look", ["acquire", "locked"])
def test_the_first_look_at_a_lock_that_somebody_holds_lists_where_the_store_tells_the_time(story, server, engine, look):
    story.somebody_s_lock()
    lock = story.lock()
    assert lock.locked() if look == "locked" else not lock.acquire(blocking=False)
    row = "boto3, minio, storages" if engine.features.server_date else "obstore"
    assert documented("The first look at a lock that somebody holds")[row] == counted(", ".join(sent(server)))


LARGE_BUDGET = [
    ("``add``: nothing was there", Story.no_object, lambda s: s.call.add(s.key, LARGE), "GET of 2 KiB, PUT"),
    ("``add``: an entry is there", Story.an_entry, lambda s: s.call.add(s.key, LARGE), "GET of 2 KiB"),
    (
        "``add``: an expired or foreign object is replaced",
        Story.an_expired_entry,
        lambda s: s.call.add(s.key, LARGE),
        "GET of 2 KiB, PUT",
    ),
    ("``get_or_set``: nothing was there", Story.no_object, lambda s: s.call.get_or_set(s.key, LARGE), "GET, GET of 2 KiB, PUT"),
    (
        "``get_or_set``: an expired or foreign object",
        Story.an_expired_entry,
        lambda s: s.call.get_or_set(s.key, LARGE),
        "GET, GET of 2 KiB, PUT",
    ),
]
"""The same for large values, of the engines that do not wait for the server's word. The others keep to the rows above."""


@pytest.mark.parametrize(("row", "before", "deed", "expected"), LARGE_BUDGET, ids=titles(LARGE_BUDGET))
def test_a_large_value_sends_what_the_docs_say(story, server, engine_name, row, before, deed, expected):
    before(story)
    deed(story)
    assert ", ".join(sent(server)) == (documented()[row][1] if engine_name in WAITING else expected)
    for request in server.requests:
        assert ("Expect" in request.headers) is (engine_name in WAITING and "If-None-Match" in request.headers)


NEAR_BUDGET = [
    ("``get``, ``get_or_set``: kept, and read less than ``TTL`` ago", 4, ""),
    ("``get``, ``get_or_set``: kept, and read longer ago", 5, "GET"),
]
NEAR_READS = {
    "get": lambda call, key: call.get(key),
    "get_or_set": lambda call, key: call.get_or_set(key, 2),
    "get_many": lambda call, key: call.get_many([key]),
}


@pytest.mark.parametrize("read", NEAR_READS)
@pytest.mark.parametrize(("row", "seconds", "expected"), NEAR_BUDGET, ids=["fresh", "stale"])
def test_a_near_cache_sends_what_the_docs_say(near_story, server, clock, row, seconds, expected, read):
    near_story.rival.set(near_story.key, b"0" * 10_000)
    near_story.call.get(near_story.key)
    server.forget()
    clock.advance(seconds)
    answered = measured(server)
    NEAR_READS[read](near_story.call, near_story.key)
    assert ", ".join(sent(server)) == expected
    assert sum(answered) == 0


@pytest.mark.parametrize("method", ["has_key", "incr", "touch", "delete"])
def test_a_near_cache_changes_nothing_else(near_story, server, method):
    near_story.an_entry()
    near_story.call.get(near_story.key)
    server.forget()
    getattr(near_story.call, method)(near_story.key)
    expected = {"has_key": "GET of 2 KiB", "delete": "GET of 2 KiB, DELETE"}
    assert ", ".join(sent(server)) == expected.get(method, "GET, PUT")


def stampede_story(tell):
    story = tell(STAMPEDE=STAMPEDE)
    return Story(story.cache, story.call, cache_over(story.rival.engine, story.clock, STAMPEDE=STAMPEDE), story.clock)


def a_stale_entry(story):
    story.rival.refresh(story.key, lambda: 1, 10)
    story.clock.advance(10)


def a_stale_entry_that_somebody_computes(story):
    a_stale_entry(story)
    finish(story.rival._operations.begin_computing(story.cache.make_key(story.key), 20))


def one_who_is_faster(story):
    """He stores it between this caller's look and his turn."""
    begin = type(story.cache._operations).begin_computing

    async def begun(operations, key, seconds):
        story.rival.set(story.key, "theirs")
        return await begin(operations, key, seconds)

    assembly = story.cache._assembly
    for operations in filter(None, (assembly.operations, assembly.native)):
        operations.begin_computing = partial(begun, operations)


STAMPEDE = {"LEASE": 20, "STALE": 60, "EARLY": 0}
COMPUTED = "GET, GET of 2 KiB, PUT, GET of 2 KiB, PUT, DELETE"
STAMPEDE_BUDGET = [
    ("a value that has not expired", Story.an_entry, "GET"),
    ("nothing there, or a stale value: it is computed", Story.no_object, COMPUTED),
    ("nothing there, or a stale value: it is computed", Story.an_expired_entry, COMPUTED),
    ("nothing there, or a stale value: it is computed", Story.a_foreign_object, COMPUTED),
    ("nothing there, or a stale value: it is computed", Story.a_damaged_value, COMPUTED),
    ("nothing there, or a stale value: it is computed", a_stale_entry, COMPUTED),
    ("a stale value, and somebody computes", a_stale_entry_that_somebody_computes, "GET, GET of 2 KiB"),
    ("somebody has stored the value meanwhile", one_who_is_faster, "GET, GET of 2 KiB, PUT, GET of 2 KiB, GET, DELETE"),
]


@pytest.mark.parametrize(("row", "before", "expected"), STAMPEDE_BUDGET, ids=titles(STAMPEDE_BUDGET))
def test_computing_once_sends_what_the_docs_say(tell, server, row, before, expected):
    story = stampede_story(tell)
    before(story)
    story.call.get_or_set(story.key, lambda: 2)
    assert ", ".join(sent(server)) == expected


@pytest.mark.parametrize("options", [{}, {"STAMPEDE": STAMPEDE}], ids=["without STAMPEDE", "with"])
def test_refresh_sends_what_the_docs_say(tell, server, options):
    story = tell(**options)
    story.an_entry()
    story.call.refresh(story.key, lambda: 2)
    assert sent(server) == ["PUT"]


def group_read_before(story, clock, seconds):
    story.group.get(story.key)
    story.group.get(story.key)
    clock.advance(seconds)


GROUP_BUDGET = [
    ("``get``: another call read the generation less than ``GROUP_TTL`` ago", lambda s, c: group_read_before(s, c, 0.9), "GET"),
    ("``get``: it was read longer ago", lambda s, c: group_read_before(s, c, 1), "GET, GET"),
    ("``get``: this process has just made or dropped the group", lambda s, c: s.group.invalidate(), "GET, GET"),
    ("``get``: nobody has used the group", lambda s, c: None, "GET, PUT, GET"),
]


@pytest.fixture
def group_story(story, called, mode):
    story.group = called(story.cache.group(story.key), mode)
    return story


@pytest.mark.parametrize(("row", "before", "expected"), GROUP_BUDGET, ids=["known", "old", "just made", "new"])
def test_a_group_sends_what_the_docs_say(group_story, server, clock, row, before, expected):
    before(group_story, clock)
    server.forget()
    group_story.group.get(group_story.key)
    assert ", ".join(sent(server)) == expected


def test_invalidating_a_group_is_one_request_however_large_it_is(group_story, server):
    group_story.group.set_many(dict.fromkeys(range(20), 1))
    server.forget()
    group_story.group.invalidate()
    assert sent(server) == ["PUT"]


def test_clear_costs_no_more_for_groups(group_story, server):
    group_story.rival.clear()
    group_story.rival.set_many(dict.fromkeys(range(3), 1))
    group_story.group.get(group_story.key)
    server.forget()
    group_story.call.clear()
    assert sent(server) == ["listing", "batch DELETE"]


def documented(title="Requests of each operation"):
    """A table of the docs: operation -> (requests, which)."""
    table = PAGE.read_text().partition(f".. csv-table:: {title}\n")[2]
    rows = itertools.takewhile(lambda line: not line or line.startswith(" "), table.splitlines())
    cells = csv.reader((row.strip() for row in rows if row.startswith('   "')), skipinitialspace=True)
    return {operation: (requests, which) for operation, requests, which in cells}


def counted(expected):
    """What the docs have to say of it."""
    return str(len(expected.split(", ")) if expected else 0), expected


def test_the_docs_have_the_budget_and_nothing_else():
    assert documented() == {row: counted(expected) for row, _, _, expected in BUDGET} | BULK
    large = {row: counted(expected) for row, _, _, expected in LARGE_BUDGET}
    assert documented("Above 1 MiB, with minio and obstore") == large
    computing = {row: counted(expected) for row, _, expected in STAMPEDE_BUDGET}
    assert documented("With STAMPEDE") == computing | {"``refresh``, with the option and without": ("1", "PUT")}
    groups = {row: counted(expected) for row, _, expected in GROUP_BUDGET}
    assert documented("In a group") == groups | {"``invalidate``, ``clear``": ("1", "PUT")}
    assert documented("With a near cache") == {row: counted(expected) for row, _, expected in NEAR_BUDGET}


@pytest.mark.parametrize(
    ("deed", "expected"),
    [
        (lambda s: s.call.get_many(s.seven()), ["GET"] * 7),
        (lambda s: s.call.set_many(dict.fromkeys(s.seven(), 1)), ["PUT"] * 7),
        (lambda s: s.call.set_many(dict.fromkeys(s.seven(), 1), 0), ["batch DELETE"]),
        (lambda s: s.call.delete_many(s.seven()), ["batch DELETE"]),
        (lambda s: s.call.delete_many([s.key]), ["DELETE"]),
        (lambda s: s.call.delete_many(f"{s.key}-{number}" for number in range(1001)), ["batch DELETE", "DELETE"]),
        (lambda s: s.call.get_many([]), []),
        (lambda s: s.call.set_many({}), []),
        (lambda s: s.call.delete_many([]), []),
    ],
    ids=["get 7", "set 7", "set 7 for 0 s", "delete 7", "delete 1", "delete 1001", "get none", "set none", "delete none"],
)
def test_many_keys(story, server, deed, expected):
    deed(story)
    assert sorted(sent(server)) == sorted(expected)


@pytest.mark.parametrize(("count", "expected"), [(0, ["listing"]), (1, ["listing", "DELETE"]), (7, ["listing", "batch DELETE"])])
def test_clear_costs_one_listing_and_one_delete(story, server, count, expected):
    story.rival.clear()
    story.rival.set_many(dict.fromkeys(range(count), 1))
    assert len(list(story.cache.objects())) == count
    story.call.clear()
    assert sent(server) == ["listing", *expected]


@pytest.mark.parametrize(
    ("deed", "spent"),
    [
        (lambda call: len(call.keys("a:*")) == 5, []),
        (lambda call: len([*call.iter_keys("a:*")]) == 5, []),
        (lambda call: call.count("a:*") == 5, []),
        (lambda call: call.delete_pattern("a:*") == 5, ["batch DELETE"]),
        (lambda call: call.delete_pattern("a:[1]") == 1, ["DELETE"]),
        (lambda call: call.delete_pattern("c:*") == 0, []),
    ],
    ids=["keys", "iter_keys", "count", "delete 5", "delete 1", "delete none"],
)
@pytest.mark.parametrize("layout", ("hashed", "readable"))
def test_finding_keys_costs_what_the_docs_say(tell, server, layout, deed, spent):
    story = tell(KEY_LAYOUT=layout)
    story.rival.clear()
    story.call.set_many({f"{kind}:{number}": 1 for kind in "ab" for number in range(5)})
    server.forget()
    assert deed(story.call)
    looked = ["listing"] * 2 if layout == "readable" else ["listing", *["GET of 2 KiB"] * 10]
    assert sorted(sent(server)) == sorted(looked + spent)


@pytest.mark.parametrize(
    ("deed", "spent"),
    [
        (lambda call: call.keys("a:1") == ["a:1"], []),
        (lambda call: [*call.iter_keys("a:9")] == [], []),
        (lambda call: call.count("a:1") == 1, []),
        (lambda call: call.delete_pattern("a:1") == 1, ["DELETE"]),
        (lambda call: call.delete_pattern("a:9") == 0, []),
    ],
    ids=["keys", "iter_keys", "count", "delete 1", "delete none"],
)
@pytest.mark.parametrize("layout", ("hashed", "readable"))
def test_finding_one_key_costs_what_the_docs_say(tell, server, layout, deed, spent):
    story = tell(KEY_LAYOUT=layout)
    story.rival.clear()
    story.call.set("a:1", 1)
    server.forget()
    assert deed(story.call)
    assert sent(server) == ["GET of 2 KiB", *spent]


def test_above_a_thousand_entries_clear_costs_two_of_each(location, module_server, server, called):
    engine = find(ENGINE, "obstore").from_options(location, s3_options(module_server.url))
    cache = cache_over(engine, MAX_ENTRIES=None)
    cache.clear()
    called(cache, "async").set_many(dict.fromkeys(range(1001), 1))
    server.forget()
    cache.clear()
    assert sorted(sent(server)) == ["DELETE", "batch DELETE", "listing", "listing"]
    engine.close()


@pytest.mark.parametrize(
    ("deed", "lengths"),
    [
        (lambda s: s.call.has_key(s.key), [2048]),
        (lambda s: s.call.ttl(s.key), [2048]),
        (lambda s: s.call.pttl(s.key), [2048]),
        (lambda s: s.call.meta(s.key), [2048]),
        (lambda s: s.call.expire_at(s.key, 1), [2048, 0]),
        (lambda s: s.call.delete(s.key), [2048, 0]),
        (lambda s: s.call.add(s.key, 2, 0), [2048]),
        (lambda s: s.call.touch(s.key, 0), [2048, 0]),
    ],
    ids=["has_key", "ttl", "pttl", "meta", "expire at 1 s", "delete", "add for 0 s", "touch for 0 s"],
)
def test_of_a_large_value_only_the_header_travels(story, server, deed, lengths):
    story.rival.set(story.key, LARGE)
    answered = measured(server)
    deed(story)
    assert answered == lengths


@pytest.mark.parametrize(
    "deed",
    [
        lambda s: s.call.set(s.key, b"small"),
        lambda s: s.call.set(s.key, LARGE),
        lambda s: s.call.add(s.key, LARGE[: 1000 * 1000]),
        lambda s: s.call.set_many({s.key: LARGE}),
    ],
    ids=["set", "set of 2 MiB", "add of 1 MB", "set_many of 2 MiB"],
)
def test_a_write_is_one_round_trip(story, server, deed):
    """Who asks with ``Expect: 100-continue`` before the body comes waits for two."""
    deed(story)
    assert sent(server) == ["PUT"]
    assert "Expect" not in server.requests[0].headers


def test_a_large_value_is_not_sent_where_an_entry_is(monkeypatch, story, server, engine_name):
    """S3 answers 412 in place of 100, and so does this server."""

    def refuse(handler):
        server.requests.append(Request(handler.command, handler.path, handler.headers, b""))
        handler.reply(Answer.error(412, "PreconditionFailed"))
        return False

    monkeypatch.setattr(servers._Handler, "handle_expect_100", refuse)
    story.an_entry()
    assert not story.call.add(story.key, LARGE)
    assert sent(server) == (["PUT", "GET of 2 KiB"] if engine_name in WAITING else ["GET of 2 KiB"])
    assert [len(request.body) for request in server.requests if request.body] == []


def test_stats_count_the_requests_that_the_server_counted(story, server):
    call, key = story.call, story.key
    many = dict.fromkeys(story.seven(), 1)
    call.set(key, 1)
    call.get_many([key, "missing"])
    call.add(key, 2)
    call.incr(key)
    call.has_key(key)
    call.get_or_set(f"{key}-new", 1)
    call.set_many(many)
    call.delete_many(many)
    call.delete(key)
    call.clear()
    came = Counter(f"requests_{KINDS[name]}" for name in sent(server))
    assert len(came) == 4
    assert {kind: count for kind, count in story.cache.stats().items() if kind.startswith("requests_")} == came


def test_stats_count_a_request_that_found_nothing_or_failed(story, server):
    story.call.get(story.key)
    story.an_entry()
    story.call.add(story.key, 2)
    server.answer = lambda request, forward: Answer.error(403, "AccessDenied")
    with pytest.raises(EngineMisconfigured):
        story.call.get(story.key)
    counts = story.cache.stats()
    assert sent(server) == ["GET", "PUT", "GET of 2 KiB", "GET"]
    assert (counts["requests_get"], counts["requests_put"]) == (3, 1)


def test_stats_count_what_is_repeated(story, server):
    turns = itertools.count()
    server.answer = lambda request, forward: forward(request) if next(turns) else Answer.error(503, "SlowDown")
    story.call.get(story.key)
    assert sent(server) == ["GET", "GET"]
    assert story.cache.stats()["requests_get"] == 2
