"""Whether a page was computed or came from the cache, and in how many milliseconds.

A view does its costly work through ``compute``; if that was not called, the cache had the answer. What the work took goes into the
response's header ``X-Compute-Ms``, inside ``cache_page``: so it is kept with the page, and a page from the cache still tells
what it saved. The middleware ``Measuring`` stands outside of everything. It replaces a mark in the finished page with
the banner, so the page in the cache has no banner; it sets the headers ``X-Cache`` and ``Server-Timing``; and it tells ``history``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from s3cache.demo.history import history
from s3cache.demo.labels import current_page

MARK = b"<!-- s3cache demo: timing -->"
"""Where the base template wants the banner. No source can contain it: it would be escaped."""

COMPUTE_MS = "X-Compute-Ms"
COMPUTED_NOW = "s3cache.demo.computed"

Value = TypeVar("Value")
View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Computed(Generic[Value]):
    """A value, kept together with what it took to make it."""

    value: Value
    compute_ms: float


@dataclass(frozen=True, slots=True)
class Timing:
    """How one page was made."""

    source: str
    """``computed``, ``cache``, or ``uncached`` for a page that is never kept."""
    total_ms: float
    """From request to response, on the server."""
    compute_ms: float
    """What the costly work took, now or when the page was computed; 0 for ``uncached``."""
    size: int
    """Bytes of the page."""

    @property
    def overhead_ms(self) -> float:
        """Of a computed page: what asking the cache, storing and the rest of the request added."""
        return self.total_ms - self.compute_ms

    @property
    def gain(self) -> float:
        """How many times faster the cache was."""
        return self.compute_ms / self.total_ms


def compute(request: HttpRequest, function: Callable[..., Value], *arguments: object, **named: object) -> Computed[Value]:
    """Call a costly function: its value and what it took. Marks the page as computed, not from the cache."""
    start = time.perf_counter()
    value = function(*arguments, **named)
    request.META[COMPUTED_NOW] = True
    return Computed(value, milliseconds_since(start))


def milliseconds_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def measured(view: View) -> View:
    """A view whose whole work is costly. Goes inside ``cache_page``."""

    @functools.wraps(view)
    def inner(request: HttpRequest, **named: str) -> HttpResponse:
        computed = compute(request, view, request, **named)
        return saving(computed.value, computed.compute_ms)

    return inner


def saving(response: HttpResponse, compute_ms: float) -> HttpResponse:
    """The response, with a header that tells what its costly work took or would have taken."""
    response.headers[COMPUTE_MS] = f"{max(compute_ms, 0.01):.2f}"
    return response


class Measuring:
    """The middleware; the outermost one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start = time.perf_counter()
        current_page.set(request.path)
        response = self.get_response(request)
        if isinstance(response, HttpResponse) and MARK in response.content:
            announce(request, response, milliseconds_since(start))
        return response


def announce(request: HttpRequest, response: HttpResponse, total_ms: float) -> None:
    """Put the banner in its place and set the headers."""
    timing = timing_of(request, response, total_ms)
    if timing.source != "uncached":
        history.add(request.path, timing.compute_ms, timing.total_ms if timing.source == "cache" else None)
    banner = render_to_string("demo/banner.html", {"timing": timing})
    response.content = response.content.replace(MARK, banner.encode(), 1)
    response.headers["Content-Length"] = str(len(response.content))
    response.headers["X-Cache"] = f"{timing.source}; {timing.total_ms:.2f} ms"
    response.headers["Server-Timing"] = f"total;dur={timing.total_ms:.2f}"
    forbid_browser_cache(response)


def timing_of(request: HttpRequest, response: HttpResponse, total_ms: float) -> Timing:
    size = len(response.content)
    if COMPUTE_MS not in response.headers:
        return Timing("uncached", total_ms, 0, size)
    source = "computed" if COMPUTED_NOW in request.META else "cache"
    return Timing(source, total_ms, float(response.headers[COMPUTE_MS]), size)


def forbid_browser_cache(response: HttpResponse) -> None:
    """cache_page allows browsers to keep the page too; then a click would not reach this server, and show an old banner."""
    del response.headers["Expires"]
    response.headers["Cache-Control"] = "no-store"
