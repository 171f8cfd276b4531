"""A worker's hold on a load: renewed in the background, asked before every chunk; keeps its measures."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ingest_manager.errors import GivenBack, IngestError, LeaseLost, not_of_the_object
from ingest_manager.ledger.claims import WRITE_AHEAD
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import Load
from ingest_manager.monitoring.measures import Measures


@dataclass(frozen=True)
class NoLease:
    """Holds a load that is only read."""

    load: Load
    measures: Measures = field(default_factory=Measures)

    def allow(self, write_us: int) -> None:
        """Allow every write time: nothing is written."""


class Lease:
    """Keeps the lease of a claimed load alive for as long as the context is open."""

    def __init__(
        self, ledger: Ledger, load: Load, renew_seconds: float, should_stop: Callable[[], bool]
    ) -> None:
        self._ledger = ledger
        self._renew_seconds = renew_seconds
        self._should_stop = should_stop
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._lost: LeaseLost | None = None
        self.load = load
        self.measures = Measures()

    def __enter__(self) -> "Lease":
        threading.Thread(target=self._keep, name="lease", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()  # a renewal under way may still end; it changes nothing but the lease's end

    def allow(self, write_us: int) -> None:
        """Make sure that the ledger allows a write time before it is used.

        Raises:
            LeaseLost: another worker holds the load.
            GivenBack: the process shall stop.
        """
        if self._should_stop():
            raise GivenBack("the manager stops")
        if self._lost is not None:
            raise self._lost
        if write_us > self.load.write_high:
            self._renew(write_us + 16 * WRITE_AHEAD)

    def _keep(self) -> None:
        while not self._over.wait(self._renew_seconds):
            try:
                self._renew(0)
            except LeaseLost as error:
                self._lost = error
                return
            except IngestError:
                continue  # the next renewal may reach the ledger; the load itself meets what is wrong

    def _renew(self, write_us: int) -> None:
        with self._lock, not_of_the_object():
            self.load = self._ledger.renew(self.load, max(self.load.write_high, write_us))
