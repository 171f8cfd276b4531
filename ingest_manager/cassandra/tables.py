"""The customers' tables: what an app declares, made or widened in Cassandra, and compared with what is there.

`setup` and `apps apply` declare; `row_writer` compares before every load, since a table can change under a
running process. What would lose or reinterpret stored data is never done.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from customer_ingestapps.contract import AppContract
from customer_ingestapps.cql_types import NAMES, parse_type
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.table_options import declared_options, shown_option, written_option
from ingest_manager.errors import PermanentError, TransientError

MISMATCH = "table_mismatch"

_COLUMNS = """
SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns
WHERE keyspace_name = ? AND table_name = ?
"""

_TYPES = """
SELECT field_names, field_types FROM system_schema.types WHERE keyspace_name = ? AND type_name = ?
"""

_TIME_TO_LIVE = """
SELECT default_time_to_live FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?
"""

_OPTIONS = """
SELECT default_time_to_live, gc_grace_seconds, comment, compaction FROM system_schema.tables
WHERE keyspace_name = ? AND table_name = ?
"""

_KEYSPACE = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?"
_OTHER_TABLE = "name another table in the app, let it be made, and load the archive into it: replay --force"


class Kind(StrEnum):
    """What becomes of a difference between an app and its table."""

    CHANGE = "change"
    """Applying makes it so."""
    REFUSED = "refused"
    """It would lose or reinterpret data, or cannot be done; the app's loads wait."""
    NOTE = "note"
    """Nothing has to be done."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which Cassandra is not as declared."""

    kind: Kind
    subject: str
    """Such as `table acme.orders`."""
    message: str
    remedy: str = ""
    statement: str = ""
    """What applying executes."""

    def __str__(self) -> str:
        return f"{self.subject} {self.message}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name, its columns with their CQL types in order, its key, and what else is said of it."""

    name: str
    columns: Mapping[str, str]
    partition_key: tuple[str, ...]
    clustering_key: tuple[str, ...]
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """User-defined types that the columns use: their fields with types, in order."""
    order: Mapping[str, str] = field(default_factory=dict)
    """`asc` or `desc` of columns of the clustering key."""
    options: Mapping[str, object] = field(default_factory=dict)
    """By their names in CQL."""


def declared_table(contract: AppContract) -> Table:
    """Return the table that an app writes to."""
    return Table(
        name=contract.table.name,
        columns={name: str(cql) for name, cql in contract.cql_types.items()},
        partition_key=tuple(contract.table.partition_key),
        clustering_key=tuple(contract.table.clustering_key),
        types={name: _fields_of(contract, name) for name in contract.types},
        order=dict(contract.table.clustering_order),
        options=declared_options(contract.table),
    )


def _fields_of(contract: AppContract, name: str) -> Mapping[str, str]:
    declared = parse_type(f"frozen<{name}>", contract.types)
    return dict(zip(declared.fields, map(str, declared.arguments), strict=True))


def find_table(session: CassandraSession, keyspace: str, name: str) -> Table | None:
    """Read a table's present columns from the server, not from the driver's copy, which may lag."""
    rows = session.execute(_COLUMNS, (keyspace, name))
    if not rows:
        return None
    keys = sorted((row["position"], row["column_name"], row["kind"]) for row in rows)
    return Table(
        name=name,
        columns={row["column_name"]: row["type"] for row in rows},
        partition_key=tuple(column for _, column, kind in keys if kind == "partition_key"),
        clustering_key=tuple(column for _, column, kind in keys if kind == "clustering"),
        order={row["column_name"]: row["clustering_order"] for row in rows if row["kind"] == "clustering"},
    )


def regular_columns(session: CassandraSession, keyspace: str, name: str) -> dict[str, tuple[str, ...]]:
    """Return a table's present columns that are neither of its key nor static.

    Those of a user-defined type that is not frozen come with its fields: each has a write time of its own.
    """
    rows = session.execute(_COLUMNS, (keyspace, name))
    kinds = {row["column_name"]: row["type"].strip('"') for row in rows if row["kind"] == "regular"}
    return {column: _fields_of_type(session, keyspace, kind) for column, kind in sorted(kinds.items())}


def _fields_of_type(session: CassandraSession, keyspace: str, kind: str) -> tuple[str, ...]:
    if kind in NAMES or "<" in kind:  # Cassandra's own, or frozen
        return ()
    rows = session.execute(_TYPES, (keyspace, kind))
    return tuple(rows[0]["field_names"]) if rows else ()


def check_table(session: CassandraSession, keyspace: str, declared: Table) -> None:
    """Make sure that a table can take what an app declares.

    Raises:
        TransientError: it cannot, which is the admin's fault and not the object's; says which column is
            missing or of another type, or what its key is.
    """
    present = find_table(session, keyspace, declared.name)
    for found in [*_type_differences(session, keyspace, declared), *_shape(keyspace, present, declared)]:
        if found.kind is not Kind.NOTE:
            raise TransientError(str(found), MISMATCH)


def differences(session: CassandraSession, keyspace: str, contract: AppContract) -> list[Difference]:
    """Compare an app's table with the one that is there; changes come in the order in which they are made."""
    declared = declared_table(contract)
    present = find_table(session, keyspace, declared.name)
    found = [*_type_differences(session, keyspace, declared), *_shape(keyspace, present, declared)]
    if present is not None:
        found += _option_differences(session, keyspace, declared)
    return found


def keyspace_differences(
    session: CassandraSession, keyspace: str, replication: Mapping[str, str]
) -> list[Difference]:
    """Compare a customer's keyspace with the settings; an existing one keeps its replication."""
    rows = session.execute(_KEYSPACE, (keyspace,))
    subject = f"keyspace {keyspace}"
    if not rows:
        statement = _keyspace_statement(keyspace, replication)
        return [Difference(Kind.CHANGE, subject, "does not exist", statement=statement)]
    present = {name: value.rpartition(".")[2] for name, value in dict(rows[0]["replication"]).items()}
    if present == dict(replication):
        return []
    message = f"has the replication {present}, new keyspaces get {dict(replication)}"
    return [Difference(Kind.NOTE, subject, message)]


def time_to_live(session: CassandraSession, keyspace: str, name: str) -> timedelta | None:
    """Return how long a table keeps a row after it was written, None for ever."""
    rows = session.execute(_TIME_TO_LIVE, (keyspace, name))
    seconds = rows[0]["default_time_to_live"] if rows else 0
    return timedelta(seconds=seconds) if seconds else None


def declare_keyspace(session: CassandraSession, keyspace: str, replication: Mapping[str, str]) -> None:
    """Make a customer's keyspace; can be repeated, and leaves the replication of an existing one alone."""
    session.execute(_keyspace_statement(keyspace, replication))


def declare_table(session: CassandraSession, keyspace: str, contract: AppContract) -> list[Difference]:
    """Make an app's table, add the columns that are new, set its options; return what was changed.

    Raises:
        PermanentError: the table has another key or a column of another type; nothing was changed.
    """
    found = differences(session, keyspace, contract)
    refused = [str(one) for one in found if one.kind is Kind.REFUSED]
    if refused:
        raise PermanentError("; ".join(refused), MISMATCH)
    changes = [one for one in found if one.kind is Kind.CHANGE]
    for change in changes:
        session.execute(change.statement)
    return changes


def create_statement(keyspace: str, table: Table) -> str:
    """Return the statement that makes a table."""
    columns = ", ".join(f"{quoted(name)} {column_type}" for name, column_type in table.columns.items())
    key = ", ".join([f"({_names(table.partition_key)})", *map(quoted, table.clustering_key)])
    options = [f"{name} = {written_option(value)}" for name, value in table.options.items()]
    if table.order:
        order = (f"{quoted(name)} {table.order.get(name, 'asc').upper()}" for name in table.clustering_key)
        options.insert(0, f"CLUSTERING ORDER BY ({', '.join(order)})")
    made = f"CREATE TABLE IF NOT EXISTS {_full_name(keyspace, table)} ({columns}, PRIMARY KEY ({key}))"
    return f"{made} WITH {' AND '.join(options)}" if options else made


def insert_statement(keyspace: str, table: Table) -> str:
    """Return the INSERT of all columns, in the order of the app's declaration."""
    marks = ", ".join("?" * len(table.columns))
    return f"INSERT INTO {_full_name(keyspace, table)} ({_names(table.columns)}) VALUES ({marks})"  # noqa: S608 - quoted


def write_times_statement(
    keyspace: str, table: Table, columns: Sequence[str], of_several_cells: Collection[str]
) -> str:
    """Return the SELECT of one row's write times by its whole key, named `w` and a number from 0.

    Of a table that is all key it gives how many rows are `found`.
    """
    functions = ("maxwritetime" if name in of_several_cells else "writetime" for name in columns)
    times = [f"{function}({quoted(name)})" for function, name in zip(functions, columns, strict=True)]
    wanted = ", ".join(f"{time} AS w{number}" for number, time in enumerate(times)) or "count(*) AS found"
    key = " AND ".join(f"{quoted(name)} = ?" for name in (*table.partition_key, *table.clustering_key))
    return f"SELECT {wanted} FROM {_full_name(keyspace, table)} WHERE {key}"  # noqa: S608 - quoted


def quoted(name: str) -> str:
    """Return an identifier that is taken as it is written.

    >>> quoted('time_hour')
    '"time_hour"'
    """
    return '"' + name.replace('"', '""') + '"'


def _keyspace_statement(keyspace: str, replication: Mapping[str, str]) -> str:
    options = json.dumps(dict(replication)).replace('"', "'")  # CQL's map of texts but for its quotes
    return f"CREATE KEYSPACE IF NOT EXISTS {quoted(keyspace)} WITH replication = {options}"


def _in_order(types: Mapping[str, Mapping[str, str]]) -> list[tuple[str, Mapping[str, str]]]:
    """Put a type behind those that its fields use: a type must exist before it is used."""
    return sorted(types.items(), key=lambda item: _levels(item[0], types))


def _levels(name: str, types: Mapping[str, Mapping[str, str]]) -> int:
    used = {word for kind in types[name].values() for word in re.findall(r"[a-z0-9_]+", kind)} & types.keys()
    return 1 + max((_levels(inner, types) for inner in used), default=0)


def _type_differences(session: CassandraSession, keyspace: str, declared: Table) -> Iterator[Difference]:
    """Compare user-defined types: only the place of a field tells its values apart."""
    for name, fields in _in_order(declared.types):
        rows = session.execute(_TYPES, (keyspace, name))
        subject = f"type {keyspace}.{name}"
        if not rows:
            written = ", ".join(f"{quoted(field)} {kind}" for field, kind in fields.items())
            statement = f"CREATE TYPE IF NOT EXISTS {quoted(keyspace)}.{quoted(name)} ({written})"
            yield Difference(Kind.CHANGE, subject, "does not exist", statement=statement)
            continue
        there = dict(zip(rows[0]["field_names"], rows[0]["field_types"], strict=True))
        if list(there.items()) != list(fields.items()):
            message = f"has the fields {there}, the app declares {dict(fields)}"
            yield Difference(Kind.REFUSED, subject, message, "name another type, and another column for it")


def _shape(keyspace: str, present: Table | None, declared: Table) -> Iterator[Difference]:
    """Compare columns, key and order."""
    subject = f"table {keyspace}.{declared.name}"
    if present is None:
        statement = create_statement(keyspace, declared)
        yield Difference(Kind.CHANGE, subject, "does not exist", statement=statement)
        return
    for message in _clashes(present, declared):
        yield Difference(Kind.REFUSED, subject, message, _OTHER_TABLE)
    for name, kind in declared.columns.items():
        if name not in present.columns:
            statement = (
                f"ALTER TABLE {_full_name(keyspace, declared)} ADD IF NOT EXISTS {quoted(name)} {kind}"
            )
            yield Difference(Kind.CHANGE, subject, f"has no column {name!r}", statement=statement)
    for name in sorted(present.columns.keys() - declared.columns.keys()):
        message = f"has a column {name!r} that the app does not name; it is left as it is"
        yield Difference(Kind.NOTE, subject, message)


def _clashes(present: Table, declared: Table) -> Iterator[str]:
    for name, kind in declared.columns.items():
        there = present.columns.get(name, kind)
        if there != kind:
            yield f"has column {name!r} of type {there}, the app declares {kind}"
    if _key(present) != _key(declared):
        yield f"has the primary key {_key(present)}, the app declares {_key(declared)}"
    for name, order in declared.order.items():
        there = present.order.get(name, order)
        if there != order:
            yield f"is ordered by {name!r} {there}, the app declares {order}: Cassandra cannot change that"


def _option_differences(session: CassandraSession, keyspace: str, declared: Table) -> Iterator[Difference]:
    rows = session.execute(_OPTIONS, (keyspace, declared.name))
    present = rows[0] if rows else {}
    subject = f"table {keyspace}.{declared.name}"
    for name, value in declared.options.items():
        there, wanted = shown_option(present.get(name), value), shown_option(value, value)
        if there != wanted:
            option = f"{name} = {written_option(value)}"
            statement = f"ALTER TABLE {_full_name(keyspace, declared)} WITH {option}"
            message = f"has {name} {there}, the app declares {wanted}"
            yield Difference(Kind.CHANGE, subject, message, statement=statement)
    ttl = present.get("default_time_to_live")
    if ttl and "default_time_to_live" not in declared.options:
        message = f"lets its rows expire after {ttl} seconds, of which the app says nothing"
        yield Difference(Kind.NOTE, subject, message)


def _key(table: Table) -> str:
    return ", ".join([f"({', '.join(table.partition_key)})", *table.clustering_key])


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))


def _full_name(keyspace: str, table: Table) -> str:
    return f"{quoted(keyspace)}.{quoted(table.name)}"
