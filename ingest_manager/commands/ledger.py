"""What commands that ask the ledger alone share."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest_manager.cassandra import cassandra_session
from ingest_manager.commands.options import documents_of, no_customer
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.settings import FolderSettings, Settings


@contextmanager
def open_ledger(settings: Settings) -> Iterator[Ledger]:
    """Connect to the ledger for the length of the context."""
    with cassandra_session.connect(settings) as session:
        yield connect_ledger(settings, session)


def check_customer(ledger: Ledger, settings: FolderSettings, name: str) -> None:
    """Make sure that a customer has, or ever had, loads, or else a document.

    Raises:
        BadParameter: nobody knows it.
        SettingsError: the folder of documents cannot be read.
    """
    if name not in ledger.customers() and name not in (documents := documents_of(settings)):
        raise no_customer(documents, name)
