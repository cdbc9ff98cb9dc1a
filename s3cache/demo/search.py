"""Finding a class or function anywhere in the standard library.

The index is one text with a line for each name, as grep would like it: ``read_text<TAB>Path.read_text<TAB>method<TAB>...``.
One long text is loaded at once, and a regular expression goes through all of it in a few milliseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from s3cache.demo import library
from s3cache.demo.outline import outline


@dataclass(frozen=True, slots=True)
class Found:
    """A line of the index."""

    name: str
    qualified: str
    kind: str
    module: str
    anchor: str


def build_index() -> str:
    """The index of every module. Reads and parses the whole library, which takes seconds."""
    return "\n".join(
        f"{symbol.name}\t{symbol.qualified}\t{symbol.kind}\t{module.name}\t{symbol.anchor}"
        for module in library.modules().values()
        for symbol in outline(module.source()).everything()
    )


def find(index: str, query: str) -> list[Found]:
    """Whose name, or name with its class, contains the query in any case; the closest first."""
    columns_before = r"[^\t\n]*\t" if "." in query else ""
    pattern = rf"^{columns_before}[^\t\n]*{re.escape(query)}.*$"
    hits = [Found(*match.group().split("\t")) for match in re.finditer(pattern, index, re.IGNORECASE | re.MULTILINE)]
    return sorted(hits, key=lambda found: distance(found, query))


def distance(found: Found, query: str) -> tuple[bool, bool, int, str]:
    """Exact names come first, then those that begin so, then the shortest."""
    name = (found.qualified if "." in query else found.name).lower()
    return name != query.lower(), not name.startswith(query.lower()), len(found.qualified), found.module
