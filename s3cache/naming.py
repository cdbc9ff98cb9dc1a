"""Cache key -> object name, and back to a place on the hash ring.

    site-cache/3f/9c2b…e1.s3c
    prefix     \\_ 64 hex digits of a digest of Django's full key, the first two as a folder

The digest is SHA-256, or HMAC-SHA256 under a NAME_KEY. The name shows nothing of the key; yet whoever guesses a key can tell its
name by SHA-256, which nobody can by HMAC who does not know the NAME_KEY. Digests lie evenly on a ring from 0 to 1: ``position``
tells where, and ``point`` gives the name to start a listing from.

    site-cache/k/=3a1=3auser=3a42.s3c        with KEY_LAYOUT "readable": the key, every byte outside [a-z0-9_-] escaped
    site-cache/d/3f9c2b…e1.s3c               the same of a key whose name would be too long: its digest

``clear`` and culling touch only names of exactly these forms. No two keys have one name, nor one that differs by case alone, and no
key brings a slash or a dot into it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial

from s3cache.signing import derived_key, mac_under

Digest = Callable[[bytes], bytes]
"""Of a key, 32 bytes."""

GROUPS = "groups"
"""The kind of internal object that holds what the entries of a group have in common."""

GROUP = re.compile(rf"\.s3c/{GROUPS}/[0-9a-f]{{64}}")
ENTRY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}\.s3c")


READABLE = re.compile(r"k/((?:[a-z0-9_-]|=[0-9a-f]{2})*)\.s3c")
DIGEST = re.compile(r"d/[0-9a-f]{64}\.s3c")
ESCAPE = re.compile(rb"=([0-9a-f]{2})")
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
ESCAPED = [chr(byte) if byte in PLAIN else f"={byte:02x}" for byte in range(256)]
LONGEST = 1024
"""The longest name that a store takes, in bytes: S3's. Others may take less."""
LONGEST_PART = 255
"""The longest part of a readable name between slashes: file systems take no more, nor do the stores that are built on them."""


def sha256(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def digest_under(name_key: bytes) -> Digest:
    """HMAC-SHA256 under a key that is derived from the NAME_KEY."""
    return partial(mac_under(derived_key(name_key, b"s3cache object name 1")), b"")


def object_name(prefix: str, key: str, digest: Digest = sha256) -> str:
    """The name of the entry for Django's full key (prefix, version and key joined). Any text is a key."""
    digits = digest(key_bytes(key)).hex()
    return f"{prefix}{digits[:2]}/{digits[2:]}.s3c"


def internal_name(prefix: str, kind: str, key: str, digest: Digest = sha256) -> str:
    """The name of an object that is no entry, such as a lock: no listing of entries and no culling knows it, and ``clear`` only
    GROUPS.
    """
    return f"{prefix}.s3c/{kind}/{digest(key_bytes(key)).hex()}"


def key_bytes(key: str) -> bytes:
    """The key as bytes; lone surrogates, which UTF-8 refuses, are kept apart from everything else."""
    try:
        return key.encode()
    except UnicodeEncodeError:
        return key.encode("utf-8", "surrogatepass")


def readable_part(key: str) -> str:
    """The key as it stands in a readable name. What it begins with stands in front there, too."""
    return "".join([ESCAPED[byte] for byte in key_bytes(key)])


def readable_name(prefix: str, key: str, longest: int = LONGEST) -> str:
    """The name of the entry in a readable layout, at most ``longest`` bytes long if the prefix leaves room for a digest."""
    part = f"{readable_part(key)}.s3c"
    name = f"{prefix}k/{part}"
    return (
        name if len(part) <= LONGEST_PART and len(key_bytes(name)) <= longest else f"{prefix}d/{sha256(key_bytes(key)).hex()}.s3c"
    )


def readable_key(prefix: str, name: str) -> str | None:
    """The key that a readable name shows; None for every other name, that of a digest included."""
    found = READABLE.fullmatch(name, len(prefix)) if name.startswith(prefix) else None
    if found is None:
        return None
    try:
        key = ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), found[1].encode()).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return key if readable_name(prefix, key) == name else None


def is_digest_name(prefix: str, name: str) -> bool:
    """Whether ``name`` is one that ``readable_name`` gives to a long key."""
    return name.startswith(prefix) and DIGEST.fullmatch(name, len(prefix)) is not None


def is_readable_name(prefix: str, name: str) -> bool:
    """Whether ``name`` has exactly the form that ``readable_name`` gives, directly under ``prefix``."""
    return readable_key(prefix, name) is not None or is_digest_name(prefix, name)


def is_hashed_name(prefix: str, name: str) -> bool:
    """The same for ``object_name``."""
    return name.startswith(prefix) and ENTRY.fullmatch(name, len(prefix)) is not None


def is_entry_name(prefix: str, name: str) -> bool:
    """Whether ``name`` is an entry's in either layout, directly under ``prefix``: who changes KEY_LAYOUT can still clear."""
    return is_hashed_name(prefix, name) or is_readable_name(prefix, name)


def is_cleared(prefix: str, name: str) -> bool:
    """Whether ``clear`` removes it: an entry, or what the entries of a group have in common, in exactly the form of its name."""
    return is_entry_name(prefix, name) or (name.startswith(prefix) and GROUP.fullmatch(name, len(prefix)) is not None)


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
