"""What the servers share: a Server, and the programs that make one, which live and end together."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_LIMIT = 300
"""Seconds until a server must answer. A busy machine with an eighth of a core needs a minute."""

HERE = Path(sys.executable).parent
"""Where pip puts programs, whether or not this environment is activated."""


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    name: str
    url: str
    options: dict[str, Any]
    """Of OPTIONS in CACHES, those that reach it, whatever the ENGINE."""


class NotStarted(Exception):
    """A server did not start. The message ends with its logs."""


class Programs:
    """Programs that are started in one directory, each with a log there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, tuple[str | Path, ...]] = {}

    def start(self, name: str, *command: str | Path) -> None:
        """In a session of its own, so that Ctrl-C leaves it to ``stop``; should this process be killed, it goes, too."""
        self._commands[name] = command
        with open(self.folder / f"{name}.log", "ab") as log:
            self._running[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment(),
                start_new_session=True,
            )

    def run(self, name: str, *command: str | Path) -> None:
        """To its end."""
        with open(self.folder / f"{name}.log", "ab") as log:
            status = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=environment()
            ).returncode
        if status:
            raise self._failed(f"{name} ended with {status}")

    def wait_for(self, url: str) -> None:
        """Until there is an answer, whatever it says."""
        deadline = time.monotonic() + START_LIMIT
        while not answers(url):
            ended = [name for name, program in self._running.items() if program.poll() is not None]
            if ended:
                raise self._failed(f"{ended[0]} ended with {self._running[ended[0]].returncode}")
            if time.monotonic() > deadline:
                raise self._failed(f"{url} does not answer after {START_LIMIT} s")
            time.sleep(0.1)

    def pause(self, name: str) -> None:
        os.killpg(self._running[name].pid, signal.SIGSTOP)

    def proceed(self, name: str) -> None:
        os.killpg(self._running[name].pid, signal.SIGCONT)

    def kill(self, name: str) -> None:
        """At once: what it holds in memory is thrown away."""
        program = self._running[name]
        if program.poll() is None:  # else the number may be another's by now
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()

    def restart(self, name: str) -> None:
        """One that was killed, with the same command."""
        self.start(name, *self._commands[name])

    def stop(self) -> None:
        for name in reversed(self._running):
            self.kill(name)

    def _failed(self, what: str) -> NotStarted:
        logs = "".join(f"\n--- {log.name}\n{log.read_text(errors='replace')[-4000:]}" for log in sorted(self.folder.glob("*.log")))
        return NotStarted(f"{what}. Its logs:{logs}")


@contextmanager
def programs() -> Iterator[Programs]:
    """In a directory that is gone afterwards. Its path is short, for Unix sockets, and on a disk, for extended attributes."""
    with tempfile.TemporaryDirectory(prefix="s3c", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        started = Programs(Path(folder))
        try:
            yield started
        finally:
            started.stop()


def environment() -> dict[str, str]:
    """This process's, without what is meant for its own Python: the servers need not run in development mode."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def program(name: str, hint: str) -> str:
    """The path of a program."""
    found = shutil.which(name, path=f"{HERE}:{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise NotStarted(f"There is no program {name}. Install it with: {hint}")
    return found


def free_ports(count: int) -> list[int]:
    """Free now. Held all at once, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def answers(url: str) -> bool:
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
