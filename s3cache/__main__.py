"""``python -m s3cache <command>``: what can be done with the package from a shell.

A command is one line in ``COMMANDS`` and a module with two functions: ``add_arguments(parser)`` and ``run(arguments) -> exit
status``. The module is imported only when its command is chosen, so that none pays for another's packages.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Command(NamedTuple):
    """Where a command lives and what it needs."""

    module: str
    summary: str
    extra: str
    """The extra of django-s3-cache that installs ``requires``."""
    requires: tuple[str, ...]


COMMANDS = {
    "demo": Command("s3cache.demo.command", "a small Django site that shows the cache at work", "demo", ("pygments", "rich")),
}


def main(argv: Sequence[str]) -> int:
    """Run the chosen command; without one, print the help. Gives the exit status."""
    name = argv[0] if argv and argv[0] in COMMANDS else None
    missing = missing_packages(COMMANDS[name]) if name else ""
    if missing:
        print(f"python -m s3cache {name}: {missing}", file=sys.stderr)
        return 2
    arguments, unknown = parser(name).parse_known_args(argv)
    if unknown:
        arguments.refuse(f"unrecognized arguments: {' '.join(unknown)}")
    run: Callable[[argparse.Namespace], int | None] = arguments.run
    return run(arguments) or 0


def parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser of all commands; only the chosen one has its arguments.

    ``refuse`` prints the usage of what was chosen and exits: argparse itself would print the one of ``whole``, which says nothing.
    """
    whole = argparse.ArgumentParser(prog="python -m s3cache", description="Django's cache in any S3-compatible object store.")
    whole.set_defaults(run=lambda _: print(whole.format_help(), end=""), refuse=whole.error)
    commands = whole.add_subparsers(metavar="command", title="commands")
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=command.summary, description=f"{command.summary[0].upper()}{command.summary[1:]}."
        )
        if name == chosen:
            module = importlib.import_module(command.module)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run, refuse=subparser.error)
    return whole


def missing_packages(command: Command) -> str:
    """What to install, in a sentence; "" if nothing is missing."""
    missing = [package for package in command.requires if importlib.util.find_spec(package) is None]
    if not missing:
        return ""
    return f'not installed: {", ".join(missing)}. Install with: pip install "django-s3-cache[{command.extra}]"'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
