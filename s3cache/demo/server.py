"""The HTTP server: Django's own threaded one, as ``runserver`` uses it, without its reloader, checks and migrations."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler


class Server(ThreadedWSGIServer):
    """Listens from its construction on. Raises OSError where host and port cannot be had."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, port), WSGIRequestHandler, ipv6=":" in host)
        self.set_app(WSGIHandler())

    @property
    def url(self) -> str:
        host = str(self.server_address[0])
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.server_port}/"


@contextlib.contextmanager
def running(server: Server) -> Iterator[str]:
    """The server answers in a thread of its own; gives its URL."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
