"""An engine whose store is away."""

from s3cache.engines.memory import MemoryEngine
from s3cache.errors import EngineUnavailable


class AwayEngine(MemoryEngine):
    def get_object(self, name, **conditions):
        raise EngineUnavailable("The store is away.")

    def put_object(self, name, body, **conditions):
        raise EngineUnavailable("The store is away.")
