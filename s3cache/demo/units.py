"""Numbers as people read them: template filters, which the middleware, the plot and ``--check`` use as functions too."""

from __future__ import annotations

import time
from datetime import datetime

from django.template import Library

register = Library()


@register.filter
def milliseconds(value: float) -> str:
    """``3.2 ms``, ``812 ms``, ``1.24 s``: three significant digits at most, no finer than 0.01 ms."""
    return f"{digits(value / 1000)} s" if value >= 1000 else f"{digits(value)} ms"


@register.filter
def size(value: float) -> str:
    """Bytes as ``812 B``, ``3.2 kB``, ``1.24 MB``, by the thousand."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{digits(value)} {unit}"
        value /= 1000
    return f"{digits(value)} GB"


@register.filter
def count(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


@register.filter
def percent(value: float) -> str:
    return f"{value:.0%}"


@register.filter
def times(value: float) -> str:
    """A ratio: ``253×``, ``3.2×``."""
    return f"{digits(value)}×"


@register.filter
def age(moment: datetime) -> str:
    """How long ago, in the largest fitting unit: ``12 s``, ``3 min``, ``5 h``, ``2 days``."""
    seconds = max(0.0, time.time() - moment.timestamp())
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
