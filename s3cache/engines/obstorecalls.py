"""obstore's functions in their two shapes, blocking and native, and the guard against a fork.

obstore's threads do not survive a fork, and what is called in the child then hangs, even with a new store. So the first use is
remembered, and a call in a child of that process raises EngineMisconfigured at once.

https://github.com/developmentseed/obstore/pull/441
"""

from __future__ import annotations

import atexit
import functools
import os
import time
from collections.abc import Callable
from operator import methodcaller
from typing import Any, NamedTuple

from s3cache.errors import EngineMisconfigured

LAST_WORDS = 0.05
"""Seconds at the interpreter's exit in which the threads that woke event loops come to an end."""
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


class Calls(NamedTuple):
    """obstore's functions in one of their two shapes: what they return is the answer, or is awaited for it."""

    get: Callable[..., Any]
    put: Callable[..., Any]
    delete: Callable[..., Any]
    body: Callable[[Any], Any]
    """The whole body of an answer to ``get``."""
    following: Callable[[Any, Any], Any]
    """The next item of a stream; the second argument at its end."""


def blocking() -> Calls:
    import obstore

    return Calls(obstore.get, obstore.put, obstore.delete, methodcaller("bytes"), next)


@functools.cache
def native() -> Calls:
    """They wait on the event loop, with no thread of Python's."""
    import obstore

    # A thread that has just brought a result waits for the GIL once more. An interpreter that is gone by then aborts the process.
    atexit.register(time.sleep, LAST_WORDS)
    return Calls(obstore.get_async, obstore.put_async, obstore.delete_async, methodcaller("bytes_async"), anext)
