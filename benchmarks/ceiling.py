"""The ceiling: the batches of a load built beforehand, then only sent, as many at once as ever are."""

import threading
import time
from collections.abc import Iterable

from customer_ingestapps.cells import Rows
from customer_ingestapps.contract import AppContract
from ingest_manager.cassandra.batches import encoded_batches, read_limits
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.encoded_batch import EncodedBatch
from ingest_manager.cassandra.pace import MOST
from ingest_manager.cassandra.placement import Placement
from ingest_manager.cassandra.tables import declared_table, insert_statement
from ingest_manager.errors import IngestError


class Ceiling:
    """Sends the same batches again at every call."""

    def __init__(
        self, session: CassandraSession, keyspace: str, contract: AppContract, chunks: Iterable[Rows]
    ) -> None:
        table = declared_table(contract)
        columns = list(table.columns)
        key_positions = [columns.index(name) for name in table.partition_key]
        placement = Placement(session, keyspace)
        prepared = session.prepare(insert_statement(keyspace, table))
        limits = read_limits(session)
        self._session = session
        self._batches: list[EncodedBatch] = []
        self.rows = 0
        for rows in chunks:
            self.rows += len(rows)
            self._batches += encoded_batches(
                rows, prepared, key_positions, placement.groups, limits=limits, write_timestamp_us=0
            )

    def send(self) -> float:
        """Send everything; return rows per second."""
        free = threading.Semaphore(MOST)
        faults: list[IngestError] = []

        def done(fault: IngestError | None) -> None:
            if fault is not None:
                faults.append(fault)
            free.release()

        started, timestamp_us = time.perf_counter(), time.time_ns() // 1000
        for batch in self._batches:
            batch.write_timestamp_us = timestamp_us
            free.acquire()
            self._session.send_batch(batch, done)
        for _ in range(MOST):
            free.acquire()
        if faults:
            raise faults[0]
        return self.rows / (time.perf_counter() - started)
