"""Tests against real servers, on free loopback ports: Ceph's RADOS Gateway, OpenStack Swift, ``rclone serve s3`` and Azurite.

    python -m integration test [pytest's arguments]      start all servers, run pytest on this folder, stop them
    python -m integration serve ceph ...                 start these servers for trials by hand, until Ctrl-C
    python -m integration table                          what the last runs of ``test`` showed, engine by server

``servers/`` has a module for each server, ``expected.py`` what a server cannot do, and ``conftest.py`` what the tests are given.
``.ci/install-servers`` installs what pip does not; ``tox -m servers`` runs it all.
"""

VARIABLE = "S3CACHE_SERVERS"
"""Of the environment: tells pytest, and the processes that pytest-xdist starts, of the servers that run."""
