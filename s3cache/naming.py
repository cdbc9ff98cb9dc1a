"""Cache key -> object name, and back to a place on the hash ring.

    site-cache/3f/9c2b…e1.s3c
    prefix     \\_ 64 hex digits of a digest of Django's full key, the first two as a folder

The digest is SHA-256, or HMAC-SHA256 under a NAME_KEY. The name shows nothing of the key; yet whoever guesses a key can tell its
name by SHA-256, which nobody can by HMAC who does not know the NAME_KEY. Digests lie evenly on a ring from 0 to 1: ``position``
tells where, and ``point`` gives the name to start a listing from. ``clear`` and culling touch only names for which
``is_entry_name`` holds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial

from s3cache.signing import derived_key, mac_under

Digest = Callable[[bytes], bytes]
"""Of a key, 32 bytes."""

ENTRY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}\.s3c")


def sha256(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def digest_under(name_key: bytes) -> Digest:
    """HMAC-SHA256 under a key that is derived from the NAME_KEY."""
    return partial(mac_under(derived_key(name_key, b"s3cache object name 1")), b"")


def object_name(prefix: str, key: str, digest: Digest = sha256) -> str:
    """The name of the entry for Django's full key (prefix, version and key joined). Any text is a key."""
    digits = digest(key_bytes(key)).hex()
    return f"{prefix}{digits[:2]}/{digits[2:]}.s3c"


def key_bytes(key: str) -> bytes:
    """The key as bytes; lone surrogates, which UTF-8 refuses, are kept apart from everything else."""
    try:
        return key.encode()
    except UnicodeEncodeError:
        return key.encode("utf-8", "surrogatepass")


def is_entry_name(prefix: str, name: str) -> bool:
    """Whether ``name`` has exactly the form that ``object_name`` gives, directly under ``prefix``."""
    return name.startswith(prefix) and ENTRY.fullmatch(name, len(prefix)) is not None


def position(prefix: str, name: str) -> float:
    """Where the entry's name lies on the ring, 0 <= position < 1."""
    start = len(prefix)
    digits = name[start : start + 2] + name[start + 3 : start + 14]
    return int(digits, 16) / 16**13


def point(prefix: str, place: float) -> str:
    """The name after which a listing meets exactly the entries at ``place`` (0 to 1) or beyond."""
    digits = f"{int(place * 16**13):013x}"
    return f"{prefix}{digits[:2]}/{digits[2:]}" if place > 0 else f"{prefix}/"  # "/" comes just before "0"


def directory(prefix: str, number: int) -> str:
    """The folder of the entries that begin with these two digits, 0 to 255: all at ``number / 256`` on the ring, up to the next."""
    return f"{prefix}{number:02x}/"


def is_beyond(prefix: str, name: str) -> bool:
    """Whether no entry's name comes after this one."""
    return name >= f"{prefix}g"
