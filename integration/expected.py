"""What a server cannot do of what the tests ask, each with its reason. Nothing else may fail, and nothing is left out in silence.

What is in FAILS is run and must fail: on the day it passes, pytest says so, and the line goes. What is in FLAKY fails now and
then, so it is left out: pytest's header says so, and its last line counts it as deselected. A test is written as pytest prints
it, without the pair, or without all that stands in brackets.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

LISTED_ETAGS = dict.fromkeys(
    ("test_a_listing_shows_size_time_and_etag", "test_a_listing_shows_the_last_write"),
    "the etags of its listings stand without the quotes that all its other answers have",
)

Table = dict[str, dict[str, str]]
"""By server, or by engine and server; then by test."""

FAILS: Table = {
    "boto3@rclone": LISTED_ETAGS,
    "obstore@rclone": LISTED_ETAGS,
    "storages@rclone": LISTED_ETAGS,
}

FLAKY: Table = {
    "ceph": {
        "test_a_compare_and_swap_never_brings_a_deleted_object_back": (
            "a DELETE that meets a write is answered with success and does nothing, as if it had come first, also where the "
            "write was an If-Match on the object that it should have deleted"
        ),
    },
    "rclone": {
        "test_readers_see_whole_bodies_while_others_write": "it replaces objects in place, as features.atomic_overwrites says",
    },
}


WARNINGS = {
    "storages@azurite": (
        # AzureStorage does not close the file that it prepared for a blob that is not there, and asks the clock in an old way.
        "ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning",
        "ignore:datetime.datetime.utcnow() is deprecated:DeprecationWarning:storages.backends.azure_storage",
    ),
}
"""Of other packages, as Python's option -W has them."""


def mark(config: pytest.Config, items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The items to run, those that must fail marked as such."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        if reason := found(FAILS, item):
            item.add_marker(pytest.mark.xfail(reason=reason))
        (left_out if found(FLAKY, item) else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    return kept


def header() -> list[str]:
    return [f"left out on {place}: {test}: {reason}" for place, tests in FLAKY.items() for test, reason in tests.items()]


def found(table: Table, item: pytest.Item) -> str | None:
    """The reason that a table gives for the test, under its pair or its server."""
    called = getattr(item, "callspec", None)
    pair = called.params.get("pair") if called else None
    server = getattr(pair, "server", None)
    if server is None:  # there is no pair, or pytest's word for a list of pairs that is empty
        return None
    name = item.name.replace(f"-{pair}]", "]").replace(f"[{pair}]", "")
    tests = table.get(str(pair), {}) | table.get(server, {})
    return tests.get(name) or tests.get(name.partition("[")[0])
