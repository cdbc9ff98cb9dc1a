"""KEY_LAYOUT: how the entries of one cache are named. ``naming`` has the forms."""

from __future__ import annotations

from s3cache.naming import (
    LONGEST,
    Digest,
    is_hashed_name,
    is_readable_name,
    object_name,
    position,
    readable_key,
    readable_name,
    sha256,
)


class Hashed:
    """Names tell nothing of keys, and lie evenly on a ring."""

    readable = False

    def __init__(self, prefix: str, digest: Digest = sha256) -> None:
        self._prefix = prefix
        self._digest = digest

    def name_of(self, key: str) -> str:
        """The name of the entry for Django's full key."""
        return object_name(self._prefix, key, self._digest)

    def owns(self, name: str) -> bool:
        """Whether an entry of this layout may have that name."""
        return is_hashed_name(self._prefix, name)

    def key_of(self, name: str) -> str | None:
        """The key that the name shows; None where it shows none."""
        return None

    def position(self, name: str) -> float:
        """Where the entry's name lies on the ring."""
        return position(self._prefix, name)


class Readable:
    """Names are the keys, but for those that would be longer than ``longest`` bytes. There is no ring."""

    readable = True

    def __init__(self, prefix: str, longest: int = LONGEST) -> None:
        self._prefix = prefix
        self._longest = longest
        self.keys = f"{prefix}k/"
        self.folders = f"{prefix}d/", self.keys

    def name_of(self, key: str) -> str:
        return readable_name(self._prefix, key, self._longest)

    def owns(self, name: str) -> bool:
        return is_readable_name(self._prefix, name)

    def key_of(self, name: str) -> str | None:
        return readable_key(self._prefix, name)

    def position(self, name: str) -> float:
        return 0.0


Layout = Hashed | Readable
