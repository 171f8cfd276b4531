"""Which servers are away: while one is, nothing is handed out; each is asked until it answers."""

import threading
from collections.abc import Callable, Mapping, Sequence

import structlog

from ingest_manager.errors import IngestError, ServerName

log = structlog.get_logger(__name__)

_PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0)


class Outages(threading.Thread):
    """Probes the servers that were reported as lost."""

    def __init__(
        self,
        probes: Mapping[ServerName, Callable[[], None]],
        *,
        pauses: Sequence[float] = _PAUSES_SECONDS,
        on_lost: Callable[[ServerName], None] = lambda _: None,
    ) -> None:
        super().__init__(name="outages", daemon=True)
        self._pauses = pauses
        self._on_lost = on_lost
        self._probes = probes
        self._lost: set[ServerName] = set()
        self._reported = threading.Event()
        self._over = threading.Event()

    @property
    def lost(self) -> frozenset[ServerName]:
        """Return the servers that are away."""
        return frozenset(self._lost)

    def report(self, server: ServerName, error: str) -> None:
        """Tell that a server cannot be reached."""
        if server not in self._lost:
            log.warning("a server is away, loading pauses", action="outage", server=server, error=error)
            self._lost.add(server)
            self._on_lost(server)
        self._reported.set()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._reported.set()

    def run(self) -> None:
        """Probe whatever is lost, with growing pauses."""
        while not self._over.is_set():
            self._reported.wait()
            self._reported.clear()
            failures = 0
            while self._lost and not self._over.is_set():
                self._over.wait(self._pauses[min(failures, len(self._pauses) - 1)])
                failures += 1
                self._probe()

    def _probe(self) -> None:
        for server in self.lost:
            try:
                self._probes[server]()
            except IngestError:
                continue
            self._lost.discard(server)
            log.info("a server is back", action="outage", server=server)
