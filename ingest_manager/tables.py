"""The customers' tables: what an app declares, made or widened in Cassandra, and compared with what is there.

`setup` declares; `row_writer` compares before every load, since a table can change under a running process.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from customer_ingestapps.contract import AppContract
from ingest_manager.cassandra_session import CassandraSession
from ingest_manager.errors import PermanentError

MISMATCH = "table_mismatch"

_COLUMNS = """
SELECT column_name, type, kind, position FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name, its columns with their CQL types in order, and its key."""

    name: str
    columns: Mapping[str, str]
    partition_key: tuple[str, ...]
    clustering_key: tuple[str, ...]


def declared_table(contract: AppContract) -> Table:
    """Return the table that an app writes to."""
    return Table(
        name=contract.table.name,
        columns={name: column.type for name, column in contract.columns.items()},
        partition_key=tuple(contract.table.partition_key),
        clustering_key=tuple(contract.table.clustering_key),
    )


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
    )


def check_table(session: CassandraSession, keyspace: str, declared: Table) -> None:
    """Make sure that a table can take what an app declares.

    Raises:
        PermanentError: it cannot; says which column is missing or of another type, or what its key is.
    """
    present = find_table(session, keyspace, declared.name)
    if present is None:
        raise _mismatch(keyspace, declared.name, "does not exist")
    _refuse_other_shape(keyspace, present, declared)
    for name in _new_columns(present, declared):
        raise _mismatch(keyspace, declared.name, f"has no column {name!r}")


def declare_keyspace(session: CassandraSession, keyspace: str, replication: Mapping[str, str]) -> None:
    """Make a customer's keyspace; can be repeated, and leaves the replication of an existing one alone."""
    options = json.dumps(dict(replication)).replace('"', "'")  # CQL's map of texts but for its quotes
    session.execute(f"CREATE KEYSPACE IF NOT EXISTS {quoted(keyspace)} WITH replication = {options}")


def declare_table(session: CassandraSession, keyspace: str, contract: AppContract) -> None:
    """Make an app's table, or add the columns that are new; can be repeated.

    Raises:
        PermanentError: the table has another key or a column of another type; nothing was changed.
    """
    declared = declared_table(contract)
    present = find_table(session, keyspace, declared.name)
    if present is None:
        session.execute(create_statement(keyspace, declared))
        return
    _refuse_other_shape(keyspace, present, declared)
    for name in _new_columns(present, declared):
        column = f"{quoted(name)} {declared.columns[name]}"
        session.execute(f"ALTER TABLE {_full_name(keyspace, declared)} ADD IF NOT EXISTS {column}")


def create_statement(keyspace: str, table: Table) -> str:
    """Return the statement that makes a table."""
    columns = ", ".join(f"{quoted(name)} {column_type}" for name, column_type in table.columns.items())
    key = ", ".join([f"({_names(table.partition_key)})", *map(quoted, table.clustering_key)])
    return f"CREATE TABLE IF NOT EXISTS {_full_name(keyspace, table)} ({columns}, PRIMARY KEY ({key}))"


def insert_statement(keyspace: str, table: Table) -> str:
    """Return the INSERT of all columns, in the order of the app's declaration."""
    marks = ", ".join("?" * len(table.columns))
    return f"INSERT INTO {_full_name(keyspace, table)} ({_names(table.columns)}) VALUES ({marks})"  # noqa: S608 - quoted


def quoted(name: str) -> str:
    """Return an identifier that is taken as it is written.

    >>> quoted('time_hour')
    '"time_hour"'
    """
    return '"' + name.replace('"', '""') + '"'


def _refuse_other_shape(keyspace: str, present: Table, declared: Table) -> None:
    for name, column_type in declared.columns.items():
        there = present.columns.get(name, column_type)
        if there != column_type:
            difference = f"has column {name!r} of type {there}, the app declares {column_type}"
            raise _mismatch(keyspace, declared.name, difference)
    there_key, key = ((table.partition_key, table.clustering_key) for table in (present, declared))
    if there_key != key:
        difference = f"has the primary key {_key(present)}, the app declares {_key(declared)}"
        raise _mismatch(keyspace, declared.name, difference)


def _new_columns(present: Table, declared: Table) -> list[str]:
    return [name for name in declared.columns if name not in present.columns]


def _mismatch(keyspace: str, table: str, difference: str) -> PermanentError:
    return PermanentError(f"table {keyspace}.{table} {difference}", MISMATCH)


def _key(table: Table) -> str:
    return ", ".join([f"({', '.join(table.partition_key)})", *table.clustering_key])


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))


def _full_name(keyspace: str, table: Table) -> str:
    return f"{quoted(keyspace)}.{quoted(table.name)}"
