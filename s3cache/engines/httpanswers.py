"""The answers of ``http.client``, as the engines boto3 and minio take them: by itself it takes too much for one.

The ``response_class`` of a connection is ``Answer``. What is raised here ends the connection.
"""

from __future__ import annotations

import ssl
from email.errors import MissingHeaderBodySeparatorDefect
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from io import BufferedReader
from socket import socket
from typing import Any

from s3cache import deadlines
from s3cache.engines.timely import TimelyReader


class Answer(HTTPResponse):
    """A final answer with all of its headers, read by the call's deadline; anything else is an HTTPException.

    ``http.client`` awaits the final answer after ``100 Continue`` only. Any other interim one it takes for final, so that the next
    request on the connection would get the answer to this one.

    https://www.rfc-editor.org/rfc/rfc9110#section-15.2
    """

    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        deadline = deadlines.current.get()
        self.fp = Lines(raw if deadline is None else TimelyReader(raw, sock, deadline))

    def begin(self) -> None:
        super().begin()
        if self.status < 200:
            raise HTTPException(f"the interim answer {self.status} came, for which nobody has asked")
        if any(isinstance(defect, MissingHeaderBodySeparatorDefect) for defect in self.headers.defects):
            raise HTTPException("a line within the headers is none")


def has_unread(connection: socket) -> bool:
    """Whether bytes have come that TLS has decrypted already, so that no poll sees them."""
    return isinstance(connection, ssl.SSLSocket) and connection.pending() > 0


class Lines(BufferedReader):
    """``http.client`` takes the end of the connection for the end of the headers."""

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line:
            raise RemoteDisconnected("the connection ended before the headers did")
        return line
