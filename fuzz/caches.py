"""A cache over a memory engine, into which a target puts what it likes."""

from __future__ import annotations

from s3cache import ObjectStoreCache
from s3cache.naming import object_name

MAX_VALUE_BYTES = 100_000
VALUES = {
    "text": "a text that is long enough to be compressed " * 40,
    "bytes": bytes(range(256)),
    "number": 41,
    "nested": {"a": [1, 2.5, None, (b"x", "y")], "b": {1: "one"}},
}
ABSENT = object()


class Site:
    """A cache, and the object in which it keeps the key "key"."""

    def __init__(self, name: str, **options: object) -> None:
        options = {"ENGINE": "memory", "SIGNING_KEY": "secret", "MAX_VALUE_BYTES": MAX_VALUE_BYTES, "MAX_ENTRIES": None} | options
        self.cache = ObjectStoreCache(f"fuzz-{name}", {"TIMEOUT": None, "OPTIONS": options})
        self.full_key = self.cache.make_key("key")
        self.name = object_name(self.cache.engine.prefix, self.full_key)

    def put(self, body: bytes) -> None:
        self.cache.engine.put_object(self.name, body)

    def stored(self) -> bytes:
        return bytes(self.cache.engine.get_object(self.name).body)

    def written(self, value: object) -> bytes:
        """The object that the value becomes."""
        self.cache.set("key", value)
        return self.stored()
