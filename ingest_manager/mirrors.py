"""RabbitMQ and Cassandra as `bucket-policies plan` and `apply` see them: what `setup` makes, part by part.

Found by the entry point `bucket_policies.mirrors`. AMQP tells of queues and exchanges, not of bindings:
those every apply declares again, as a manager does at each reconcile. Nothing here deletes or narrows.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import NoReturn, TypeVar

from pydantic import ValidationError

from bucket_policies import allowances, grant_store
from bucket_policies.customers import Customer
from bucket_policies.errors import MirrorError, NotGivenError, SettingsError, UnreachableError
from bucket_policies.mirror import Holding, Part
from customer_ingestapps.contract import AppContract
from customer_ingestapps.errors import ContractError
from customer_ingestapps.registry import Registry
from ingest_manager import setup
from ingest_manager.cassandra import cassandra_session, tables
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.errors import IngestError, ObjectGone, ServerDown
from ingest_manager.ledger import schema
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.objects.connection import connect_store
from ingest_manager.queues import broker, topology
from ingest_manager.queues.events import event_of_version
from ingest_manager.queues.topology import AS_DECLARED
from ingest_manager.settings import Settings

_T = TypeVar("_T")
_KEYSPACE = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?"
_TABLES = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
_COLUMNS_OF = re.compile(r"\s*(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) ingest\.(\w+)")
_OTHER_QUEUE = "once it is empty, delete it, and apply again"


def open_mirrors() -> tuple["RabbitMQ", "Cassandra"]:
    """Open both with the manager's settings; nothing is asked of them yet.

    Raises:
        NotGivenError: this machine does not have these settings.
        SettingsError: it has, and they cannot be used.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        found = {f"INGEST_MANAGER_{detail['loc'][0]}".upper(): detail for detail in error.errors()}
        if all(detail["type"] == "missing" for detail in found.values()):
            message = f"RabbitMQ and Cassandra are left out: {', '.join(found)} not given here"
            raise NotGivenError(message, list(found)) from None  # its cause would show the values
        raise SettingsError("; ".join(f"{name}: {one['msg']}" for name, one in found.items())) from None
    return RabbitMQ(settings), Cassandra(settings)


class _System:
    """What both share: their faults leave in the words of `bucket_policies`."""

    name: str

    def read(self, call: Callable[[], _T]) -> _T | None:
        """Read something; what is not there is None already."""
        with _policy_errors(self.name):
            return call()

    def write(self, call: Callable[[], object]) -> None:
        """Change something."""
        with _policy_errors(self.name):
            call()


class RabbitMQ(_System):
    """The exchanges and queues of `topology`; each look has a connection of its own."""

    name = "RabbitMQ"

    def __init__(self, settings: Settings) -> None:
        self._url = settings.amqp_url.get_secret_value()
        self._pauses = settings.retry_pauses_seconds

    def parts(self, customers: Sequence[Customer]) -> Iterator[Part]:
        """Give everything that it should hold, in the order of its making."""
        for exchange in topology.exchanges():
            yield self._part(f"exchange {exchange.name}", exchange)
        for queue in topology.queues(self._pauses):
            yield self._part(f"queue {queue.name}", queue)
        yield self._bindings("bindings", topology.bindings())
        for customer in customers:
            yield self._part(f"queue {customer.queue}", topology.customer_queue(customer.queue))
            way = topology.customer_binding(customer.staging_bucket, customer.queue)
            yield self._bindings(f"queue {customer.queue}: binding", [way])

    def holdings(self, customer: Customer) -> Iterator[Holding]:
        """Tell of a customer's queue."""
        waiting = self.read(lambda: broker.count_waiting(self._url, customer.queue))
        yield Holding(
            f"queue {customer.queue}: {waiting} messages", f"rabbitmqctl delete_queue {customer.queue}"
        )

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    def _part(self, what: str, declared: topology.Exchange | topology.Queue) -> Part:
        return Part(
            what=what,
            wanted=AS_DECLARED,
            read=lambda: broker.present(self._url, declared),
            write=lambda: broker.make(self._url, declared),
            hint=_OTHER_QUEUE if isinstance(declared, topology.Queue) else "",
        )

    def _bindings(self, what: str, bindings: Iterable[topology.Binding]) -> Part:
        return Part(what, AS_DECLARED, read=None, write=lambda: broker.make(self._url, *bindings))


class Cassandra(_System):
    """The ledger, the auth service's rights to it, and the customers' keyspaces and tables."""

    name = "Cassandra"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry = Registry(settings.customer_ingestapps_dir)

    @cached_property
    def _session(self) -> CassandraSession:
        return cassandra_session.connect(self._settings)

    def close(self) -> None:
        """End every connection."""
        if "_session" in self.__dict__:
            self._session.close()

    def parts(self, customers: Sequence[Customer]) -> Iterator[Part]:
        """Give everything that it should hold, in the order of its making."""
        yield self._keyspace_part(schema.KEYSPACE)
        yield from self._ledger_parts()
        for customer in customers:
            yield self._keyspace_part(customer.keyspace)
            yield from self._app_parts(customer)

    def holdings(self, customer: Customer) -> Iterator[Holding]:
        """Tell of a customer's tables and loads."""
        rows = self.read(lambda: self._session.execute(_TABLES, (customer.keyspace,))) or []
        names = ", ".join(sorted(row["table_name"] for row in rows)) or "none"
        keyspace = tables.quoted(customer.keyspace)
        yield Holding(f"keyspace {customer.keyspace}: tables {names}", f"DROP KEYSPACE {keyspace}")
        yield Holding(
            "loads in the ledger, as history",
            "DELETE FROM ingest.loads WHERE load_id = …, once for each",
            unfinished=self.read(lambda: self._unfinished(customer)),
        )

    def _unfinished(self, customer: Customer) -> int:
        """Count the objects in staging that a manager has still to bring to an end."""
        try:
            versions = list(connect_store(self._settings).versions(customer.staging_bucket))
        except ObjectGone:
            return 0
        load_ids = [event_of_version(version).load_id for version in versions]
        loads = connect_ledger(self._settings, self._session).find_all(load_ids)
        ended = sum(load.status.is_outcome and load.placed_at is not None for load in loads)
        return len(load_ids) - ended

    def _keyspace_part(self, keyspace: str) -> Part:
        wanted = _replication(self._settings.replication)
        return Part(
            what=f"keyspace {keyspace}: replication",
            wanted=wanted,
            read=lambda: self._replication_of(keyspace),
            write=lambda: self._make_keyspace(keyspace),
        )

    def _replication_of(self, keyspace: str) -> Mapping[str, str] | None:
        rows = self._session.execute(_KEYSPACE, (keyspace,))
        return _replication(rows[0]["replication"]) if rows else None

    def _make_keyspace(self, keyspace: str) -> None:
        if self._replication_of(keyspace) is not None:
            raise MirrorError(
                f"an existing keyspace is left as it is: ALTER KEYSPACE {tables.quoted(keyspace)} by hand, "
                "then nodetool repair; or set INGEST_MANAGER_REPLICATION"
            )
        tables.declare_keyspace(self._session, keyspace, self._settings.replication)

    def _ledger_parts(self) -> Iterator[Part]:
        for name, columns in ledger_columns().items():
            yield Part(
                what=f"table {schema.KEYSPACE}.{name}",
                wanted=AS_DECLARED,
                read=partial(self._compare_ledger, name, columns),
                write=self._make_ledger,
            )
        rights = f"rights of {self._settings.granter_role}"
        yield Part(rights, AS_DECLARED, read=None, write=self._make_ledger)

    def _make_ledger(self) -> None:
        setup.ensure_ledger(self._session, self._settings)

    def _compare_ledger(self, name: str, columns: Sequence[str]) -> str | None:
        present = tables.find_table(self._session, schema.KEYSPACE, name)
        if present is None:
            return None
        missing = [column for column in columns if column not in present.columns]
        return f"without {', '.join(missing)}" if missing else AS_DECLARED

    def _app_parts(self, customer: Customer) -> Iterator[Part]:
        try:
            apps = self._registry.apps(customer.id)
        except ContractError as error:
            yield _refused_apps(customer, str(error))
            return
        for app in apps:
            name = f"{customer.keyspace}.{app.contract.table.name}"
            yield Part(
                what=f"table {name}",
                wanted=AS_DECLARED,
                read=partial(self._compare_table, customer.keyspace, app.contract),
                write=partial(tables.declare_table, self._session, customer.keyspace, app.contract),
            )

    def _compare_table(self, keyspace: str, contract: AppContract) -> str | None:
        if tables.find_table(self._session, keyspace, contract.table.name) is None:
            return None
        found = tables.differences(self._session, keyspace, contract)
        return "; ".join(one.message for one in found if one.kind is not tables.Kind.NOTE) or AS_DECLARED


def ledger_columns() -> dict[str, list[str]]:
    """Return the columns of each table of the ledger's keyspace, read out of its schema."""
    found: dict[str, list[str]] = {}
    for statement in (*schema.TABLES, *grant_store.SCHEMA, *allowances.SCHEMA):
        if match := _COLUMNS_OF.match(statement):
            names = (part.split()[0] for part in _in_parts(statement[match.end() :]))
            found.setdefault(match[1], []).extend(name for name in names if name != "PRIMARY")
    return found


def _in_parts(declaration: str) -> list[str]:
    """Split what stands in the first brackets at its outer commas."""
    parts, depth = [""], 0
    for letter in declaration[declaration.index("(") + 1 :]:
        depth += (letter in "(<") - (letter in ")>")
        if depth < 0:
            break
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


def _replication(options: Mapping[str, str]) -> dict[str, str]:
    """Name the class without its package, as Cassandra takes either and shows the longer."""
    return {name: str(value).rpartition(".")[2] for name, value in options.items()}


def _refused_apps(customer: Customer, problem: str) -> Part:
    told = "; ".join(problem.splitlines())

    def refuse() -> NoReturn:
        raise MirrorError(f"{told}: mend it; until then the last good version stays in force")

    return Part(f"apps of {customer.id}", AS_DECLARED, read=lambda: f"refused: {told}", write=refuse)


@contextmanager
def _policy_errors(system: str) -> Iterator[None]:
    """Turn this package's faults into those that `bucket-policies` tells."""
    try:
        yield
    except ServerDown as error:
        detail = error.message.partition(": ")[2] or error.message
        raise UnreachableError(system, " ".join(detail.split())[:300]) from error
    except IngestError as error:
        raise MirrorError(" ".join(error.message.split())) from error
