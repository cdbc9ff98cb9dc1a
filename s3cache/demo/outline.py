"""What a module defines and imports, read from its source with ``ast``; nothing is imported.

Definitions under ``if``, ``try`` or ``with`` count; those inside functions do not. Anchors are unique in a module: of several
definitions of one name the second is ``name~2``.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)
"""What can hold statements."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A class or function."""

    kind: str
    """``class``, ``function`` or ``method``."""
    name: str
    qualified: str
    """With the classes around it: ``Path.read_text``."""
    anchor: str
    line: int
    members: tuple[Symbol, ...]

    def everything(self) -> Iterator[Symbol]:
        """The symbol, then all that it contains."""
        yield self
        for member in self.members:
            yield from member.everything()


@dataclass(frozen=True, slots=True)
class Outline:
    symbols: tuple[Symbol, ...] = ()
    imports: tuple[str, ...] = ()
    """Absolute dotted names, sorted."""
    summary: str = ""
    """The first paragraph of the docstring."""

    def everything(self) -> Iterator[Symbol]:
        for symbol in self.symbols:
            yield from symbol.everything()


def outline(source: str) -> Outline:
    """The outline; an empty one where the source is not valid for this Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return Outline()
    return Outline(tuple(symbols(tree, "", Counter())), tuple(sorted(set(imports(tree)))), summary(ast.get_docstring(tree) or ""))


def summary(docstring: str) -> str:
    """The first paragraph on one line, without the line that may underline it."""
    paragraph = docstring.partition("\n\n")[0]
    return " ".join(paragraph.split()).rstrip("~=- ")


def symbols(parent: ast.AST, prefix: str, seen: Counter[str]) -> Iterator[Symbol]:
    for node in definitions(parent):
        qualified = prefix + node.name
        seen[qualified] += 1
        anchor = qualified if seen[qualified] == 1 else f"{qualified}~{seen[qualified]}"
        members = tuple(symbols(node, f"{qualified}.", seen)) if isinstance(node, ast.ClassDef) else ()
        yield Symbol(kind(node, prefix), node.name, qualified, anchor, node.lineno, members)


def definitions(parent: ast.AST) -> Iterator[Definition]:
    """Those directly in the parent, or in a plain block of it."""
    for node in statements(parent):
        if isinstance(node, Definition):
            yield node
        else:
            yield from definitions(node)


def statements(parent: ast.AST) -> Iterator[ast.AST]:
    return (node for node in ast.iter_child_nodes(parent) if isinstance(node, BLOCKS))


def kind(node: Definition, prefix: str) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    return "method" if prefix else "function"


def imports(parent: ast.AST) -> Iterator[str]:
    """Those anywhere in the parent, also in its functions."""
    for node in statements(parent):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        else:
            yield from imports(node)
