"""The cache beside a model of it, a dictionary with expiry: whatever is called in whatever order, both answer the same.

The clock is the test's own. With a near cache, too, what this cache has written is seen at once.
"""

import copy
import itertools
import shutil

import pytest
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from s3cache.engines.local import LocalEngine
from s3cache.engines.memory import MemoryEngine
from tests.cache.support import Clock, cache_over, callers

pytestmark = pytest.mark.once

KEYS = ("a", "b", "ü/../x", "c" * 300)
VERSIONS = (1, 2)
ALL_VERSIONS = range(-1, 5)
TIMEOUT = 20

keys = st.sampled_from(KEYS)
versions = st.sampled_from((None, *VERSIONS))
seconds = st.sampled_from((0.0005, 0.25, 1, 2.5, 10, 1000, 10**20))
timeouts = st.just(DEFAULT_TIMEOUT) | st.none() | st.sampled_from((0, -1, -0.5, 0.0)) | seconds
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.binary()
values = (
    scalars
    | st.integers(-5, 5)
    | st.lists(scalars, max_size=3)
    | st.tuples(scalars)
    | st.dictionaries(st.text(), scalars, max_size=3)
)
deltas = st.integers(-3, 3)
changes = st.sampled_from((-1, 0, 1, 2))


def spoil(value):
    """Changes what can be changed: nobody else may see it."""
    if isinstance(value, list):
        value.append("spoilt")
    elif isinstance(value, dict):
        value["spoilt"] = True


class Model:
    """What a cache should answer; ``version`` is a number always."""

    def __init__(self, clock):
        self._clock = clock
        self._entries = {}

    def get(self, key, default, version):
        value, end = self._entries.get((key, version), (default, 0))
        return copy.deepcopy(value) if self._lives(end) else default

    def has_key(self, key, version):
        return (key, version) in self._entries and self._lives(self._entries[key, version][1])

    def set(self, key, value, timeout, version):
        seconds = TIMEOUT if timeout is DEFAULT_TIMEOUT else timeout
        end = None if seconds is None else self._clock() + int(seconds * 1000)
        self._entries[key, version] = copy.deepcopy(value), end

    def add(self, key, value, timeout, version):
        if self.has_key(key, version):
            return False
        self.set(key, value, timeout, version)
        return True

    def get_or_set(self, key, default, timeout, version):
        return default if self.add(key, default, timeout, version) else self.get(key, None, version)

    def touch(self, key, timeout, version):
        there = self.has_key(key, version)
        if there:
            self.set(key, self._entries[key, version][0], timeout, version)
        return there

    def incr(self, key, delta, version):
        if not self.has_key(key, version):
            raise ValueError
        value, end = self._entries[key, version]
        self._entries[key, version] = value + delta, end
        return value + delta

    def incr_version(self, key, delta, version):
        if not self.has_key(key, version):
            raise ValueError
        self._entries[key, version + delta] = self._entries.pop((key, version))
        return version + delta

    def delete(self, key, version):
        there = self.has_key(key, version)
        self._entries.pop((key, version), None)
        return there

    def clear(self):
        self._entries.clear()

    def _lives(self, end):
        return end is None or end > self._clock()


class Machine(RuleBasedStateMachine):
    """Calls both. ``make_cache`` gives an empty cache over a clock, ``mode`` says how it is called."""

    def __init__(self, make_cache, called, mode):
        super().__init__()
        self.clock = Clock()
        self.call = called(make_cache(self.clock), mode)
        self.model = Model(self.clock)

    def same(self, operation, expected, *args, **keywords):
        """Both give the same result, of the same types throughout, or raise the same kind of error."""
        found = outcome(lambda: getattr(self.call, operation)(*args, **keywords))
        answer = outcome(expected)
        assert repr(found) == repr(answer)
        spoil(found)

    @rule(key=keys, value=values, timeout=timeouts, version=versions)
    def set(self, key, value, timeout, version):
        self.same("set", lambda: self.model.set(key, value, timeout, version or 1), key, value, timeout, version=version)
        spoil(value)

    @rule(key=keys, version=versions)
    def get(self, key, version):
        self.same("get", lambda: self.model.get(key, "default", version or 1), key, "default", version=version)

    @rule(key=keys, version=versions)
    def has_key(self, key, version):
        self.same("has_key", lambda: self.model.has_key(key, version or 1), key, version=version)

    @rule(key=keys, value=values, timeout=timeouts, version=versions)
    def add(self, key, value, timeout, version):
        self.same("add", lambda: self.model.add(key, value, timeout, version or 1), key, value, timeout, version=version)

    @rule(key=keys, value=values, timeout=timeouts, version=versions, from_callable=st.booleans())
    def get_or_set(self, key, value, timeout, version, from_callable):
        default = (lambda: copy.deepcopy(value)) if from_callable else copy.deepcopy(value)
        expected = lambda: self.model.get_or_set(key, value, timeout, version or 1)  # noqa: E731
        self.same("get_or_set", expected, key, default, timeout, version=version)

    @rule(key=keys, timeout=timeouts, version=versions)
    def touch(self, key, timeout, version):
        self.same("touch", lambda: self.model.touch(key, timeout, version or 1), key, timeout, version=version)

    @rule(key=keys, delta=deltas, version=versions)
    def incr(self, key, delta, version):
        self.same("incr", lambda: self.model.incr(key, delta, version or 1), key, delta, version=version)

    @rule(key=keys, delta=deltas, version=versions)
    def decr(self, key, delta, version):
        self.same("decr", lambda: self.model.incr(key, -delta, version or 1), key, delta, version=version)

    @rule(key=keys, delta=changes, version=versions)
    def incr_version(self, key, delta, version):
        self.same("incr_version", lambda: self.model.incr_version(key, delta, version or 1), key, delta, version=version)

    @rule(key=keys, delta=changes, version=versions)
    def decr_version(self, key, delta, version):
        self.same("decr_version", lambda: self.model.incr_version(key, -delta, version or 1), key, delta, version=version)

    @rule(key=keys, version=versions)
    def delete(self, key, version):
        self.same("delete", lambda: self.model.delete(key, version or 1), key, version=version)

    @rule(data=st.dictionaries(keys, values), timeout=timeouts, version=versions)
    def set_many(self, data, timeout, version):
        assert self.call.set_many(data, timeout, version=version) == []
        for key, value in data.items():
            self.model.set(key, value, timeout, version or 1)

    @rule(some=st.lists(keys), version=versions)
    def get_many(self, some, version):
        self.same("get_many", lambda: self.there(some, version or 1), some, version=version)

    @rule(some=st.lists(keys), version=versions)
    def delete_many(self, some, version):
        assert self.call.delete_many(some, version=version) is None
        for key in some:
            self.model.delete(key, version or 1)

    @rule()
    def clear(self):
        self.same("clear", self.model.clear)

    @rule(elapsed=st.sampled_from((0.001, 0.249, 0.25, 1, 2.499, 5, 19.999, 20, 10_000)))
    def time_goes_by(self, elapsed):
        self.clock.advance(elapsed)

    @invariant()
    def both_have_the_same(self):
        for version in ALL_VERSIONS:
            assert self.call.get_many(KEYS, version=version) == self.there(KEYS, version)

    def there(self, some, version):
        return {key: self.model.get(key, None, version) for key in some if self.model.has_key(key, version)}


def outcome(call):
    """The result, or the class of the error."""
    try:
        return call()
    except (TypeError, ValueError) as error:
        return type(error)


@pytest.fixture(params=("memory", "local"))
def make_engine(request, tmp_path):
    if request.param == "memory":
        yield MemoryEngine
        return
    numbers = itertools.count()

    def make():
        number = next(numbers)
        shutil.rmtree(tmp_path / str(number - 1), ignore_errors=True)
        return LocalEngine.from_options(str(tmp_path / str(number)), {})

    yield make


@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
@pytest.mark.parametrize("near", (None, {"MAX_BYTES": 100_000, "TTL": 5}), ids=("plain", "near cache"))
@pytest.mark.parametrize("serializer", ("pickle", "json", "msgpack"))
def test_the_cache_answers_as_a_dictionary_with_expiry(make_engine, serializer, near, mode):
    options = {"SERIALIZER": serializer, "COMPRESSOR": "zlib", "COMPRESS_MIN_BYTES": 10, "MAX_ENTRIES": None, "NEAR_CACHE": near}

    def make_cache(clock):
        return cache_over(make_engine(), clock, params={"TIMEOUT": TIMEOUT}, **options)

    with callers() as called:
        run_state_machine_as_test(
            lambda: Machine(make_cache, called, mode), settings=settings(max_examples=8, stateful_step_count=30, deadline=None)
        )
