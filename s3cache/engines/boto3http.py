"""How the boto3 engine's requests are sent: by ``http.client``, in place of the three layers that botocore has for it.

botocore still finds the credentials, the endpoint and the session of a directory bucket, signs, follows redirects and reads the
answer. Before it sends, its event ``before-send`` lets anybody fulfil the request, and that is done here: a quarter of the
processor time of a request is saved, and each ends at the call's deadline. What goes wrong is raised as botocore's own errors.

Left to botocore are clients that use proxies or certificates of their own, and requests that wait for ``100 Continue``.

https://docs.aws.amazon.com/botocore/latest/topics/events.html#before-send
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, TypeAlias, TypeVar
from urllib.parse import SplitResult, urlsplit

from s3cache.engines.boto3sockets import Sockets

Read = TypeVar("Read", bytes, int)
PIECE = 1 << 20
"""How much of a body is sent at once."""
Kinds: TypeAlias = tuple[Callable[..., Exception], Callable[..., Exception]]
"""Of botocore's errors, the one for a time-out and the one for a connection that failed."""


def send_over(sockets: Sockets, client: Any) -> None:
    """From now on the client does."""
    client.meta.events.register_last("before-send.s3", partial(send, sockets))


def lacking(client: Any) -> bool:
    """Whether the client's config asks for what is not done here: a proxy, maybe of the environment, or its own certificate."""
    from botocore.utils import get_environ_proxies

    config = client.meta.config
    proxies = get_environ_proxies(client.meta.endpoint_url) if config.proxies is None else config.proxies
    return bool({"http", "https"} & proxies.keys() or config.client_cert or config.proxies_config)


def send(sockets: Sockets, request: Any, **_: object) -> Any:
    """The answer, as botocore's own client gives it; None leaves the request to that."""
    from botocore.awsrequest import AWSResponse

    if "Expect" in request.headers:
        return None
    url = urlsplit(request.url)
    connection = connected(sockets, url)
    answer = answered(connection, request, f"{url.path or '/'}{'?' if url.query else ''}{url.query}")
    body = Body(answer, request.url, connection, partial(sockets.keep, url))
    response = AWSResponse(request.url, answer.status, {}, body)
    response.headers = Headers(answer.getheaders())
    if not request.stream_output:
        response.content  # noqa: B018  # reads it, and keeps it
    return response


def connected(sockets: Sockets, url: SplitResult) -> HTTPConnection:
    from botocore import exceptions

    try:
        return sockets.take(url)
    except Exception as error:
        raise sdk_error(error, url.geturl(), (exceptions.ConnectTimeoutError, exceptions.EndpointConnectionError)) from error


def answered(connection: HTTPConnection, request: Any, target: str) -> HTTPResponse:
    from botocore import exceptions

    try:
        return exchange(connection, request, target)
    except Exception as error:
        connection.close()
        raise sdk_error(error, request.url, (exceptions.ReadTimeoutError, exceptions.ConnectionClosedError)) from error


def exchange(connection: HTTPConnection, request: Any, target: str) -> HTTPResponse:
    """Sends the request; the answer, of which the body is still to come."""
    body = request.body
    pieces = iter(partial(body.read, PIECE), b"") if hasattr(body, "read") else body
    with contextlib.suppress(BrokenPipeError):  # the server may have refused the body, and said why
        connection.request(request.method, target, pieces, request.headers, encode_chunked=True)
    return connection.getresponse()


def sdk_error(error: Exception, url: str, kinds: Kinds) -> Exception:
    """botocore's error for one of Python's."""
    from botocore import exceptions

    timed_out, failed = kinds
    if isinstance(error, ssl.SSLError):
        return exceptions.SSLError(endpoint_url=url, error=error)  # type: ignore[no-any-return]
    if isinstance(error, TimeoutError):
        return timed_out(endpoint_url=url, error=error)
    if isinstance(error, (OSError, HTTPException)):
        return failed(endpoint_url=url, error=error)
    return exceptions.HTTPClientError(error=error)  # type: ignore[no-any-return]


class Body:
    """The body of an answer, as botocore wants to read it. At its end ``keep`` gets the connection; closed before, nobody does."""

    def __init__(self, answer: HTTPResponse, url: str, connection: HTTPConnection, keep: Callable[[HTTPConnection], None]) -> None:
        self._answer = answer
        self._url = url
        self._connection: HTTPConnection | None = connection
        self._keep = keep

    def read(self, amt: int | None = None) -> bytes:
        return self._reading(partial(self._answer.read, amt))

    def readinto(self, buffer: bytearray | memoryview) -> int:
        return self._reading(partial(self._answer.readinto, buffer))

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()

    def close(self) -> None:
        self._answer.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _reading(self, read: Callable[[], Read]) -> Read:
        from botocore import exceptions

        try:
            got = read()
        except Exception as error:
            self.close()
            raise sdk_error(error, self._url, (exceptions.ReadTimeoutError, exceptions.ResponseStreamingError)) from error
        if self._answer.isclosed() and self._connection is not None:
            connection, self._connection = self._connection, None
            self._keep(connection)
        return got


class Headers(MutableMapping[str, str]):
    """The headers of an answer. botocore's own make an object of each name that is looked up, and its parser looks up fifty."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self._values = {name.lower(): value for name, value in items}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __setitem__(self, name: str, value: str) -> None:
        self._values[name.lower()] = value

    def __delitem__(self, name: str) -> None:
        del self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
