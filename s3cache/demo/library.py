"""The standard library of the Python that runs this: its modules, found without importing any of them, and their source.

Modules without Python source (built-in, compiled) and packages of tests are left out.
"""

from __future__ import annotations

import functools
import pkgutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader

TESTS = frozenset({"test", "tests", "idle_test"})


@dataclass(frozen=True, slots=True)
class Module:
    """A module or package that has Python source."""

    name: str
    """The dotted name."""
    is_package: bool
    loader: InspectLoader

    @property
    def leaf(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def parent(self) -> str:
        """The package that it is in; "" at the top level."""
        return self.name.rpartition(".")[0]

    @property
    def parents(self) -> list[Module]:
        """The packages around it, the outermost first."""
        parts = self.name.split(".")[:-1]
        return [modules()[".".join(parts[: depth + 1])] for depth in range(len(parts))]

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    def source(self) -> str:
        """The text, decoded as the module's coding line says. Read anew at each call."""
        return self.loader.get_source(self.name) or ""


@functools.cache
def modules() -> Mapping[str, Module]:
    """Every module by its dotted name, in alphabetical order without regard to case and leading underscores."""
    found = walk([sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")])
    return {module.name: module for module in sorted(found, key=lambda module: module.name.lower().lstrip("_"))}


def top_level() -> list[Module]:
    """The modules and packages that are in no package."""
    return children("")


def children(package: str) -> list[Module]:
    """The modules directly in a package."""
    return [module for module in modules().values() if module.parent == package]


def within(package: str) -> list[Module]:
    """A top-level package with everything below it."""
    return [module for module in modules().values() if module.top == package]


@functools.cache
def by_size() -> Sequence[Module]:
    """Every module, the longest source first. The first call reads them all."""
    return sorted(modules().values(), key=lambda module: len(module.source()), reverse=True)


def walk(paths: Sequence[str], prefix: str = "") -> Iterator[Module]:
    for info in pkgutil.iter_modules(paths, prefix):
        top, leaf = info.name.partition(".")[0], info.name.rpartition(".")[2]
        if top not in sys.stdlib_module_names or leaf in TESTS:
            continue
        spec = info.module_finder.find_spec(info.name, None)
        if spec and spec.origin and spec.origin.endswith(".py") and isinstance(spec.loader, InspectLoader):
            yield Module(info.name, info.ispkg, spec.loader)
            yield from walk(spec.submodule_search_locations or [], f"{info.name}.")
