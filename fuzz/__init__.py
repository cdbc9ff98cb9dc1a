"""Coverage-guided fuzzing of all that reads what somebody else may have written, with atheris.

    pip install atheris                              needs a Python that it has wheels for
    python -m fuzz TARGET --runs 1000000             or --seconds 600; both may be left out: until Ctrl-C
    python -m fuzz TARGET --work DIRECTORY           collects new inputs there, and not in a temporary directory
    python -m fuzz TARGET --work DIRECTORY --minimise    keeps of them, in corpus/TARGET, what reaches new code; needs no atheris

``targets.TARGETS`` has the targets: functions of some bytes that raise where a promise is broken. An input that breaks one is
written to ``corpus/TARGET/crash-...`` and stays there: ``tests/test_fuzz.py`` gives all of ``corpus`` to the
targets, without atheris.
"""
