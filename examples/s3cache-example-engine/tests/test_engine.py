"""The engine keeps s3cache's contract, which is a class to subclass; the tests below it are about what is SQLite's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from s3cache_sqlite.engine import SqliteEngine

from s3cache.engines.base import Engine
from s3cache.errors import EngineMisconfigured, EngineUnavailable, OptionError
from s3cache.testing import EngineContract


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = SqliteEngine.from_options(str(tmp_path / "objects.db"), {"timeout": 0.1})
    yield engine
    engine.close()


class TestSqliteEngine(EngineContract):
    @pytest.fixture
    def engine(self, tmp_path: Path) -> Iterator[Engine]:
        engine = SqliteEngine.from_options(str(tmp_path / "objects.db"), {})
        yield engine
        engine.close()


def test_construction_makes_no_file(tmp_path: Path) -> None:
    SqliteEngine.from_options(str(tmp_path / "objects.db"), {})
    assert os.listdir(tmp_path) == []


def test_a_url_and_a_path_are_the_same_location() -> None:
    by_url = SqliteEngine.from_options("sqlite:///var/cache/a%20b.db", {})
    by_path = SqliteEngine.from_options("/var/cache/a b.db", {})
    assert by_url.location == by_path.location == "sqlite:///var/cache/a%20b.db"


@pytest.mark.parametrize("location", ["", ":memory:", "a\0b", "sqlite://host/path", "postgres:///path", "/"])
def test_a_location_that_is_no_file_is_refused(location: str) -> None:
    with pytest.raises(OptionError, match="LOCATION is"):
        SqliteEngine.from_options(location, {})


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(OptionError, match="timeout"):
        SqliteEngine.from_options("objects.db", {"time_out": 1})


def test_the_file_is_its_owners_only(engine: Engine, tmp_path: Path) -> None:
    engine.put_object("name", b"body")
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_a_missing_directory_is_a_misconfiguration(tmp_path: Path) -> None:
    engine = SqliteEngine.from_options(str(tmp_path / "missing" / "objects.db"), {})
    with pytest.raises(EngineMisconfigured, match="a directory that exists") as caught:
        engine.get_object("name")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_file_that_is_no_database_is_a_misconfiguration(tmp_path: Path) -> None:
    (tmp_path / "objects.db").write_bytes(b"something else " * 100)
    engine = SqliteEngine.from_options(str(tmp_path / "objects.db"), {})
    with pytest.raises(EngineMisconfigured, match="not a database") as caught:
        engine.put_object("name", b"body")
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE users (name TEXT)")
    before = path.read_bytes()
    engine = SqliteEngine.from_options(str(path), {})
    with pytest.raises(EngineMisconfigured, match="no such table"):
        engine.put_object("name", b"body")
    engine.close()
    assert path.read_bytes() == before


def test_processes_may_make_the_file_at_once(tmp_path: Path) -> None:
    """Threads stand for processes: each has an engine, hence a connection, of its own."""
    engines = [SqliteEngine.from_options(str(tmp_path / "objects.db"), {}) for _ in range(16)]
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(lambda engine: engine.put_object(engine.location + str(id(engine)), b"body"), engines))
    assert len(list(engines[0].list_objects())) == len(engines)
    for engine in engines:
        engine.close()
    assert os.listdir(tmp_path) == ["objects.db"]


def test_a_write_that_others_lock_out_is_unavailable_and_not_applied(engine: Engine, tmp_path: Path) -> None:
    engine.put_object("name", b"old")
    other = sqlite3.connect(tmp_path / "objects.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(EngineUnavailable, match="locked"):
            engine.put_object("name", b"new")
        assert engine.get_object("name").body == b"old"
    finally:
        other.close()
    engine.put_object("name", b"new")


def test_a_batch_that_fails_half_way_deletes_nothing(engine: Engine) -> None:
    engine.put_object("name", b"body")
    with pytest.raises(UnicodeEncodeError):
        engine.delete_objects(["name", "\ud800"])
    assert engine.get_object("name").body == b"body"


def test_a_child_process_inherits_no_connection(engine: Engine) -> None:
    engine.put_object("name", b"body")
    child = os.fork()
    if child == 0:
        os._exit(engine._connection is not None)  # type: ignore[attr-defined]  # what no child may touch
    assert os.waitpid(child, 0)[1] == 0
    assert engine.get_object("name").body == b"body"
