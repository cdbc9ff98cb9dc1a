"""What a process has once, and what a fork leaves behind."""

import copy
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3cache import sharing


@pytest.fixture(autouse=True)
def _nothing_shared_yet(monkeypatch):
    monkeypatch.setattr(sharing, "_shared", {})


def test_one_object_for_a_key_is_built_on_first_use():
    built = []

    def build():
        built.append(object())
        return built[-1]

    assert sharing.shared("a", build) is sharing.shared("a", build) is built[0]
    assert sharing.shared("b", build) is built[1]
    assert len(built) == 2


def test_none_is_shared_too():
    assert sharing.shared("a", lambda: None) is None
    assert sharing.shared("a", lambda: "again") is None


def test_what_failed_to_be_built_is_tried_again():
    with pytest.raises(ValueError):
        sharing.shared("a", lambda: int("x"))
    assert sharing.shared("a", lambda: 1) == 1


def test_building_may_share_something_itself():
    assert sharing.shared("outer", lambda: (1, sharing.shared("inner", lambda: 2))) == (1, 2)


def test_racing_threads_build_once():
    built, barrier = [], threading.Barrier(8)

    def build():
        built.append(object())
        return built[-1]

    def race(_):
        barrier.wait(10)
        return sharing.shared("a", build)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(race, range(8))) == set(built)
    assert len(built) == 1


def test_the_executor_is_one_bounded_pool_of_our_own():
    pool = sharing.executor_for("engine")
    try:
        assert pool is sharing.executor_for("engine")
        assert pool.submit(lambda: threading.current_thread().name).result(10).startswith("s3cache")
        assert pool._max_workers == sharing.WORKERS
    finally:
        pool.shutdown()


# --- keys -------------------------------------------------------------------------------------------------------------------

DIFFERENT = [
    {},
    (),
    [],
    None,
    "",
    b"",
    0,
    False,
    0.0,
    1,
    True,
    "1",
    [1],
    (1,),
    {"a": 1},
    {"a": True},
    {"a": [1]},
    {"a": (1,)},
    [["a", 1]],
    (("a", 1),),
    {"a": 1, "b": 2},
    {"a": {"b": 1}},
    ["a", "b"],
    [["a"], "b"],
]


def test_different_values_give_different_keys():
    keys = {sharing.hashable(value) for value in DIFFERENT}
    assert len(keys) == len(DIFFERENT)


@pytest.mark.parametrize("value", DIFFERENT)
def test_equal_values_give_equal_keys(value):
    assert sharing.hashable(value) == sharing.hashable(copy.deepcopy(value))


def test_the_order_of_a_mapping_does_not_matter():
    assert sharing.hashable({"a": 1, "b": [2]}) == sharing.hashable({"b": [2], "a": 1})


def test_what_cannot_be_hashed_is_known_by_its_identity():
    class Unhashable:
        __hash__ = None

    one, other = Unhashable(), Unhashable()
    assert sharing.hashable(one) == sharing.hashable(one) != sharing.hashable(other)
    assert hash(sharing.hashable({"deep": [one]})) == hash(sharing.hashable({"deep": [one]}))


# --- forks ------------------------------------------------------------------------------------------------------------------


def run(script):
    """What the script prints, run in a process of its own."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_forked_child_builds_its_own():
    printed = run(
        """
        import os, sys
        from s3cache import sharing

        parents = sharing.shared("a", object)
        assert sharing.generation == 0
        child = os.fork()
        if child == 0:
            own = sharing.shared("a", object)
            print("child", own is parents, own is sharing.shared("a", object), sharing.generation, flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print("parent", sharing.shared("a", object) is parents, sharing.generation)
        """
    )
    assert printed == ["child", "False", "True", "1", "parent", "True", "0"]


def test_a_child_of_a_child_counts_two_forks():
    printed = run(
        """
        import os
        from s3cache import sharing

        for _ in range(2):
            child = os.fork()
            if child:
                os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(sharing.generation, flush=True)
        """
    )
    assert printed == ["2"]


def test_a_fork_while_another_thread_builds_does_not_block_the_child():
    printed = run(
        """
        import os, threading, warnings
        from s3cache import sharing

        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is what is tested
        building, go_on = threading.Event(), threading.Event()

        def build():
            building.set()
            go_on.wait(30)

        thread = threading.Thread(target=sharing.shared, args=("slow", build))
        thread.start()
        building.wait(30)
        child = os.fork()
        if child == 0:
            print(sharing.shared("slow", lambda: "built"), flush=True)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        go_on.set()
        thread.join()
        print(status)
        """
    )
    assert printed == ["built", "0"]


def test_the_executor_works_again_in_a_child():
    printed = run(
        """
        import os, warnings
        from s3cache import sharing

        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is what is tested
        print(sharing.executor_for("engine").submit(int, "1").result(10), flush=True)
        child = os.fork()
        if child == 0:
            print(sharing.executor_for("engine").submit(int, "2").result(10), flush=True)
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        """
    )
    assert printed == ["1", "2", "0"]
