"""What earlier runs of a load wrote under the keys that it writes now, and what it no longer gives.

Asked only of a load whose write times were raised: by force, or by another version of its app (`claims`). Its
earlier cells are known by their write times and are deleted with the last of these. So what this run writes
wins in whatever order both arrive, a repeat deletes the same again, and what another object wrote stays.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from customer_ingestapps.cells import Cell, Rows
from ingest_manager.cassandra.cassandra_session import UNSET, CassandraSession, with_cells
from ingest_manager.cassandra.tables import Table, quoted, regular_columns

_AT_ONCE = 128  # reads under way together

Row = tuple[Cell, ...]


class Sink(Protocol):
    """Who takes encoded rows, and knows when all of them are stored."""

    def write(self, rows: Rows, timestamp_us: int, /) -> None:
        """Take rows, all with one write time."""

    def flush(self) -> None:
        """Return when every row is acknowledged."""


class ClearingWriter:
    """Writes a load's rows, and deletes what its earlier runs left in them."""

    def __init__(self, rows: Sink, leftovers: "Leftovers", open_eraser: Callable[[str], Sink]) -> None:
        self._rows = rows
        self._leftovers = leftovers
        self._open_eraser = open_eraser
        self._erasers: dict[str, Sink] = {}

    def write(self, rows: Rows, timestamp_us: int) -> None:
        """Send rows, all with one write timestamp, and what is to be deleted in them.

        Raises:
            IngestError: the first failure so far, or the table could not be read.
        """
        self._rows.write(rows, timestamp_us)
        for column, keys in self._leftovers.find(rows).items():
            if column not in self._erasers:
                self._erasers[column] = self._open_eraser(column)
            self._erasers[column].write(keys, self._leftovers.last_us)

    def flush(self) -> None:
        """Return when every row and every deletion is acknowledged.

        Raises:
            IngestError: the first failure.
        """
        for sink in (self._rows, *self._erasers.values()):
            sink.flush()


class Leftovers:
    """Finds cells of a load's earlier runs that its new rows would leave as they are."""

    def __init__(self, session: CassandraSession, keyspace: str, table: Table, earlier: range) -> None:
        self._session = session
        self._earlier = earlier
        self.last_us = earlier[-1]
        columns = list(table.columns)
        self._key_positions = [columns.index(name) for name in (*table.partition_key, *table.clustering_key)]
        there = regular_columns(session, keyspace, table.name)
        # Where a row has a column's cell: nowhere, if the app no longer declares the column.
        self._position_of = {name: columns.index(name) if name in columns else None for name in there}
        self._parts = [(name, field) for name, fields in there.items() for field in fields or (None,)]
        self._select = _select_statement(keyspace, table, self._parts)

    def find(self, rows: Rows) -> Mapping[str, list[Row]]:
        """Return the keys of rows with a leftover, by its column.

        Raises:
            IngestError: the table could not be read.
        """
        found: defaultdict[str, list[Row]] = defaultdict(list)
        incomplete = [row for row in rows if self._unset(row)]
        for row, times in zip(incomplete, self._write_times(incomplete), strict=True):
            for name in self._unset(row):
                if any(time in self._earlier for time in times[name]):
                    found[name].append(self._key(row))
        return found

    def _unset(self, row: Row) -> list[str]:
        return [
            name for name, position in self._position_of.items() if position is None or row[position] is UNSET
        ]

    def _key(self, row: Row) -> Row:
        return tuple(row[position] for position in self._key_positions)

    def _write_times(self, rows: Rows) -> Iterator[Mapping[str, list[int]]]:
        """Yield the write times of each row's columns: a set, map or type has one for each of its parts.

        A run that writes such a column deletes what is older in it, so nothing older lies beside its parts.
        """
        for start in range(0, len(rows), _AT_ONCE):
            prepared = self._session.prepare(self._select)
            pending = [
                self._session.execute_async(with_cells(prepared, self._key(row)))
                for row in rows[start : start + _AT_ONCE]
            ]
            yield from (self._times_of(answer.result()) for answer in pending)

    def _times_of(self, found: list[dict[str, Any]]) -> Mapping[str, list[int]]:
        times = defaultdict[str, list[int]](list)
        for row in found:  # one or none
            for (name, _), time in zip(self._parts, row.values(), strict=True):
                times[name] += time if isinstance(time, list) else [time] if time is not None else []
        return times


def erase_statement(keyspace: str, table: Table, column: str) -> str:
    """Return the DELETE of one column of one row; cells are those of the key."""
    return f"DELETE {quoted(column)} {_of_row(keyspace, table)}"


def _select_statement(keyspace: str, table: Table, parts: Iterable[tuple[str, str | None]]) -> str:
    # Each field for itself: the driver cannot read a list of times in which that of an empty field is null.
    names = (quoted(name) if field is None else f"{quoted(name)}.{quoted(field)}" for name, field in parts)
    times = ", ".join(f"WRITETIME({name}) AS t{number}" for number, name in enumerate(names))
    return f"SELECT {times} {_of_row(keyspace, table)}"


def _of_row(keyspace: str, table: Table) -> str:
    key = " AND ".join(f"{quoted(name)} = ?" for name in (*table.partition_key, *table.clustering_key))
    return f"FROM {quoted(keyspace)}.{quoted(table.name)} WHERE {key}"
