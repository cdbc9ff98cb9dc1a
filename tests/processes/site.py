"""A site for gunicorn and uvicorn. The environment has an entry of CACHES as JSON, and USED_WHILE_LOADING where its module uses the
cache itself: under ``gunicorn --preload`` that is the parent of the workers.
"""

import asyncio
import json
import os
from contextlib import suppress

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

from s3cache.errors import EngineMisconfigured

KEYS = [f"key-{number}" for number in range(8)]


def visit(request):
    """What this worker's cache says of what was stored while the site was loaded, and a count of all workers."""
    from django.core.cache import cache

    try:
        cache.add("visits", 0)
        return JsonResponse({"worker": os.getpid(), "found": len(cache.get_many(KEYS)), "visits": cache.incr("visits")})
    except EngineMisconfigured as error:
        return JsonResponse({"worker": os.getpid(), "error": str(error)})


async def async_visit(request):
    from django.core.cache import cache

    await cache.aadd("visits", 0)
    found = await cache.aget_many(KEYS)
    return JsonResponse({"worker": os.getpid(), "found": len(found), "visits": await cache.aincr("visits")})


urlpatterns = [path("visit", visit), path("async-visit", async_visit)]


def use():
    from django.core.cache import cache

    cache.set_many(dict.fromkeys(KEYS, "value"))
    cache.get_many(KEYS)
    asyncio.run(cache.aget("key-0"))


if "CACHE" in os.environ:
    settings.configure(
        SECRET_KEY="the secret key of the tests", ROOT_URLCONF=__name__, CACHES={"default": json.loads(os.environ["CACHE"])}
    )
    wsgi = get_wsgi_application()
    pages = get_asgi_application()
    if "USED_WHILE_LOADING" in os.environ:
        use()


async def asgi(scope, receive, send):
    """The site, with a lifespan that uses the cache as it begins and ends: Django knows none."""
    if scope["type"] != "lifespan":
        return await pages(scope, receive, send)
    from django.core.cache import cache

    with suppress(asyncio.CancelledError):
        await receive()
        await cache.aset_many(dict.fromkeys(KEYS, "value"))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await cache.aadd("ended", 0)
        await cache.aincr("ended")
        await send({"type": "lifespan.shutdown.complete"})
