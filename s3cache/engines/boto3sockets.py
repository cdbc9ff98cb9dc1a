"""The connections that the boto3 engine's requests travel over: the standard library's, kept alive, verified as boto3 does.

A connection is taken, used for one request and its answer, and kept for the next one; whoever does not read an answer to its end
closes the connection instead.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import weakref
from collections import deque
from functools import cached_property
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, TypeAlias
from urllib.parse import SplitResult

from s3cache.engines.httpanswers import Answer, has_unread
from s3cache.engines.timely import Timely

Origin: TypeAlias = tuple[int, str, str]
"""The process, so that a child leaves its parent's connections alone; scheme and host of a URL, with the port."""


class Sockets:
    """Idle connections, by origin. Many threads may take and keep at once.

    The config of a client says how many, and how long to wait; ``verify`` is what ``certificates`` gives.
    """

    def __init__(self, config: Any, verify: bool | str) -> None:
        self._verify = verify
        self._connect_timeout: float = config.connect_timeout
        self._read_timeout: float = config.read_timeout
        self._most: int = config.max_pool_connections
        self._idle: dict[Origin, deque[HTTPConnection]] = {}
        self._closed = False
        weakref.finalize(self, hang_up, self._idle)

    def take(self, url: SplitResult) -> HTTPConnection:
        """A connection that stands: an idle one that the server has not closed, or a new one. Raises what connecting raises."""
        idle = self._idle.get(origin(url), ())
        with contextlib.suppress(IndexError):  # another thread was quicker
            while idle:
                connection = idle.pop()
                if stands(connection):
                    return connection
                connection.close()
        return self._opened(url)

    def keep(self, url: SplitResult, connection: HTTPConnection) -> None:
        """For the next request; closed at once where the server wants that, or where enough are kept already."""
        idle = self._idle.setdefault(origin(url), deque())
        if connection.sock is None or len(idle) >= self._most:
            connection.close()
        else:
            idle.append(connection)
        if self._closed:
            hang_up(self._idle)

    def close(self) -> None:
        """Those in use are closed when they come back."""
        self._closed = True
        hang_up(self._idle)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context(self._verify)

    def _opened(self, url: SplitResult) -> HTTPConnection:
        connection = self._unopened(url)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.timeout = self._read_timeout
        return connection

    def _unopened(self, url: SplitResult) -> HTTPConnection:
        """The port is always given: without one, http.client would look for it in the address of an IPv6 host."""
        host, timeout = url.hostname or "", self._connect_timeout
        if url.scheme == "https":
            return Secure(host, url.port or 443, timeout=timeout, context=self._tls)
        return Plain(host, url.port or 80, timeout=timeout)


class Plain(Timely, HTTPConnection):
    response_class = Answer


class Secure(Timely, HTTPSConnection):
    response_class = Answer


def origin(url: SplitResult) -> Origin:
    return os.getpid(), url.scheme, url.netloc


def hang_up(idle: dict[Origin, deque[HTTPConnection]]) -> None:
    for connections in list(idle.values()):
        with contextlib.suppress(IndexError):
            while True:
                connections.pop().close()


def stands(connection: HTTPConnection) -> bool:
    """Whether an idle connection can still be used. Where something can be read, it is the end, or nothing that was asked for."""
    from urllib3.util import wait_for_read

    return not wait_for_read(connection.sock, 0) and not has_unread(connection.sock)


def certificates(session: Any, verify: bool | str | None) -> bool | str:
    """Where the certificates to trust are, as boto3 has it: the option, else AWS_CA_BUNDLE or ``ca_bundle`` of the shared files,
    else REQUESTS_CA_BUNDLE, else those of certifi or botocore (True). False: any is good.
    """
    sources = verify, session.get_config_variable("ca_bundle"), os.environ.get("REQUESTS_CA_BUNDLE"), True
    return next(source for source in sources if source is not None)


def tls_context(verify: bool | str) -> ssl.SSLContext:
    from botocore.httpsession import get_cert_path

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(get_cert_path(verify))
    except OSError as error:
        raise ssl.SSLError(error.errno, f"The certificates cannot be read: {error}") from error
    return context
