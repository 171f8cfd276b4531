"""A second address for a server: passes connections on and keeps what clients sent through it."""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_REQUEST = re.compile(
    rb"^([A-Z]+) (/\S*) HTTP/1\.1\r\n(?:.+\r\n)*?user-agent: (\S+)", re.MULTILINE | re.IGNORECASE
)


class Forwarder(socketserver.ThreadingTCPServer):
    """Listens on one address and connects each client with another."""

    def __init__(self, host: str, target: tuple[str, int]) -> None:
        super().__init__((host, 0), _Connection)
        self.target = target
        self.sent: list[bytearray] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def requests(self) -> list[tuple[str, str, str]]:
        """Return (method, path, user agent) of every HTTP request that came through."""
        found = [match.groups() for sent in list(self.sent) for match in _REQUEST.finditer(sent)]
        return [(method.decode(), path.decode(), agent.decode()) for method, path, agent in found]


class _Connection(socketserver.BaseRequestHandler):
    server: Forwarder

    def handle(self) -> None:
        sent = bytearray()
        self.server.sent.append(sent)
        with socket.create_connection(self.server.target) as inner:
            back = threading.Thread(target=_pump, args=(inner, self.request))
            back.start()
            _pump(self.request, inner, sent)
            back.join()


def _pump(source: socket.socket, target: socket.socket, seen: bytearray | None = None) -> None:
    try:
        while data := source.recv(1 << 16):
            if seen is not None:
                seen += data
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one of the two is gone, and so is the connection
        return


@contextmanager
def forwarding(host: str, target: tuple[str, int]) -> Iterator[Forwarder]:
    """Forward for the length of the context."""
    with Forwarder(host, target) as forwarder:
        thread = threading.Thread(target=forwarder.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield forwarder
        finally:
            forwarder.shutdown()
            thread.join()
