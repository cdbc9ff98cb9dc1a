"""The serializer contract, tested by ``s3cache.testing.SerializerContract``.

``dumps`` gives bytes from which ``loads`` makes an equal value of equal types, or raises, before anything is written: TypeError
for a type that is not carried, ValueError for a value of a carried type that is not, such as NaN in JSON; pickle raises its
own errors. It leaves the value as it was. ``loads`` takes bytes or a memoryview, and may raise any Exception: the entry is then a
miss. Two calls share no mutable object.

``name``, at most 8 ASCII letters and digits, is stored in every entry and means one format for ever: a changed format takes a
new name. ``requires`` names the modules that must be installed; they are imported on first use. The class is made without
arguments, and one instance may be used from many threads at once.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

Buffer = bytes | memoryview


class Serializer(Protocol):
    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]]

    def dumps(self, value: object) -> bytes: ...

    def loads(self, data: Buffer) -> object: ...
