"""The customers' tables: what an app declares, made or widened in Cassandra, and compared with what is there.

`setup` declares; `row_writer` compares before every load, since a table can change under a running process.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from customer_ingestapps.contract import AppContract
from customer_ingestapps.cql_types import NAMES, parse_type
from ingest_manager.cassandra_session import CassandraSession
from ingest_manager.errors import PermanentError

MISMATCH = "table_mismatch"

_COLUMNS = """
SELECT column_name, type, kind, position FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?
"""

_TYPES = """
SELECT field_names, field_types FROM system_schema.types WHERE keyspace_name = ? AND type_name = ?
"""

_TIME_TO_LIVE = """
SELECT default_time_to_live FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name, its columns with their CQL types in order, and its key."""

    name: str
    columns: Mapping[str, str]
    partition_key: tuple[str, ...]
    clustering_key: tuple[str, ...]
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """User-defined types that the columns use: their fields with types, in order."""


def declared_table(contract: AppContract) -> Table:
    """Return the table that an app writes to."""
    return Table(
        name=contract.table.name,
        columns={name: str(cql) for name, cql in contract.cql_types.items()},
        partition_key=tuple(contract.table.partition_key),
        clustering_key=tuple(contract.table.clustering_key),
        types={name: _fields_of(contract, name) for name in contract.types},
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
        PermanentError: it cannot; says which column is missing or of another type, or what its key is.
    """
    present = find_table(session, keyspace, declared.name)
    if present is None:
        raise _mismatch(keyspace, declared.name, "does not exist")
    _refuse_other_shape(keyspace, present, declared)
    for name in _new_columns(present, declared):
        raise _mismatch(keyspace, declared.name, f"has no column {name!r}")
    _check_types(session, keyspace, declared)


def time_to_live(session: CassandraSession, keyspace: str, name: str) -> timedelta | None:
    """Return how long a table keeps a row after it was written, None for ever."""
    rows = session.execute(_TIME_TO_LIVE, (keyspace, name))
    seconds = rows[0]["default_time_to_live"] if rows else 0
    return timedelta(seconds=seconds) if seconds else None


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
    for name, fields in _in_order(declared.types):
        session.execute(_type_statement(keyspace, name, fields))
    _check_types(session, keyspace, declared)
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


def _in_order(types: Mapping[str, Mapping[str, str]]) -> list[tuple[str, Mapping[str, str]]]:
    """Put a type behind those that its fields use: a type must exist before it is used."""
    return sorted(types.items(), key=lambda item: _levels(item[0], types))


def _levels(name: str, types: Mapping[str, Mapping[str, str]]) -> int:
    used = {word for kind in types[name].values() for word in re.findall(r"[a-z0-9_]+", kind)} & types.keys()
    return 1 + max((_levels(inner, types) for inner in used), default=0)


def _type_statement(keyspace: str, name: str, fields: Mapping[str, str]) -> str:
    written = ", ".join(f"{quoted(field)} {kind}" for field, kind in fields.items())
    return f"CREATE TYPE IF NOT EXISTS {quoted(keyspace)}.{quoted(name)} ({written})"


def _check_types(session: CassandraSession, keyspace: str, declared: Table) -> None:
    """Make sure that a user-defined type is the declared one: only their place tells its values apart."""
    for name, fields in declared.types.items():
        rows = session.execute(_TYPES, (keyspace, name))
        there = dict(zip(rows[0]["field_names"], rows[0]["field_types"], strict=True)) if rows else {}
        if list(there.items()) != list(fields.items()):
            raise _mismatch(
                keyspace,
                declared.name,
                f"uses the type {name} with the fields {there}, the app declares {dict(fields)}",
            )


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
