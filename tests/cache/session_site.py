"""A small site with users, in a process of its own: ``python -m tests.cache.session_site SESSION_ENGINE OPTIONS STEPS``.

OPTIONS and STEPS are JSON. The site visits itself as a browser would, over a store that can be away, and prints for each step as
JSON what came back: the status, the text, and the requests that were made to the store.
"""

import json
import sys

from django.conf import settings

APPS = ("django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions")
MIDDLEWARE = ("django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware")
KINDS = ("get", "put", "delete", "list")


def configure(engine, options):
    cache = {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": "", "OPTIONS": {"ENGINE": "memory", "MAX_ENTRIES": None, **options}}
    settings.configure(
        SECRET_KEY="the site's secret key",
        CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}, "sessions": cache},
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=APPS,
        MIDDLEWARE=MIDDLEWARE,
        ROOT_URLCONF=__name__,
        SESSION_ENGINE=f"django.contrib.sessions.backends.{engine}",
        SESSION_CACHE_ALIAS="sessions",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ALLOWED_HOSTS=["*"],
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )


def urls():
    from django.contrib.auth import authenticate, login, logout
    from django.http import HttpResponse
    from django.urls import path

    def view(deed):
        return lambda request: HttpResponse(str(deed(request)))

    deeds = {
        "nothing": lambda request: "",
        "login": lambda request: login(request, authenticate(username="someone", password="a word")),
        "read": lambda request: request.user.is_authenticated,
        "write": lambda request: request.session.update({"seen": request.session.get("seen", 0) + 1}),
        "logout": logout,
    }
    return [path(name, view(deed)) for name, deed in deeds.items()]


class Browser:
    """Its first cookie is kept: somebody may have taken it."""

    def __init__(self, cache, store):
        from django.test import Client

        self._cache = cache
        self._store = store
        self._client = Client(raise_request_exception=False)
        self._first = None

    def step(self, name):
        """What comes of one: a page to visit, the store "away" or "back", or the "first cookie" again."""
        from tests.cache.outages import recovered

        if name == "away":
            return self._store.be_away()
        if name == "back":
            recovered(self._cache, self._store)
            return None
        if name == "first cookie":
            self._client.cookies = self._first.copy()
            return None
        before = self._cache.stats()
        answer = self._client.get(f"/{name}")
        after = self._cache.stats()
        self._first = self._first or self._client.cookies.copy()
        asked = {kind: count for kind in KINDS if (count := after[f"requests_{kind}"] - before[f"requests_{kind}"])}
        return [answer.status_code, answer.content.decode() if answer.status_code == 200 else "", asked]


def main():
    engine, options, steps = sys.argv[1], *map(json.loads, sys.argv[2:])
    configure(engine, options)
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.cache import caches
    from django.core.management import call_command

    from s3cache.assembly import build
    from s3cache.engines.memory import MemoryEngine
    from s3cache.foundation import TEXT_KINDS
    from tests.cache.support import RemoteEngine

    global urlpatterns
    urlpatterns = urls()
    call_command("migrate", verbosity=0)
    User.objects.create_user("someone", password="a word")
    cache, store = caches["sessions"], RemoteEngine(MemoryEngine())
    cache._assembly = build(cache.configuration, store, 0, TEXT_KINDS, cache_named=caches.__getitem__)
    browser = Browser(cache, store)
    print(json.dumps([browser.step(step) for step in steps]))


if __name__ == "__main__":
    main()
