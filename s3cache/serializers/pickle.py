"""Python's pickle: carries nearly everything, and is read only after the entry's signature was verified."""

from __future__ import annotations

import pickle
from typing import ClassVar

from s3cache.serializers.base import Buffer

# Fixed, because HIGHEST_PROTOCOL differs between Python versions, and an older one must read what a newer one wrote.
PROTOCOL = 5


class PickleSerializer:
    """Raises pickle's own errors for what cannot be pickled."""

    name: ClassVar[str] = "pickle"
    requires: ClassVar[tuple[str, ...]] = ()

    def dumps(self, value: object) -> bytes:
        return pickle.dumps(value, PROTOCOL)

    def loads(self, data: Buffer) -> object:
        """Runs whatever the pickle says. Only for data that is known to come from ``dumps``."""
        value: object = pickle.loads(data)
        return value
