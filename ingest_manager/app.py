"""The running manager: wires consumer, dispatcher, workers and housekeeping, and stops them in order."""

import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial

import structlog

from bucket_policies.grant_store import GrantStore
from ingest_manager import setup
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.errors import ServerDown, ServerName, TransientError
from ingest_manager.housekeeping import Housekeeping
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.ledger.pauses import PauseStore
from ingest_manager.loading import worker_pool
from ingest_manager.loading.dispatcher import Dispatcher
from ingest_manager.loading.outages import Outages
from ingest_manager.loading.settler import Settler
from ingest_manager.loading.worker import Effect, connect_patiently
from ingest_manager.loading.worker_pool import WorkerProcess
from ingest_manager.monitoring.customer_state import Observer, Records
from ingest_manager.monitoring.gauges import Gauges, Views
from ingest_manager.monitoring.health import Health
from ingest_manager.monitoring.metrics import ManagerMetrics
from ingest_manager.monitoring.metrics_service import Probe, serve_metrics
from ingest_manager.objects.connection import connect_store
from ingest_manager.operations.reconcile import Reconciler
from ingest_manager.queues import topology
from ingest_manager.queues.broker import Consumer, Publisher, count_waiting, queue_states
from ingest_manager.sandbox.confinement import choose_confinement
from ingest_manager.settings import Settings

log = structlog.get_logger(__name__)

_PATIENCE_SECONDS = 2.0
_CLOSE_SECONDS = 5.0


class Manager:
    """One ingest manager: this process and its workers."""

    def __init__(
        self,
        settings: Settings,
        session: CassandraSession,
        metrics: ManagerMetrics,
        on_effect: Effect | None = None,
    ) -> None:
        amqp_url = settings.amqp_url.get_secret_value()
        ledger = connect_ledger(settings, session)
        store = connect_store(settings)
        self._settings = settings
        self._metrics = metrics
        self._publisher = Publisher(amqp_url)
        self._stop_workers = worker_pool.stop_event()
        self._workers = [
            WorkerProcess(settings, self._stop_workers, on_effect) for _ in range(settings.workers)
        ]
        metrics.workers.set(settings.workers)
        self._settler = Settler(self._publisher, ledger, settings.retry_pauses_seconds, metrics=metrics)
        probes: Mapping[ServerName, Callable[[], None]] = {"cassandra": ledger.ping, "minio": store.ping}
        self._outages = Outages(probes, on_lost=metrics.server_lost)
        self._dispatcher = Dispatcher(self._workers, self._settler, ledger, self._outages, metrics=metrics)
        deliver = self._dispatcher.take_delivery
        self._consumer = Consumer(amqp_url, prefetch=settings.prefetch, on_delivery=deliver)
        reconciler = Reconciler(
            store,
            ledger,
            self._publisher,
            partial(count_waiting, amqp_url),
            timedelta(seconds=settings.reconcile_min_age_seconds),
            settings.retry_pauses_seconds,
            settings.token_key.get_secret_value().encode(),
            on_lost=metrics.event_lost,
            on_stuck=metrics.load_stuck,
        )

        self._housekeeping = Housekeeping(settings, session, reconciler, self._consume)
        observer = Observer(
            Records(ledger, GrantStore(session), PauseStore(session)),
            store,
            lambda _: None,  # what MinIO enforces is `bucket-policies plan`'s business
            partial(queue_states, amqp_url),
        )
        retry_queues = [topology.retry_queue(pause) for pause in settings.retry_pauses_seconds]
        views = Views(observer, self._housekeeping, retry_queues, self._dispatcher.count_workers)
        self._gauges = Gauges(metrics, views, seconds=settings.metrics_seconds)

    def start(self) -> None:
        """Begin to take deliveries."""
        self._dispatcher.start()
        for thread in self._threads:
            thread.start()
        log.info("the manager runs", action="start", workers=len(self._workers))

    def stop(self) -> None:
        """Stop in order: no new work, loads under way end or are given back, acks go out, connections end."""
        grace = self._settings.shutdown_seconds
        log.info("the manager stops", action="stop")
        self._gauges.stop()
        self._housekeeping.stop()
        self._housekeeping.join(_CLOSE_SECONDS)
        giving_back = threading.Timer(grace / 2, self._stop_workers.set)  # short loads may still end
        giving_back.start()
        self._dispatcher.stop(grace)
        giving_back.cancel()
        self._settler.stop()
        self._settler.join(_CLOSE_SECONDS)
        self._consumer.stop()
        self._consumer.join(_CLOSE_SECONDS)
        for worker in self._workers:
            worker.close(_CLOSE_SECONDS)
        self._outages.stop()
        if self._gauges.is_alive():
            self._gauges.join(_CLOSE_SECONDS)
        self._publisher.close()
        log.info("the manager has stopped", action="stop")

    def health(self) -> Health:
        """Return what tells whether this manager does its work."""
        return Health(
            self._threads,
            is_consuming=lambda: self._consumer.is_connected,
            servers_away=lambda: self._outages.lost | self._gauges.away,
            turned_at=lambda: self._housekeeping.turned_at,
            reconcile_seconds=self._settings.reconcile_seconds,
        )

    def _consume(self, queues: Iterable[str]) -> None:
        wanted = list(queues)
        self._metrics.know(map(topology.customer_of_queue, wanted))
        self._consumer.consume(wanted)

    @property
    def _threads(self) -> Sequence[threading.Thread]:
        watched = (self._gauges,) if self._settings.metrics_listen else ()  # else nobody sees them
        return self._settler, self._outages, self._consumer, self._housekeeping, *watched


class Ending:
    """When to stop: on SIGTERM or SIGINT, or when a thread dies of a fault that nobody expected."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.is_fault = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.over.set())
        threading.excepthook = self._on_death

    def _on_death(self, death: threading.ExceptHookArgs) -> None:
        # Going on without one of its threads, a manager would look alive and load nothing.
        name = death.thread.name if death.thread else "unknown"
        advice = "a fault of ours: report it with this line; who keeps the manager running starts it again"
        log.critical("a thread died", action="stop", thread=name, exc_info=death.exc_value, advice=advice)
        self.is_fault = self.is_fault or not self.over.is_set()
        self.over.set()


def run(settings: Settings, on_effect: Effect | None = None) -> None:
    """Run a manager until SIGTERM or SIGINT; servers that are away at the start are waited for.

    Raises:
        SettingsError: the address of the metrics cannot be used, or customers' code cannot be confined as it
            was asked for.
        SystemExit: a thread died, so the manager has stopped; whoever keeps it running starts it again.
    """
    _choose_sandbox(settings)
    ending = Ending()
    metrics = ManagerMetrics()
    probe = Probe(metrics.catalogue)
    with serve_metrics(settings.metrics_listen, probe):
        try:
            session = connect_patiently(settings, ending.over)
        except ServerDown:  # told to stop before there was a server
            return
        with session:
            _set_up_patiently(session, settings, ending.over)
            if not ending.over.is_set():
                _serve(Manager(settings, session, metrics, on_effect), probe, ending.over)
    if ending.is_fault:
        raise SystemExit(1)


def _choose_sandbox(settings: Settings) -> None:
    """Say at the start what customers' code would run without, or refuse to start; workers find out anew."""
    confinement = choose_confinement(settings.sandbox)
    if confinement.weakness:
        log.warning(
            "customers' code is not kept from network, files and processes",
            action="start",
            why=confinement.weakness,
        )


def _serve(manager: Manager, probe: Probe, over: threading.Event) -> None:
    probe.problems = manager.health().problems
    try:
        manager.start()
        over.wait()
    finally:
        manager.stop()


def _set_up_patiently(session: CassandraSession, settings: Settings, over: threading.Event) -> None:
    while not over.is_set():
        try:
            setup.ensure_ledger(session, settings)
            setup.ensure_topology(settings)
        except (ServerDown, TransientError) as error:
            log.warning("a server is not ready yet", action="start", error=str(error))
            over.wait(_PATIENCE_SECONDS)
        else:
            return
