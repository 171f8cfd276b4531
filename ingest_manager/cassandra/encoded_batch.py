"""A batch of rows that are encoded already, as a statement and a message of cassandra-driver.

The driver's own batches take rows cell by cell, which costs more than reading them from a file.
"""

from io import BytesIO
from typing import Any

from cassandra.protocol import BatchMessage
from cassandra.query import BatchStatement, BatchType, PreparedStatement


class EncodedBatch(BatchStatement):  # type: ignore[misc] # the driver has no types
    """An unlogged batch, all of it with one write timestamp; sent as any statement of the driver."""

    def __init__(
        self,
        prepared: PreparedStatement,
        rows: bytes,
        count: int,
        *,
        routing_key: bytes,
        write_timestamp_us: int,
    ) -> None:
        super().__init__(BatchType.UNLOGGED)
        [column, *_] = prepared.column_metadata
        self.keyspace, self.routing_key = column.keyspace_name, routing_key  # for the replicas of the key
        self.rows, self.count, self.write_timestamp_us = rows, count, write_timestamp_us

    def __len__(self) -> int:
        return self.count  # the driver takes a batch of none for no statement, and routes it anywhere

    def let_go(self) -> None:
        """Forget the rows, which are written: the driver's request holds itself until a late collection."""
        self.rows = b""


class EncodedBatchMessage(BatchMessage):  # type: ignore[misc]
    """The message of such a batch (native protocol v4 and v5, section 4.1.7)."""

    def __init__(self, of_driver: BatchMessage, batch: EncodedBatch) -> None:
        self.__dict__.update(of_driver.__dict__)  # consistency and what else the driver has set; no rows
        self.timestamp, self._batch = batch.write_timestamp_us, batch

    def send_body(self, f: Any, protocol_version: int) -> None:
        """Write <type><n><row_1>...<row_n>, and what the driver writes behind no rows."""
        without_rows = BytesIO()
        super().send_body(without_rows, protocol_version)
        written = without_rows.getvalue()
        f.write(written[:1] + self._batch.count.to_bytes(2, "big") + self._batch.rows + written[3:])


def encode_batch(future: Any) -> None:
    """Give a request its own message, if it is of such a batch; a listener of the driver's session."""
    if isinstance(future.query, EncodedBatch):
        future.message = EncodedBatchMessage(future.message, future.query)
