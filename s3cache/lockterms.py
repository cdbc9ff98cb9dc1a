"""How long a lock is held, and waited for: what ``cache.lock`` was given, checked."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

from s3cache.validation import LONGEST_TIME


class Terms(NamedTuple):
    """Seconds, all of them."""

    seconds: float
    """After which others may take it."""
    patience: float
    """How long to wait for it; infinite for ever."""
    auto_renew: bool
    least: float
    """What it must be held for at least."""

    @classmethod
    def of(cls, timeout: object, blocking_timeout: object, auto_renew: object, total_timeout: float) -> Self:
        """``total_timeout`` is infinite where nothing limits a call. Raises TypeError and ValueError."""
        if type(auto_renew) is not bool:
            raise TypeError(f"auto_renew is of type {type(auto_renew).__name__}; accepted: True or False.")
        least = total_timeout if total_timeout < math.inf else 0.0
        patience = math.inf if blocking_timeout is None else checked_patience(blocking_timeout)
        return cls(checked_seconds(timeout, least), patience, auto_renew, least)

    def wait(self, blocking: bool, blocking_timeout: float | None) -> float:
        """How long to wait this time."""
        if not blocking:
            return 0.0
        return self.patience if blocking_timeout is None else checked_patience(blocking_timeout)

    def extension(self, seconds: float | None) -> float:
        """How long it is held from now on."""
        if seconds is None:
            return self.seconds
        if self.auto_renew:
            raise ValueError(f"This lock is renewed by itself (auto_renew), each time for {self.seconds:g} seconds.")
        return checked_seconds(seconds, self.least, "extension")


def checked_seconds(timeout: object, least: float, what: str = "timeout") -> float:
    if timeout is None:
        raise TypeError(
            "A lock without timeout is refused: nobody could tell that its holder was killed. Give the seconds after which others "
            "may take it, and auto_renew=True where the work may take longer."
        )
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"The {what} of a lock is of type {type(timeout).__name__}; accepted: a number of seconds.")
    if not 0 < timeout <= LONGEST_TIME:
        raise ValueError(f"The {what} of a lock is {timeout!r}; accepted: seconds above 0, up to {LONGEST_TIME:,}.")
    if timeout < least:
        raise ValueError(
            f"The {what} of a lock is {timeout:g} seconds; accepted: at least OPTIONS['TOTAL_TIMEOUT'], which is {least:g}. The "
            "call that takes or renews it may last so long, and it would be over by then."
        )
    return float(timeout)


def checked_patience(blocking_timeout: object) -> float:
    if isinstance(blocking_timeout, bool) or not isinstance(blocking_timeout, int | float):
        kind = type(blocking_timeout).__name__
        raise TypeError(f"blocking_timeout is of type {kind}; accepted: a number of seconds, or None to wait for ever.")
    if not blocking_timeout >= 0:
        raise ValueError(f"blocking_timeout is {blocking_timeout!r}; accepted: 0 seconds or more, or None to wait for ever.")
    return float(blocking_timeout)
