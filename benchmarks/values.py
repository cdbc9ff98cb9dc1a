"""Values as sites cache them: HTML, rows of a query, and bytes that do not compress, as of an image. The same in every run."""

from __future__ import annotations

import random

KB, MB = 1024, 1024 * 1024
TEXT = """the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you
were cache object store header bucket entry request answer value version template render article author heading paragraph"""
WORDS = TEXT.split()
TAGS = ("p", "li", "h2", "td", "em", "span class='note'")


def sized(length: int) -> str:
    """A length in bytes, for people."""
    return f"{length // MB} MB" if length >= MB else f"{length // KB} KB"


def html(length: int, seed: int = 0) -> str:
    """Of exactly that many bytes."""
    draw, pieces, missing = random.Random(f"{seed} {length}"), list[str](), length
    while missing > 0:
        tag = draw.choice(TAGS)
        words = " ".join(draw.choices(WORDS, k=draw.randint(3, 30)))
        pieces.append(f"<{tag}>{words} {draw.random():.4f}</{tag.split()[0]}>\n")
        missing -= len(pieces[-1])
    return "".join(pieces)[:length]


def rows(length: int) -> list[dict[str, object]]:
    """As from ``QuerySet.values``: some 80 bytes each once pickled."""
    draw = random.Random(length)
    return [
        {"id": draw.getrandbits(31), "title": " ".join(draw.choices(WORDS, k=6)), "price": draw.random(), "public": True}
        for _ in range(max(1, length // 80))
    ]


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)
