"""Servers that keep to no protocol: whatever the test wants said goes over the connection."""

import contextlib
import socket
import threading

from tests.engines.s3engine_tests import served_by


class RawServer:
    """Hears requests to their ends, and answers each with the same text; with ``keep`` it hears the next one.

    An answer that can be called is given the heads of all requests that came over the connection.
    """

    def __init__(self, answer, keep, tls):
        self.received = []
        self._connections = []
        self._answer, self._keep, self._tls = answer, keep, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stop(self):
        for sock in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def accepted(self):
        return len(self._connections)

    def clients_have_left(self):
        """Whether every connection is done with, or is so within five seconds."""
        for thread in self._threads[1:]:
            thread.join(5)
        return not any(thread.is_alive() for thread in self._threads[1:])

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                self._connections.append(connection)
                thread = threading.Thread(target=self._serve, args=[connection])
                thread.start()
                self._threads.append(thread)

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            heads = []
            while head := self._head(stream):
                heads.append(head)
                self.received.append((head, self._body(head, stream)))
                connection.sendall((self._answer(heads) if callable(self._answer) else self._answer).encode())
                if not self._keep:
                    break

    def _head(self, stream):
        lines = []
        while (line := stream.readline()).strip():
            lines.append(line.decode())
        return "".join(lines)

    def _body(self, head, stream):
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:])
        if fields.get("transfer-encoding") != "chunked":
            return stream.read(int(fields.get("content-length", 0)))
        pieces = []
        while size := int(stream.readline(), 16):
            pieces.append(stream.read(size))
            stream.readline()
        stream.readline()
        return b"".join(pieces)


class ScriptedServer(RawServer):
    """Does with each connection what ``script(connection)`` does, and closes it then."""

    def __init__(self, script, tls=None):
        self.script = script
        super().__init__("", False, tls)

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            self.script(connection)


def hear(connection):
    """The head of a request, and maybe more."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("the client has left")
        heard += data
    return heard.decode(errors="replace")


def has_left(connection, seconds):
    """Whether the client ends the connection, or does so within that time. What it sends meanwhile is lost."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    finally:
        connection.settimeout(None)
    return True


@contextlib.contextmanager
def raw_server(answer, keep=True, certificate=None):
    server = RawServer(answer, keep, served_by(certificate) if certificate else None)
    try:
        yield server
    finally:
        server.stop()
