"""What must exist before the first event: the broker's topology, the ledger, each customer's tables."""

from collections.abc import Mapping

import structlog

from bucket_policies import allowances, grant_store
from bucket_policies.customers import Customer
from customer_ingestapps.registry import Registry
from ingest_manager.cassandra import tables
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.errors import PermanentError
from ingest_manager.ledger import pauses, schema
from ingest_manager.queues import broker
from ingest_manager.settings import Settings

log = structlog.get_logger(__name__)


def ensure_ledger(session: CassandraSession, settings: Settings) -> None:
    """Create the ledger's keyspace and tables, and the tables shared with the auth service."""
    tables.declare_keyspace(session, schema.KEYSPACE, settings.replication)
    for statement in (*schema.TABLES, *pauses.SCHEMA, *grant_store.SCHEMA, *allowances.SCHEMA):
        session.execute(statement)
    for table in (*grant_store.TABLES, *allowances.TABLES):
        session.execute(f'GRANT SELECT ON {table} TO "{settings.granter_role}"')
        session.execute(f'GRANT MODIFY ON {table} TO "{settings.granter_role}"')
    _adopt_customers(session)


def _adopt_customers(session: CassandraSession) -> None:
    """Enter the customers of earlier versions, which knew them by the days of their loads."""
    days = session.execute("SELECT DISTINCT customer, day FROM ingest.loads_by_day")
    for customer in {row["customer"] for row in days}:
        session.execute("INSERT INTO ingest.customers (customer) VALUES (?)", (customer,))


def ensure_topology(settings: Settings) -> None:
    """Declare the exchanges, queues and bindings that exist whoever the customers are."""
    with broker.open_channel(settings.amqp_url.get_secret_value()) as channel:
        broker.declare(channel, settings.retry_pauses_seconds)


def ensure_customer(
    session: CassandraSession, registry: Registry, settings: Settings, customer: Customer
) -> Mapping[str, str]:
    """Create a customer's keyspace, tables and queue; return the apps whose tables do not fit, and why.

    Raises:
        ContractError: the customer's apps are refused.
        PermanentError: no table of the customer fits.
    """
    misfits = ensure_tables(session, registry, settings, customer)
    with broker.open_channel(settings.amqp_url.get_secret_value()) as channel:
        broker.declare_customer(channel, customer.queue, customer.staging_bucket)
    return misfits


def ensure_tables(
    session: CassandraSession, registry: Registry, settings: Settings, customer: Customer
) -> Mapping[str, str]:
    """Create a customer's keyspace and tables, or what is new in them; returns and raises as above."""
    tables.declare_keyspace(session, customer.keyspace, settings.replication)
    apps, misfits = registry.apps(customer.id), {}
    for app in apps:
        try:
            changes = tables.declare_table(session, customer.keyspace, app.contract)
        except PermanentError as error:
            misfits[app.name] = str(error)
            continue
        for change in changes:
            log.info("a table was changed", action="declare_table", customer=customer.id, change=str(change))
    if apps and len(misfits) == len({app.name for app in apps}):
        raise PermanentError("; ".join(misfits.values()), tables.MISMATCH)
    return misfits
