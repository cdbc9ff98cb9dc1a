"""Connections of ``http.client``, and of urllib3 over it, whose every wait ends by the call's ``Deadline``.

A time-out of a socket is for one wait, so that a server which sends a byte a second is never late. Here each wait gets the usual
time-out, or what the call has left where that is less. TLS keeps to it, too: its handshake, and each read and write, take no
longer in all than the socket's time-out.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection
from io import RawIOBase
from socket import socket
from threading import TIMEOUT_MAX
from typing import Any

from s3cache import deadlines
from s3cache.deadlines import Deadline
from s3cache.engines.abandoned import Overdue, in_time

PIECE = 1 << 18
"""Bytes that are sent within one time-out at most: a slow line takes a while for a large body."""


class Timely(HTTPConnection):
    """Stands before another class of connections. ``timeout`` is the usual one; the ``response_class`` reads by TimelyReader."""

    def connect(self) -> None:
        """On a thread of its own, because the system may take any time to find the host's addresses, and try them all."""
        if deadlines.left() == math.inf:
            super().connect()
            return
        twin = copy.copy(self)  # what is left behind must not touch this one any more
        error = in_time(partial(failure, super(Timely, twin).connect), undo=twin.close)
        self.__dict__.update(twin.__dict__)
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback has this frame

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        deadline = deadlines.current.get()
        for start in range(0, len(data), PIECE):
            limit(self.sock, self.timeout, deadline)
            super().send(data if len(data) <= PIECE else memoryview(data)[start : start + PIECE])

    def getresponse(self) -> Any:
        limit(self.sock, self.timeout, None)
        return super().getresponse()


class TimelyReader(RawIOBase):
    """A socket's own reader, which makes what it reads come in time. Closed, it closes that."""

    def __init__(self, raw: RawIOBase, sock: socket, deadline: Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        limit(self._sock, self._timeout, self._deadline)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        super().close()
        self._raw.close()


def failure(work: Callable[[], object]) -> Exception | None:
    try:
        work()
    except Exception as error:
        return error
    return None


def limit(sock: socket, timeout: float | None, deadline: Deadline | None) -> None:
    """The next wait of the socket gets so many seconds, or as many as are left. Raises Overdue where none are."""
    left = math.inf if deadline is None else deadline.left()
    if not left:
        raise Overdue
    if left < (TIMEOUT_MAX if timeout is None else timeout):
        timeout = left
    if sock.gettimeout() != timeout:
        sock.settimeout(timeout)
