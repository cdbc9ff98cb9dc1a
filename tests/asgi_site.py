"""A site for the tests of ASGI: ``uvicorn tests.asgi_site:application``, with an entry of CACHES as JSON in the environment."""

import contextvars
import json
import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.http import JsonResponse
from django.urls import path

visitor = contextvars.ContextVar("visitor")


async def page(request):
    """The entry "page"."""
    return JsonResponse({"page": await cache.aget("page")})


async def visit(request, number):
    """An entry of the visitor's own, by every kind of method, with the visitor's context before and after."""
    visitor.set(number)
    key = f"visitor-{number}"
    added = await cache.aadd(key, number)
    total = await cache.aincr(key, number)
    found = await cache.aget_many([key, "page", f"missing-{number}"])
    return JsonResponse({"visitor": visitor.get(), "added": added, "total": total, "found": len(found)})


def stats(request):
    return JsonResponse(cache.stats())


urlpatterns = [path("page", page), path("visit/<int:number>", visit), path("stats", stats)]

if "CACHE" in os.environ:
    settings.configure(
        SECRET_KEY="the secret key of the tests", ROOT_URLCONF=__name__, CACHES={"default": json.loads(os.environ["CACHE"])}
    )
    application = get_asgi_application()
