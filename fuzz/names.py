"""Any two texts, taken for a prefix and a name: an entry's name is what its letters say, told in other words than the code's.

The input: prefix and name in UTF-8, surrogates too, with a newline between.
"""

from __future__ import annotations

from collections.abc import Iterator

from s3cache.naming import is_beyond, is_entry_name, object_name, point, position

DIGITS = set("0123456789abcdef")


def check(data: bytes) -> None:
    prefix, _, name = data.decode("utf-8", "surrogateescape").partition("\n")
    assert is_entry_name(prefix, name) is has_the_form(prefix, name)
    if is_entry_name(prefix, name):
        place = position(prefix, name)
        assert 0 <= place < 1
        assert point(prefix, place) < name
        assert not is_beyond(prefix, name)
    assert has_the_form(prefix, object_name(prefix, name))


def has_the_form(prefix: str, name: str) -> bool:
    rest = list(name)
    for letter in prefix:
        if not rest or rest.pop(0) != letter:
            return False
    if len(rest) != 2 + 1 + 62 + 4 or rest[2] != "/" or rest[-4:] != list(".s3c"):
        return False
    return DIGITS.issuperset(rest[:2] + rest[3:-4])


def seeds() -> Iterator[bytes]:
    for prefix in ("", "site/", "a/b/", "ü", "ab/"):
        name = object_name(prefix, "key")
        for one in (name, name[:-1], name + "x", name.upper(), name.replace("/", "//"), "x" + name, prefix):
            yield f"{prefix}\n{one}".encode()
