"""Tests against real servers, on free loopback ports: Ceph's RADOS Gateway, OpenStack Swift, ``rclone serve s3`` and Azurite.

    python -m integration test [pytest's arguments]      start all servers, run pytest on this folder, stop them
    python -m integration serve ceph ...                 start these servers for trials by hand, until Ctrl-C
    python -m integration table                          what the last runs of ``test`` showed, engine by server
    python -m integration faults                         faults on Ceph under a mixed load, and what came of them: ``faults``
    python -m integration atomicity                      whether many processes, some killed, lose or repeat a write: ``atomicity``
    python -m integration stampede                       whether many who ask for one key have it computed once: ``stampede``
    python -m integration locks                          whether a lock has one holder while some are killed and stopped: ``locks``
    python -m integration leaks [ENGINE ...]             whether many operations leave descriptors, threads or memory: ``leaks``

``servers/`` has a module for each server, ``expected.py`` what a server cannot do, and ``conftest.py`` what the tests are given.
``.ci/install-servers`` installs what pip does not; ``tox -m servers`` runs it all.
"""

VARIABLE = "S3CACHE_SERVERS"
"""Of the environment: tells pytest, and the processes that pytest-xdist starts, of the servers that run."""
