"""The decorator ``cached``, over this cache with and without STAMPEDE, and over one of Django's."""

import asyncio
import functools
import inspect
import pickle

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.cache import cache as default_cache
from django.core.cache import caches
from django.test import override_settings

import s3cache
from s3cache import cached

OURS = {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": "memoize"}
MEMORY = {"ENGINE": "memory", "SIGNING_KEY": "k"}
CACHES = {
    "default": {**OURS, "OPTIONS": MEMORY},
    "once": {**OURS, "OPTIONS": {**MEMORY, "STAMPEDE": {"LEASE": 20, "STALE": 60}}},
    "locmem": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}


@pytest.fixture(autouse=True)
def configured():
    with override_settings(CACHES=CACHES):
        caches["default"].clear()
        caches["locmem"].clear()
        yield


@pytest.fixture(params=CACHES)
def alias(request):
    return request.param


class Asynchronous:
    """Decorates coroutine functions, and runs what comes of them."""

    def __init__(self, runner):
        self._run = runner.run

    def __call__(self, function, *args, **keywords):
        async def coroutine_function(*given, **named):
            await asyncio.sleep(0)
            return function(*given, **named)

        coroutine_function.__wrapped__ = function
        coroutine_function.__qualname__ = function.__qualname__
        made = cached(*args, **keywords)(coroutine_function)
        assert iscoroutinefunction(made)

        def call(*given, **named):
            return self._run(made(*given, **named))

        call.refresh = lambda *given, **named: self._run(made.refresh(*given, **named))
        call.invalidate = lambda *given, **named: self._run(made.invalidate(*given, **named))
        call.key_for = made.key_for
        return call


@pytest.fixture(params=("function", "coroutine function"))
def decorated(request):
    """``decorated(function, ...)``: with cached(...) around it, or around a coroutine function that does the same."""
    with asyncio.Runner() as runner:
        yield Asynchronous(runner) if request.param == "coroutine function" else lambda f, *a, **k: cached(*a, **k)(f)


class Function:
    """Remembers what it was called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, number, factor=2):
        self.calls.append((number, factor))
        return [number * factor]


SEEN = Function()


def doubled(number, factor=2):
    return SEEN(number, factor)


@pytest.fixture
def seen():
    SEEN.calls.clear()
    return SEEN


@pytest.fixture
def double(seen):
    return doubled


def test_it_is_called_once_for_equal_arguments(alias, decorated, double, seen):
    function = decorated(double, 300, cache=alias)
    assert [function(2), function(number=2), function(2, 2), function(2, factor=2)] == [[4]] * 4
    assert function(3) == [6]
    assert seen.calls == [(2, 2), (3, 2)]


def test_none_is_a_result(alias, decorated):
    calls = []
    function = decorated(lambda: calls.append(1), key="report", cache=alias)
    assert [function(), function()] == [None, None]
    assert calls == [1]


def test_invalidate_drops_what_is_kept(alias, decorated, double, seen):
    function = decorated(double, cache=alias)
    function(2)
    assert function.invalidate(2) is True
    assert function.invalidate(2) is False
    function(2)
    assert seen.calls == [(2, 2)] * 2


def test_refresh_computes_and_stores_anew(alias, decorated, seen):
    answers = iter("abc")
    function = decorated(lambda: next(answers), key="report", cache=alias)
    assert [function(), function.refresh(), function(), function.refresh(), function()] == ["a", "b", "b", "c", "c"]


def test_an_exception_is_raised_and_not_kept(alias, decorated):
    answers = iter([0, 1])
    function = decorated(lambda: 1 // next(answers), key="report", cache=alias)
    with pytest.raises(ZeroDivisionError):
        function()
    assert function() == 1


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("number:{number}:{factor}", "number:2:3"),
        ("whole", "whole"),
        ("{number.real}", "2"),
        (lambda number, factor: f"{factor}-{number}", "3-2"),
    ],
)
def test_a_key_of_ones_own(decorated, double, key, expected):
    function = decorated(double, 300, key=key)
    assert function.key_for(2, factor=3) == expected
    assert function(2, factor=3) == [6]
    assert default_cache.get(expected) == [6]
    function.invalidate(2, factor=3)
    assert default_cache.get(expected) is None


def test_without_one_the_key_is_made_of_name_and_arguments(decorated, double):
    function = decorated(double)
    assert function.key_for(2).startswith("tests.test_memoize.doubled:")
    assert function.key_for(2) == function.key_for(number=2, factor=2)
    assert function.key_for(2) != function.key_for(3)


def test_two_functions_have_keys_of_their_own():
    assert cached()(first).key_for() != cached()(second).key_for()


def first(): ...


def second(): ...


def test_arguments_that_make_no_key_are_refused(decorated, double, seen):
    with pytest.raises(TypeError, match="Give cached a key of your own"):
        decorated(double)(object())
    with pytest.raises(TypeError, match="missing a required argument: 'number'"):
        decorated(double)()
    assert seen.calls == []


def test_a_function_that_its_name_does_not_tell_from_others_needs_a_key():
    def times(factor):
        def multiplied(number):
            return number * factor

        return multiplied

    for function in (times(2), lambda number: number, functools.partial(doubled, 1)):
        with pytest.raises(TypeError, match="Give cached a key, such as"):
            cached()(function)
        assert cached(key="a key")(function).key_for(1) == "a key"


def test_a_function_that_another_decorator_has_wrapped_needs_none(seen):
    @functools.wraps(doubled)
    def logged(*args, **keywords):
        return doubled(*args, **keywords)

    assert cached()(logged).key_for(2) == cached()(doubled).key_for(2)


def test_a_method_may_call_that_of_its_parent():
    class Child(Function):
        @cached()
        def __str__(self):
            return super().__str__()

    assert callable(Child.__str__)


def test_what_is_decorated_without_brackets_is_refused():
    with pytest.raises(TypeError, match=r"write @cached\(\), or @cached\(60\)"):
        cached(doubled)


def test_a_key_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="The key is of type int; accepted: a format string, a function"):
        cached(key=5)


def test_a_version_and_a_timeout_are_the_entrys(decorated, double):
    function = decorated(double, 0, key="none")
    function(2)
    assert "none" not in default_cache
    function = decorated(double, 30, key="some", version=2)
    function(2)
    assert default_cache.get("some", version=2) == [4]
    assert 0 < default_cache.ttl("some", version=2) <= 30
    assert function.invalidate(2)
    assert default_cache.get("some", version=2) is None


@pytest.mark.parametrize("given", [lambda: caches["once"], lambda: default_cache], ids=["a cache", "django.core.cache.cache"])
def test_a_cache_may_be_given_itself(decorated, double, seen, given):
    function = decorated(double, key="given", cache=given())
    assert [function(2), function(2)] == [[4], [4]]
    assert function.refresh(2) == [4]
    assert given().get("given") == [4]
    assert seen.calls == [(2, 2)] * 2


def test_a_method_names_what_it_belongs_to_in_a_key():
    class Product:
        def __init__(self, pk):
            self.pk = pk

        @cached(300, key="product:{self.pk}:{year}")
        def sales(self, year):
            return f"{self.pk} in {year}"

    assert Product(1).sales(2026) == "1 in 2026"
    assert default_cache.get("product:1:2026") == "1 in 2026"
    product = Product(2)
    assert product.sales.key_for(2026) == Product.sales.key_for(product, 2026) == "product:2:2026"
    product.sales(2026)
    assert product.sales.refresh(2026) == "2 in 2026"
    assert product.sales.invalidate(2026)
    assert not Product.sales.invalidate(product, 2026)


async def test_so_does_a_coroutine_method():
    class Product:
        pk = 3

        @cached(300, key="product:{self.pk}:{year}")
        async def sales(self, year):
            return f"{self.pk} in {year}"

    product = Product()
    assert iscoroutinefunction(product.sales)
    assert await product.sales(2026) == await product.sales.refresh(2026) == "3 in 2026"
    assert await product.sales.invalidate(2026)


def test_it_goes_below_classmethod_and_staticmethod():
    class Product:
        @classmethod
        @cached(300, key="class:{cls.__name__}:{year}")
        def of_class(cls, year):
            return f"{cls.__name__} in {year}"

        @staticmethod
        @cached(300, key="static:{year}")
        def static(year):
            return year

    assert (Product.of_class(2026), Product.static(2026)) == ("Product in 2026", 2026)
    assert Product.static.invalidate(2026)
    for kind in (classmethod, staticmethod):
        with pytest.raises(TypeError, match=f"Put @{kind.__name__} above @cached"):
            cached(300)(kind(doubled))


def test_it_can_be_pickled_as_a_function_can():
    assert pickle.loads(pickle.dumps(kept)) is kept


@cached(300, key="kept")
def kept(): ...


@pytest.mark.parametrize("key", ("{nubmer}", "{0}", "{nubmer.pk}:{factor}"))
def test_a_key_that_names_no_argument_is_refused(key):
    with pytest.raises(TypeError, match="The key .* names .*; accepted: number, factor"):
        cached(key=key)(doubled)


def test_a_malformed_key_is_refused():
    with pytest.raises(ValueError, match="expected '}'"):
        cached(key="{number")(doubled)


def test_a_generator_is_refused():
    def numbers():
        yield 1

    with pytest.raises(TypeError, match="A generator cannot be kept"):
        cached(key="numbers")(numbers)


def test_it_looks_like_the_function_that_it_stands_for():
    def report(year: int) -> str:
        """The year's report."""

    made = cached(key="report:{year}")(report)
    assert (made.__name__, made.__doc__, made.__wrapped__) == ("report", "The year's report.", report)
    assert inspect.signature(made) == inspect.signature(report)


def test_over_stampede_a_coroutine_function_is_computed_once():
    calls = []

    @cached(300, key="report", cache="once")
    async def report():
        calls.append(1)
        await asyncio.sleep(0.01)
        return "report"

    async def main():
        return await asyncio.gather(*(report() for _ in range(9)))

    assert asyncio.run(main()) == ["report"] * 9
    assert calls == [1]


def test_over_stampede_refresh_leaves_a_value_that_may_be_served_stale():
    @cached(300, key="report", cache="once")
    def report():
        return "report"

    report.refresh()
    assert caches["once"].meta("report") is not None
    described = caches["once"]._operations.describe(caches["once"].make_key("report"))
    assert s3cache.runtime.finish(described).header.value.grace_ms == 60_000


def test_the_package_has_it():
    assert s3cache.cached is cached
    assert "cached" in s3cache.__all__


def test_results_may_belong_to_groups_that_the_arguments_name(decorated, double, seen):
    function = decorated(double, group="product:{number}")
    assert [function(2), function(3), function(2), function(3)] == [[4], [6], [4], [6]]
    default_cache.group("product:2").invalidate()
    assert [function(2), function(3)] == [[4], [6]]
    assert seen.calls == [(2, 2), (3, 2), (2, 2)]


def test_a_group_that_names_no_argument_is_refused():
    with pytest.raises(TypeError, match="The group 'g:{pk}' names 'pk'; accepted: number, factor"):
        cached(group="g:{pk}")(doubled)


async def test_what_a_default_gives_may_be_awaitable():
    async def compute():
        return "computed"

    assert await default_cache.aget_or_set("awaited", compute, 60) == "computed"
    assert default_cache.get("awaited") == "computed"
