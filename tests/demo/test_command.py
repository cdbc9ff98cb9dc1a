"""The command as a shell runs it: a process of its own, with warnings as errors."""

import argparse
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from s3cache.demo.command import lasting
from s3cache.demo.starting import location
from s3cache.engines.local import LocalEngine
from s3cache.naming import object_name

PYTHON = (sys.executable, "-X", "dev", "-W", "error", "-m", "s3cache")


@pytest.fixture
def environment(tmp_path):
    """Temporary files go where the test sees them."""
    (tmp_path / "tmp").mkdir()
    return {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def run(environment):
    def run(*arguments):
        return subprocess.run([*PYTHON, *arguments], env=environment, capture_output=True, text=True, timeout=600)

    return run


def test_without_a_command_the_help_is_printed(run):
    done = run()
    assert done.returncode == 0
    assert "demo" in done.stdout


def test_an_unknown_command_is_refused(run):
    assert run("dmeo").returncode == 2


def test_an_unknown_argument_is_refused_with_the_usage_of_its_command(run):
    done = run("demo", "--bogus")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m s3cache demo [-h] [--engine")
    assert done.stderr.endswith("python -m s3cache demo: error: unrecognized arguments: --bogus\n")


def test_an_unknown_argument_without_a_command_is_refused_with_the_usage_of_all(run):
    done = run("--bogus")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m s3cache [-h] command")


@pytest.mark.once
def test_the_check_makes_the_tour_prints_the_times_and_leaves_nothing_behind(run, tmp_path):
    done = run("demo", "--check", "--pages", "4")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"pydoc_data\.topics +│ +\S+ MB │", done.stdout)
    assert re.search(r"cold +│ +4 │ +0 ", done.stdout)
    assert re.search(r"warm +│ +0 │ +4 ", done.stdout)
    assert re.search(r"cold again +│ +4 │ +0 ", done.stdout)
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "lokal"], "Did you mean 'local'?"),
        (["--option", "COMPRESOR=zstd"], "Did you mean 'COMPRESSOR'?"),
        (["--option", "MAX_ENTRIES=many"], "accepted: a whole number"),
        (["--option", "MAX_ENTRIES"], "is not of the form name=value"),
        (["--option", "SERIALIZER=json"], "uses cache_page, which stores HttpResponse objects and needs the serializer 'pickle'"),
        (["--engine", "boto3"], "demo: --location is missing. No bucket is given. Write LOCATION as s3://bucket/prefix"),
        (["--location", ""], "demo: --location is missing. "),
        (["--engine", "boto4"], "demo: OPTIONS['ENGINE'] is 'boto4'"),
        (["--engine", "boto3", "--location", "s3://bucket/prefix", "--option", "end_point=x"], "Did you mean 'endpoint_url'?"),
        (["--engine", "tests.demo.away.AwayEngine"], "The store is away."),
        (["--port", "65536"], "'65536' is not a whole number from 0 to 65535"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1, port 8000: "),
    ],
)
def test_a_mistake_is_a_message_and_status_2(run, arguments, message):
    done = run("demo", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said_clearly(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("demo", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "Address already in use. Choose another --port" in done.stderr


def test_a_package_that_is_not_installed_is_named_with_the_way_to_install_it(environment, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['pygments'] = None\n")
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run([*PYTHON, "demo", "--check"], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert 'not installed: pygments. Install with: pip install "django-s3-cache[demo]"' in done.stderr


@pytest.fixture
def of_others(tmp_path):
    """A location with an entry that the demo did not write: the engine over it, and the entry's name."""
    engine, name = LocalEngine(str(tmp_path / "others")), object_name("", ":1:of-others")
    engine.put_object(name, b"an entry")
    return engine, name


def test_the_check_refuses_a_location_that_holds_entries_and_leaves_it_as_it_was(run, of_others):
    engine, name = of_others
    before = list(engine.list_objects())
    done = run("demo", "--check", "--location", engine.location)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{engine.location} already holds cache entries" in done.stderr
    assert "--clear" in done.stderr
    assert list(engine.list_objects()) == before
    assert engine.get_object(name).body == b"an entry"


@pytest.mark.once
def test_the_check_clears_a_location_where_it_is_told_to(run, of_others):
    engine, name = of_others
    done = run("demo", "--check", "--clear", "--pages", "3", "--location", engine.location)
    assert (done.returncode, done.stderr) == (0, "")
    assert name not in {info.name for info in engine.list_objects()}


@pytest.mark.once
def test_the_check_takes_a_new_location_without_being_told_to_clear_it(run, tmp_path):
    done = run("demo", "--check", "--pages", "3", "--location", os.path.relpath(tmp_path / "new"))
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "new").rglob("*.s3c"))


def test_the_help_says_what_the_check_does_to_a_location(run):
    text = " ".join(run("demo", "--help").stdout.split())
    assert "it clears the cache on its way, so it refuses a location that holds entries" in text
    assert "--clear with --check: remove every entry at the location" in text


@pytest.mark.parametrize(
    ("engine", "given", "expected"),
    [
        ("local", "cache", "{cwd}/cache"),
        ("local", "../cache", "{parent}/cache"),
        ("local", "/var/cache", "/var/cache"),
        ("local", "file:///var/cache", "file:///var/cache"),
        ("local", "", ""),
        ("boto3", "prefix", "prefix"),
        ("boto3", "s3://bucket/prefix", "s3://bucket/prefix"),
    ],
)
def test_a_path_is_relative_to_the_working_directory(monkeypatch, tmp_path, engine, given, expected):
    monkeypatch.chdir(tmp_path)
    with location(argparse.Namespace(engine=engine, location=given)) as place:
        assert place == expected.format(cwd=tmp_path, parent=tmp_path.parent)


@contextlib.contextmanager
def serving(environment, *arguments):
    command = [*PYTHON, "demo", "--port", "0", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_server_prints_its_address_and_ends_cleanly(environment, tmp_path, end):
    with serving(environment) as process:
        greeting = process.stdout.readline() + process.stdout.readline()
        with urllib.request.urlopen(re.search(r"http://\S+/", greeting)[0] + "module/keyword/") as page:
            assert page.headers["X-Cache"].startswith("computed")
        process.send_signal(end)
        assert process.communicate(timeout=60)[0] == "\nStopped.\n"
        assert process.returncode == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_given_location_stays_and_the_key_of_one_run_is_pointed_out(environment, tmp_path):
    with serving(environment, "--location", str(tmp_path / "kept")) as process:
        greeting = "".join(process.stdout.readline() for _ in range(3))
        with urllib.request.urlopen(re.search(r"http://\S+/", greeting)[0] + "module/keyword/"):
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert "SIGNING_KEY" in greeting
    assert list((tmp_path / "kept").rglob("*.s3c"))


def test_with_a_key_of_its_own_the_next_run_reads_what_this_one_stored(environment, tmp_path):
    port, sources = "0", []
    for _ in range(2):
        with serving(environment, "--location", str(tmp_path), "--option", "SIGNING_KEY=lasting", "--port", port) as process:
            greeting = process.stdout.readline() + process.stdout.readline()
            url, port = re.search(r"(http://127.0.0.1:(\d+)/)", greeting).groups()
            with urllib.request.urlopen(url + "module/keyword/") as page:
                sources.append(page.headers["X-Cache"].partition(";")[0])
    assert sources == ["computed", "cache"]


@pytest.mark.parametrize(("options", "expected"), [({}, False), ({"SIGNING": False}, True), ({"SIGNING_KEY": "k"}, True)])
def test_entries_last_where_their_key_does(options, expected):
    assert lasting(options) is expected


def test_an_interrupted_check_leaves_nothing_behind(environment, tmp_path):
    with subprocess.Popen([*PYTHON, "demo", "--check"], env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not list((tmp_path / "tmp").glob("*/*")):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert "Traceback" not in process.stderr.read()
        assert process.wait(60) == 130
    assert list((tmp_path / "tmp").iterdir()) == []
