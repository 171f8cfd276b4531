"""The ledger as one process sees it."""

import os
import socket
from datetime import timedelta

from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.settings import Settings


def worker_name(pid: int) -> str:
    """Return the name by which the ledger knows a worker process of this machine."""
    return f"{socket.gethostname()}/{pid}"


def connect_ledger(settings: Settings, session: CassandraSession) -> Ledger:
    """Return the ledger, seen by this process."""
    return Ledger(session, lease=timedelta(seconds=settings.lease_seconds), worker=worker_name(os.getpid()))
