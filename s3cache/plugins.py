"""The classes that OPTIONS name: built in, by dotted path, or from a plugin.

Plugins are looked for only when a name is neither built in nor a dotted path, and each is loaded on its own: a broken one is
mentioned to those who name what is unknown, and hurts nobody else. A built-in name cannot be taken over.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.metadata import entry_points
from typing import Any

import pluggy

from s3cache import hookspecs
from s3cache.compressors import COMPRESSORS
from s3cache.engines import ENGINES
from s3cache.errors import OptionError
from s3cache.serializers import SERIALIZERS
from s3cache.validation import known_names

GROUP = "s3cache"
BUILT_IN: Mapping[str, Mapping[str, str]] = {"ENGINE": ENGINES, "SERIALIZER": SERIALIZERS, "COMPRESSOR": COMPRESSORS}
VERBS = {"ENGINE": "from_options", "SERIALIZER": "dumps", "COMPRESSOR": "compress"}
"""By which a class of each kind is known."""
HOOKS = {"ENGINE": "register_engines", "SERIALIZER": "register_serializers", "COMPRESSOR": "register_compressors"}


@cache
def find(kind: str, name: str, *, option: str = "") -> type[Any]:
    """The class that a name stands for in OPTIONS[kind], or in the ``option`` that lists several.

    Raises OptionError, also where a module that the class requires is not installed.
    """
    said = f"OPTIONS[{option!r}] has {name!r}" if option else f"OPTIONS[{kind!r}] is {name!r}"
    found = import_class(kind, import_string(kind, name, said), said)
    for module in getattr(found, "requires", ()):
        if not is_installed(module):
            package = f'"django-s3-cache[{name}]"' if name in BUILT_IN[kind] else module
            raise OptionError(
                f"{said}, which needs the package {module}, and that is not installed. Install it with: pip install {package}"
            )
    return found


def import_string(kind: str, name: str, said: str) -> str:
    """Where the class is found. Raises OptionError for an unknown name."""
    if name in BUILT_IN[kind]:
        return BUILT_IN[kind][name]
    if "." in name or ":" in name:
        return name
    plugins = installed_plugins()
    if name in plugins.names[kind]:
        return plugins.names[kind][name]
    broken = "".join(f" The plugin {plugin!r} could not be loaded: {error}." for plugin, error in plugins.broken.items())
    from_plugins = ", ".join(sorted(plugins.names[kind])) or "none"
    raise OptionError(
        f"{said}, which is not known. {known_names(name, {*BUILT_IN[kind], *plugins.names[kind]})} "
        f"From plugins: {from_plugins}. A dotted path to a class is accepted, too.{broken}"
    )


def import_class(kind: str, path: str, said: str) -> type[Any]:
    """The class at ``package.module:Class`` or ``package.module.Class``. Raises OptionError."""
    module, _, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever a foreign module does while it is imported
        raise OptionError(f"{said}, but {path} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(found, type):
        raise OptionError(f"{said}, but {path} is no class.")
    if not hasattr(found, VERBS[kind]):
        raise OptionError(f"{said}, but {path} has no {VERBS[kind]}: it is no {kind.lower()}.")
    return found


def is_installed(module: str) -> bool:
    """Whether the module could be imported; imports none but its parents."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class Plugins:
    """What the installed plugins register, and which could not be loaded."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, str]] = {kind: {} for kind in BUILT_IN}
        self.broken: dict[str, str] = {}

    def load(self, name: str, load: Callable[[], object]) -> None:
        """Loads one plugin's hooks and asks them."""
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        registered: dict[str, dict[str, str]] = {kind: {} for kind in BUILT_IN}
        try:
            manager.register(load(), name)
            manager.check_pending()
            for kind, hook in HOOKS.items():
                getattr(manager.hook, hook)(register=partial(self._register, registered[kind], kind))
        except Exception as error:  # whatever foreign code does: its users are told when they name it
            self.broken[name] = f"{type(error).__name__}: {error}"
            return
        for kind, names in registered.items():
            self.names[kind].update(names)

    def _register(self, registered: dict[str, str], kind: str, name: str, path: str) -> None:
        if name in BUILT_IN[kind] or name in self.names[kind]:
            raise ValueError(f"the {kind.lower()} name {name!r} is taken")
        if not isinstance(path, str):
            raise TypeError(f"the {kind.lower()} {name!r} is registered with {path!r}, which is no import string")
        registered[name] = path


@cache
def installed_plugins() -> Plugins:
    """The plugins of this environment's entry points, loaded once."""
    plugins = Plugins()
    for entry_point in entry_points(group=GROUP):
        plugins.load(entry_point.name, entry_point.load)
    return plugins
