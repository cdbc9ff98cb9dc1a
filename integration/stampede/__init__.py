"""Whether many processes that ask for one key at once have its value computed once, and how long they wait.

    python -m integration stampede                                  every place and engine, each situation
    python -m integration stampede --place ceph --engine obstore    one of them
    python -m integration stampede --situation stale                a value that has expired is there
    python -m integration stampede --processes 50 --takes 2         how many ask, and how many seconds the computation takes
    python -m integration stampede --json FILE                      the figures, written down, too

The situations: ``stale``, a value is there that has expired; ``absent``, none is there; ``killed``, none is there, and who
computes is killed with ``kill -9`` as soon as he has begun. Whoever computes leaves a line in a file, and what each process was
told is in a file of its own: nothing here is concluded from times. Times are given, because they are what a visitor sees.
``tests/test_stampede_processes.py`` has a short form on a directory, ``integration/test_stampede.py`` one on Ceph.
"""
