"""The pool of connections that the minio engine hands to the SDK, and the engine's way to add to what the SDK sends.

The SDK's verbs cannot do all that an engine must. Up to 7.2.20 they take no condition for a PUT (``metadata`` would store
``If-None-Match`` as ``x-amz-meta-if-none-match``, and overwrite), and no header for a DELETE; later releases take headers, under
other names. But the pool is the user's to give. So an ``Exchange`` says, around a call of the client, what its requests take
along, and keeps the answer as it came. That needs no private name of the SDK, and is the same for all its releases. The pool
repeats nothing, and its connections end each request at the call's deadline (``timely``).
"""

from __future__ import annotations

import dataclasses
import os
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from s3cache.engines.httpanswers import Answer, has_unread
from s3cache.engines.s3answers import BROKEN_OFF, ForeignAnswer
from s3cache.engines.s3options import S3Options
from s3cache.engines.timely import Timely


@dataclasses.dataclass(slots=True)
class Exchange:
    """A call of the client: what its requests take along, and the last answer."""

    headers: Mapping[str, str]
    root: bytes = b""
    """What a good answer holds. The SDK takes any XML for an answer that is empty: a page of XHTML for a batch deleted."""
    asked: set[str] | None = None
    """The URLs of a listing's pages. A second time the same would go in circles."""
    response: Any = None

    @property
    def status(self) -> int:
        """0 where no answer came."""
        return 0 if self.response is None else self.response.status

    def check(self, url: str) -> None:
        """Raises ForeignAnswer for a page that the listing had already."""
        if self.asked is not None:
            if url in self.asked:
                raise ForeignAnswer(BROKEN_OFF)
            self.asked.add(url)

    def __enter__(self) -> Self:
        """From here on, what the client sends on this thread belongs to the exchange."""
        current.exchange = self
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the connection back, or ends it where a part of the body was left unread."""
        current.exchange = None
        if self.response is not None:
            self.response.close()
            self.response.release_conn()


current = threading.local()
"""Its ``exchange`` is that of the thread."""


class Exchanging:
    """What is ours in the pool; the rest is urllib3's PoolManager or ProxyManager."""

    process: int
    sign: Callable[[str, str, Any], None]
    retries: Any

    def clear(self, getpid: Callable[[], int] = os.getpid) -> None:
        """The client does this as it goes. In a child of the process that made the pool, its lock may be locked for ever.

        ``getpid`` is here because the client goes last when Python ends, and the module ``os`` before it.
        """
        if self.process == getpid():
            super().clear()  # type: ignore[misc]

    def urlopen(self, method: str, url: str, *, headers: Any, **given: Any) -> Any:
        """Follows no redirect: its target would get a request that was signed for another host."""
        exchange: Exchange = current.exchange
        exchange.check(url)
        headers = dict(headers.items())  # urllib3 copies and searches it: its own kind of dictionary is slower
        if exchange.headers:
            headers.update(exchange.headers)
            if "Authorization" in headers:  # S3 refuses an x-amz- header that is not signed
                self.sign(method, url, headers)
        exchange.response = super().urlopen(  # type: ignore[misc]
            method,
            url,
            headers=headers,
            redirect=False,
            retries=self.retries,
            decode_content=False,
            **given,
        )
        if exchange.response.headers.get("Content-Type", "").startswith("text/xml"):
            exchange.response.headers["Content-Type"] = "application/xml"  # the SDK reads no error under the older name
        if exchange.root and exchange.status == 200 and exchange.root not in exchange.response.data:
            raise ForeignAnswer(f"the answer has no {exchange.root.decode()}")
        return exchange.response


class OneHost:
    """PoolManager looks for the pool of the host, by parts of the URL, for every request: a tenth of its time. Here is only one."""

    host: Any = None
    connection_from_url: Callable[[str], Any]

    def urlopen(self, method: str, url: str, **given: Any) -> Any:
        host = self.host
        if host is None:
            host = self.host = self.connection_from_url(url)
        return host.urlopen(method, url[url.index("/", len("https://")) :], assert_same_host=False, **given)

    def clear(self) -> None:
        host, self.host = self.host, None
        if host is not None:
            host.close()  # urllib3 leaves that to the garbage collector, and an error may hold it a while
        super().clear()  # type: ignore[misc]


class Careful(Timely):
    """A connection that gives no answer to another request than the last one."""

    response_class = Answer

    @property
    def is_connected(self) -> bool:
        """Whether it can be used again."""
        return super().is_connected and not has_unread(self.sock)  # type: ignore[misc]


class Idle:
    """The idle connections of one host, as urllib3 keeps them: a LifoQueue, but without its lock.

    A thread may hold that while another forks. The child closes its copies of the connections, and would wait for the lock for
    ever.
    """

    def __init__(self, maxsize: int) -> None:
        self._most = maxsize
        self._items: list[Any] = []

    def put(self, item: Any, block: bool = False) -> None:
        if len(self._items) >= self._most:
            raise queue.Full
        self._items.append(item)

    def get(self, block: bool = False, timeout: float | None = None) -> Any:
        try:
            return self._items.pop()
        except IndexError:
            raise queue.Empty from None

    def qsize(self) -> int:
        return len(self._items)


def make_pool(options: S3Options, url: str, sign: Callable[[str, str, Any], None]) -> Any:
    """For the endpoint at the URL. Opens no connection yet."""
    from urllib3 import PoolManager, ProxyManager, Retry, Timeout
    from urllib3.connection import HTTPConnection

    settings = {
        "maxsize": options.max_pool_connections,
        "timeout": Timeout(connect=options.connect_timeout, read=options.read_timeout),
        "socket_options": [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
        "ssl_context": make_context(options) if url.startswith("https:") else None,
    }
    proxy = proxy_of(options, url)
    kind = type("Pool", (Exchanging, ProxyManager) if proxy else (Exchanging, OneHost, PoolManager), {})
    pool: Any = kind(**settings, **(proxy_settings(proxy) if proxy else {}))
    pool.pool_classes_by_scheme = {scheme: careful(kind) for scheme, kind in pool.pool_classes_by_scheme.items()}
    pool.process = os.getpid()
    pool.sign = sign
    pool.retries = Retry(0)
    return pool


def careful(kind: Any) -> Any:
    """That kind of urllib3's pools of one host, with careful connections."""
    connection = type(kind.ConnectionCls.__name__, (Careful, kind.ConnectionCls), {})
    return type(kind.__name__, (kind,), {"ConnectionCls": connection, "QueueCls": Idle})


def make_context(options: S3Options) -> Any:
    """Made once: urllib3 by itself would read the certificates for every connection."""
    import certifi
    from urllib3.util.ssl_ import create_urllib3_context

    if options.verify is False:
        return create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    named = options.verify if isinstance(options.verify, str) else os.environ.get("AWS_CA_BUNDLE")
    context.load_verify_locations(named or os.environ.get("SSL_CERT_FILE") or certifi.where())
    return context


def proxy_of(options: S3Options, url: str) -> str | None:
    """The proxy for the endpoint: that of the option, else that of the environment, as boto3 finds it."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = options.proxies
    if proxies is None:
        proxies = {} if proxy_bypass(parts.netloc) else getproxies()
    proxy = proxies.get(parts.scheme)
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def proxy_settings(proxy: str) -> dict[str, Any]:
    """urllib3 takes no user and password in the URL."""
    from urllib3.util import make_headers

    parts = urlsplit(proxy)
    login, _, host = parts.netloc.rpartition("@")
    headers = make_headers(proxy_basic_auth=unquote(login)) if login else None
    return {"proxy_url": f"{parts.scheme}://{host}", "proxy_headers": headers}
