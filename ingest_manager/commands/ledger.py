"""What commands that ask the ledger alone share."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest_manager.cassandra import cassandra_session
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.settings import Settings


@contextmanager
def open_ledger(settings: Settings) -> Iterator[Ledger]:
    """Connect to the ledger for the length of the context."""
    with cassandra_session.connect(settings) as session:
        yield connect_ledger(settings, session)
