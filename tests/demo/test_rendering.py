import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cache.demo import library
from s3cache.demo.outline import outline
from s3cache.demo.rendering import render_source

pytestmark = pytest.mark.once

SAMPLE = list(library.modules().values())[::25]


class Page(HTMLParser):
    """What a browser makes of the HTML: its text without the line numbers, its ids and links."""

    def __init__(self, html):
        super().__init__()
        self.text, self.ids, self.links, self.open, self.numbers = "", [], [], [], 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.open.append((tag, named))
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"].removeprefix("#")] if "href" in named else []

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if "href" not in self.open[-1][1]:
            self.text += data


def page(source):
    return Page(render_source(source, outline(source).everything()))


@pytest.mark.parametrize("module", SAMPLE, ids=lambda module: module.name)
def test_a_module_is_highlighted_whole_with_unique_anchors(module):
    source = module.source()
    rendered = page(source)
    assert rendered.text.rstrip("\n") == source.rstrip("\n")
    assert rendered.open == []
    assert len(set(rendered.ids)) == len(rendered.ids)
    assert set(rendered.links) <= set(rendered.ids)
    assert {symbol.anchor for symbol in outline(source).everything()} <= set(rendered.ids)


@given(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])))
def test_any_text_survives_and_every_line_has_its_number(source):
    rendered = page(source)
    assert rendered.text.rstrip("\n") == source.rstrip("\n")
    assert [int(one.removeprefix("line-")) for one in rendered.ids if re.fullmatch(r"line-\d+", one)] == list(
        range(1, len(rendered.links) + 1)
    )


def test_blank_lines_at_the_beginning_count():
    assert '<a id="f">' in render_source("\n\ndef f(): ...\n", outline("\n\ndef f(): ...\n").everything()).split('id="line-3"')[1]


def test_a_definition_called_like_a_line_has_an_anchor_of_its_own():
    assert len(set(page("def line(): ...\n" * 3).ids)) == 6


def test_markup_in_the_source_is_escaped():
    assert "<script>" not in render_source('x = "<script>"\n', [])


def test_an_empty_source_has_no_lines():
    assert render_source("", []) == ""
