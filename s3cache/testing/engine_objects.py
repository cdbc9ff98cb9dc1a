"""The engine contract, part one: get_object, put_object and delete_objects, called by one thread."""

from __future__ import annotations

import os

import pytest

from s3cache.engines.base import Engine
from s3cache.errors import NotModified, NotSupported, ObjectNotFound, ObjectTooLarge, PreconditionFailed
from s3cache.testing.engine_fixtures import EngineFixtures, listed, remove, supported

NAMES = [
    "plain",
    "a/b/c.s3c",
    "with space",
    "grüße/日本/🧊",
    "100%",
    "%2F%41",
    "a+b",
    "k=v",
    "q?x#y&z",
    "=c3=a9",
    "UPPER-lower_0.9",
]
BODIES = [b"", b"\0", b"\r\n\xff\xfe", bytes(range(256)), os.urandom(5 * 1024 * 1024)]


class ReadingContract(EngineFixtures):
    def test_get_returns_the_whole_body(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"whole body")
        assert engine.get_object(name).body == b"whole body"

    def test_get_returns_the_first_bytes(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"whole body")
        assert engine.get_object(name, first=5).body == b"whole"

    def test_the_first_bytes_of_a_shorter_body_are_the_whole(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"short")
        assert engine.get_object(name, first=5).body == b"short"
        assert engine.get_object(name, first=2048).body == b"short"

    def test_the_first_bytes_of_an_empty_object_are_empty(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"")
        assert engine.get_object(name, first=2048).body == b""

    @pytest.mark.parametrize("first", [None, 2048])
    def test_a_missing_object_is_not_found(self, engine: Engine, name: str, first: int | None) -> None:
        with pytest.raises(ObjectNotFound):
            engine.get_object(name, first=first)

    @pytest.mark.parametrize("first", [None, 2])
    def test_an_object_that_has_the_etag_is_not_modified(self, engine: Engine, name: str, first: int | None) -> None:
        etag = engine.put_object(name, b"body")
        if etag is None:
            assert not engine.features.conditional_writes
        else:
            with pytest.raises(NotModified):
                engine.get_object(name, first=first, if_none_match=etag)

    def test_an_object_that_has_another_etag_is_returned(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"old")
        engine.put_object(name, b"new")
        assert engine.get_object(name, if_none_match=etag).body == b"new"

    def test_a_missing_object_is_not_found_whatever_the_etag(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"body")
        engine.delete_objects([name])
        with pytest.raises(ObjectNotFound):
            engine.get_object(name, if_none_match=etag)

    def test_a_body_longer_than_the_limit_is_too_large(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"12345")
        with pytest.raises(ObjectTooLarge) as caught:
            engine.get_object(name, limit=4)
        assert caught.value.etag == etag

    def test_a_body_as_long_as_the_limit_is_returned(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"12345")
        assert engine.get_object(name, limit=5).body == b"12345"


class WritingContract(EngineFixtures):
    @pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{len(body)} bytes")
    def test_any_bytes_come_back(self, engine: Engine, name: str, body: bytes) -> None:
        engine.put_object(name, body)
        assert bytes(engine.get_object(name).body) == body

    @pytest.mark.parametrize("part", NAMES)
    def test_a_name_is_used_as_it_is(self, engine: Engine, prefix: str, part: str) -> None:
        engine.put_object(prefix + part, b"body")
        assert engine.get_object(prefix + part).body == b"body"
        assert listed(engine, prefix) == [prefix + part]
        engine.delete_objects([prefix + part])
        assert listed(engine, prefix) == []

    def test_the_longest_name_is_max_name_bytes(self, engine: Engine, prefix: str) -> None:
        room = engine.features.max_name - len(prefix.encode())
        longest = prefix + "/".join(["x" * 99] * room)[: room - 1] + "x"
        assert len(longest.encode()) == engine.features.max_name
        engine.put_object(longest, b"body")
        assert engine.get_object(longest).body == b"body"

    def test_a_put_replaces_the_body(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"a long old body")
        engine.put_object(name, b"new")
        assert engine.get_object(name).body == b"new"

    def test_put_returns_the_etag_that_every_read_returns(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"body")
        assert engine.get_object(name).etag == etag
        assert engine.get_object(name, first=1).etag == etag

    def test_an_etag_is_text_where_writes_can_be_conditional(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"body")
        assert etag is not None or not engine.features.conditional_writes

    def test_the_same_etag_means_the_same_body(self, engine: Engine, name: str) -> None:
        etags = [engine.put_object(name, b"body %d" % (number % 10)) for number in range(20)]
        bodies = {etag: {number % 10 for number in range(20) if etags[number] == etag} for etag in etags}
        assert bodies.keys() == {None} or all(len(numbers) == 1 for numbers in bodies.values())

    def test_create_only_writes_a_new_object(self, engine: Engine, name: str) -> None:
        with supported(engine.features.conditional_writes):
            etag = engine.put_object(name, b"body", if_none_match=True)
            assert engine.get_object(name).etag == etag

    def test_create_only_leaves_an_object_that_exists(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"old")
        with pytest.raises(PreconditionFailed if engine.features.conditional_writes else NotSupported):
            engine.put_object(name, b"new", if_none_match=True)
        assert engine.get_object(name).body == b"old"

    def test_create_only_works_again_after_a_delete(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"old")
        engine.delete_objects([name])
        with supported(engine.features.conditional_writes):
            engine.put_object(name, b"new", if_none_match=True)
            assert engine.get_object(name).body == b"new"

    def test_if_match_replaces_the_object_of_that_etag(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"old")
        with supported(engine.features.conditional_writes):
            new = engine.put_object(name, b"new", if_match=etag or "any")
            assert new != etag
            assert engine.get_object(name).etag == new
            assert engine.get_object(name).body == b"new"

    def test_if_match_leaves_an_object_of_another_etag(self, engine: Engine, name: str) -> None:
        stale = engine.put_object(name, b"old")
        engine.put_object(name, b"current")
        with pytest.raises(PreconditionFailed if engine.features.conditional_writes else NotSupported):
            engine.put_object(name, b"new", if_match=stale or "any")
        assert engine.get_object(name).body == b"current"

    def test_if_match_creates_nothing(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"old")
        engine.delete_objects([name])
        with pytest.raises(PreconditionFailed if engine.features.conditional_writes else NotSupported):
            engine.put_object(name, b"new", if_match=etag or "any")
        with pytest.raises(ObjectNotFound):
            engine.get_object(name)

    def test_both_conditions_at_once_are_a_mistake(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"old")
        with pytest.raises((ValueError, NotSupported) if etag is None else ValueError):
            engine.put_object(name, b"new", if_match=etag or "any", if_none_match=True)
        assert engine.get_object(name).body == b"old"


class DeletingContract(EngineFixtures):
    def test_delete_removes_an_object(self, engine: Engine, name: str) -> None:
        engine.put_object(name, b"body")
        engine.delete_objects([name])
        with pytest.raises(ObjectNotFound):
            engine.get_object(name)

    def test_delete_removes_a_whole_batch_and_nothing_else(self, engine: Engine, prefix: str) -> None:
        batch = [f"{prefix}{number}" for number in range(min(engine.features.delete_batch, 5))]
        for name in [*batch, prefix + "stays"]:
            engine.put_object(name, b"body")
        engine.delete_objects(batch)
        assert listed(engine, prefix) == [prefix + "stays"]

    def test_deleting_a_missing_name_is_no_error(self, engine: Engine, name: str) -> None:
        engine.delete_objects([name])
        engine.delete_objects([name])

    def test_a_missing_name_does_not_keep_the_rest_of_the_batch(self, engine: Engine, prefix: str) -> None:
        engine.put_object(prefix + "there", b"body")
        remove(engine, [prefix + "missing", prefix + "there"])
        assert listed(engine, prefix) == []

    def test_delete_with_etags_removes_the_objects_that_still_have_them(self, engine: Engine, prefix: str) -> None:
        names = [prefix + "same", prefix + "changed", prefix + "missing"]
        etags = [engine.put_object(name, b"old") for name in names]
        engine.put_object(prefix + "changed", b"new")
        engine.delete_objects([prefix + "missing"])
        with supported(engine.features.conditional_batch_delete):
            remove(engine, names, etags)
            assert listed(engine, prefix) == [prefix + "changed"]

    def test_delete_with_etags_that_is_not_supported_removes_nothing(self, engine: Engine, name: str) -> None:
        etag = engine.put_object(name, b"body")
        with supported(engine.features.conditional_batch_delete):
            engine.delete_objects([name], etags=[etag])
        assert (listed(engine, name) == []) is engine.features.conditional_batch_delete
