"""Redis' glob patterns for keys, as django-redis takes them.

=========  ============================================================
``*``      any text, also none
``?``      any one character
``[ab]``   one of these; ``[a-z]`` a range; ``[^ab]`` any other character
``\\``      takes the character behind it as it is, also in brackets
=========  ============================================================

A bracket that is not closed ends with the pattern, as in Redis. All else stands for itself, line feeds included.

A pattern is cut at its stars. Each piece between two of them has a fixed length and is taken where it first fits: what comes later
can only gain by that, so nothing is ever tried a second time, and the work is at most the text's length times the pattern's.

Reference: https://redis.io/docs/latest/commands/keys/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

SPECIAL = frozenset("*?[\\")
STAR = ".*"


class Glob(NamedTuple):
    """A pattern ready for use."""

    written: str
    """As whoever asks wrote it."""
    prefix: str
    """What every text that matches begins with."""
    is_literal: bool
    """Whether that is all of it: then this one text matches."""
    expression: re.Pattern[str]

    def matches(self, text: str) -> bool:
        return text.startswith(self.prefix) and self.expression.fullmatch(text) is not None


def glob(pattern: str, written: str | None = None) -> Glob:
    """The pattern ready for use; ``written`` is what it was made of, where that is another. Every text is a pattern."""
    pieces, prefix, literal = [""], "", True
    for expression, character in tokens(pattern):
        literal = literal and character is not None
        if literal:
            prefix += character or ""
        if expression == STAR:
            pieces.append("")
        else:
            pieces[-1] += expression
    return Glob(pattern if written is None else written, prefix, literal, re.compile(expression_of(pieces), re.DOTALL))


def expression_of(pieces: list[str]) -> str:
    """The regular expression for pieces with a star between each two."""
    first, *rest = pieces
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + STAR + last


def tokens(pattern: str) -> Iterator[tuple[str, str | None]]:
    """The pattern's parts as regular expressions, each with the character that it stands for if it is one alone."""
    place = 0
    while place < len(pattern):
        character, place = pattern[place], place + 1
        if character == "\\" and place < len(pattern):
            yield re.escape(pattern[place]), pattern[place]
            place += 1
        elif character == "[":
            expression, place = bracket(pattern, place)
            yield expression, None
        elif character in "*?":
            yield (STAR if character == "*" else "."), None
        else:
            yield re.escape(character), character


def bracket(pattern: str, place: int) -> tuple[str, int]:
    """The regular expression for a bracket whose content begins there, and the place behind its end."""
    negated = pattern.startswith("^", place)
    place += negated
    ranges = []
    while place < len(pattern) and pattern[place] != "]":
        if pattern[place] == "\\" and place + 1 < len(pattern):
            low = high = pattern[place + 1]
            place += 2
        elif pattern.startswith("-", place + 1) and place + 2 < len(pattern):
            low, high = sorted((pattern[place], pattern[place + 2]))
            place += 3
        else:
            low = high = pattern[place]
            place += 1
        ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    if not ranges:
        return ("." if negated else "(?!)"), place + 1
    return f"[{'^' if negated else ''}{''.join(ranges)}]", place + 1


def escaped(text: str) -> str:
    """A pattern that matches this text alone."""
    return "".join(f"\\{character}" if character in SPECIAL else character for character in text)
