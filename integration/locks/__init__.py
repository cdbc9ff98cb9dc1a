"""Whether a lock has one holder at a time, for a store that looks at tokens, while holders are killed and come to a halt.

    python -m integration locks                                  every place and engine
    python -m integration locks --place ceph --engine obstore    one of them
    python -m integration locks --seconds 300 --json FILE        longer; written down, too
    python -m integration locks --no-faults                      nobody is killed or stopped: then no two may overlap at all

Many processes contend for a few locks. Who holds one writes to a store that refuses a token below one that it has seen
(``checking``). Meanwhile holders are killed (kill -9), and stopped for longer than their lease and then continued (SIGSTOP,
SIGCONT); every other process has a wall clock that is hours off. Half of the locks are renewed by themselves.

The processes share nothing but the cache and that store. Each notes its calls in a file of its own
(``integration.atomicity.journal``); at the end ``verdict`` compares what they were told with what the store has seen. It is pure:
its own tests are in ``tests/test_lock_verdict.py``. ``integration/test_locks.py`` has short runs.
"""
