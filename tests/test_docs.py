"""The docs are kept true: what can be named has its heading in docs/reference, tables say the real defaults, and samples run.

Of each page, ``code-block:: python`` and ``code-block:: pycon`` run in order in one process, in an empty directory; ``docs_runner``
says how. A page that talks to http://127.0.0.1:5000 is given a moto server.
"""

import dataclasses
import importlib.util
import inspect
import json
import os
import re
import secrets
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import s3cache
from s3cache import checks, hookspecs
from s3cache.engines import ENGINES
from s3cache.engines.obstoreclouds import AzureOptions, GcsOptions
from s3cache.engines.obstores3 import OwnOptions
from s3cache.engines.profiles import PROFILES
from s3cache.engines.s3options import S3Options
from s3cache.engines.s3storagesettings import UNUSED
from s3cache.engines.storages import installed_s3_storage
from s3cache.groups import Group
from s3cache.options import Options

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [ROOT / "README.rst", *sorted(path for path in DOCS.rglob("*.rst") if "_build" not in path.parts)]
MOTO = "http://127.0.0.1:5000"
SECRETS = (
    *("CACHE_ENCRYPTION_KEY", "CACHE_NEXT_ENCRYPTION_KEY", "CACHE_NAME_KEY"),
    *("CACHE_SIGNING_KEY", "CACHE_OLD_SIGNING_KEY"),
)
ENVIRONMENT = {**os.environ, **{name: secrets.token_urlsafe(32) for name in SECRETS}}
"""What a page may expect to find there."""

HEADING = re.compile(r"^(\S.*)\n([-=~^\"'*+#])\2+$", re.MULTILINE)
SIGNATURE = re.compile(r"^ *(?:\.\. (?:py:|auto)\w+::)?  *(?:\w+\.)*(\w+)(?:\(.*\))?$")
DIRECTIVE = re.compile(
    r"^\.\. (?:py:(?:class|method|attribute|data|decorator)|auto(?:class|exception|function)):: .+(?:\n {4,}\S.+)*", re.MULTILINE
)
ROW = re.compile(r"^   \* - ``(\w+)``\n     - (.+)\n     - ``(.+)``\n     - (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^( *)\.\. code-block:: (python|pycon)\n(?:\1 +:.*\n)*\n((?:\1 +.*\n|\s*\n)+)", re.MULTILINE)


def headings(page):
    """The headings of a page, each up to its colon."""
    return {heading.partition(":")[0].strip("`") for heading, _ in HEADING.findall((REFERENCE / page).read_text())}


def entries(page):
    """What the page describes with a directive, such as py:method or autoexception; several signatures may share one."""
    directives = DIRECTIVE.findall((REFERENCE / page).read_text())
    return {SIGNATURE.match(line)[1] for directive in directives for line in directive.splitlines()}


def table(page, heading=""):
    """The rows of the list-table of options, of the page or of what follows a heading there: name -> default."""
    text = (REFERENCE / page).read_text()
    if heading:
        text = text.partition(f"\n{heading}\n---")[2]
        text = text[: following.start()] if (following := HEADING.search(text)) else text
    rows = ROW.findall(text)
    assert len(rows) == len({name for name, *_ in rows})
    return {name: eval(default) for name, _, default, _ in rows}


def defaults(options, spelled=str):
    return {spelled(field.name): field.default for field in dataclasses.fields(options)}


def test_the_table_of_options_has_each_with_its_default():
    assert table("options.rst") == defaults(Options, str.upper)


@pytest.mark.parametrize("name", [field.name.upper() for field in dataclasses.fields(Options)])
def test_an_option_has_its_heading(name):
    assert name in headings("options.rst")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_has_its_heading(engine):
    assert engine in headings("engines.rst")


S3_OPTIONS = {name: default for name, default in defaults(S3Options).items() if name != "profile"}
"""PROFILE is the cache's own, and handed on."""


def test_the_table_of_s3_options_has_each_with_its_default():
    assert table("engines.rst") == S3_OPTIONS


@pytest.mark.parametrize(("scheme", "options"), [("S3", OwnOptions), ("gs://", GcsOptions), ("az://", AzureOptions)])
def test_the_tables_of_obstore_have_each_option_with_its_default(scheme, options):
    assert table("obstore.rst", f"Options on {scheme}") == defaults(options)


def test_every_option_of_s3storage_that_is_refused_is_in_the_table():
    page = (REFERENCE / "storages.rst").read_text()
    assert [name for name in UNUSED if f"``{name}``" not in page] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_has_no_options_but_those_in_the_table(engine):
    module = importlib.import_module(ENGINES[engine].rpartition(".")[0])
    assert {field.name for field in dataclasses.fields(getattr(module, "Options", S3Options))} <= {*table("engines.rst"), "profile"}


PROFILE = re.compile(r"^   \* - ``(\w+)``\n((?:     -.*\n){7})", re.MULTILINE)


def shown(profile):
    """The row of a profile, without its name."""
    conditional = profile.conditional_writes
    otherwise = []
    if not (profile.ordered_listing and profile.start_after):
        otherwise.append("lists in no order, from no point")
    if not profile.atomic_overwrites:
        otherwise.append("readers may meet half an overwrite")
    if not profile.etag_of_every_write:
        otherwise.append("no ETag for a write that was overtaken")
    return [
        "tried out" if not profile.proven else "yes" if conditional else "no",
        ("quoted" if profile.quoted_etags else "bare") if conditional else "–",
        ", ".join(map(str, (412, *profile.lost_race))) if conditional else "–",
        f"{profile.delete_batch:,}",
        "yes" if profile.trailing_checksums else "no",
        profile.addressing_style or "as the SDK thinks",
        "; ".join(otherwise),
    ]


def test_the_table_of_profiles_says_what_they_say():
    rows = PROFILE.findall((REFERENCE / "profiles.rst").read_text())
    table = {name: [cell.removeprefix("     -").strip() for cell in cells.splitlines()] for name, cells in rows}
    assert table == {name: shown(profile) for name, profile in PROFILES.items()}


def check_ids():
    return sorted(set(re.findall(r'id="(.+?)"', inspect.getsource(checks))))


def test_there_are_checks():
    assert len(check_ids()) >= 6


@pytest.mark.parametrize("check", check_ids())
def test_a_check_has_its_heading(check):
    assert check in headings("checks.rst")


@pytest.mark.parametrize("hook", [name for name, value in vars(hookspecs).items() if hasattr(value, "s3cache_spec")])
def test_a_hook_has_its_heading(hook):
    assert hook in headings("hooks.rst")


@pytest.mark.parametrize("name", s3cache.__all__)
def test_a_public_name_has_its_entry(name):
    assert name in entries("methods.rst") | entries("errors.rst") | entries("../howto/compute-once.rst") | entries(
        "locks.rst"
    ) | entries("groups.rst")


@pytest.mark.parametrize("method", [name for name in dir(s3cache.ObjectStoreCache) if not name.startswith("_")])
def test_a_method_has_its_entry(method):
    assert method in entries("methods.rst")


def test_no_method_is_described_that_does_not_exist():
    assert entries("methods.rst") - {"ObjectStoreCache", "AmazonS3Cache"} <= set(dir(s3cache.ObjectStoreCache))


def test_what_a_group_has_of_its_own_has_its_entry():
    own = {name for name in vars(Group) if not name.startswith("_")} - {*dir(s3cache.ObjectStoreCache)}
    assert own == {"invalidate", "ainvalidate", "pinned", "apinned"}
    assert entries("groups.rst") == own | {"Group", "clear", "aclear", "group"}


def samples(page):
    return [(language, textwrap.dedent(source)) for _, language, source in BLOCK.findall(page.read_text() + "\n")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_sample_is_found(page):
    assert len(samples(page)) == len(re.findall(r"code-block:: (?:python|pycon)\b", page.read_text()))


@pytest.mark.once
@pytest.mark.parametrize("page", [page for page in PAGES if samples(page)], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_samples_of_a_page_run(page, tmp_path, request):
    blocks = json.dumps(samples(page))
    blocks = blocks.replace("INSTALLED_APPS += ", "INSTALLED_APPS = ")  # a sample's settings begin with none
    if importlib.util.find_spec("storages"):  # of django-storages, as the pages have it, or of django-storages-s3
        blocks = blocks.replace("storages.backends.s3.S3Storage", installed_s3_storage())
    if MOTO in blocks:
        blocks = blocks.replace(MOTO, request.getfixturevalue("moto"))
    run = [sys.executable, str(Path(__file__).with_name("docs_runner.py"))]
    finished = subprocess.run(run, input=blocks, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stdout + finished.stderr
