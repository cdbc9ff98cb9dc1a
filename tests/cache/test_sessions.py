"""Sessions in the cache: what a visit costs, and what becomes of a visitor while the store is away.

The visits are real: ``session_site`` is a site with users, in a process of its own.
"""

import csv
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "howto" / "sessions.rst"
ENGINES = ("cache", "cached_db")
FOR_SESSIONS = {"ON_ERROR": {"read": "miss", "write": "raise"}}
SPARE = {"FALLBACK": "default"}
"""That is Django's dummy cache, which keeps nothing."""
OK, ERROR = 200, 500


def visits(engine, steps, **options):
    """For each step what came back: status, text, and requests."""
    command = [sys.executable, "-m", "tests.cache.session_site", engine, json.dumps(options), json.dumps(steps)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def documented():
    """The table of the docs: visit -> the requests with each engine."""
    table = PAGE.read_text().partition(".. csv-table:: Requests of a visit\n")[2]
    rows = itertools.takewhile(lambda line: not line or line.startswith(" "), table.splitlines())
    cells = csv.reader((row.strip() for row in rows if row.startswith('   "')), skipinitialspace=True)
    return {visit: dict(zip(ENGINES, requests, strict=True)) for visit, *requests in cells}


VISITS = {
    "of somebody without a session": "read",
    "that logs in": "login",
    "that does not look at the session": "nothing",
    "that reads it, as ``request.user`` does": "read",
    "that changes it": "write",
    "that logs out": "logout",
}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_visit_costs_what_the_docs_say(engine):
    answers = visits(engine, [*VISITS.values()], SERIALIZER="json")
    assert [status for status, *_ in answers] == [OK] * len(VISITS)
    words = {"get": "GET", "put": "PUT", "delete": "DELETE"}
    counted = [", ".join(f"{count} {words[kind]}" for kind, count in requests.items()) or "0" for *_, requests in answers]
    assert counted == [documented()[visit][engine] for visit in VISITS]


def test_the_docs_have_these_visits_and_no_others():
    assert [*documented()] == [*VISITS]


def outcomes(engine, *steps, **options):
    """Status and text of each visit."""
    return [tuple(answer[:2]) for answer in visits(engine, steps, **options) if answer]


def test_with_cache_whoever_comes_by_in_an_outage_is_logged_out_and_nobody_can_log_in():
    answers = outcomes("cache", "login", "away", "read", "login", "back", "read", **FOR_SESSIONS)
    assert answers[1:] == [(OK, "False"), (ERROR, ""), (OK, "False")]


def test_a_visitor_who_stays_away_meanwhile_is_still_logged_in_afterwards():
    assert outcomes("cache", "login", "away", "back", "read", **FOR_SESSIONS)[-1] == (OK, "True")


def test_with_cached_db_an_error_for_writes_ends_every_visit_of_an_outage():
    """Django stores what it has read from the database, and does not expect that to fail."""
    assert outcomes("cached_db", "login", "away", "read", "write", **FOR_SESSIONS)[1:] == [(ERROR, "")] * 2


LOGGED_OUT = ("login", "away", "read", "write", "logout", "back", "first cookie", "read")


def test_with_cached_db_and_miss_a_logout_during_an_outage_does_not_last():
    answers = outcomes("cached_db", *LOGGED_OUT, ON_ERROR="miss")
    assert answers[1:] == [(OK, "True"), (OK, "None"), (OK, "None"), (OK, "True")]


def test_with_cached_db_and_a_fallback_that_keeps_nothing_all_goes_on_and_a_logout_lasts():
    answers = outcomes("cached_db", *LOGGED_OUT, **SPARE)
    assert answers[1:] == [(OK, "True"), (OK, "None"), (OK, "None"), (OK, "False")]
