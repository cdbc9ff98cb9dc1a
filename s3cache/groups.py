"""Groups: views of a cache whose entries are dropped together, by one write.

``cache.group("product:42")`` is a cache with all methods. Each method first finds the group's generation (``generations``), then
does its work on a copy of the cache whose full keys begin with that. So all of one call is under one generation: what
``get_or_set`` began to compute before the group was dropped is stored under the old one, and nobody finds it.

A group of a view is a group within a group: other than that of its name elsewhere, and dropped with each of those around it.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from s3cache import sharing
from s3cache.backend import ObjectStoreCache
from s3cache.delegation import delegating
from s3cache.errors import EngineUnavailable
from s3cache.foundation import checked_name, followed
from s3cache.generations import fresh_generation, grouped_key
from s3cache.operations import Operations
from s3cache.runtime import finish
from s3cache.unanswered import unanswered

OF_THE_WHOLE_CACHE = {"close", "cull"}
"""Methods that a group has as the cache has them, as ``stats`` and ``objects``."""

VERSION = 1
"""A group has entries of all versions, and its own key is always of this one."""


class Group(ObjectStoreCache):
    """A view of ``cache``. Making one costs nothing. Each method costs what it does there, and once in GROUP_TTL a GET more."""

    def __init__(self, cache: ObjectStoreCache, name: str) -> None:
        vars(self).update(vars(cache))
        self._cache = cache
        self._groups = (*cache._groups, checked_name("group", name))

    def invalidate(self) -> None:
        """Drops all entries of the group, of all versions. Costs one PUT.

        This process misses them from now on, others GROUP_TTL seconds later at the latest.
        """
        finish(self._operations.new_generation(self._group_key))

    async def ainvalidate(self) -> None:
        await self._awaited(Operations.new_generation, self._group_key)

    def clear(self) -> None:
        """The same as ``invalidate``."""
        self.invalidate()

    async def aclear(self) -> None:
        await self.ainvalidate()

    def pinned(self) -> ObjectStoreCache:
        """The cache as the group has it now, for a read, a computation and a write that belong together.

        What is stored through it after the group was dropped is found by nobody. Costs a GET once in GROUP_TTL.
        """
        outer = self._cache.pinned() if isinstance(self._cache, Group) else self._cache
        try:
            return self._bound(outer, finish(outer._operations.generation(self._group_key)))
        except EngineUnavailable as error:
            return self._unanswered(outer, error)

    async def apinned(self) -> ObjectStoreCache:
        outer = await self._cache.apinned() if isinstance(self._cache, Group) else self._cache
        generation = outer._operations.generation_at_hand(self._group_key)  # on a thread of ours it would take longer
        try:
            if generation is None:
                generation = await outer._awaited(Operations.generation, self._group_key)
            return self._bound(outer, generation)
        except EngineUnavailable as error:
            return self._unanswered(outer, error)

    @property
    def _group_key(self) -> str:
        """Made as keys are, so that sites with other prefixes have other groups. No two paths of names give the same."""
        return self.make_key("".join(f"{len(name)}:{name}" for name in self._groups), version=VERSION)

    def _bound(self, outer: ObjectStoreCache, generation: str) -> ObjectStoreCache:
        bound = object.__new__(type(outer))
        vars(bound).update(vars(outer), _groups=self._groups, _scope=grouped_key(outer._scope, generation))
        return bound

    def _unanswered(self, outer: ObjectStoreCache, error: EngineUnavailable) -> ObjectStoreCache:
        """One whose methods answer as they do without a store. Its keys are nobody's."""
        bound, assembly = self._bound(outer, fresh_generation()), outer._assembled()
        bound._generation = sharing.current()
        bound._assembly = dataclasses.replace(
            assembly,
            operations=unanswered(assembly.operations, error),
            native=assembly.native and unanswered(assembly.native, error),
        )
        return bound


def group_of(cache: ObjectStoreCache, name: str) -> Group:
    """The group of that name; with the methods that a subclass adds, too."""
    kind: Any = type(cache)
    group: Group = (kind if isinstance(cache, Group) else group_class(kind))(cache, name)
    return group


@functools.cache
def group_class(kind: type[ObjectStoreCache]) -> type[Group]:
    return Group if kind is ObjectStoreCache else type("Group", (Group, kind), {"__doc__": Group.__doc__})


for _name in followed(ObjectStoreCache):
    if _name not in OF_THE_WHOLE_CACHE | {*vars(Group)}:
        setattr(Group, _name, delegating(getattr(ObjectStoreCache, _name)))
        setattr(Group, f"a{_name}", delegating(getattr(ObjectStoreCache, f"a{_name}")))
