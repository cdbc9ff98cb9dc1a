"""Runs the samples of one page of the docs, given as JSON on standard input: a list of [language, source], in order.

They share one module. ``python`` is executed, ``pycon`` is a doctest. Names in capitals that a block defines become Django
settings, and CACHES must pass the system checks without a message. BASE_DIR is there, as in a project's settings: the directory the
page runs in. A page that defines tests has them run by pytest at the end.
"""

import doctest
import json
import sys
import types
from pathlib import Path

import django
import pytest
from django.conf import settings
from django.core import checks
from django.test import override_settings

page = types.ModuleType("page")
page.BASE_DIR = Path.cwd()


def main(blocks):
    sys.modules["page"] = page
    settings.configure(SECRET_KEY="for the samples", INSTALLED_APPS=["s3cache"], ROOT_URLCONF="page")
    django.setup()
    for number, (language, source) in enumerate(blocks, 1):
        name = f"<sample {number}>"
        if language == "pycon":
            check_session(name, source)
        else:
            exec(compile(source, name, "exec"), vars(page))
            apply_settings()
    if any("def test_" in source or "Contract)" in source for _, source in blocks):
        run_tests(blocks)


def check_session(name, source):
    example = doctest.DocTestParser().get_doctest(source, vars(page), name, name, 0)
    example.globs = vars(page)  # not the copy that a DocTest makes: later blocks go on with what is defined here
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, clear_globs=False)
    assert not failed


def apply_settings():
    found = {name: vars(page)[name] for name in list(vars(page)) if name.isupper() and hasattr(settings, name)}
    if found:
        override_settings(**found).enable()
        for name in found:
            delattr(page, name)
    if "CACHES" in found:
        messages = checks.run_checks(tags=[checks.Tags.caches])
        assert not messages, messages


def run_tests(blocks):
    """As a developer would: the samples are a file of tests, and pytest runs it."""
    tests = Path("test_page.py")
    tests.write_text("\n\n".join(source for language, source in blocks if language == "python"))
    status = pytest.main(["-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", str(tests)])
    assert status == pytest.ExitCode.OK, status


if __name__ == "__main__":
    main(json.load(sys.stdin))
