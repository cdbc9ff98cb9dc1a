"""Django signals of what may go wrong. Receivers get ``location``, the store as a URL without secrets, and what is listed here.

They run where it happened, on whatever thread or task, and hold the caller up: keep them short, and not asynchronous. What they
raise is logged, and goes no further.

https://docs.djangoproject.com/en/stable/topics/signals/
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal

logger = logging.getLogger("s3cache")

store_unavailable = Signal()
"""The store did not answer a call, and ON_ERROR or FALLBACK did. ``operation`` is its name, ``keys`` are Django's full keys, empty
for clear and cull, ``error`` is the EngineUnavailable. A write or delete among them may leave an old value in the store.
"""
circuit_changed = Signal()
"""The circuit breaker is now ``state``: "open", "half open" or "closed". ``error`` is the last EngineUnavailable, or None."""

SIGNALS = {"store_unavailable": store_unavailable, "circuit_changed": circuit_changed}


def announce(event: str, **details: Any) -> None:
    """Sends the signal of that name; its sender is the class of the backend."""
    from s3cache.backend import ObjectStoreCache

    try:
        SIGNALS[event].send_robust(sender=ObjectStoreCache, **details)
    except Exception:  # Django cannot call asynchronous receivers where a loop runs
        logger.exception("The signal %s could not be sent", event)
