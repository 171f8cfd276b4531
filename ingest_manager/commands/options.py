"""What the commands of `ingest-manager` share: their options, and what these name."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import typer

from bucket_policies.customers import Customer, is_customer_id, open_directory
from bucket_policies.errors import SettingsError
from bucket_policies.grant_store import GrantStore
from ingest_manager.cassandra import cassandra_session
from ingest_manager.errors import ServerDown
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.pauses import PauseStore
from ingest_manager.loading.worker import connect_ledger, connect_store
from ingest_manager.monitoring.customer_state import Observer, Records
from ingest_manager.objects import bucket_quotas
from ingest_manager.queues.broker import queue_states
from ingest_manager.settings import FolderSettings, Settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]
Since = Annotated[
    str | None, typer.Option("--since", help="Objects since then: 90m, 24h, 7d, or an ISO time.")
]
OneCustomer = Annotated[str | None, typer.Option("--customer", help="Only this customer.")]
NamedCustomer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="A customer's id.")]


@contextmanager
def open_ledger(settings: Settings) -> Iterator[Ledger]:
    """Connect to the ledger for the length of the context."""
    with open_records(settings) as records:
        yield records.ledger


@contextmanager
def open_records(settings: Settings) -> Iterator[Records]:
    """Connect to all that Cassandra holds for the length of the context."""
    with cassandra_session.connect(settings) as session:
        yield Records(connect_ledger(settings, session), GrantStore(session), PauseStore(session))


@contextmanager
def open_observer(settings: Settings) -> Iterator[Observer]:
    """Look at customers, for the length of the context, through whatever servers can be reached."""
    with ExitStack() as stack:
        observer = Observer(
            None,
            connect_store(settings),
            bucket_quotas.connect(settings).quota_bytes,
            partial(queue_states, settings.amqp_url.get_secret_value()),
        )
        try:
            observer.records = stack.enter_context(open_records(settings))
        except ServerDown as error:
            observer.away[error.server] = error.message
        yield observer


def documents_of(settings: FolderSettings) -> Mapping[str, Customer]:
    """Return the customers that have a document, by id.

    Raises:
        SettingsError: the folder of documents cannot be read.
    """
    return open_directory(settings.bucket_policies_dir / "customers").current()


def named_customer(
    observer: Observer, documents: Mapping[str, Customer], name: str
) -> dict[str, Customer | None]:
    """Return the customer that is named, by its id; None if its document is gone and traces are left.

    Raises:
        ServerDown: whether there are traces cannot be told.
    """
    if name not in documents and not (is_customer_id(name) and observer.has_traces(name)):
        raise _no_customer(documents, name)
    return {name: documents.get(name)}


def check_customer(ledger: Ledger, settings: FolderSettings, name: str) -> None:
    """Make sure that a customer has, or ever had, loads, or else a document.

    Raises:
        BadParameter: nobody knows it.
        SettingsError: the folder of documents cannot be read.
    """
    if name not in ledger.customers() and name not in (documents := documents_of(settings)):
        raise _no_customer(documents, name)


def _no_customer(documents: Iterable[str], name: str) -> typer.BadParameter:
    known = ", ".join(documents) or "none"
    return typer.BadParameter(f"{name!r} is no customer; the customers are {known}")


def customers_of(settings: FolderSettings, only: str | None = None) -> list[Customer]:
    """Return the customers that have a document, or the one that is named.

    Raises:
        SettingsError: all were asked for, and not every document can be used, or the folder cannot be read.
    """
    directory = open_directory(settings.bucket_policies_dir / "customers")
    customers = directory.current()
    if only is None and directory.problems:
        problems = "; ".join(f"{document}: {problem}" for document, problem in directory.problems.items())
        raise SettingsError(f"not every customer is known, name one with --customer: {problems}")
    if only is None:
        return list(customers.values())
    if only not in customers:
        raise _no_customer(customers, only)
    return [customers[only]]


def moment_of(text: str | None) -> datetime | None:
    """Return the time that an option names, aware."""
    if text is None:
        return None
    units = {"m": "minutes", "h": "hours", "d": "days"}
    try:
        if text[-1:] in units and text[:-1].isdecimal():
            return datetime.now(UTC) - timedelta(**{units[text[-1]]: int(text[:-1])})
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is neither like 90m, 24h or 7d nor an ISO time") from error
