"""The local engine: the contract, and what a directory adds to it: other processes, kills, permissions, paths and errors."""

import ctypes
import errno
import gc
import os
import random
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from s3cache.engines import localfiles, localswap
from s3cache.engines.local import PRIVATE, LocalEngine
from s3cache.errors import EngineMisconfigured, EngineUnavailable, ObjectNotFound, OptionError, PreconditionFailed
from s3cache.testing import EngineContract

WORKER = Path(__file__).with_name("local_worker.py")


class TestLocalEngine(EngineContract):
    @pytest.fixture
    def engine(self, tmp_path):
        return LocalEngine(str(tmp_path / "cache"))


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "site" / "cache"


@pytest.fixture
def engine(directory):
    return LocalEngine(str(directory))


def names(engine, *arguments):
    return [info.name for info in engine.list_objects(*arguments)]


# Other processes


@contextmanager
def worker(job, directory, who=""):
    """A process that is ready for its job; it begins with ``begin`` and is killed at the end."""
    with subprocess.Popen(
        [sys.executable, str(WORKER), job, str(directory), who],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def begin(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def answers(job, directory, workers=3):
    """What that many processes printed, which did the job at the same time."""
    with ExitStack() as stack:
        processes = [stack.enter_context(worker(job, directory, str(who))) for who in range(workers)]
        for process in processes:
            begin(process)
        printed = [process.stdout.read().split() for process in processes]
        assert [process.wait() for process in processes] == [0] * workers
        return printed


def test_a_counter_of_several_processes_loses_nothing(engine, directory):
    engine.put_object("counter", b"0")
    answers("count", directory)
    assert engine.get_object("counter").body == b"300"


def test_of_several_processes_exactly_one_creates_an_object(engine, directory):
    won = answers("create", directory)
    assert sorted(int(number) for numbers in won for number in numbers) == list(range(200))
    for who, numbers in enumerate(won):
        assert all(engine.get_object(f"{int(number) % 8}/{number}").body == b"%d" % who for number in numbers)


@pytest.mark.parametrize("seed", range(8))
def test_a_kill_in_the_middle_of_a_write_leaves_whole_objects(engine, directory, seed):
    with worker("write", directory) as process:
        begin(process)
        for _ in range(random.Random(seed).randint(1, 30)):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    for info in engine.list_objects():
        body = bytes(engine.get_object(info.name).body)
        assert len(body) == info.size >= 500_000
        assert body == body[:1] * len(body)
    for name in ["0/0", "1/1", "2/2"]:
        etag = engine.put_object(name, b"after the kill")
        engine.delete_objects([name], etags=[etag])
        assert name not in names(engine)


@pytest.mark.parametrize(
    ("call", "left"),
    [
        ("os.write", {"old": b"old"}),
        ("os.utime", {"old": b"old"}),
        ("localswap.exchanged", {"old": b"old"}),
        ("os.unlink", {"old": b"new" * 500_000}),
        ("os.link", {"old": b"new" * 500_000}),
        ("renaming os.replace", {"old": b"old"}),
        ("renaming os.link", {"old": b"new" * 500_000}),
        ("renaming os.unlink", {"old": b"new" * 500_000, "new": b"new" * 500_000}),
    ],
)
def test_a_kill_before_any_system_call_leaves_whole_objects_and_no_lock(engine, directory, call, left):
    engine.put_object("old", b"old")
    with worker("die", directory, call) as process:
        begin(process)
        assert process.wait() == -signal.SIGKILL
    assert {name: bytes(engine.get_object(name).body) for name in names(engine)} == left
    assert len(list((directory / PRIVATE / "temporary").iterdir())) == 1
    engine.put_object("old", b"newer", if_match=engine.get_object("old").etag)
    engine.delete_objects(["old", "new"])
    assert names(engine) == []


def test_writes_succeed_while_another_process_clears(engine, directory):
    with worker("clear", directory) as process:
        begin(process)
        for number in range(200):
            engine.put_object(f"{number % 8:02x}/{number}", b"body")
        assert process.stdout.readline() == "cleared\n"


def test_nothing_breaks_while_another_process_removes_the_directory(engine, directory):
    done = 0
    with worker("remove", directory) as process:
        begin(process)
        for number in range(200):
            try:
                etag = engine.put_object(f"{number % 8:02x}/{number}", b"body")
                names(engine)
                engine.delete_objects([f"{number % 8:02x}/{number}"], etags=[etag])
                done += 1
            except EngineUnavailable:
                pass  # it tried, and was disturbed each time
        assert process.stdout.readline() == "removed\n"
    assert done


def test_a_child_forked_under_a_lock_does_not_keep_it(engine, directory):
    directory.mkdir(parents=True)
    assert answers("fork", directory, workers=1) == [["free"]]


# What is in the directory


def test_construction_makes_nothing(directory):
    LocalEngine.from_options(str(directory), {})
    assert not directory.parent.exists()


def test_reading_and_deleting_make_nothing(engine, directory):
    assert names(engine) == []
    engine.delete_objects(["ab/name"])
    with pytest.raises(ObjectNotFound):
        engine.get_object("ab/name")
    assert not directory.parent.exists()


def test_an_object_is_a_file_with_the_body_and_nothing_else(engine, directory):
    engine.put_object("ab/name", b"body")
    assert (directory / "ab" / "name").read_bytes() == b"body"


def test_a_file_that_another_program_put_there_is_an_object(engine, directory):
    (directory / "ab").mkdir(parents=True)
    (directory / "ab" / "name").write_bytes(b"body")
    assert names(engine) == ["ab/name"]
    etag = engine.get_object("ab/name").etag
    assert engine.put_object("ab/name", b"other", if_match=etag) != etag


def test_everything_is_made_for_its_owner_only(engine, directory):
    before = os.umask(0)
    try:
        engine.put_object("ab/cd/name", b"body")
    finally:
        os.umask(before)
    made = [directory.parent, *directory.parent.rglob("*")]
    assert len(made) > 8
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}


def test_no_temporary_file_stays(engine, directory):
    etag = engine.put_object("name", b"body")
    engine.put_object("name", b"body", if_match=etag)
    engine.put_object("other", b"body", if_none_match=True)
    for conditions in ({"if_match": etag}, {"if_none_match": True}):
        with pytest.raises(Exception, match="name"):
            engine.put_object("name", b"body", **conditions)
    assert list((directory / PRIVATE / "temporary").iterdir()) == []


def test_a_listing_removes_temporary_files_of_more_than_an_hour(engine, directory):
    engine.put_object("name", b"body")
    stale, fresh = (directory / PRIVATE / "temporary" / name for name in ("0" * 32, "1" * 32))
    for file, age in ((stale, 3700), (fresh, 3500)):
        file.write_bytes(b"half a bo")
        os.utime(file, (time.time() - age,) * 2)
    assert names(engine) == ["name"]
    assert not stale.exists()
    assert fresh.exists()


def test_a_listing_shows_neither_locks_nor_links(engine, directory, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"body")
    engine.put_object("name", b"body")
    (directory / "folder").symlink_to(outside)
    (directory / "link").symlink_to(outside / "file")
    assert names(engine) == ["name"]
    assert names(engine, PRIVATE) == names(engine, PRIVATE + "/") == names(engine, PRIVATE + "/locks/") == []


def test_a_listing_reads_the_folders_that_it_needs_when_it_needs_them(engine, monkeypatch):
    def scandir(path):
        read.append(os.path.relpath(path, engine.location.removeprefix("file://")))
        return original(path)

    for folder in ("aa", "bb", "cc", "dd"):
        engine.put_object(f"{folder}/x", b"")
        engine.put_object(f"{folder}/y", b"")
    read, original = [], os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    listing = engine.list_objects(start_after="bb/x")
    assert [next(listing).name, next(listing).name] == ["bb/y", "cc/x"]
    assert read == [f"{PRIVATE}/temporary", ".", "bb", "cc"]
    read.clear()
    assert names(engine, "bb/") == ["bb/x", "bb/y"]
    assert read == [f"{PRIVATE}/temporary", "bb"]
    read.clear()
    assert names(engine, "b") == ["bb/x", "bb/y"]
    assert read == [f"{PRIVATE}/temporary", ".", "bb"]


def test_the_directory_may_be_removed_between_calls(engine, directory):
    etag = engine.put_object("ab/name", b"body")
    shutil.rmtree(directory)
    with pytest.raises(ObjectNotFound):
        engine.get_object("ab/name")
    assert names(engine) == []
    engine.delete_objects(["ab/name"], etags=[etag])
    assert engine.put_object("ab/name", b"body", if_none_match=True) != etag
    assert names(engine) == ["ab/name"]


def test_the_same_body_written_again_has_another_etag(engine):
    etags = [engine.put_object("name", b"body") for _ in range(300)]
    assert len(set(etags)) == 300


def test_the_time_of_a_file_is_not_left_to_the_kernel(engine, directory, monkeypatch):
    now = 1_700_000_000_123_456_789
    monkeypatch.setattr(localfiles.time, "time_ns", lambda: now)
    engine.put_object("name", b"body")
    assert abs(now - (directory / "name").stat().st_mtime_ns) < localfiles.GRAIN


def test_bodies_pass_whole_whatever_a_system_call_takes(engine, monkeypatch):
    read, write = os.read, os.write
    monkeypatch.setattr(os, "read", lambda file, size: read(file, min(size, 7)))
    monkeypatch.setattr(os, "write", lambda file, body: write(file, body[:7]))
    engine.put_object("name", bytes(range(100)))
    assert engine.get_object("name").body == bytes(range(100))
    assert engine.get_object("name", first=50).body == bytes(range(50))


# Names


@pytest.mark.parametrize(
    "name", ["", "/", "/etc/passwd", "../x", "a/../x", "a/./x", ".", "a//b", "a/", "a\0b", PRIVATE, PRIVATE + "/locks/00"]
)
def test_a_name_that_is_no_path_in_the_directory_is_refused(engine, directory, name):
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        engine.put_object(name, b"body")
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        engine.get_object(name)
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        engine.delete_objects([name])
    assert not directory.exists()


@pytest.mark.parametrize("prefix", ["../", "a/../../", "/", "a//", "./", "a\0/"])
def test_no_prefix_lists_what_is_outside(engine, directory, prefix):
    engine.put_object("a/name", b"body")
    (directory.parent / "outside").write_bytes(b"")
    assert names(engine, prefix) == []


def test_a_folder_is_not_an_object(engine):
    engine.put_object("a/b", b"body")
    with pytest.raises(ObjectNotFound):
        engine.get_object("a")
    engine.delete_objects(["a"])
    assert names(engine) == ["a/b"]


def test_a_part_may_be_as_long_as_max_name(engine):
    longest = "x" * engine.features.max_name
    engine.put_object(longest, b"body")
    assert names(engine) == [longest]
    with pytest.raises(EngineMisconfigured, match="too long"):
        engine.put_object(longest + "x", b"body")


# LOCATION and options


@pytest.mark.parametrize("url", ["file://{}", "FILE://{}"])
def test_a_location_may_be_a_file_url(tmp_path, url):
    engine = LocalEngine.from_options(url.format(tmp_path / "with%20space%25"), {})
    engine.put_object("name", b"body")
    assert (tmp_path / "with space%" / "name").exists()
    assert engine.location == f"file://{tmp_path}/with%20space%25"


def test_a_relative_location_means_the_working_directory_at_construction(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = LocalEngine.from_options("cache", {})
    monkeypatch.chdir("/")
    engine.put_object("name", b"body")
    assert (tmp_path / "cache" / "name").exists()


@pytest.mark.parametrize(
    "location",
    [
        "",
        "file://host/path",
        "file://",
        "file:relative",
        "file:/one",
        "file:///a?b",
        "file:///a#b",
        "s3://bucket/prefix",
        "a\0b",
        "file:///a%00b",
    ],
)
def test_a_location_that_is_no_directory_of_this_machine_is_refused(location):
    with pytest.raises(OptionError, match="LOCATION is"):
        LocalEngine.from_options(location, {})


def test_a_location_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OptionError, match="not a directory"):
        LocalEngine.from_options(str(tmp_path / "file"), {})


def test_an_option_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"region_name.*is not an option"):
        LocalEngine.from_options(str(tmp_path), {"region_name": "eu-west-1"})


# Errors


@pytest.mark.parametrize("act", [lambda e: e.get_object("a/b"), lambda e: e.put_object("a/b", b"")])
def test_a_file_in_the_place_of_a_folder_is_a_misconfiguration(engine, act):
    engine.put_object("a", b"body")
    with pytest.raises(EngineMisconfigured, match="Not a directory") as caught:
        act(engine)
    assert isinstance(caught.value.__cause__, NotADirectoryError)


def test_a_file_in_the_place_of_the_directory_is_a_misconfiguration(engine, directory):
    directory.parent.mkdir()
    directory.write_bytes(b"")
    with pytest.raises(EngineMisconfigured, match="Not a directory"):
        names(engine)


def test_a_folder_in_the_place_of_an_object_is_a_misconfiguration(engine):
    engine.put_object("a/b", b"body")
    with pytest.raises(EngineMisconfigured, match="Is a directory"):
        engine.put_object("a", b"body")


def test_a_dangling_link_in_the_place_of_the_directory_ends_the_attempts(engine, directory):
    directory.parent.mkdir()
    directory.symlink_to("nowhere")
    with pytest.raises(EngineUnavailable, match="keep removing") as caught:
        engine.put_object("name", b"body")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_too_many_open_files_are_an_outage(engine):
    engine.put_object("name", b"body")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        with pytest.raises(EngineUnavailable, match="Too many open files") as caught:
            engine.get_object("name")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.__cause__.errno == errno.EMFILE


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, EngineMisconfigured),
        (errno.EPERM, EngineMisconfigured),
        (errno.EROFS, EngineMisconfigured),
        (errno.ENOLCK, EngineMisconfigured),
        (errno.ENOSPC, EngineUnavailable),
        (errno.EDQUOT, EngineUnavailable),
        (errno.EIO, EngineUnavailable),
        (errno.ESTALE, EngineUnavailable),
    ],
)
def test_the_file_systems_errors_are_told_apart(engine, monkeypatch, number, kind):
    def fail(*arguments, **keywords):
        raise OSError(number, os.strerror(number))

    engine.put_object("name", b"body")
    monkeypatch.setattr(os, "open", fail)
    for act in (lambda: engine.get_object("name"), lambda: engine.put_object("name", b""), lambda: engine.delete_objects(["name"])):
        with pytest.raises(kind, match=os.strerror(number)) as caught:
            act()
        assert caught.value.__cause__.errno == number


def test_a_file_system_that_rounds_times_is_refused(engine, monkeypatch):
    utime = os.utime
    monkeypatch.setattr(os, "utime", lambda file, ns: utime(file, ns=tuple(time // 10**9 * 10**9 for time in ns)))
    monkeypatch.setattr(localfiles.time, "time_ns", lambda: 1_700_000_000_123_456_789)
    with pytest.raises(EngineMisconfigured, match="microsecond"):
        engine.put_object("name", b"body")
    assert names(engine) == []


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_replacement_is_the_same_with_and_without_exchanging_names(engine, directory, monkeypatch, exchanges):
    tried = []

    def exchanged(one, other, really=localswap.exchanged):
        tried.append(other)
        return exchanges and really(one, other)

    monkeypatch.setattr(localswap, "exchanged", exchanged)
    engine.put_object("name", b"old")
    assert tried == []
    etag = engine.put_object("name", b"new")
    assert tried == [str(directory / "name")]
    assert engine.get_object("name").body == b"new"
    assert engine.get_object("name").etag == etag
    assert list((directory / PRIVATE / "temporary").iterdir()) == []


def test_a_directory_is_never_exchanged_for_a_file(engine, directory):
    engine.put_object("folder/name", b"body")
    with pytest.raises(EngineMisconfigured):
        engine.put_object("folder", b"body")
    assert names(engine) == ["folder/name"]


def test_the_exchange_is_in_use_on_linux(tmp_path):
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "other").write_bytes(b"2")
    assert localswap.exchanged(str(tmp_path / "one"), str(tmp_path / "other")) == (sys.platform == "linux")
    assert not localswap.exchanged(str(tmp_path / "one"), str(tmp_path / "missing"))


def test_without_renameat2_in_the_c_library_nothing_is_exchanged(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    localswap.renameat2.cache_clear()
    assert not localswap.exchanged("one", "other")
    localswap.renameat2.cache_clear()


NO_OBJECTS = {
    "a FIFO": os.mkfifo,
    "a symbolic link to a file": lambda path: (path.with_name("target").write_bytes(b"target"), path.symlink_to("target")),
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture
def no_object(request, tmp_path, monkeypatch):
    """A directory in which "name" is something else than a regular file."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        NO_OBJECTS[request.param](Path("name"))
        gc.collect()
    return LocalEngine(str(tmp_path))


every_kind = pytest.mark.parametrize("no_object", NO_OBJECTS, indirect=True)


@every_kind
def test_what_is_no_regular_file_is_no_object(no_object):
    with pytest.raises(ObjectNotFound):
        no_object.get_object("name")
    with pytest.raises(PreconditionFailed):
        no_object.put_object("name", b"body", if_match="etag")
    assert "name" not in names(no_object)


@every_kind
@pytest.mark.parametrize("condition", [{}, {"if_none_match": True}])
def test_what_is_no_regular_file_is_replaced(no_object, condition):
    no_object.put_object("name", b"body", **condition)
    assert no_object.get_object("name").body == b"body"


@every_kind
def test_what_is_no_regular_file_is_deleted(no_object, tmp_path):
    no_object.delete_objects(["name"])
    assert not os.path.lexists(tmp_path / "name")


def test_there_is_nothing_to_delete_below_a_file(engine):
    engine.put_object("a", b"body")
    engine.delete_objects(["a/b"])
    assert names(engine) == ["a"]


def test_a_directory_is_no_object_and_stays(engine, directory):
    (directory / "name").mkdir(parents=True)
    with pytest.raises(ObjectNotFound):
        engine.get_object("name")
    for condition in ({}, {"if_none_match": True}):
        with pytest.raises(EngineMisconfigured):
            engine.put_object("name", b"body", **condition)
    engine.delete_objects(["name"])
    assert (directory / "name").is_dir()


def test_a_folder_that_may_not_be_read_is_passed_over(engine, directory, monkeypatch):
    engine.put_object("aa/name", b"body")
    engine.put_object("lost+found/name", b"body")
    engine.put_object("zz/name", b"body")

    def scandir(path, really=os.scandir):
        if "lost+found" in path:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert names(engine) == ["aa/name", "zz/name"]


def test_a_tree_deeper_than_any_name_is_passed_over(engine, directory):
    engine.put_object("name", b"body")
    (directory / "/".join(["d"] * 200)).mkdir(parents=True)
    (directory / "/".join(["d"] * 200) / "name").write_bytes(b"foreign")
    assert names(engine) == ["name"]


def test_a_file_that_may_not_be_looked_at_is_passed_over(engine, monkeypatch):
    engine.put_object("aa/name", b"body")
    engine.put_object("foreign/name", b"body")

    def lstat(path, really=os.lstat):
        if "foreign" in os.fspath(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path)

    monkeypatch.setattr(os, "lstat", lstat)
    assert names(engine) == ["aa/name"]
