"""The contract, and the one thing that is fixed about pickle here: its protocol."""

import pickle

import pytest

from s3cache.serializers.pickle import PickleSerializer
from s3cache.testing.serializer_contract import ANY, SerializerContract, identical


class TestPickleSerializer(SerializerContract):
    @pytest.fixture
    def serializer(self):
        return PickleSerializer()


@pytest.mark.parametrize("name", sorted(ANY.keys() - {"memoryview"}))
def test_pickle_carries_what_the_tagged_formats_refuse(name):
    assert identical(PickleSerializer().loads(PickleSerializer().dumps(ANY[name])), ANY[name])


def test_the_protocol_is_5_on_every_python():
    assert PickleSerializer().dumps([]) == b"\x80\x05]\x94."


def test_what_cannot_be_pickled_raises_at_once():
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        PickleSerializer().dumps(lambda: None)


def test_a_value_may_contain_itself():
    value = []
    value.append(value)
    restored = PickleSerializer().loads(PickleSerializer().dumps(value))
    assert restored[0] is restored
