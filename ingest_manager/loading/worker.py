"""A worker process: takes assignments from its pipe, loads, answers with settlements.

It has its own session and store. Whatever happens in a load becomes a settlement here; a worker that
dies says nothing, and its pipe tells the dispatcher so.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

import structlog
from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential,
)

from bucket_policies import logs
from bucket_policies.allowances import AllowanceStore
from bucket_policies.customers import CustomerDirectory
from bucket_policies.grant_store import GrantStore
from customer_ingestapps.registry import Registry
from ingest_manager.cassandra import cassandra_session
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.row_writer import RowWriter
from ingest_manager.errors import IngestError, LeaseLost, ServerDown, TransientError, not_of_the_object
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.connection import connect_ledger, worker_name
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.loading.admission import Admission
from ingest_manager.loading.ahead import Ahead
from ingest_manager.loading.archive import Archive
from ingest_manager.loading.loading import Loading
from ingest_manager.loading.memory import give_back_large_blocks, limit_memory
from ingest_manager.loading.settlements import Busy, ServerLost, Settlement
from ingest_manager.loading.staging_quota import StagingQuota
from ingest_manager.objects.connection import connect_store
from ingest_manager.sandbox.sandbox import Sandboxes
from ingest_manager.settings import Settings

log = structlog.get_logger(__name__)

Effect = Callable[[str], None]

_REPORT = "a fault of ours: report it with this line; the load's `first_error` in its history says more"


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What a worker process is started with."""

    settings: Settings
    pipe: Connection
    stop: Event
    on_effect: Effect | None = None  # picklable; told after each effect on the outside


def main(context: WorkerContext) -> None:
    """Serve assignments until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the manager decides when its workers stop
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    settings = context.settings
    logs.configure(settings.log_format, settings.log_level, libraries=logging.WARNING)
    customers = CustomerDirectory(settings.bucket_policies_dir / "customers")
    sandboxes = Sandboxes(settings, context.stop.is_set)
    give_back_large_blocks()
    loading = _loading(context, connect_patiently(settings), sandboxes)
    limit_memory(settings.worker_memory_mib)
    with suppress(EOFError):  # the manager has gone
        while (assignment := context.pipe.recv()) is not None:
            context.pipe.send(_settle(loading, assignment, customers))
    sandboxes.close()


def _settle(loading: Loading, assignment: Assignment, customers: CustomerDirectory) -> Settlement:
    structlog.contextvars.bind_contextvars(**assignment.log_facts)
    try:
        customer = customers.current().get(assignment.customer)
        if customer is None:
            return Busy()  # its document has just gone; the dispatcher will see that too
        with not_of_the_object():
            return loading.load(assignment, customer)
    except ServerDown as error:
        return ServerLost(error.server, str(error))
    except (LeaseLost, TransientError) as error:  # of the ledger itself, before or after the load
        log.warning("a load is left to its next delivery", action="load", error=str(error))
        return Busy(is_cut_off=True)
    except Exception as error:
        log.exception("a load ended in an internal error", action="load", advice=_REPORT)
        _release(loading.ledger, assignment, error)
        return Busy(is_cut_off=True)
    finally:
        structlog.contextvars.clear_contextvars()


def _release(ledger: Ledger, assignment: Assignment, error: Exception) -> None:
    name = worker_name(os.getpid())
    try:
        ledger.release(assignment.event.load_id, name, f"internal error: {error!r}")
    except IngestError as fault:
        log.warning("a lease must run out by itself", action="release", error=str(fault))


def connect_patiently(settings: Settings, over: threading.Event | None = None) -> CassandraSession:
    """Connect to Cassandra, however long it takes.

    Raises:
        ServerDown: it was not to be reached until `over` was set.
    """
    over = over or threading.Event()
    repeat = Retrying(
        retry=retry_if_exception_type(ServerDown),
        wait=wait_exponential(0.5, max=5),
        sleep=sleep_using_event(over),
        stop=stop_when_event_set(over),
        before_sleep=lambda _: log.warning("Cassandra cannot be reached yet", action="start"),
        reraise=True,
    )
    session: CassandraSession = repeat(cassandra_session.connect, settings)
    return session


def _loading(context: WorkerContext, session: CassandraSession, sandboxes: Sandboxes) -> Loading:
    settings = context.settings
    on_effect = context.on_effect or (lambda _: None)
    ledger = connect_ledger(settings, session)
    store, grants = connect_store(settings), GrantStore(session)
    seal_key = settings.token_key.get_secret_value().encode()
    quota = StagingQuota(store, grants)
    archive = Archive(store, on_effect)
    admission = Admission(ledger, grants, AllowanceStore(session), seal_key, quota)
    return Loading(
        ledger=ledger,
        archive=archive,
        registry=Registry(settings.customer_ingestapps_dir),
        writer=RowWriter(session),
        admission=admission,
        ahead=Ahead(archive, admission),
        attempts=settings.attempts,
        renew_seconds=settings.lease_renew_seconds,
        should_stop=context.stop.is_set,
        transform_of=sandboxes.transform_of,
        on_effect=on_effect,
    )


def _die_with_parent() -> None:
    parent: Any = parent_process()
    connection.wait([parent.sentinel])
    os._exit(1)
