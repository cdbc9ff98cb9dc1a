"""What is said of supported versions in one place is true in the others."""

import re
import tomllib
from configparser import ConfigParser
from pathlib import Path

import s3cache

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def classified(prefix):
    """The versions, as in "3.11", of the classifiers that begin so."""
    return {found[1] for each in PROJECT["classifiers"] if (found := re.fullmatch(rf"{prefix} :: (\d+\.\d+)", each))}


def pairs():
    """The pairs of Python and Django in tox's env list."""
    tox = ConfigParser()
    tox.read(ROOT / "tox.ini")
    found = re.findall(r"py(\d)(\d+)-django(\d)(\d+)", tox["tox"]["env_list"])
    return [(f"{python}.{minor}", f"{django}.{point}") for python, minor, django, point in found]


def test_every_classified_version_is_tested_and_every_tested_one_classified():
    assert {python for python, _ in pairs()} == classified("Programming Language :: Python")
    assert {django for _, django in pairs()} == classified("Framework :: Django")


def test_the_oldest_versions_are_those_required():
    assert PROJECT["requires-python"] == f">={min(classified('Programming Language :: Python'))}"
    assert f"Django>={min(classified('Framework :: Django'))}" in PROJECT["dependencies"]


def test_django_and_pluggy_are_all_it_needs():
    assert {re.match(r"\w+", each)[0] for each in PROJECT["dependencies"]} == {"Django", "pluggy"}


def test_everything_is_among_all():
    extras = PROJECT["optional-dependencies"]
    [everything] = extras["all"]
    named = set(re.search(r"\[(.*)\]", everything)[1].split(","))
    assert named == extras.keys() - {"all", "dev", "test"}


def test_the_version_is_that_of_the_installed_distribution():
    from importlib.metadata import version

    assert s3cache.__version__ == version("django-s3-cache")
