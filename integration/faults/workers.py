"""Starts the load's processes, and gathers what they remember."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from integration.faults.history import History
from integration.faults.worker import Task

ROOT = Path(__file__).parents[2]
BOOT = f"import sys; sys.path.append({str(ROOT)!r}); from integration.faults.worker import main; main(sys.argv[1:])"
"""The project's folder comes last, so that it is the installed s3cache that is tested."""
PATIENCE = 120
"""Seconds until the processes must have ended."""


class Worker:
    """A process. Its log is in the folder."""

    def __init__(self, task: Task, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        self._result = folder / f"{name}.pickle"
        described = folder / f"{name}.json"
        described.write_text(task.to_text())
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", BOOT, str(described), str(self._result)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **environment},
            )

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"ready\n":
            raise self._failed()

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def history(self) -> History:
        """What it remembers, at its end."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise self._failed() from None
        if status:
            raise self._failed()
        history: History = pickle.loads(self._result.read_bytes())
        return history

    def end(self) -> None:
        """Whatever it does."""
        self.process.kill()
        with self.process:
            pass

    def _failed(self) -> RuntimeError:
        return RuntimeError(f"The load of {self.name} went wrong:\n{self._log.read_text(errors='replace')[-4000:]}")


@contextmanager
def working(tasks: Mapping[str, Task], folder: Path, environment: Mapping[str, str]) -> Iterator[dict[str, Worker]]:
    """The processes by name; all are ready."""
    started: dict[str, Worker] = {}
    try:
        for name, task in tasks.items():
            started[name] = Worker(task, name, folder, environment)
        for worker in started.values():
            worker.wait_until_ready()
        yield started
    finally:
        for worker in started.values():
            worker.end()
