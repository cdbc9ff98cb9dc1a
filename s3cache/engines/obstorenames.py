"""Names as obstore takes them: whole parts between slashes. A listing by text is put together from what it offers.

Everything here is pure.
"""

from __future__ import annotations

import re

from s3cache.errors import NotSupported

NAME = re.compile(r"(?:(?!\.\.?(?:/|$))[^/\x00-\x1f\x7f\ud800-\udfff]+(?:/(?=.)|$))+", re.DOTALL)
"""Parts that are neither empty nor . or .. and have no control character; text that has no UTF-8 is no name."""
LAST = "\U0010fffd"
"""Sorts behind whatever a name is likely to go on with."""


def folder(prefix: str) -> str | None:
    """The whole parts of the prefix, as obstore lists by; None for all names."""
    parts = prefix.rpartition("/")[0]
    while parts and not is_name(parts):
        parts = parts.rpartition("/")[0]
    return parts or None


def offset(prefix: str, start_after: str | None) -> str | None:
    """A name after which a listing may begin, so near to the first one wanted as obstore can say it; None for the beginning."""
    inside = prefix[:-1] + chr(ord(prefix[-1]) - 1) + LAST if prefix and prefix[-1] not in "/\0" else ""
    text = max(inside, start_after or "", key=lambda name: name.encode(errors="surrogatepass"))
    while text and not is_name(text):  # what is left of a name comes before it
        text = text[:-1]
    return text or None


def is_name(text: str) -> bool:
    """Whether obstore holds this name, and as it is: it takes whole parts, and strips a slash at either end in silence."""
    return NAME.fullmatch(text) is not None


def check_name(name: str) -> None:
    """Raises NotSupported for a name that obstore does not hold."""
    if not is_name(name):
        raise NotSupported(f"The engine 'obstore' cannot hold the name {name!r}.")


def check_ends(name: str) -> None:
    """The same, but only for what obstore would not refuse by itself. It is quicker."""
    if not name or name[0] == "/" or name[-1] == "/":
        check_name(name)
