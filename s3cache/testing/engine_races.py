"""The engine contract, part three: many threads at once. Each test is run a few times, for a race is not lost every time."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from s3cache.engines.base import Engine, Etag
from s3cache.errors import EngineUnavailable, ObjectNotFound, PreconditionFailed
from s3cache.testing.engine_fixtures import EngineFixtures, listed, race, supported, won

repeated = pytest.mark.parametrize("turn", range(4))


class RacesContract(EngineFixtures):
    def test_every_verb_works_from_many_threads(self, engine: Engine, prefix: str) -> None:
        def work(number: int) -> None:
            name = f"{prefix}{number}/x"
            etag = engine.put_object(name, b"%d" % number)
            assert engine.get_object(name).body == b"%d" % number
            assert engine.get_object(name, first=1).etag == etag
            assert listed(engine, f"{prefix}{number}/") == [name]
            engine.delete_objects([name])

        race(work)
        assert listed(engine, prefix) == []

    @repeated
    def test_of_racing_creators_exactly_one_wins(self, engine: Engine, name: str, turn: int) -> None:
        with supported(engine.features.conditional_writes):
            wins = race(lambda number: won(lambda: engine.put_object(name, b"%d" % number, if_none_match=True)))
            assert wins.count(True) == 1
            assert engine.get_object(name).body == b"%d" % wins.index(True)

    @repeated
    def test_of_racing_writers_with_one_etag_exactly_one_wins(self, engine: Engine, name: str, turn: int) -> None:
        etag = engine.put_object(name, b"old") or "any"
        with supported(engine.features.conditional_writes):
            wins = race(lambda number: won(lambda: engine.put_object(name, b"%d" % number, if_match=etag)))
            assert wins.count(True) == 1
            assert engine.get_object(name).body == b"%d" % wins.index(True)

    def test_a_counter_kept_by_compare_and_swap_loses_nothing(self, engine: Engine, name: str) -> None:
        def increment() -> Etag:
            stored = engine.get_object(name)
            return engine.put_object(name, b"%d" % (int(bytes(stored.body)) + 1), if_match=stored.etag or "any")

        def increment_five_times(_: int) -> None:
            for _ in range(5):
                while not won(increment):
                    pass

        engine.put_object(name, b"0")
        with supported(engine.features.conditional_writes):
            race(increment_five_times, threads=8)
            assert engine.get_object(name).body == b"40"

    def test_readers_see_whole_bodies_while_others_write(self, engine: Engine, name: str) -> None:
        """Where overwrites are not atomic, a reader may meet less, but the writer's last word counts. An etag that a reader got
        with part of one body must not belong to another body, either. A read that gets no answer says nothing, as long as most
        of them get one: Ceph has a 500 for some that meet an overwrite, and who asks again gets the new body.
        """
        bodies = [bytes([number]) * (1 + 40_000 * number) for number in range(8)]
        firsts: dict[Etag, bytes] = {}
        written = threading.Event()
        answers: list[bool] = []

        def write() -> None:
            for body in bodies * 3:
                engine.put_object(name, body)
            written.set()

        def read(first: int | None) -> None:
            try:
                stored = engine.get_object(name, first=first)
            except ObjectNotFound:
                assert not engine.features.atomic_overwrites
                return
            except EngineUnavailable:
                answers.append(False)
                return
            answers.append(True)
            if engine.features.atomic_overwrites:
                found = bytes(stored.body)
                assert found in (bodies if first is None else [body[:first] for body in bodies])
                assert stored.etag is None or firsts.setdefault(stored.etag, found[:1]) == found[:1]

        def work(number: int) -> None:
            if number == 0:
                write()
            while not written.is_set():
                read(None if number % 2 else 100)

        engine.put_object(name, bodies[0])
        race(work, threads=5)
        assert engine.get_object(name).body == bodies[-1]
        assert answers.count(True) >= answers.count(False)

    @repeated
    def test_a_delete_with_an_etag_spares_what_is_written_meanwhile(self, engine: Engine, name: str, turn: int) -> None:
        etag = engine.put_object(name, b"old")
        with supported(engine.features.conditional_batch_delete):
            race(
                lambda number: engine.delete_objects([name], etags=[etag]) if number else engine.put_object(name, b"new"),
                threads=4,
            )
            assert engine.get_object(name).body == b"new"

    @repeated
    def test_a_compare_and_swap_never_brings_a_deleted_object_back(self, engine: Engine, name: str, turn: int) -> None:
        def work(number: int) -> None:
            if number % 2:
                engine.delete_objects([name])
            else:
                with suppress(PreconditionFailed):
                    engine.put_object(name, b"new", if_match=etag)

        etag = engine.put_object(name, b"old") or "any"
        with supported(engine.features.conditional_writes):
            race(work, threads=4)
            with pytest.raises(ObjectNotFound):
                engine.get_object(name)
