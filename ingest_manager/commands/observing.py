"""What commands that look at customers share: all servers, and which customer is meant."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

from bucket_policies.customers import Customer, is_customer_id
from bucket_policies.grant_store import GrantStore
from ingest_manager.cassandra import cassandra_session
from ingest_manager.commands.options import no_customer
from ingest_manager.errors import ServerDown
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.ledger.pauses import PauseStore
from ingest_manager.monitoring.customer_state import Observer, Records
from ingest_manager.objects import bucket_quotas
from ingest_manager.objects.connection import connect_store
from ingest_manager.queues.broker import queue_states
from ingest_manager.settings import Settings


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


def named_customer(
    observer: Observer, documents: Mapping[str, Customer], name: str
) -> dict[str, Customer | None]:
    """Return the customer that is named, by its id; None if its document is gone and traces are left.

    Raises:
        ServerDown: whether there are traces cannot be told.
    """
    if name not in documents and not (is_customer_id(name) and observer.has_traces(name)):
        raise no_customer(documents, name)
    return {name: documents.get(name)}
