"""The pages. Each shows one of Django's cache APIs:

    module   ``cache_page``      the finished page is kept; where it is found, this view does not run at all
    home     low-level           ``get_many`` for the numbers of all packages, ``set_many`` for those that were missing
    search   low-level           ``get_or_set`` for the index
    all      ``{% cache %}``     the lists of modules, in ``templates/demo/base.html`` and ``module.html``

The page about the cache is itself never kept.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import cast

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import cache_page
from django.views.decorators.http import require_POST, require_safe

from s3cache.demo import library
from s3cache.demo.figures import Figures, figures
from s3cache.demo.history import history
from s3cache.demo.inventory import ORDERS, take_stock
from s3cache.demo.measuring import Computed, compute, measured, saving
from s3cache.demo.outline import outline
from s3cache.demo.plot import plot
from s3cache.demo.rendering import render_source
from s3cache.demo.search import build_index, find
from s3cache.demo.store import store
from s3cache.options import without_userinfo

HOUR = 60 * 60
RESULTS = 200
PLOTTED = 25
LISTED = 40
LARGEST = 8

KEEPS = {
    "cache_page": "each module's page, and beside it a small object with the headers that the page varies on",
    "{% cache %}": "the lists of modules at the side: one for the library, one for each package",
    "low-level": "the numbers of each package and the search index",
    "unknown": "written by another process; known as soon as its page is asked for here",
}

STYLESHEET = Path(__file__).parent / "static" / "demo.css"


def everywhere(request: HttpRequest) -> dict[str, object]:
    """What every template may use. The list of modules is made only where its template fragment is missing."""
    return {"python": platform.python_version(), "top_level": library.top_level}


@require_safe
@cache_page(HOUR)
@measured
def module(request: HttpRequest, name: str) -> HttpResponse:
    """The source of a module, with its table of contents."""
    known = library.modules()
    if name not in known:
        raise Http404(f"This Python's standard library has no module {name} with Python source.")
    found = known[name]
    package = name if found.is_package else found.parent
    source = found.source()
    contents = outline(source)
    context = {
        "module": found,
        "package": package,
        "siblings": library.children(package),
        "outline": contents,
        "imports": [each for each in contents.imports if each in known],
        "code": render_source(source, contents.everything()),
        "source": source,
        "lines": source.count("\n"),
    }
    return render(request, "demo/module.html", context)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """All packages with their numbers, each kept on its own."""
    names = {f"figures:{each.name}": each.name for each in library.top_level()}
    kept: dict[str, Computed[Figures]] = cache.get_many(names)
    missing = {key: compute(request, figures, name) for key, name in names.items() if key not in kept}
    if missing:
        cache.set_many(missing, HOUR)
    kept |= missing
    packages = [(name, kept[key].value) for key, name in names.items()]
    response = render(request, "demo/home.html", {"packages": packages, "largest": library.by_size()[:LARGEST]})
    return saving(response, sum(each.compute_ms for each in kept.values()))


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Classes and functions of that name. The index is kept, not the answers."""
    query = request.GET.get("q", "").strip()
    if not query:
        return render(request, "demo/search.html")
    index = cast("Computed[str]", cache.get_or_set("search-index", lambda: compute(request, build_index), HOUR))
    found = find(index.value, query)
    response = render(request, "demo/search.html", {"query": query, "found": found[:RESULTS], "total": len(found)})
    return saving(response, index.compute_ms)


@require_safe
def about_cache(request: HttpRequest) -> HttpResponse:
    """What the cache did, what it holds and what it saved."""
    counts = store().stats()
    pages = history.pages()
    inventory = take_stock(store().objects())
    order = request.GET.get("order", "size")
    context = {
        "counts": counts,
        "hit_rate": counts["hits"] / max(1, counts["hits"] + counts["misses"]),
        "inventory": inventory,
        "shares": [(inventory.share(api), keeps) for api, keeps in KEEPS.items()],
        "orders": ORDERS,
        "order": order,
        "items": inventory.first(LISTED, order),
        "pages": pages,
        "plot": plot(pages[:PLOTTED]),
        "cleared": "cleared" in request.GET,
        "options": store().configuration.options,
        "location": without_userinfo(store().configuration.location),
    }
    return render(request, "demo/cache.html", context)


@require_POST
def clear(request: HttpRequest) -> HttpResponse:
    """Remove every entry, then show the empty cache."""
    cache.clear()
    return redirect(reverse("cache") + "?cleared")


@require_safe
def stylesheet(request: HttpRequest) -> HttpResponse:
    return HttpResponse(STYLESHEET.read_bytes(), content_type="text/css; charset=utf-8", headers={"Cache-Control": "no-cache"})
