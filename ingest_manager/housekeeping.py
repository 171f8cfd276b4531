"""What the manager does beside loading: take up customers and their apps, and reconcile.

A new document or app folder is noticed within seconds and needs no restart; events that came before
their customer's queue existed are fetched back.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from bucket_policies.customers import Customer, CustomerDirectory
from customer_ingestapps.errors import ContractError
from customer_ingestapps.registry import Registry
from ingest_manager import broker, setup, topology
from ingest_manager.cassandra_session import CassandraSession
from ingest_manager.errors import IngestError, PermanentError, TransientError
from ingest_manager.reconcile import Reconciler
from ingest_manager.settings import Settings

log = structlog.get_logger(__name__)


class Housekeeping(threading.Thread):
    """One thread that looks at the documents every few seconds and reconciles every few minutes."""

    def __init__(
        self,
        settings: Settings,
        session: CassandraSession,
        reconciler: Reconciler,
        consume: Callable[[Iterable[str]], None],
    ) -> None:
        super().__init__(name="housekeeping", daemon=True)
        self._settings = settings
        self._session = session
        self._reconciler = reconciler
        self._consume = consume
        self._customers = CustomerDirectory(settings.bucket_policies_dir / "customers")
        self._registry = Registry(settings.customer_ingestapps_dir)
        self._ready: dict[Customer, tuple[str, ...]] = {}  # with the versions of their apps
        self._misfits: dict[Customer, Mapping[str, str]] = {}  # apps whose tables do not fit, and why
        self._problems: dict[str, str] = {}
        self._over = threading.Event()

    def stop(self) -> None:
        """End the thread after its present step."""
        self._over.set()

    def run(self) -> None:
        """Keep house until stopped; what fails is tried again at the next turn."""
        next_reconcile = 0.0
        while not self._over.is_set():
            try:
                is_due = time.monotonic() >= next_reconcile
                self.take_up_customers(afresh=is_due)
                if is_due:
                    self.restore_topology()
                    self.reconcile()
                    next_reconcile = time.monotonic() + self._settings.reconcile_seconds
            except IngestError as error:
                log.warning("housekeeping is tried again", action="housekeeping", error=str(error))
            self._over.wait(self._settings.documents_seconds)

    def take_up_customers(self, *, afresh: bool = False) -> None:
        """Make what new customers and changed apps need, and consume the queues of all that have it.

        Tables can change under running apps, too: afresh, all of them are looked at again.
        """
        found = self._customers.current().values()
        problems: dict[str, str] = {**self._customers.problems}
        ready = {}
        for customer in found:
            try:
                ready[customer] = self._taken_up(customer, afresh=afresh)
            except (TransientError, PermanentError, ContractError) as error:
                problems[customer.id] = str(error)  # its objects wait; the others do not
                if isinstance(error, TransientError) and customer in self._ready:
                    ready[customer] = self._ready[customer]
            for app, misfit in self._misfits.get(customer, {}).items():
                problems[f"{customer.id}/{app}"] = misfit  # its loads are tried again, those of others go on
        self._tell({**self._registry.problems, **problems})
        if ready != self._ready:
            self._consume([customer.queue for customer in ready])
            self._fetch_unrouted({customer.staging_bucket for customer in ready})
            self._ready = ready

    def restore_topology(self) -> None:
        """Declare all of the broker's topology again, should somebody have deleted a part of it."""
        setup.ensure_topology(self._settings)
        with broker.open_channel(self._settings.amqp_url.get_secret_value()) as channel:
            for customer in self._ready:
                broker.declare_customer(channel, customer.queue, customer.staging_bucket)

    def reconcile(self) -> None:
        """Look for lost events of all customers."""
        for customer in self._ready:
            try:
                self._reconciler.reconcile(customer)
            except (TransientError, PermanentError) as error:
                log.warning(
                    "a customer could not be reconciled",
                    action="reconcile",
                    customer=customer.id,
                    error=str(error),
                )

    def _taken_up(self, customer: Customer, *, afresh: bool) -> tuple[str, ...]:
        versions = tuple(app.version for app in self._registry.apps(customer.id))
        is_new = self._ready.get(customer) != versions
        if is_new or afresh or self._misfits.get(customer):
            self._misfits.pop(customer, None)
            self._misfits[customer] = setup.ensure_customer(
                self._session, self._registry, self._settings, customer
            )
        if is_new:
            log.info("a customer was taken up", action="take_up", customer=customer.id)
        return versions

    def _fetch_unrouted(self, buckets: set[str]) -> None:
        with broker.open_channel(self._settings.amqp_url.get_secret_value()) as channel:
            moved = broker.move_messages(
                channel,
                topology.UNROUTED_QUEUE,
                lambda headers: headers.get(topology.BUCKET_HEADER) in buckets,
                self._reconciler.publisher,
            )
        if moved:
            log.info("events found their customer", action="take_up", messages=moved)

    def _tell(self, problems: dict[str, str]) -> None:
        for source, problem in problems.items():
            if self._problems.get(source) != problem:
                log.error("a customer is not taken up as it is", action="take_up", of=source, problem=problem)
        self._problems = problems
