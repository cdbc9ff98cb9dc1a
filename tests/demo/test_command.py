"""The command as a shell runs it: a process of its own, with warnings as errors."""

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
        (["--option", "SERIALIZER=json"], "json cannot carry django.http.response.HttpResponse"),
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
        assert process.stdout.read() == "\nStopped.\n"
        assert process.wait(30) == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_given_location_stays_and_the_key_of_one_run_is_pointed_out(environment, tmp_path):
    with serving(environment, "--location", str(tmp_path / "kept")) as process:
        greeting = "".join(process.stdout.readline() for _ in range(3))
        with urllib.request.urlopen(re.search(r"http://\S+/", greeting)[0] + "module/keyword/"):
            process.send_signal(signal.SIGINT)
            process.stdout.read()
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
