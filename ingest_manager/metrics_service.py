"""The manager's own small web server: `/metrics` for Prometheus and `/healthz`, beside the loading.

Not for customers: it listens on loopback or an inner network, asks for no login and shows no secret.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog
from typing_extensions import override

from bucket_policies.listening import open_listener
from bucket_policies.metrics import CONTENT_TYPE, Catalogue

log = structlog.get_logger(__name__)


class Probe:
    """What is answered: the metrics, and what is wrong at present."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.problems: Callable[[], Mapping[str, str]] = lambda: {"start": "waits for the servers"}


@contextmanager
def serve_metrics(address: str, probe: Probe) -> Iterator[None]:
    """Serve for the length of the context; an empty address serves nothing.

    Raises:
        SettingsError: the address cannot be used.
    """
    if not address:
        yield
        return
    server = _Server(address, probe)
    host, port = server.server_address[:2]
    log.info("metrics and health are served", action="start", host=host, port=port)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: str, probe: Probe) -> None:
        listener = open_listener(address)
        self.probe = probe
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_address = listener.getsockname()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, CONTENT_TYPE, self.server.probe.catalogue.text())
        elif path == "/healthz":
            problems = dict(self.server.probe.problems())
            told = {"status": "failing", "problems": problems} if problems else {"status": "ok"}
            self._answer(503 if problems else 200, "application/json", json.dumps(told).encode())
        else:
            told = {"error": "not_found", "message": "there are /metrics and /healthz"}
            self._answer(404, "application/json", json.dumps(told).encode())

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: it is called every few seconds."""
