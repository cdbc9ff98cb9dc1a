"""``--check`` over a real socket, in this process and with a small library."""

import re

import pytest

from s3cache.demo.check import check

pytestmark = pytest.mark.once


def test_a_cache_that_keeps_what_it_is_given_passes(site, capsys):
    assert check(6) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert re.search(r"total +│ +\S+ MB", printed.out)
    assert re.search(r"warm +│ +0 │ +6 ", printed.out)


@pytest.mark.parametrize("options", [{"MAX_ENTRIES": 1}])
def test_a_cache_that_forgets_fails(site, capsys):
    assert check(6) == 1
    assert "warm: /module/_pydecimal/ says 'computed'; expected 'cache'." in capsys.readouterr().err


@pytest.mark.parametrize("engine", ["tests.demo.away.AwayEngine"])
def test_a_store_that_does_not_answer_fails(site, capsys):
    assert check(6) == 1
    assert "/cache/ answered 503: The object store did not answer The store is away." in capsys.readouterr().err
