"""A short form of ``python -m integration stampede`` on Ceph, with two of the engines. The long form takes the others, too."""

import pytest

from integration.atomicity.places import place_on
from integration.places import SERVERS
from integration.stampede.run import SITUATIONS, run

SERVER = "ceph"


@pytest.mark.parametrize("engine", ["boto3", "obstore"])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_many_processes_that_ask_at_once_have_a_value_computed_once(engine, situation):
    with place_on(SERVERS[SERVER], engine) as place:
        outcome = run(place, situation, processes=8, takes=1)
    assert outcome.problems == []
    assert len(outcome.asked) == 8 - (situation == "killed")
