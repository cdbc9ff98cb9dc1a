"""The computations of one process, each joined by who wants the same."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from s3cache.flights import Flights, around, within


def test_who_comes_first_has_it_and_the_others_join():
    flights = Flights()
    flight, own = flights.join("name")
    assert own
    assert flights.join("name") == (flight, False)
    assert flights.join("other")[1]


def test_after_the_end_the_next_has_one_of_his_own():
    flights = Flights()
    flight, _ = flights.join("name")
    flights.end("name", True)
    assert flight.done()
    another, own = flights.join("name")
    assert own and another is not flight


def test_of_many_threads_one_has_it():
    flights, count = Flights(), 16
    barrier = threading.Barrier(count)

    def joined():
        barrier.wait()
        return flights.join("name")

    with ThreadPoolExecutor(count) as pool:
        answers = [future.result() for future in [pool.submit(joined) for _ in range(count)]]
    assert [own for _, own in answers].count(True) == 1
    assert len({flight for flight, _ in answers}) == 1


def test_who_gives_up_waiting_takes_it_from_nobody():
    flight, _ = Flights().join("name")
    assert not flight.cancel()


async def test_what_begins_inside_knows_what_it_is_inside_of():
    flights = Flights()
    outer, _ = flights.join("outer")
    inner, _ = flights.join("inner")

    async def seen():
        return around.get()

    with within(outer):
        with within(inner):
            assert await asyncio.create_task(seen()) == (outer, inner)
        assert around.get() == (outer,)
    assert around.get() == ()
