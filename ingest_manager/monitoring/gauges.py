"""The thread behind the gauges: looks at queues, customers and servers every so often, never during a scrape.

What it shows is of the whole platform, so several managers show the same; only workers are a manager's own.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, get_args

import structlog

from bucket_policies.customers import Customer
from ingest_manager.errors import IngestError, ServerName
from ingest_manager.monitoring.customer_state import CustomerState, Observer
from ingest_manager.monitoring.metrics import Figures, ManagerMetrics, Problem
from ingest_manager.queues import topology

log = structlog.get_logger(__name__)

_PAUSE_TIMES = 9  # a look that takes long takes a tenth of the time, unless a server is waited for


class House(Protocol):
    """What is asked of housekeeping."""

    @property
    def customers(self) -> Mapping[str, Customer]:
        """The customers that have a document."""

    @property
    def refused(self) -> Mapping[Problem, int]:
        """How many documents and apps are refused."""

    @property
    def turned_at(self) -> float:
        """When its last turn ended, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Views:
    """What is looked at."""

    observer: Observer
    house: House
    retry_queues: Sequence[str]
    count_workers: Callable[[], int]


class Gauges(threading.Thread):
    """Keeps the gauges current, and tells which servers could not be asked."""

    def __init__(self, metrics: ManagerMetrics, views: Views, *, seconds: float) -> None:
        super().__init__(name="gauges", daemon=True)
        self._metrics = metrics
        self._views = views
        self._seconds = seconds
        self._away: frozenset[ServerName] = frozenset()
        self._over = threading.Event()

    @property
    def away(self) -> frozenset[ServerName]:
        """Return the servers that did not answer at the last look."""
        return self._away

    def stop(self) -> None:
        """End the thread after its present look."""
        self._over.set()

    def run(self) -> None:
        """Look until stopped."""
        pause = 0.0
        while not self._over.wait(pause):
            begin = time.monotonic()
            self.look()
            took = time.monotonic() - begin
            pause = self._seconds if self._away else max(self._seconds, _PAUSE_TIMES * took)

    def look(self) -> None:
        """Look once; where a server gives no good answer, the gauges stay as they are."""
        try:
            self._metrics.show(self._figures())
        except IngestError as error:
            log.warning("figures could not be gathered", action="figures", error=str(error))

    def _figures(self) -> Figures:
        views = self._views
        observer = replace(views.observer, away={})
        customers = observer.states(views.house.customers)
        queues = self._queues(observer, customers)
        observer.ask(observer.store.ping)
        observer.ask_records(lambda records: records.ledger.ping())
        self._away = frozenset(observer.away)
        names: Sequence[ServerName] = get_args(ServerName)
        return Figures(
            customers=customers,
            queues=queues,
            servers={name: name not in self._away for name in names},
            problems=views.house.refused,
            workers_alive=views.count_workers(),
            turned_at=views.house.turned_at,
            looked_at=time.time(),
        )

    def _queues(self, observer: Observer, customers: Sequence[CustomerState]) -> dict[str, int | None]:
        """Return what waits in every queue, None where the broker could not be asked."""
        shared = [*self._views.retry_queues, topology.UNROUTED_QUEUE, topology.DEAD_LETTERS]
        states = observer.ask(lambda: observer.queue_states(shared))
        counted = {name: states[name].messages for name in shared if name in states} if states else {}
        of_customers = {topology.queue_of(state.customer): state.queue_depth for state in customers}
        return {**dict.fromkeys(shared), **counted, **of_customers}
