"""Under the servers that sites run on, each with several worker processes: gunicorn, with and without --preload, and uvicorn."""

import json
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.request import ProxyHandler, build_opener

import pytest

from s3cache import ObjectStoreCache
from tests.processes.support import PATIENCE, environment, python

WORKERS = 2
OPENER = build_opener(ProxyHandler({}))


@contextmanager
def serving(module, entry, *arguments, **environ):
    """The URL of the site under that server, which ends well when it is told to, and prints no traceback."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        words = [word.replace("FD", str(listener.fileno())) for word in arguments]
        process = subprocess.Popen(
            python(f"import runpy; sys.argv[0] = {module!r}; runpy.run_module({module!r}, run_name='__main__')", *words),
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(CACHE=json.dumps(entry), **environ),
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode in (0, -15), said
        assert "Traceback" not in said, said


def gunicorn(entry, *arguments, **environ):
    words = ["--bind", "fd://FD", "--workers", str(WORKERS), "--log-level", "warning", "--timeout", str(PATIENCE), *arguments]
    return serving("gunicorn", entry, *words, "tests.processes.site:wsgi", **environ)


def visit_all(url):
    """What the workers answer, once each of them has."""
    answers = []
    with ThreadPoolExecutor(8) as visitors:
        while len({answer["worker"] for answer in answers}) < WORKERS:
            assert len(answers) < 400, "a worker never answers"
            answers += visitors.map(visit, [url] * 16)
    return answers


def visit(url):
    with OPENER.open(url, timeout=PATIENCE) as answer:
        return json.load(answer)


@pytest.mark.parametrize("engine", ["boto3", "minio", "storages", "local"])
def test_workers_of_gunicorn_use_a_cache_that_was_used_before_they_were_forked(made, engine):
    with gunicorn(made(engine), "--preload", USED_WHILE_LOADING="yes") as url:
        answers = visit_all(f"{url}/visit")
    assert sorted(answer["visits"] for answer in answers) == [*range(1, len(answers) + 1)]
    assert {answer["found"] for answer in answers} == {8}


def test_each_worker_of_gunicorn_has_a_memory_store_of_its_own(made):
    with gunicorn(made("memory"), "--preload", USED_WHILE_LOADING="yes") as url:
        answers = visit_all(f"{url}/visit")
    assert {answer["found"] for answer in answers} == {0}
    assert sum(answer["visits"] == 1 for answer in answers) == WORKERS


def test_workers_of_gunicorn_say_at_once_that_obstore_was_used_before_they_were_forked(made):
    with gunicorn(made("obstore"), "--preload", USED_WHILE_LOADING="yes") as url:
        answers = visit_all(f"{url}/visit")
    assert all("gunicorn without --preload" in answer["error"] for answer in answers)


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [((), {"USED_WHILE_LOADING": "yes"}), (("--preload",), {}), (("--threads", "4"), {"USED_WHILE_LOADING": "yes"})],
    ids=["without preload", "not used before the fork", "with threads"],
)
def test_workers_of_gunicorn_use_obstore_that_was_not_used_before_they_were_forked(made, arguments, environ):
    with gunicorn(made("obstore"), *arguments, **environ) as url:
        answers = visit_all(f"{url}/visit")
    assert sorted(answer["visits"] for answer in answers) == [*range(1, len(answers) + 1)]


@pytest.mark.parametrize("engine", ["boto3", "obstore"])
def test_workers_of_uvicorn_use_the_cache_from_the_beginning_of_their_lifespan_to_its_end(made, engine):
    entry = made(engine)
    words = ["--fd", "FD", "--workers", str(WORKERS), "--lifespan", "on", "--log-level", "warning"]
    with serving("uvicorn", entry, *words, "tests.processes.site:asgi") as url:
        answers = visit_all(f"{url}/async-visit")
    assert sorted(answer["visits"] for answer in answers) == [*range(1, len(answers) + 1)]
    assert {answer["found"] for answer in answers} == {8}
    cache = ObjectStoreCache(entry["LOCATION"], {"OPTIONS": entry["OPTIONS"]})
    assert cache.get("ended") == WORKERS
    cache.engine.close()
