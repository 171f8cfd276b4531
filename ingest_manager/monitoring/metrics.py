"""Every metric of the manager, and the words in which its threads tell what happened.

Counted in the manager's own process, from what its workers bring back with their settlements. Customers that
appear as labels are those whose queues are consumed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prometheus_client import Gauge

from bucket_policies.metrics import Catalogue
from customer_ingestapps.reasons import Reason
from ingest_manager.errors import ServerName
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.monitoring.customer_state import CustomerState
from ingest_manager.monitoring.measures import Measures

PREFIX = "ingest_manager"
STAGE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
LOAD_REASONS = frozenset(
    {
        "app_exited", "app_memory", "app_processes", "app_refused", "app_timeout",
        "cassandra_no_answer", "cassandra_refused", "cassandra_unauthorized", "cassandra_unsupported",
        "format", "gone", "internal_error", "name", "over_quota", "passing_fault",
        "size", "store_fault", "table_mismatch", "too_many_files", "worker_died",
    }
)  # fmt: skip
"""Reasons of loads beside those of the content; the store has codes of its own, which count as `other`."""

DeadLetter = Literal["failed", "unusable"]
Problem = Literal["document", "app"]
_OUTCOMES = tuple(status for status in LoadStatus if status.is_outcome)
_UNLOADED = (LoadStatus.REJECTED, LoadStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a look at the platform and at this manager showed."""

    customers: Iterable[CustomerState]
    queues: Mapping[str, int | None] = field(default_factory=dict)
    servers: Mapping[ServerName, bool] = field(default_factory=dict)
    problems: Mapping[Problem, int] = field(default_factory=dict)
    workers_alive: int = 0
    turned_at: float = 0.0
    """When housekeeping ended its last turn, seconds since the epoch."""
    looked_at: float = 0.0
    """When these figures were gathered."""


class ManagerMetrics:
    """All metrics of one manager."""

    def __init__(self) -> None:
        self.catalogue = Catalogue(PREFIX)
        self._declare_flow()
        self._declare_failures()
        self._declare_platform()
        self._declare_manager()
        self._shown: dict[Gauge, set[str]] = {}

    def _declare_flow(self) -> None:
        declare = self.catalogue
        self._deliveries = declare.counter(
            "deliveries",
            "Deliveries taken: both copies of an event, redeliveries and retries too.",
            "customer",
        )
        self._loads = declare.counter("loads", "Loads that ended, by outcome.", "customer", "outcome")
        self._rows = declare.counter(
            "rows",
            "Rows of the files of ended loads: `written`, `rejected` or `dropped`.",
            "customer",
            "result",
        )
        self._bytes = declare.counter("object_bytes", "Bytes of the objects of ended loads.", "customer")
        self._stages = declare.histogram(
            "stage_seconds",
            "Where the time of an ended load went in its last attempt: `event` (from the object's time to the"
            " delivery; first attempts only), `wait` (for a worker), `claim`, `read`, `write`, `finish`,"
            " `place`.",
            "stage",
            buckets=STAGE_SECONDS,
        )

    def _declare_failures(self) -> None:
        declare = self.catalogue
        self._rejects = declare.counter(
            "rejected_rows", "Rejected rows by reason code (reasons.md).", "customer", "reason"
        )
        self._unloaded = declare.counter(
            "unloaded", "Loads that ended as rejected or failed, by reason; the store's are `other`.",
            "customer", "reason",
        )  # fmt: skip
        self._retries = declare.counter("retries", "Attempts that failed for a passing reason.", "customer")
        self._dead_letters = declare.counter(
            "dead_letters",
            "Messages dead-lettered: of a `failed` load, or `unusable` ones.",
            "customer",
            "kind",
        )
        self._lost = declare.counter(
            "lost_events", "Objects that reconcile found without an event.", "customer"
        )
        self._stuck = declare.counter(
            "stuck_loads", "Loads whose event reconcile published again.", "customer"
        )
        self._outages = declare.counter("outages", "Times that loading paused for a server.", "server")
        self._deaths = declare.counter("worker_deaths", "Worker processes that died in the middle of a load.")

    def _declare_platform(self) -> None:
        declare = self.catalogue
        self._queues = declare.gauge("queue_messages", "Messages that wait in a queue.", "queue")
        self._consumers = declare.gauge("consumers", "Managers that consume a customer's queue.", "customer")
        self._oldest = declare.gauge(
            "oldest_object_seconds", "Age of the oldest object without an outcome, 0 without any.", "customer"
        )
        self._open = declare.gauge("open_objects", "Objects without an outcome.", "customer")
        self._failed = declare.gauge(
            "failed_loads", "Loads that failed and were neither replayed nor discarded.", "customer"
        )
        self._used = declare.gauge("used_bytes", "Bytes in staging and granted.", "customer")
        self._quota = declare.gauge("quota_bytes", "What these may be, by the document.", "customer")
        self._paused = declare.gauge("paused", "1 while the customer is paused.", "customer")
        self._servers = declare.gauge("server_up", "1 while this manager reaches the server.", "server")

    def _declare_manager(self) -> None:
        declare = self.catalogue
        self._problems = declare.gauge(
            "refused_documents", "Documents and apps that are refused, by kind: `document` or `app`.", "kind"
        )
        self.workers = declare.gauge("workers", "Worker processes that this manager shall have.")
        self._alive = declare.gauge("workers_alive", "Those that are alive.")
        self.busy = declare.gauge("workers_busy", "Those that have a load.")
        self._turned = declare.gauge(
            "housekeeping_timestamp_seconds", "End of housekeeping's last turn, seconds since 1970."
        )
        self._looked = declare.gauge(
            "figures_timestamp_seconds", "When queues, customers and servers were last looked at."
        )

    def know(self, customers: Iterable[str]) -> None:
        """Begin a customer's counters at 0: Prometheus sees no step from nothing to one."""
        for customer in customers:
            for counter in (self._deliveries, self._bytes, self._retries, self._lost, self._stuck):
                counter.labels(customer)
            for outcome in _OUTCOMES:
                self._loads.labels(customer, outcome.value)
            for result in ("written", "rejected", "dropped"):
                self._rows.labels(customer, result)
            for kind in ("failed", "unusable"):
                self._dead_letters.labels(customer, kind)

    def delivery_taken(self, customer: str) -> None:
        """Count a delivery."""
        self._deliveries.labels(customer).inc()

    def load_ended(self, load: Load, measures: Measures) -> None:
        """Count a load that this manager has brought to its outcome."""
        self._loads.labels(load.customer, load.status.value).inc()
        self._rows.labels(load.customer, "written").inc(load.rows_written)
        self._rows.labels(load.customer, "rejected").inc(load.rows_rejected)
        self._rows.labels(load.customer, "dropped").inc(load.rows_dropped)
        self._bytes.labels(load.customer).inc(load.size or 0)
        for reason, count in measures.rejects.items():
            self._rejects.labels(load.customer, reason).inc(count)
        if load.status in _UNLOADED:
            self._unloaded.labels(load.customer, reason_label(load.reason)).inc()
        for stage, seconds in measures.seconds.items():
            self._stages.labels(stage).observe(seconds)

    def attempt_failed(self, customer: str) -> None:
        """Count an attempt that is to be repeated."""
        self._retries.labels(customer).inc()

    def dead_lettered(self, customer: str, kind: DeadLetter) -> None:
        """Count a message that the broker has taken over as a dead letter."""
        self._dead_letters.labels(customer, kind).inc()

    def event_lost(self, customer: str) -> None:
        """Count an object that no event told of."""
        self._lost.labels(customer).inc()

    def load_stuck(self, customer: str) -> None:
        """Count a load whose event had to be published again."""
        self._stuck.labels(customer).inc()

    def server_lost(self, server: ServerName) -> None:
        """Count a pause of all loading."""
        self._outages.labels(server).inc()

    def worker_died(self) -> None:
        """Count a dead worker."""
        self._deaths.inc()

    def show(self, figures: Figures) -> None:
        """Show the present figures; what could not be asked for keeps its last value."""
        states = list(figures.customers)
        for gauge, name in (
            (self._consumers, "consumers"), (self._oldest, "oldest_waiting_seconds"),
            (self._open, "without_outcome"), (self._failed, "dead_letters"), (self._used, "used_bytes"),
            (self._quota, "quota_declared_bytes"), (self._paused, "paused"),
        ):  # fmt: skip
            self._replace(gauge, {state.customer: getattr(state, name) for state in states})
        self._replace(self._queues, figures.queues)
        self._replace(self._servers, figures.servers)
        self._replace(self._problems, figures.problems)
        self._alive.set(figures.workers_alive)
        self._turned.set(figures.turned_at)
        self._looked.set(figures.looked_at)

    def _replace(self, gauge: Gauge, values: Mapping[Any, float | None]) -> None:
        for label, value in values.items():
            if value is not None:
                gauge.labels(label).set(value)
        known = self._shown.get(gauge, set())
        for gone in known - set(values):
            gauge.remove(gone)
        self._shown[gauge] = {label for label, value in values.items() if value is not None or label in known}


def reason_label(reason: str | None) -> str:
    """Return a load's reason where it is of the closed list, else `other`."""
    is_known = reason in LOAD_REASONS or reason in set(Reason)
    return reason if reason is not None and is_known else "other"
