"""What the load remembers, in the order in which each process did it.

Times are seconds of ``time.monotonic()``, which on one machine are the same for all processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Outcome = Literal["done", "refused", "unknown"]
"""The cache said that it wrote, that it did not, or neither."""

Fault = Literal["torn", "foreign"]
"""Not a value that anybody wrote as a whole; one of another key."""


class Write(NamedTuple):
    """What the one who writes a key asked for. ``number`` counts the writes of the key; None is a delete."""

    key: str
    number: int | None
    began: float
    ended: float
    outcome: Outcome


class Read(NamedTuple):
    """What somebody found under a key: the number of a write, None where there was nothing, or what is wrong with it."""

    key: str
    found: int | None | Fault
    began: float
    ended: float
    last: bool = False
    """Whether it was made after the load, when nothing more was written."""


class Call(NamedTuple):
    """One call of the cache, on one key or many."""

    method: str
    began: float
    ended: float
    answered: bool
    """Whether the store answered: neither an error, nor what ON_ERROR has in its place."""
    outside: str | None = None
    """An exception that the policy does not allow."""


@dataclass
class History:
    """Of one process, or of many."""

    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def __add__(self, other: History) -> History:
        return History(self.writes + other.writes, self.reads + other.reads, self.calls + other.calls)
