"""obstore's calls in two shapes, both awaited, and the guard against a fork.

obstore's threads do not survive a fork, and what is called in the child then hangs, even with a new store. So the first use is
remembered, and a call in a child of that process raises EngineMisconfigured at once.

https://github.com/developmentseed/obstore/pull/441
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

from s3cache.errors import EngineMisconfigured

_first_user: int | None = None
"""The process in which obstore was first used."""


def check_process() -> None:
    """Raises EngineMisconfigured in a child of a process that has used obstore."""
    global _first_user
    if _first_user == os.getpid():
        return
    if _first_user is not None:
        raise EngineMisconfigured(
            f"obstore was used in the process {_first_user} before it forked this one, and would hang here. Fork before the first "
            "use of the cache (gunicorn without --preload, or with nothing that uses the cache while it loads), start processes by "
            "'spawn' or 'forkserver', or set OPTIONS['ENGINE'] to 'boto3' or 'minio'."
        )
    _first_user = os.getpid()


class Calls(Protocol):
    """obstore's calls, awaited."""

    async def get(self, store: Any, name: str, options: dict[str, Any]) -> Any: ...

    async def read(self, result: Any) -> Any: ...

    async def put(self, store: Any, name: str, body: bytes, options: dict[str, Any]) -> Any: ...

    async def delete(self, store: Any, names: Sequence[str]) -> None: ...

    async def following(self, stream: Any) -> Any:
        """The next item, None at the end."""
        ...


class BlockingCalls:
    """They never suspend."""

    async def get(self, store: Any, name: str, options: dict[str, Any]) -> Any:
        return store.get(name, options=options)

    async def read(self, result: Any) -> Any:
        return result.bytes()

    async def put(self, store: Any, name: str, body: bytes, options: dict[str, Any]) -> Any:
        return store.put(name, body, use_multipart=False, **options)

    async def delete(self, store: Any, names: Sequence[str]) -> None:
        store.delete(names)

    async def following(self, stream: Any) -> Any:
        return next(stream, None)


class NativeCalls:
    """They wait on the event loop, with no thread of Python's."""

    async def get(self, store: Any, name: str, options: dict[str, Any]) -> Any:
        return await store.get_async(name, options=options)

    async def read(self, result: Any) -> Any:
        return await result.bytes_async()

    async def put(self, store: Any, name: str, body: bytes, options: dict[str, Any]) -> Any:
        return await store.put_async(name, body, use_multipart=False, **options)

    async def delete(self, store: Any, names: Sequence[str]) -> None:
        await store.delete_async(names)

    async def following(self, stream: Any) -> Any:
        return await anext(stream, None)
