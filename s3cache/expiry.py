"""Django's timeout in seconds -> an absolute moment in milliseconds, and whether that moment has passed.

All moments are whole milliseconds since 1970 in UTC by the writer's clock; ``NEVER`` is 0. Reference: Django's documentation of
``timeout`` at https://docs.djangoproject.com/en/stable/topics/cache/#basic-usage.
"""

from __future__ import annotations

import time

NEVER = 0
LATEST = 2**63 - 1
"""The last moment the envelope can hold, some 292 million years away."""


def now_ms() -> int:
    """The clock that operations use unless they are given another."""
    return time.time_ns() // 1_000_000


def deadline(timeout: float | None, now: int) -> int:
    """When an entry written at ``now`` (ms) expires: ``NEVER`` for None, else at least 1 and at most ``LATEST``.

    Raises TypeError for what is no number, ValueError for NaN.
    """
    if timeout is None:
        return NEVER
    try:
        if timeout * 1000 >= LATEST - now:
            return LATEST
    except TypeError:
        raise not_a_timeout(timeout) from None
    if timeout != timeout:
        raise ValueError("The timeout is NaN; accepted: a number of seconds, or None for no expiry.")
    return max(1, now + int(max(timeout * 1000, -now)))


def is_expired(expires_at: int, now: int) -> bool:
    """Whether the moment (ms) has come; never, for ``NEVER``."""
    return expires_at != NEVER and expires_at <= now


def leaves_nothing(timeout: float | None) -> bool:
    """Whether an entry of that timeout would be expired at once: Django's "0 or below". Raises as ``deadline``."""
    try:
        return timeout is not None and timeout <= 0
    except TypeError:
        raise not_a_timeout(timeout) from None


def not_a_timeout(timeout: object) -> TypeError:
    return TypeError(f"The timeout is of type {type(timeout).__name__}; accepted: a number of seconds, or None for no expiry.")
