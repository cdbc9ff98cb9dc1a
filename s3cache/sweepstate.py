"""How a ``Sweep`` is written down: some kilobytes of JSON. What does not read as one is none, and a sweep begins anew."""

from __future__ import annotations

import json
from collections.abc import Collection

from s3cache.ages import Ages
from s3cache.sweeping import BUCKETS, Sweep, Tally

LONGEST = 32 * 1024
"""Bytes that are read, at most."""
MOST = 2**63
SHIFTS = 64


def encode(sweep: Sweep) -> bytes:
    tallies = {name: encoded_tally(tally) for name, tally in sweep.tallies.items()}
    return json.dumps({"after": sweep.after, "tallies": tallies}, separators=(",", ":")).encode()


def encoded_tally(tally: Tally) -> dict[str, object]:
    ages = {"shift": tally.ages.shift, "ages": sorted(tally.ages.weights.items())}
    return {"left": tally.left, "line": tally.line, "due": tally.due, "passed": tally.passed, **ages}


def decode(body: bytes | memoryview, limits: Collection[str]) -> Sweep | None:
    """The sweep; None for what is none of these limits."""
    try:
        fields = json.loads(bytes(body))
        tallies = {name: decoded_tally(fields["tallies"][name]) for name in limits}
        if len(fields["tallies"]) != len(tallies) or not isinstance(fields["after"], str):
            return None
        fields["after"].encode()  # a lone surrogate is in no name
        return Sweep(tallies, fields["after"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def decoded_tally(fields: dict[str, object]) -> Tally:
    """Raises ValueError, TypeError or KeyError for what is none."""
    weights = {number(bucket): number(weight) for bucket, weight in fields["ages"]}  # type: ignore[attr-defined]
    if len(weights) > BUCKETS:
        raise ValueError("too many buckets")
    left = fields["left"]
    return Tally(
        None if left is None else number(left),
        number(fields["line"]),
        number(fields["due"]),
        number(fields["passed"]),
        Ages(BUCKETS, number(fields["shift"], SHIFTS), weights),
    )


def number(value: object, most: int = MOST) -> int:
    if type(value) is not int or not 0 <= value < most:
        raise ValueError("no such number")
    return value
