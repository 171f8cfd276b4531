"""Rows put together for a BATCH: byte for byte what the driver would send."""

from io import BytesIO

import numpy as np
import polars as pl
import pytest
from cassandra import ConsistencyLevel
from cassandra.protocol import BatchMessage
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement
from hypothesis import given
from hypothesis import strategies as st
from support.wire_batches import prepared_insert, rows_in

from customer_ingestapps.cells import encode_rows
from customer_ingestapps.contract import AppContract
from ingest_manager.cassandra.batches import BatchLimits, encoded_batches
from ingest_manager.cassandra.cassandra_session import UNSET
from ingest_manager.cassandra.encoded_batch import EncodedBatch, EncodedBatchMessage
from ingest_manager.cassandra.wire import wire_rows

LIMITS = BatchLimits(warn_bytes=1 << 20, partitions=200)
CELLS = st.one_of(st.binary(max_size=5), st.none(), st.just(UNSET))
CONTRACT = AppContract.model_validate(
    {
        "files": {"keys": ["*.csv"], "format": "csv"},
        "table": {"name": "readings", "partition_key": ["sensor", "day"]},
        "columns": {
            "sensor": "text",
            "day": "date",
            "value": {"type": "double", "empty": "null"},
            "count": "int",
            "note": "text",
            "tags": "set<text>",
            "added": "uuid",
        },
    }
)


def one_group(keys) -> np.ndarray:
    return np.zeros(len(keys), np.int64)


def batch_of(rows) -> EncodedBatch:
    [batch] = encoded_batches(
        rows, prepared_insert("acme"), [0], one_group, limits=LIMITS, write_timestamp_us=77
    )
    return batch


def sent(message: BatchMessage, version: int) -> bytes:
    body = BytesIO()
    message.send_body(body, version)
    return body.getvalue()


def message_of_driver(batch: BatchStatement, version: int, timestamp: int | None = 77) -> BatchMessage:
    keyspace = "acme" if version >= 5 else None
    queries, serial = batch._statements_and_parameters, ConsistencyLevel.LOCAL_SERIAL
    return BatchMessage(batch.batch_type, queries, ConsistencyLevel.QUORUM, serial, timestamp, keyspace)


@pytest.mark.parametrize("version", [4, 5])
@given(rows=st.lists(st.tuples(st.binary(max_size=3), CELLS, CELLS), min_size=1, max_size=9))
def test_a_batch_is_what_the_driver_sends_of_the_same_rows(version: int, rows: list[tuple]):
    batch = batch_of(rows)
    theirs, bound = BatchStatement(BatchType.UNLOGGED), BoundStatement(prepared_insert("acme"))
    for row in rows_in(batch):
        bound.values = row
        theirs.add(bound)
    ours = EncodedBatchMessage(message_of_driver(batch, version, timestamp=1), batch)
    assert sent(ours, version) == sent(message_of_driver(theirs, version), version)
    assert (batch.keyspace, len(batch)) == ("acme", len(rows))  # what the driver routes by


@given(rows=st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), CELLS), min_size=1, max_size=20))
def test_rows_are_all_there_those_of_a_partition_side_by_side_in_their_order(rows: list[tuple]):
    firsts = list(dict.fromkeys(key for key, _ in rows))
    batch = batch_of(rows)
    assert rows_in(batch) == [row for first in firsts for row in rows if row[0] == first]
    assert batch.routing_key == firsts[0]


def test_groups_of_replicas_are_not_mixed():
    rows = [(bytes([number % 7]), b"x") for number in range(70)]
    batches = list(
        encoded_batches(
            rows,
            prepared_insert("acme"),
            [0],
            lambda keys: np.array([key[0] % 2 for key in keys]),
            limits=BatchLimits(warn_bytes=1 << 20, partitions=3),
            write_timestamp_us=1,
        )
    )
    # partitions 0, 2, 4, 6 and 1, 3, 5 of ten rows each, three a batch
    assert [sorted({key for key, _ in rows_in(batch)}) for batch in batches] == [
        [b"\0", b"\2", b"\4"],
        [b"\6"],
        [b"\1", b"\3", b"\5"],
    ]
    assert [batch.count for batch in batches] == [30, 10, 30]
    assert [batch.routing_key for batch in batches] == [b"\0", b"\6", b"\1"]


def test_columns_and_tuples_of_the_same_rows_are_the_same_bytes():
    frame = pl.DataFrame(
        {
            "sensor": ["a", "b", "a", ""],
            "day": pl.Series(["2026-01-01", "2026-01-02", "2026-01-01", "2026-01-03"]).str.to_date(),
            "value": [1.5, None, -0.0, 2.0],
            "count": pl.Series([1, 2, None, None], dtype=pl.Int32),
            "note": ["é" * 100, None, "", "x"],
            "tags": pl.Series([b"\0\0\0\0", None, None, b"\0\0\0\1\0\0\0\1a"], dtype=pl.Binary),
        }
    )
    rows = encode_rows(CONTRACT, frame, UNSET)
    made, listed = (wire_rows(given, b"id", [0, 1], one_group) for given in (rows, list(rows)))
    assert bytes(made.content) == bytes(listed.content)
    assert (
        made.keys
        == listed.keys
        == [
            b"\0\1a\0\0\4\x80\0\x4f\xe6\0",
            b"\0\1b\0\0\4\x80\0\x4f\xe7\0",
            b"\0\0\0\0\4\x80\0\x4f\xe8\0",
        ]
    )
    assert made.value_bytes.tolist() == [1 + 4 + 8 + 4 + 200 + 4, 1 + 4 + 8, 1 + 4 + 4, 4 + 8 + 1 + 9]
    assert rows[1] == (b"b", b"\x80\0\x4f\xe7", None, b"\0\0\0\2", UNSET, UNSET, UNSET)


@given(rows=st.lists(st.tuples(*[st.binary(max_size=300)] * 4), min_size=1, max_size=20))
@pytest.mark.parametrize("positions", [[1], [3, 0], [2, 1, 0]])
def test_keys_are_those_by_which_the_driver_routes(rows: list[tuple], positions: list[int]):
    statement = PreparedStatement([], b"id", positions, "INSERT", "acme", 5, [], None)

    def driver_key(row: tuple) -> bytes:
        bound = BoundStatement(statement)
        bound.values = list(row)
        return bound.routing_key

    found = wire_rows(rows, b"id", positions, one_group)
    assert found.keys == list(dict.fromkeys(driver_key(row) for row in rows))
