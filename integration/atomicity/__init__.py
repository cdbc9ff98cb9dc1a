"""Whether add, incr, decr and touch are atomic, and reads whole, while many processes write and some of them are killed.

    python -m integration atomicity                                  every place and engine, without faults
    python -m integration atomicity --place ceph --engine obstore    one of them
    python -m integration atomicity --kills --drops                  writers are killed, and answers to writes are lost
    python -m integration atomicity --all --json FILE                without faults, with kills, with drops; written down, too
    python -m integration atomicity --counter                        nothing but increments of one counter: how fast, who gave up

The processes share nothing but the cache. Each notes every call in a file of its own, once before it and once after it returned
(``journal``), so what it was told survives a ``kill -9``. The workload is in ``writers``, what a page of it looks like in
``pages``; ``run`` starts and kills the processes. At the end ``verdict`` compares what was told with what is in the cache. It is
pure: its own tests are in ``tests/test_atomicity.py``, beside a short run on a directory; ``integration/test_atomicity.py`` has
one on Ceph.
"""
