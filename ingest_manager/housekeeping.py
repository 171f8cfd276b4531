"""What the manager does beside loading: take up customers and their apps, pause them, and reconcile.

A new document or app folder, or a pause, is noticed within seconds and needs no restart; events that came
before their customer's queue existed are fetched back.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from bucket_policies.customers import Customer, CustomerDirectory, is_customer_id
from customer_ingestapps.errors import ContractError
from customer_ingestapps.registry import Registry
from ingest_manager import setup
from ingest_manager.absences import Absences
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.errors import PermanentError, TransientError
from ingest_manager.ledger.loads import NOT_TAKEN_UP
from ingest_manager.ledger.pauses import Pause, PauseStore
from ingest_manager.monitoring.metrics import Problem
from ingest_manager.operations.reconcile import Reconciler
from ingest_manager.queues import broker, topology
from ingest_manager.settings import Settings

log = structlog.get_logger(__name__)


class Housekeeping(threading.Thread):
    """One thread that looks at the documents every few seconds, and has buckets reconciled every few minutes.

    After a long pause reconciling takes long, so a thread of its own does it: the looks go on meanwhile.
    """

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
        self._pause_store = PauseStore(session)
        self._ready: dict[Customer, tuple[str, ...]] = {}  # with the versions of their apps
        self._misfits: dict[Customer, Mapping[str, str]] = {}  # apps whose tables do not fit, and why
        self._paused: dict[str, Pause] = {}
        self._consumed: list[str] = []
        self._problems: dict[str, str] = {}
        self._held: dict[str, str] = {}  # customers whose objects wait, and why
        self._turned_at = time.time()
        self._absences = Absences()
        self._over = threading.Event()
        self._next_reconcile = 0.0
        self._reconciling = self._reconciling_thread()

    @property
    def customers(self) -> Mapping[str, Customer]:
        """The customers that have a document, by id."""
        return self._customers.current()

    @property
    def refused(self) -> dict[Problem, int]:
        """How many documents and apps are refused."""
        documents = sum(source.endswith(".json") for source in self._problems)
        return {"document": documents, "app": len(self._problems) - documents}

    @property
    def turned_at(self) -> float:
        """When the last turn ended, whatever came of it; seconds since the epoch."""
        return self._turned_at

    def stop(self) -> None:
        """End the thread after its present step."""
        self._over.set()

    def run(self) -> None:
        """Keep house until stopped; what fails is tried again at the next turn, and told once."""
        while not self._over.is_set():
            with self._absences.noticed_by("housekeeping"):
                is_due = not self._reconciling.is_alive() and time.monotonic() >= self._next_reconcile
                self.take_up_customers(afresh=is_due)
                if is_due:
                    self.restore_topology()
                    self._reconciling = self._reconciling_thread()
                    self._reconciling.start()
            self._turned_at = time.time()
            self._over.wait(self._settings.documents_seconds)
        if self._reconciling.ident is not None:
            self._reconciling.join()

    def take_up_customers(self, *, afresh: bool = False) -> None:
        """Make what new customers and changed apps need, and consume the queues of all that have it.

        Tables can change under running apps, too: afresh, all of them are looked at again.
        """
        found = self._customers.current().values()
        problems: dict[str, str] = {}
        ready = {}
        for customer in found:
            try:
                ready[customer] = self._taken_up(customer, afresh=afresh)
            except (TransientError, PermanentError, ContractError) as error:
                problems[customer.id] = str(error)  # its objects wait; the others do not
                if isinstance(error, TransientError) and customer in self._ready:
                    ready[customer] = self._ready[customer]
        refused = self._customers.problems
        self._tell({**self._registry.problems, **refused, **problems, **self._misfits_of(found)})
        self._held = _not_taken_up(refused, problems, {customer.id for customer in ready})
        self._note_pauses(self._pause_store.current())
        consumed = [customer.queue for customer in ready if customer.id not in self._paused]
        if consumed != self._consumed:
            self._consume(consumed)
            self._consumed = consumed
        if ready != self._ready:
            self._fetch_unrouted({customer.staging_bucket for customer in ready})
            self._ready = ready

    def restore_topology(self) -> None:
        """Declare all of the broker's topology again, should somebody have deleted a part of it."""
        setup.ensure_topology(self._settings)
        with broker.open_channel(self._settings.amqp_url.get_secret_value()) as channel:
            for customer in self._ready:
                broker.declare_customer(channel, customer.queue, customer.staging_bucket)

    def reconcile(self) -> None:
        """Look for lost events, but not of paused customers: theirs wait.

        Of customers that are not taken up, enter why objects wait.
        """
        for customer in self._ready:
            if customer.id in self._paused:
                continue
            with _told(customer.id):
                self._reconciler.reconcile(customer)
        for customer_id, why in self._held.items():
            with _told(customer_id):
                self._reconciler.hold(customer_id, f"{NOT_TAKEN_UP}: {why}")

    def _reconciling_thread(self) -> threading.Thread:
        return threading.Thread(target=self._reconcile_once, name="reconcile", daemon=True)

    def _reconcile_once(self) -> None:
        with self._absences.noticed_by("reconcile"):
            self.reconcile()
            self._next_reconcile = time.monotonic() + self._settings.reconcile_seconds

    def _misfits_of(self, customers: Iterable[Customer]) -> dict[str, str]:
        """Return why apps' tables do not fit: their loads are tried again, those of other apps go on."""
        return {
            f"{customer.id}/{app}": misfit
            for customer in customers
            for app, misfit in self._misfits.get(customer, {}).items()
        }

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

    def _note_pauses(self, paused: dict[str, Pause]) -> None:
        for customer in paused.keys() - self._paused.keys():
            log.warning("a customer is paused", action="pause", **_facts(paused[customer]))
        for customer in self._paused.keys() - paused.keys():
            log.info("a customer is resumed", action="resume", customer=customer)
        self._paused = paused

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
                log.error(
                    "a customer is not taken up as it is",
                    action="take_up",
                    of=source,
                    problem=problem,
                    advice="mend it; it is looked at again by itself",
                )
        self._problems = problems


def _facts(pause: Pause) -> dict[str, str | None]:
    return {
        "customer": pause.customer,
        "since": pause.paused_at.isoformat(),
        "by": pause.paused_by,
        "note": pause.note,
    }


def _not_taken_up(
    documents: Mapping[str, str], customers: dict[str, str], ready: Collection[str]
) -> dict[str, str]:
    """Return the customers that a problem, of their document or of themselves, keeps waiting."""
    named = {name.removesuffix(".json"): why for name, why in documents.items() if name.endswith(".json")}
    found = {name: why for name, why in named.items() if is_customer_id(name)} | customers
    return {name: why for name, why in found.items() if name not in ready}


@contextmanager
def _told(customer: str) -> Iterator[None]:
    """Go on with the next customer when one cannot be looked at."""
    try:
        yield
    except (TransientError, PermanentError) as error:
        log.warning(
            "a customer could not be reconciled", action="reconcile", customer=customer, error=str(error)
        )
