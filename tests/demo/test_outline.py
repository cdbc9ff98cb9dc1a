import pytest

from s3cache.demo.outline import outline

SOURCE = '''"""A module with
two lines of text.

And more."""
import os.path
from json import dumps as d
from . import sibling

class Shape:
    def area(self):
        import math
        def inner(): ...
    class Inner:
        async def wait(self): ...

try:
    def load(): ...
except ImportError:
    def load(): ...

match 1:
    case 1:
        def matched(): ...
'''


def test_classes_and_functions_are_found_with_their_members():
    shape = outline(SOURCE).symbols[0]
    assert (shape.kind, shape.name, shape.line) == ("class", "Shape", 9)
    assert [(member.kind, member.qualified) for member in shape.members] == [("method", "Shape.area"), ("class", "Shape.Inner")]
    assert shape.members[1].members[0].qualified == "Shape.Inner.wait"


def test_definitions_in_plain_blocks_count_and_those_in_functions_do_not():
    names = [symbol.name for symbol in outline(SOURCE).everything()]
    assert names == ["Shape", "area", "Inner", "wait", "load", "load", "matched"]


def test_a_name_defined_twice_has_two_anchors():
    assert [symbol.anchor for symbol in outline(SOURCE).symbols] == ["Shape", "load", "load~2", "matched"]


def test_imports_are_absolute_and_found_in_functions_too():
    assert outline(SOURCE).imports == ("json", "math", "os.path")


def test_the_summary_is_the_first_paragraph_of_the_docstring():
    assert outline(SOURCE).summary == "A module with two lines of text."


def test_a_title_is_a_summary_without_its_underline():
    assert outline('"""\nast\n~~~\n\nMore.\n"""').summary == "ast"


@pytest.mark.parametrize("source", ["", "def (", "\0", "x = 1"])
def test_a_source_without_definitions_or_sense_has_an_empty_outline(source):
    assert list(outline(source).everything()) == []
