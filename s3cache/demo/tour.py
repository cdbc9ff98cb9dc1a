"""``--check``: the tour that a visitor would make, made over HTTP: cold, warm, clear, cold again.

Pure visitor: it knows the server's URL and nothing else, and reads from the headers and the banner what every page says of itself.
``complaints`` tells what was not as it must be.
"""

from __future__ import annotations

import hashlib
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urljoin

from s3cache.demo import library

BANNER = re.compile(rb'<aside class="timing.*?</aside>', re.DOTALL)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
MAIN = re.compile(r"<main.*?</main>", re.DOTALL)
TAG = re.compile(r"<[^>]+>")

TIMEOUT = 120
"""Seconds to wait for a page."""

ALWAYS = ("/", "/search/?q=read_text")
LARGEST = 4


class TourFailed(Exception):
    """A page did not answer as a page does."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One page, loaded once."""

    path: str
    source: str
    """``computed`` or ``cache``, as the page says."""
    ms: float
    """What the visitor waited, from request to last byte."""
    size: int
    digest: bytes
    """Of the page without its banner."""


@dataclass(frozen=True, slots=True)
class Round:
    """All pages, loaded one after another."""

    name: str
    expected: str
    """What each page's ``source`` must be."""
    visits: Sequence[Visit]

    def of(self, source: str) -> int:
        """How many pages were from there."""
        return sum(visit.source == source for visit in self.visits)


class Visitor:
    """A browser without a screen: keeps cookies, so that the form with its CSRF token works."""

    def __init__(self, url: str) -> None:
        self._url = url
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(*handlers)

    def visit(self, path: str) -> Visit:
        start = time.perf_counter()
        headers, body = self._load(path)
        ms = (time.perf_counter() - start) * 1000
        source = headers.get("X-Cache", "").partition(";")[0]
        return Visit(path, source, ms, len(body), hashlib.sha256(BANNER.sub(b"", body)).digest())

    def clear(self) -> None:
        """Press the button on the cache's page."""
        token = TOKEN.search(self._load("/cache/")[1].decode())
        if token is None:
            raise TourFailed("/cache/ has no button that clears.")
        self._load("/cache/clear/", urlencode({"csrfmiddlewaretoken": token[1]}).encode())

    def _load(self, path: str, form: bytes | None = None) -> tuple[dict[str, str], bytes]:
        try:
            with self._opener.open(urljoin(self._url, path), form, TIMEOUT) as response:
                return dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise TourFailed(f"{path} answered {error.code}: {text_of(error.read())}") from error
        except OSError as error:
            raise TourFailed(f"{path} did not answer: {error}") from error


def tour(url: str, paths: Sequence[str]) -> Iterator[Round]:
    """The three rounds, each when it is done. Clears the cache before the first and the last."""
    visitor = Visitor(url)
    for name, expected in (("cold", "computed"), ("warm", "cache"), ("cold again", "computed")):
        if expected == "computed":
            visitor.clear()
        yield Round(name, expected, [visitor.visit(path) for path in paths])


def choose_paths(count: int) -> list[str]:
    """The home page, a search, and modules: the largest ones and others of every size."""
    modules = max(count - len(ALWAYS), 1)
    by_size = library.by_size()
    largest, others = by_size[: min(LARGEST, modules)], by_size[LARGEST:]
    wanted = modules - len(largest)
    spread = [others[number * len(others) // wanted] for number in range(wanted)]
    return [*ALWAYS, *(f"/module/{module.name}/" for module in (*largest, *spread))]


def complaints(rounds: Sequence[Round]) -> Iterator[str]:
    """What was not as it must be, one sentence each; nothing if all was well."""
    first = {visit.path: visit.digest for visit in rounds[0].visits}
    for each in rounds:
        for visit in each.visits:
            if visit.source != each.expected:
                yield f"{each.name}: {visit.path} says {visit.source!r}; expected {each.expected!r}."
            if visit.digest != first[visit.path]:
                yield f"{each.name}: {visit.path} differs from the first visit in more than its banner."


def text_of(page: bytes) -> str:
    """What an error page says: the text of its main part, or all of its text."""
    html = page.decode(errors="replace")
    main = MAIN.search(html)
    return " ".join(TAG.sub(" ", main[0] if main else html).split())[:300]
