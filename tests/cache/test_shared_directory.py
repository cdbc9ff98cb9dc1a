"""A LOCATION of the engine ``local`` that holds other files, too: whatever the cache removes, these stay as they are."""

import os
import socket
import time

import pytest

from s3cache.engines.local import PRIVATE, LocalEngine
from s3cache.naming import object_name
from tests.cache.support import cache_over
from tests.lookalikes import FILE, FOLDER, KEYS, LOOKALIKES, REAL, REMOVALS

UNUSED = min({f"{number:02x}" for number in range(256)} - {object_name("", f":1:{key}")[:2] for key in KEYS})
"""A folder that has none of the tests' entries."""
LONG_AGO = time.time() - 10 * 24 * 3600


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A directory of somebody else's, and one outside of it."""
    (tmp_path / "outside" / FOLDER).mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    return tmp_path / "shared"


def put(path, body=b"not ours"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def tree(directory):
    """All that is there but the cache's private folder: what kind, how large, how old, which file."""
    found = {}
    for path in [directory, *directory.rglob("*")]:
        status = path.lstat()
        if path.relative_to(directory).parts[:1] != (PRIVATE,) and path.name != PRIVATE:
            age = 0 if path.is_dir() else status.st_mtime_ns
            found[str(path)] = (status.st_mode, 0 if path.is_dir() else status.st_size, status.st_ino, age)
    return found


def remove_everything(directory):
    engine = LocalEngine.from_options(str(directory), {})
    for removal, limit in REMOVALS.items():
        removal(cache_over(engine, MAX_ENTRIES=limit))
    cache_over(engine).clear()
    assert list(cache_over(engine).objects()) == []


def names_one_character_away(place, outside):
    for name in LOOKALIKES.values():
        put(place / name)


def hidden_files(place, outside):
    for name in (".htaccess", ".git/config", f"{FOLDER}/.{FILE}", f".{FOLDER}/{FILE}"):
        put(place / name)


def temporary_files_of_others(place, outside):
    for name in (f"{REAL}~", f"{FOLDER}/#{FILE}#", f"{FOLDER}/.{FILE}.swp", "tmp8x2k_1q", f"{FOLDER}/{'0' * 32}", "0" * 32):
        put(place / name)


def a_directory_with_an_entry_s_name(place, outside):
    put(place / REAL / "file")


def empty_directories(place, outside):
    for name in (REAL, "ff", "aa/bb", ".s3c/locks"):
        (place / name).mkdir(parents=True)


def a_link_with_an_entry_s_name(place, outside):
    (place / FOLDER).mkdir()
    (place / REAL).symlink_to(put(outside / "file"))


def a_dangling_link(place, outside):
    (place / FOLDER).mkdir()
    (place / REAL).symlink_to("nowhere")


def a_fifo(place, outside):
    (place / FOLDER).mkdir()
    os.mkfifo(place / REAL)


def a_link_to_a_directory_with_entries(place, outside):
    put(outside / REAL)
    (place / "elsewhere").symlink_to(outside)


def an_entry_s_folder_that_is_a_link(place, outside):
    put(outside / FILE)
    (place / UNUSED).symlink_to(outside)


def another_cache_inside(place, outside):
    cache_over(LocalEngine.from_options(str(place / "inside"), {})).set("key", 1)


OTHERS = [
    names_one_character_away,
    hidden_files,
    temporary_files_of_others,
    a_directory_with_an_entry_s_name,
    empty_directories,
    a_link_with_an_entry_s_name,
    a_dangling_link,
    a_fifo,
    a_link_to_a_directory_with_entries,
    an_entry_s_folder_that_is_a_link,
    another_cache_inside,
]


@pytest.mark.parametrize("others", OTHERS, ids=lambda others: others.__name__)
def test_what_others_have_there_stays(directory, others):
    outside = directory.parent / "outside"
    others(directory, outside)
    before, before_outside = tree(directory), tree(outside)
    remove_everything(directory)
    left = tree(directory)
    made = {path for path in left.keys() - before.keys() if os.path.isdir(path)}
    assert {path: left[path] for path in left.keys() - made} == before
    assert tree(outside) == before_outside


def test_a_socket_stays(directory):
    (directory / FOLDER).mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"shared/{REAL}")
        remove_everything(directory)
    assert (directory / REAL).is_socket()


def test_temporary_files_are_removed_only_if_they_are_named_as_such(directory):
    remove_everything(directory)
    place = directory / PRIVATE / "temporary"
    names = ("notes.txt", "0" * 31, "0" * 33, "A" * 32, "0" * 32 + "\n", "g" * 32, "0" * 32 + "/" + "0" * 32)
    others = [put(place / name) for name in names[:-1]] + [put(place / ("f" * 32) / ("0" * 32))]
    stale = put(place / ("0" * 32))
    remove_everything(directory)
    assert not stale.exists()
    assert all(other.exists() for other in others)


@pytest.mark.parametrize("link", [PRIVATE, f"{PRIVATE}/temporary"])
def test_no_temporary_file_is_removed_by_way_of_a_link(directory, link):
    outside = directory.parent / "outside"
    inside = outside if link.endswith("temporary") else outside / "temporary"
    others = [put(inside / ("0" * 32)), put(inside / "notes.txt")]
    (directory / link).parent.mkdir(exist_ok=True)
    (directory / link).symlink_to(outside)
    remove_everything(directory)
    assert all(other.exists() for other in others)
