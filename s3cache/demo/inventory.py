"""What lies in the store: counted from a listing, which tells name, size and age of each object for nothing but the listing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from s3cache.demo.labels import Label, label_of
from s3cache.engines.base import ObjectInfo

LISTED = 10_000
"""Objects to look at; a page must not walk through millions."""

ORDERS = {
    "size": lambda item: -item.size,
    "age": lambda item: -item.modified.timestamp(),
    "page": lambda item: (item.label.api, item.label.what),
}


@dataclass(frozen=True, slots=True)
class Item:
    """A stored object."""

    name: str
    size: int
    modified: datetime
    label: Label


@dataclass(frozen=True, slots=True)
class Share:
    """What one API stored."""

    api: str
    objects: int
    size: int


@dataclass(frozen=True, slots=True)
class Inventory:
    items: Sequence[Item]
    complete: bool
    """False where the store has more than were looked at."""

    @property
    def size(self) -> int:
        return sum(item.size for item in self.items)

    @property
    def largest(self) -> int:
        return max((item.size for item in self.items), default=0)

    @property
    def oldest(self) -> datetime | None:
        return min((item.modified for item in self.items), default=None)

    @property
    def newest(self) -> datetime | None:
        return max((item.modified for item in self.items), default=None)

    def share(self, api: str) -> Share:
        sizes = [item.size for item in self.items if item.label.api == api]
        return Share(api, len(sizes), sum(sizes))

    def first(self, count: int, order: str) -> list[Item]:
        """In one of ``ORDERS``; in any other, the largest first."""
        return sorted(self.items, key=ORDERS.get(order, ORDERS["size"]))[:count]


def take_stock(objects: Iterable[ObjectInfo]) -> Inventory:
    """The inventory of the first ``LISTED`` objects. One request per thousand."""
    listed = [item(info) for info in itertools.islice(objects, LISTED + 1)]
    return Inventory(listed[:LISTED], complete=len(listed) <= LISTED)


def item(info: ObjectInfo) -> Item:
    return Item(info.name, info.size, info.modified, label_of(info.name))
