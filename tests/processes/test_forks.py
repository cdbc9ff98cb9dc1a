"""Children of a process that has used the cache: forked, spawned, many at once, in the middle of requests; and their children."""

import pytest
from django.core.files import locks

from tests.processes.support import PATIENCE, S3, run, start

each_engine = pytest.mark.parametrize("engine", ["boto3", "minio", "local"])
REFUSAL = "EngineMisconfigured: obstore was used in the process "
CHILDREN, TASKS = 4, 12


@each_engine
def test_many_children_of_one_parent_share_its_entries_and_its_counter(made, engine):
    assert run("prefork", made(engine), "fork", CHILDREN, TASKS) == ["done", f"children: {CHILDREN}", f"counter: {TASKS}"]


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
@pytest.mark.parametrize("engine", ["obstore", "boto3"])
def test_children_that_do_not_come_from_the_parent_itself_may_use_any_engine(made, engine, method):
    assert run("prefork", made(engine), method, 2, 4) == ["done", "children: 2", "counter: 4"]


def test_children_forked_after_obstore_was_used_say_at_once_what_to_do(made):
    said, children, counter = run("prefork", made("obstore"), "fork", CHILDREN, TASKS)
    assert said.startswith(REFUSAL)
    assert "gunicorn without --preload" in said
    assert (children, counter) == (f"children: {CHILDREN}", "counter: 0")


@each_engine
def test_the_child_of_a_child_of_a_child_may_use_the_cache_too(made, engine):
    assert run("generations", made(engine), 2) == ["done", "counter: 5"]


def test_a_child_of_a_child_that_used_obstore_says_so(made):
    assert run("unused_parent", made("obstore"))[0].startswith(REFUSAL)


def test_the_store_of_the_memory_engine_begins_empty_in_a_child(made):
    assert run("fresh_memory", made("memory")) == ["done", "1"]


@pytest.mark.parametrize(("engine", "forks"), [("boto3", 5), ("minio", 20), ("local", 40)])  # boto3 takes long to begin
def test_a_thread_may_fork_while_others_are_in_the_middle_of_requests(made, engine, forks):
    assert run("fork_in_a_thread", made(engine), forks) == ["done"]


@pytest.mark.parametrize("engine", [*S3, "files", "local"])
def test_no_child_waits_for_a_lock_that_a_thread_of_its_parent_held(made, engine):
    said, *locks = run("fork_while_all_is_locked", made(engine, NEAR_CACHE={"MAX_BYTES": 100_000, "TTL": 60}))
    assert said == "done"
    assert {"s3cache.sharing._lock", "Statistics._lock", "NearCache._lock"} <= set(locks)


def test_a_computation_may_have_children_and_one_that_asks_for_its_value_computes_when_the_lease_is_over(made):
    cache = made("local", STAMPEDE={"LEASE": 1})
    assert run("fork_in_a_computation", cache) == ["another key: done", "the key itself: done", "the child's", "the child's"]


def test_a_child_that_returns_from_a_computation_is_one_more_who_computes(made):
    assert run("fork_that_returns", made("local", STAMPEDE={"LEASE": 20})) == ["the child's"] * 2


@pytest.mark.parametrize("engine", ("local", "minio", "boto3"))
def test_a_child_that_was_forked_behind_pythons_back_has_connections_of_its_own(made, engine):
    assert run("fork_unknown_to_python", made(engine)) == ["True", "done"]


def test_a_child_holds_no_lock_of_a_parent_that_was_killed(made, tmp_path):
    path = tmp_path / "lock"
    with start("killed_with_a_lock", made("local"), path) as parent:
        assert parent.stdout.readline() == "locked\n"
        with open(path) as file:
            assert not locks.lock(file, locks.LOCK_EX | locks.LOCK_NB)
            parent.kill()
            parent.wait(PATIENCE)
            assert locks.lock(file, locks.LOCK_EX | locks.LOCK_NB)
