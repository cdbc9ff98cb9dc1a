import sys

import pytest

from s3cache.demo import library


def test_packages_are_walked_recursively():
    assert {"email", "email.mime", "email.mime.text", "keyword"} <= set(library.modules())


def test_modules_without_python_source_are_left_out():
    assert not {"sys", "builtins", "_thread"} & set(library.modules())


def test_packages_of_tests_are_left_out():
    assert not [name for name in library.modules() if library.TESTS & set(name.split("."))]


def test_nothing_but_the_standard_library_is_found():
    assert {module.top for module in library.modules().values()} <= sys.stdlib_module_names


def test_nothing_is_imported():
    before = set(sys.modules)
    library.modules.cache_clear()
    library.modules()
    assert set(sys.modules) == before


def test_source_is_decoded():
    assert "François" in library.modules()["heapq"].source()


@pytest.mark.parametrize(("name", "parents"), [("keyword", []), ("email.mime.text", ["email", "email.mime"])])
def test_a_module_knows_the_packages_around_it(name, parents):
    assert [parent.name for parent in library.modules()[name].parents] == parents


def test_children_are_those_directly_in_a_package():
    assert {module.leaf for module in library.children("email.mime")} >= {"text", "base", "multipart"}
    assert "email.mime" not in {module.name for module in library.top_level()}


def test_the_largest_come_first():
    sizes = [len(module.source()) for module in library.by_size()[:10]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 500_000
