"""One object as two versions of an app would load it: rows and rejects held against each other, on disk.

Rows are told apart by their key, and are what a table would hold at the end of the file. Memory stays flat.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import BaseModel

from customer_ingestapps.cells import Cell, Rows
from customer_ingestapps.contract import AppContract
from customer_ingestapps.reasons import Reject
from ingest_manager.cassandra.row_writer import MISSING
from ingest_manager.cassandra.stored_values import reader_of

Side = Literal["present", "new"]
NOT_SET = "(not set)"
_NULL, _MISSING = -1, -2  # in the place of a cell's length, as in the native protocol
_SCHEMA = """
CREATE TABLE rows (key BLOB PRIMARY KEY, present BLOB, new BLOB) WITHOUT ROWID;
CREATE TABLE rejects (side TEXT, line INTEGER, "column" TEXT, reason TEXT, message TEXT);
CREATE INDEX by_line ON rejects (side, line);
"""
_PUT = {
    side: f"INSERT INTO rows (key, {side}) VALUES (?, ?) "  # noqa: S608 - our own names
    f"ON CONFLICT (key) DO UPDATE SET {side} = written_over({side}, excluded.{side})"
    for side in ("present", "new")
}
_ONLY_ON = """
SELECT line, "column", reason, message FROM rejects AS one WHERE side = ? AND NOT EXISTS (
    SELECT 1 FROM rejects AS other WHERE other.side <> one.side AND other.line = one.line
    AND other."column" IS one."column" AND other.reason = one.reason
) ORDER BY line
"""


class ValueDifference(BaseModel):
    """A value that is another one, or a row that only one version gives; then there is no column."""

    key: Mapping[str, object]
    column: str | None = None
    present: object = None
    new: object = None


class RejectDifference(BaseModel):
    """A row that only one version rejects."""

    is_new: bool
    line: int
    column: str | None
    reason: str
    message: str


@dataclass
class Differences:
    """How many there are, and the first of them."""

    rows_new: int = 0
    rows_gone: int = 0
    rows_changed: int = 0
    values_changed: int = 0
    rejects_new: int = 0
    rejects_gone: int = 0
    values: list[ValueDifference] = field(default_factory=list)
    rejects: list[RejectDifference] = field(default_factory=list)


class Comparison:
    """Takes what two versions of an app make of one object; use as a context manager."""

    def __init__(self, present: AppContract | None, new: AppContract | None) -> None:
        self._contracts: dict[Side, AppContract | None] = {"present": present, "new": new}
        known = [contract for contract in (present, new) if contract]
        self._columns = list(dict.fromkeys(name for contract in known for name in contract.columns))
        self.has_same_key = len({_key_of(contract) for contract in known}) <= 1
        """Without it rows cannot be told apart, and only counts and rejects are compared."""
        self._file = sqlite3.connect("", isolation_level=None)  # a file of its own that vanishes when closed
        self._file.executescript(f"PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; {_SCHEMA}")
        self._file.create_function("written_over", 2, _written_over, deterministic=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def sink(self, side: Side) -> "_Sink":
        """Give what takes the rows and rejects of one version."""
        contract = self._contracts[side]
        names = list(contract.columns) if contract else []
        places = [names.index(name) if name in names else None for name in self._columns]
        key = [names.index(name) for name in contract.table.key] if contract and self.has_same_key else []
        return _Sink(self._file, side, key, places)

    def differences(self, most: int) -> Differences:
        """Count the differences, and keep so many values and rejects."""
        found = Differences()
        for difference in self._rows(found):
            if len(found.values) < most:
                found.values.append(difference)
        for side in ("present", "new"):
            for line, column, reason, message in self._file.execute(_ONLY_ON, (side,)):
                found.rejects_new += side == "new"
                found.rejects_gone += side == "present"
                if len(found.rejects) < most:
                    found.rejects.append(
                        RejectDifference(
                            is_new=side == "new", line=line, column=column, reason=reason, message=message
                        )
                    )
        return found

    def _rows(self, found: Differences) -> Iterator[ValueDifference]:
        cursor = self._file.execute("SELECT key, present, new FROM rows WHERE present IS NOT new")
        with closing(cursor):
            for key, present, new in cursor:
                if present is None or new is None:
                    found.rows_new += present is None
                    found.rows_gone += new is None
                    yield ValueDifference(
                        key=self._shown_key(key), present=present is not None, new=new is not None
                    )
                    continue
                changed = list(self._changed(unpacked(present), unpacked(new)))
                found.rows_changed += bool(changed)
                found.values_changed += len(changed)
                for column, old, now in changed:
                    yield ValueDifference(key=self._shown_key(key), column=column, present=old, new=now)

    def _changed(self, present: Sequence[Cell], new: Sequence[Cell]) -> Iterator[tuple[str, object, object]]:
        for name, old, now in zip(self._columns, present, new, strict=True):
            if old != now:
                shown_old, shown_now = self._shown("present", name, old), self._shown("new", name, now)
                if shown_old != shown_now:  # the same value of another type is the same to a reader
                    yield name, shown_old, shown_now

    def _shown(self, side: Side, name: str, cell: Cell) -> object:
        contract = self._contracts[side]
        if cell is MISSING or contract is None or name not in contract.columns:
            return NOT_SET
        return reader_of(contract.cql_types[name])(cell) if isinstance(cell, bytes) else None

    def _shown_key(self, key: bytes) -> Mapping[str, object]:
        contract = self._contracts["present"] or self._contracts["new"]
        assert contract is not None  # noqa: S101 - a row came from one of them
        named = zip(contract.table.key, unpacked(key), strict=True)
        return {
            name: reader_of(contract.cql_types[name])(cell) if isinstance(cell, bytes) else None
            for name, cell in named
        }


@dataclass(frozen=True, slots=True)
class _Sink:
    """Takes one version's rows and rejects."""

    file: sqlite3.Connection
    side: Side
    key: Sequence[int]
    places: Sequence[int | None]

    def write(self, rows: Rows, _: int) -> None:
        if not self.key:
            return
        pairs = (
            (
                packed([row[place] for place in self.key]),
                packed([MISSING if place is None else row[place] for place in self.places]),
            )
            for row in rows
        )
        self._many(_PUT[self.side], pairs)

    def add(self, _: Sequence[str], rejects: Sequence[Reject]) -> None:
        values = ((self.side, one.line, one.column, one.reason.value, one.message) for one in rejects)
        self._many("INSERT INTO rejects VALUES (?, ?, ?, ?, ?)", values)

    def _many(self, statement: str, values: Iterator[tuple[object, ...]]) -> None:
        self.file.execute("BEGIN")
        self.file.executemany(statement, values)
        self.file.execute("COMMIT")


def _key_of(contract: AppContract) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(contract.cql_types[name])) for name in contract.table.key)


def packed(cells: Sequence[Cell]) -> bytes:
    """Write cells one behind the other, each behind its length."""
    parts = []
    for cell in cells:
        if isinstance(cell, bytes):
            parts += [len(cell).to_bytes(4, "big", signed=True), cell]
        else:
            parts.append((_NULL if cell is None else _MISSING).to_bytes(4, "big", signed=True))
    return b"".join(parts)


def unpacked(content: bytes) -> list[Cell]:
    """Read what `packed` wrote."""
    cells: list[Cell] = []
    at = 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big", signed=True)
        at += 4
        if length >= 0:
            cells.append(content[at : at + length])
            at += length
        else:
            cells.append(None if length == _NULL else MISSING)
    return cells


def _written_over(earlier: bytes | None, later: bytes) -> bytes:
    """Give a row as a table would hold it after both."""
    if earlier is None:
        return later
    pairs = zip(unpacked(earlier), unpacked(later), strict=True)
    return packed([old if new is MISSING else new for old, new in pairs])
