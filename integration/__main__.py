"""``python -m integration``: see the package."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import integration
from integration import VARIABLE, servers, table
from integration.servers.base import NotStarted

FOLDER = Path(__file__).parent


def main(arguments: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):  # either way the servers are stopped
        signal.signal(number, lambda *_: sys.exit(1))
    match arguments:
        case ["test", *rest]:
            return test(rest)
        case ["serve", *names] if names and set(names) <= set(servers.NAMES):
            return serve(names)
        case ["table"]:
            return table.show()
        case ["faults", *rest]:
            return int(importlib.import_module("integration.faults.command").main(rest))
        case ["atomicity", *rest]:
            return int(importlib.import_module("integration.atomicity.command").main(rest))
        case ["locks", *rest]:
            return int(importlib.import_module("integration.locks.command").main(rest))
        case ["stampede", *rest]:
            return int(importlib.import_module("integration.stampede.command").main(rest))
        case ["leaks", *rest]:
            return int(importlib.import_module("integration.leaks").main(rest))
    print(integration.__doc__, file=sys.stderr)
    return 2


def test(arguments: list[str]) -> int:
    """In a process without the working directory on its path, so that it is the installed s3cache that is tested."""
    with servers.running(servers.NAMES) as started:
        environment = {**os.environ, VARIABLE: servers.to_text(started)}
        command = [sys.executable, "-P", "-m", "pytest", f"--junitxml={table.results()}", str(FOLDER), *arguments]
        return subprocess.run(command, env=environment).returncode


def serve(names: list[str]) -> int:
    with servers.running(names) as started:
        for server in started:
            print(server.name, server.options, flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except NotStarted as error:
        sys.exit(f"{error}")
