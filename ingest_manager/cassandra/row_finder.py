"""Are rows in their table as a load wrote them? Asked by their whole keys, some hundred at once.

The counterpart of `row_writer`: a sink of a transfer that writes nothing. Keys go out as they were encoded
and only write times come back, so no value is decoded. What is done about a row that is not as it should be
is left to `readback`.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from customer_ingestapps.cells import Cell, Rows
from customer_ingestapps.contract import AppContract
from ingest_manager.cassandra.cassandra_session import CassandraSession, Pending, Prepared, Row, with_cells
from ingest_manager.cassandra.stored_values import reader_of
from ingest_manager.cassandra.tables import declared_table, write_times_statement
from ingest_manager.errors import TransientError

_UNDER_WAY = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is not in the key."""

    name: str
    position: int
    may_be_cleared: bool  # by a newer object, with nothing left to tell when


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row that is being looked for."""

    row: tuple[Cell, ...]
    written_us: int
    statement: Prepared
    answer: Pending


class RowFinder:
    """Looks for one load's rows in one table; used by one thread."""

    def __init__(
        self,
        session: CassandraSession,
        keyspace: str,
        contract: AppContract,
        on_fault: Callable[[str], None],
        *,
        cleared_us: int = 0,  # a cell of that time or older may have been cleared by a forced load
    ) -> None:
        names, types = list(contract.columns), contract.cql_types
        self._session = session
        self._on_fault = on_fault
        self._cleared_us = cleared_us
        self._key = [(name, names.index(name), reader_of(types[name])) for name in contract.table.key]
        self._values = [
            _Column(name, number, contract.columns[name].empty == "null" or not types[name].is_frozen)
            for number, name in enumerate(names)
            if name not in contract.table.key
        ]
        several = [column.name for column in self._values if not types[column.name].is_frozen]
        statement = write_times_statement(
            keyspace, declared_table(contract), [column.name for column in self._values], several
        )
        self._prepared = session.prepare(statement)
        self._asked: deque[_Asked] = deque()
        self._repeat = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(3),
            wait=wait_exponential(0.5),
            reraise=True,
        )
        self.found = 0
        self.cleared = 0
        """Cells that are not there, which a newer object or a forced load may have cleared."""

    def write(self, rows: Rows, written_us: int) -> None:
        """Look for rows that were written with one write time; waits while many are under way."""
        for row in rows:
            statement = with_cells(self._prepared, [row[position] for _, position, _ in self._key])
            self._asked.append(_Asked(row, written_us, statement, self._session.execute_async(statement)))
            if len(self._asked) == _UNDER_WAY:
                self._judge(self._asked.popleft())

    def flush(self) -> None:
        """Return when every row was judged."""
        while self._asked:
            self._judge(self._asked.popleft())

    def _judge(self, asked: _Asked) -> None:
        rows = self._answer(asked)
        if not rows or rows[0].get("found") == 0:
            self._on_fault(f"row {self._name(asked.row)} is not in its table")
            return
        faults = [
            fault for number in range(len(self._values)) if (fault := self._fault(number, asked, rows[0]))
        ]
        if faults:
            self._on_fault(f"row {self._name(asked.row)}: {'; '.join(faults)}")
        else:
            self.found += 1

    def _answer(self, asked: _Asked) -> list[Row]:
        try:
            return asked.answer.result()
        except TransientError:
            rows: list[Row] = self._repeat(self._session.execute, asked.statement)
            return rows

    def _fault(self, number: int, asked: _Asked, times: Row) -> str | None:
        column = self._values[number]
        cell, written_us = asked.row[column.position], times[f"w{number}"]
        if not isinstance(cell, bytes):
            return None  # the load gave none, or null
        if written_us is None and (column.may_be_cleared or asked.written_us <= self._cleared_us):
            self.cleared += 1
            return None
        if written_us is None:
            return f"{column.name} is not there"
        if written_us < asked.written_us:
            then, wanted = _moment(written_us), _moment(asked.written_us)
            return f"{column.name} was written {then}, the object is of {wanted}"
        return None

    def _name(self, row: tuple[Cell, ...]) -> str:
        cells = ((name, row[position], read) for name, position, read in self._key)
        return ", ".join(
            f"{name}={_shown(cell, read)}" for name, cell, read in cells if isinstance(cell, bytes)
        )


def _shown(cell: bytes, read: Callable[[bytes], object]) -> str:
    try:
        return json.dumps(read(cell), ensure_ascii=False)
    except (OverflowError, ValueError):  # a time that Python's calendar does not have
        return f"0x{cell.hex()}"


def _moment(written_us: int) -> str:
    try:
        return f"{_EPOCH + timedelta(microseconds=written_us):%Y-%m-%dT%H:%M:%S.%fZ}"
    except OverflowError:  # whoever writes by hand may give any number
        return f"{written_us} µs"
