"""What the parts of the engine contract share: the fixtures, and a few helpers that keep its tests short."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import pytest

from s3cache.engines.base import Engine, Etag
from s3cache.errors import NotSupported, PreconditionFailed

Answer = TypeVar("Answer")

THREADS = 16


class EngineFixtures:
    """Every test works under a prefix of its own, so a shared bucket will do; what is left there goes at its end."""

    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named engine that returns the engine to be tested.")

    @pytest.fixture
    def prefix(self, engine: Engine) -> Iterator[str]:
        unique = f"{engine.prefix}contract/{secrets.token_hex(8)}/"
        yield unique
        remove(engine, listed(engine, unique))

    @pytest.fixture
    def name(self, prefix: str) -> str:
        return prefix + "name"


def supported(feature: bool) -> AbstractContextManager[Any]:
    """Around what needs a feature: where the engine lacks it, NotSupported must be raised inside."""
    return nullcontext() if feature else pytest.raises(NotSupported)


def listed(engine: Engine, prefix: str, start_after: str | None = None) -> list[str]:
    """The names under a prefix in the order promised, which an engine without one is spared."""
    names = [info.name for info in engine.list_objects(prefix, start_after)]
    return names if engine.features.ordered_listing else sorted(names)


def remove(engine: Engine, names: Sequence[str], etags: Sequence[Etag] | None = None) -> None:
    """Delete any number of names, in the batches that the engine takes."""
    for start in range(0, len(names), engine.features.delete_batch):
        batch = slice(start, start + engine.features.delete_batch)
        engine.delete_objects(names[batch], etags=None if etags is None else etags[batch])


def race(job: Callable[[int], Answer], threads: int = THREADS) -> list[Answer]:
    """``job(0)``, ``job(1)``, ... in threads that start together: their answers in order, or the first error."""
    gate = threading.Barrier(threads)

    def start(number: int) -> Answer:
        gate.wait()
        return job(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(start, range(threads)))


def won(write: Callable[[], Etag]) -> bool:
    """Whether a conditional write met its condition."""
    try:
        write()
    except PreconditionFailed:
        return False
    return True
