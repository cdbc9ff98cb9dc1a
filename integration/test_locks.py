"""A short form of ``python -m integration locks``: in a directory, on moto and on Ceph. The long form takes every engine."""

import pytest

from integration.atomicity.places import place_on
from integration.locks.run import Extent, run
from integration.places import SERVERS

PLACES = [("local", None), ("boto3", "moto"), ("obstore", "moto"), ("boto3", "ceph"), ("obstore", "ceph")]


@pytest.mark.parametrize(("engine", "server"), PLACES, ids=lambda value: str(value))
@pytest.mark.parametrize("faults", [True, False], ids=["faults", "no faults"])
def test_a_lock_has_one_holder_at_a_time(engine, server, faults):
    with place_on(SERVERS[server] if server else None, engine) as place:
        extent = Extent(processes=8, locks=2, lease=2.0 if faults else 5.0, seconds=8.0, faults=faults)
        verdict, met = run(place, extent, remote=server is not None)
    assert verdict.problems == []
    assert verdict.acquisitions > 8
    assert verdict.writes > 8
    assert bool(met.kills + met.stops) == faults
    if not faults:
        assert verdict.lost == verdict.fenced == 0
