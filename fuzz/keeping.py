"""The inputs that are kept: the smallest that reach each step of s3cache's code, from one line to the next, and all crashers."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

CORPUS = Path(__file__).parent / "corpus"

Step = tuple[str, int, int]


def kept(target: str) -> Path:
    """The target's directory, made if need be."""
    directory = CORPUS / target
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def write(directory: Path, data: bytes) -> None:
    (directory / hashlib.sha1(data).hexdigest()).write_bytes(data)


def minimise(target: str, check: Callable[[bytes], object], work: Path) -> None:
    """Keeps of what is kept and what was collected no more than reaches all that they reach together."""
    paths = [path for directory in (kept(target), work) for path in directory.iterdir() if not path.name.startswith("crash")]
    found = {path.read_bytes() for path in paths}
    for path in paths:
        if path.parent == kept(target):
            path.unlink()
    for data in needed(check, sorted(found, key=len)):
        write(kept(target), data)


def needed(check: Callable[[bytes], object], found: Iterable[bytes]) -> Iterable[bytes]:
    reached: set[Step] = set()
    for data in found:
        check(data)  # what is done the first time only does not count
        steps = steps_of(check, data)
        if not steps <= reached:
            reached |= steps
            yield data


def steps_of(check: Callable[[bytes], object], data: bytes) -> set[Step]:
    """Which line followed which in a function of s3cache."""
    import s3cache  # not before atheris is there to watch its modules

    code = str(Path(s3cache.__file__).parent)
    steps: set[Step] = set()

    def begin(frame: FrameType, event: str, argument: Any) -> Any:
        name, last = frame.f_code.co_filename, 0

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            steps.add((name, last, frame.f_lineno))
            last = frame.f_lineno
            return trace

        return trace if name.startswith(code) else None

    sys.settrace(begin)
    try:
        check(data)
    finally:
        sys.settrace(None)
    return steps
