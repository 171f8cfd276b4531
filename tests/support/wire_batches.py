"""Batches of encoded rows: a statement to make them of, and what is in one, read from its bytes."""

from typing import Any

from cassandra.cqltypes import Int32Type
from cassandra.protocol import ColumnMetadata
from cassandra.query import UNSET_VALUE, PreparedStatement

from ingest_manager.cassandra.encoded_batch import EncodedBatch

_WITHOUT_VALUE = {-1: None, -2: UNSET_VALUE}


def prepared_insert(keyspace: str, query_id: bytes = b"id-of-the-insert") -> PreparedStatement:
    """Return an insert as a session that uses no keyspace prepares it."""
    column = ColumnMetadata(keyspace, "readings", "id", Int32Type)
    return PreparedStatement([column], query_id, [0], "INSERT", None, 5, [], None)


def rows_in(batch: EncodedBatch) -> list[tuple[Any, ...]]:
    """Return the cells of each row; the statement is left out."""
    content, at, rows = batch.rows, 0, []

    def number(size: int, *, signed: bool = False) -> int:
        nonlocal at
        at += size
        return int.from_bytes(content[at - size : at], "big", signed=signed)

    def cell() -> Any:
        nonlocal at
        length = number(4, signed=True)
        at += max(length, 0)
        return _WITHOUT_VALUE[length] if length < 0 else content[at - length : at]

    while at < len(content):
        assert number(1) == 1  # of a prepared statement
        id_bytes = number(2)
        at += id_bytes
        rows.append(tuple(cell() for _ in range(number(2))))
    assert len(rows) == batch.count
    return rows
