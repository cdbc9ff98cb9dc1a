"""The targets by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from fuzz import compressors, damage, encrypted, envelopes, forgeries, names, pieces, serializers


class Target(NamedTuple):
    check: Callable[[bytes], object]
    """Raises where a promise is broken."""
    seeds: Callable[[], Iterable[bytes]]
    """Inputs to begin with."""


TARGETS = {
    "envelope": Target(envelopes.check, envelopes.seeds),
    "forgery": Target(forgeries.check, forgeries.seeds),
    "damage": Target(damage.check, damage.seeds),
    "encrypted": Target(encrypted.check, encrypted.seeds),
    "json": Target(serializers.check_json, serializers.json_seeds),
    "msgpack": Target(serializers.check_msgpack, serializers.msgpack_seeds),
    **{name: Target(compressors.checks(name), compressors.seeds_of(name)) for name in compressors.NAMES},
    "names": Target(names.check, names.seeds),
    "pieces": Target(pieces.check, pieces.seeds),
}
