"""What each process was told, on record in a file of its own: a line before each call, and one after it returned.

A line is one write to a file opened for appending, so it is there even if the process is killed at the next instruction. Should a
kill cut a line short, it does not count: a call whose first line is cut has not begun, one whose second is cut has no answer.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from s3cache.errors import EngineUnavailable

ANSWERED = "answered"
UNAVAILABLE = "unavailable"
"""It raised EngineUnavailable: a write may have been applied."""
FAILED = "failed"
"""It raised something else."""
CUT = "cut"
"""It never returned: its process was killed."""


class Call(NamedTuple):
    """One call of the cache. Times are of ``time.monotonic``, which all processes of a machine share."""

    verb: str
    key: str
    argument: Any
    """add: whose it is; incr and decr: by how much; set: the page's sequence."""
    began: float
    ended: float | None = None
    outcome: str = CUT
    answer: Any = None
    """What was returned, or what was raised, as text."""

    @property
    def is_answered(self) -> bool:
        return self.outcome == ANSWERED


class Journal:
    """The calls of one process; safe for its threads."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def record(self, verb: str, key: str, argument: Any, call: Callable[[], Any]) -> None:
        """Makes the call, and notes it before and afterwards."""
        number = next(self._numbers)
        self._note(number, verb, key, argument, time.monotonic())
        outcome, answer = told(call)
        self._note(number, time.monotonic(), outcome, answer)

    def _note(self, *line: Any) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def told(call: Callable[[], Any]) -> tuple[str, Any]:
    """Outcome and answer."""
    try:
        return ANSWERED, call()
    except EngineUnavailable as error:
        return UNAVAILABLE, f"{type(error).__name__}: {error}"
    except Exception as error:  # whatever it is, it must not have been
        return FAILED, f"{type(error).__name__}: {error}"


def calls(folder: Path) -> list[Call]:
    """All calls on record in the files of a folder."""
    return [call for path in sorted(folder.iterdir()) for call in read(path.read_bytes())]


def read(journal: bytes) -> Iterator[Call]:
    """The calls of one process, those without an answer at the end."""
    begun: dict[int, Call] = {}
    for line in journal.split(b"\n")[:-1]:
        number, *noted = json.loads(line)
        if number in begun:
            ended, outcome, answer = noted
            yield begun.pop(number)._replace(ended=ended, outcome=outcome, answer=answer)
        else:
            begun[number] = Call(*noted)
    yield from begun.values()
