"""How a value is read."""

from __future__ import annotations

from s3cache.entries import Entries
from s3cache.envelope import Place


class Reads:
    """Reads values from the store."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    async def value(self, place: Place) -> object:
        """The value, or MISSING. Costs one GET."""
        return self._entries.value(place, await self._entries.read(place))
