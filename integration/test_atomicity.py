"""A short form of ``python -m integration atomicity`` on Ceph, with two of the engines. The long form takes the others, too."""

import pytest

from integration.atomicity.places import place_on
from integration.atomicity.run import Extent, run
from integration.places import SERVERS

SERVER = "ceph"


@pytest.mark.parametrize(("engine", "faults"), [("boto3", "none"), ("obstore", "none"), ("obstore", "kills"), ("boto3", "drops")])
def test_writes_of_many_processes_are_atomic_and_reads_whole(engine, faults):
    with place_on(SERVERS[SERVER], engine, drops=faults == "drops") as place:
        verdict, killed = run(place, Extent(processes=3, threads=4, seconds=5, kills=faults == "kills"))
    assert verdict.problems == []
    assert verdict.adds and verdict.winners and verdict.reads and verdict.acknowledged, "nothing was tried"
    assert bool(killed) == (faults == "kills")
    if faults == "none":
        assert verdict.winners == verdict.adds
        assert verdict.sum == verdict.acknowledged == verdict.attempted
