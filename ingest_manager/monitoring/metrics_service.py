"""The manager's own small web server: `/metrics` for Prometheus and `/healthz`, beside the loading.

Not for customers: it listens on loopback or an inner network, asks for no login and shows no secret.
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gets."""

    status: int
    content_type: str
    body: bytes


def answer_to(target: str, probe: Probe) -> Answer:
    """Answer a GET."""
    path = target.partition("?")[0]
    if path == "/metrics":
        return Answer(200, CONTENT_TYPE, probe.catalogue.text())
    if path != "/healthz":
        return _json(404, {"error": "not_found", "message": "there are /metrics and /healthz"})
    problems = dict(probe.problems())
    return (
        _json(503, {"status": "failing", "problems": problems}) if problems else _json(200, {"status": "ok"})
    )


def _json(status: int, told: Mapping[str, object]) -> Answer:
    return Answer(status, "application/json", json.dumps(told).encode())


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

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Log what went wrong with a call; mostly its caller has gone."""
        log.warning("a call for metrics failed", action="metrics", error=type(sys.exception()).__name__)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "ingest-manager", ""
    timeout = 10

    def do_GET(self) -> None:
        """Answer."""
        answer = answer_to(self.path, self.server.probe)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: it is called every few seconds."""
