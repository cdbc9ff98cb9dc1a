"""The classes that OPTIONS name: built in, by dotted path, or from a plugin.

Plugins are looked for only when a name is neither built in nor a dotted path, and each is loaded on its own: a broken one is
mentioned to those who name what is unknown, and hurts nobody else. A built-in name cannot be taken over.

pluggy and importlib.metadata are imported when they are needed: they take a third as long as all of s3cache, and most sites
use what is built in.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Generic, TypeVar

from s3cache.compressors import COMPRESSORS
from s3cache.compressors.base import Compressor
from s3cache.engines import ENGINES
from s3cache.engines.base import Engine
from s3cache.errors import OptionError
from s3cache.serializers import SERIALIZERS
from s3cache.serializers.base import Serializer
from s3cache.validation import known_names

GROUP = "s3cache"

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Kind(Generic[Made]):
    """What can be named: the option that names it, what is built in, what its classes have, and the hook that registers more."""

    option: str
    built_in: Mapping[str, str]
    members: tuple[str, ...]
    hook: str


ENGINE: Kind[Engine] = Kind(
    "ENGINE",
    ENGINES,
    ("from_options", "get_object", "put_object", "delete_objects", "list_objects", "asynchronous", "close"),
    "register_engines",
)
SERIALIZER: Kind[Serializer] = Kind("SERIALIZER", SERIALIZERS, ("name", "dumps", "loads"), "register_serializers")
COMPRESSOR: Kind[Compressor] = Kind("COMPRESSOR", COMPRESSORS, ("name", "compress", "decompress"), "register_compressors")
KINDS: tuple[Kind[Any], ...] = (ENGINE, SERIALIZER, COMPRESSOR)


@cache
def find(kind: Kind[Made], name: str, *, option: str = "") -> type[Made]:
    """The class that a name stands for in the kind's option, or in another ``option`` that lists several.

    Raises OptionError, also where a module that the class requires is not installed.
    """
    said = f"OPTIONS[{option!r}] has {name!r}" if option else f"OPTIONS[{kind.option!r}] is {name!r}"
    found = import_class(kind, import_string(kind, name, said), said)
    check_name(kind, name, found, said)
    for module in getattr(found, "requires", ()):
        require(module, said, f'"django-s3-cache[{name}]"' if name in kind.built_in else module)
    return found


def require(module: str, said: str, package: str) -> None:
    """Raises OptionError where the module that an option needs is not installed; ``package`` is what pip installs."""
    if not is_installed(module):
        raise OptionError(
            f"{said}, which needs the package {module}, and that is not installed. Install it with: pip install {package}"
        )


def make(kind: Kind[Made], name: str, *, option: str = "") -> Made:
    """An instance of that class, made without arguments. Raises OptionError."""
    found = find(kind, name, option=option)
    try:
        made: Made = found()
        return made
    except Exception as error:  # whatever a foreign class does
        raise OptionError(f"{name!r} cannot be made without arguments: {type(error).__name__}: {error}") from error


def import_string(kind: Kind[Any], name: str, said: str) -> str:
    """Where the class is found. Raises OptionError for an unknown name."""
    if name in kind.built_in:
        return kind.built_in[name]
    if "." in name or ":" in name:
        return name
    plugins = installed_plugins()
    registered = plugins.names[kind.option]
    if name in registered:
        return registered[name]
    broken = "".join(f" The plugin {plugin!r} could not be loaded: {error}." for plugin, error in plugins.broken.items())
    raise OptionError(
        f"{said}, which is not known. {known_names(name, {*kind.built_in, *registered})} "
        f"From plugins: {', '.join(sorted(registered)) or 'none'}. A dotted path to a class is accepted, too.{broken}"
    )


def import_class(kind: Kind[Made], path: str, said: str) -> type[Made]:
    """The class at ``package.module:Class`` or ``package.module.Class``. Raises OptionError."""
    module, _, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever a foreign module does while it is imported
        raise OptionError(f"{said}, but {path} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(found, type):
        raise OptionError(f"{said}, but {path} is no class.")
    missing = [member for member in kind.members if not hasattr(found, member)]
    if missing:
        raise OptionError(f"{said}, but {path} has no {', '.join(missing)}: it is no {kind.option.lower()} of s3cache.")
    return found


def check_name(kind: Kind[Any], given: str, found: type[Any], said: str) -> None:
    """Raises OptionError for a class whose ``name``, which entries carry, is no text, or that of a built-in format."""
    if "name" not in kind.members or given in kind.built_in:
        return
    if not isinstance(found.name, str):
        raise OptionError(f"{said}, and the class's name is {found.name!r}; it must be text, for it is stored in every entry.")
    if found.name in kind.built_in:
        raise OptionError(f"{said}, and the class's name is {found.name!r}, which means the built-in format. Give it another.")


def is_installed(module: str) -> bool:
    """Whether the module could be imported; imports none but its parents."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class Plugins:
    """What the installed plugins register, by option, and which could not be loaded."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, str]] = {kind.option: {} for kind in KINDS}
        self.broken: dict[str, str] = {}

    def load(self, name: str, load: Callable[[], object]) -> None:
        """Loads one plugin's hooks and asks them."""
        import pluggy

        from s3cache import hookspecs

        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        registered: dict[str, dict[str, str]] = {kind.option: {} for kind in KINDS}
        try:
            manager.register(load(), name)
            manager.check_pending()
            for kind in KINDS:
                getattr(manager.hook, kind.hook)(register=partial(self._register, kind, registered[kind.option]))
        except Exception as error:  # whatever foreign code does: its users are told when they name it
            self.broken[name] = f"{type(error).__name__}: {error}"
            return
        for option, names in registered.items():
            self.names[option].update(names)

    def _register(self, kind: Kind[Any], registered: dict[str, str], name: str, path: str) -> None:
        if name in kind.built_in or name in self.names[kind.option]:
            raise ValueError(f"the {kind.option.lower()} name {name!r} is taken")
        if not isinstance(path, str):
            raise TypeError(f"the {kind.option.lower()} {name!r} is registered with {path!r}, which is no import string")
        registered[name] = path


@cache
def installed_plugins() -> Plugins:
    """The plugins of this environment's entry points, loaded once."""
    from importlib.metadata import entry_points

    plugins = Plugins()
    for entry_point in entry_points(group=GROUP):
        plugins.load(entry_point.name, entry_point.load)
    return plugins
