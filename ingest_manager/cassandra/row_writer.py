"""From encoded rows to a table: batches of one replica set, as many at once as the server takes.

`loading` opens a table per load and hands over chunks; each chunk has one write timestamp, so a batch may be
sent again without harm. What becomes of a load whose writer raised is not decided here.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import structlog

from customer_ingestapps.cells import Rows
from customer_ingestapps.contract import AppContract
from ingest_manager.cassandra.batches import BatchLimits, encoded_batches, read_limits
from ingest_manager.cassandra.cassandra_session import (
    UNSET,
    CassandraSession,
    Prepared,
)
from ingest_manager.cassandra.encoded_batch import EncodedBatch
from ingest_manager.cassandra.leftovers import ClearingWriter, Leftovers, erase_statement
from ingest_manager.cassandra.pace import Pace
from ingest_manager.cassandra.placement import Placement
from ingest_manager.cassandra.tables import MISMATCH, check_table, declared_table, insert_statement
from ingest_manager.errors import IngestError, PermanentError, TransientError

log = structlog.get_logger(__name__)

MISSING: object = UNSET
"""The cell that leaves a column as it is."""

RESEND_PAUSES_SECONDS = (0.5, 2.0, 5.0, 5.0, 5.0, 5.0)
"""So long may a server be overloaded before the load's attempt is spent."""


class RowWriter:
    """Opens tables for loads; holds what they share: the session, the pace, the server's limits."""

    def __init__(self, session: CassandraSession, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._session = session
        self._pause = pause
        self._pace = Pace()
        self._placements: dict[str, Placement] = {}

    @cached_property
    def _limits(self) -> BatchLimits:
        """Read when the first table is opened: a worker may start while the server is away."""
        return read_limits(self._session)

    def open(
        self, keyspace: str, contract: AppContract, earlier: range = range(0)
    ) -> "TableWriter | ClearingWriter":
        """Open the table that an app declares, as it is now.

        Args:
            keyspace: the customer's.
            contract: the app's.
            earlier: the write times of the load's earlier runs, whose leftovers are cleared.

        Raises:
            TransientError: a declared column is missing, or has another type or place (`table_mismatch`).
        """
        table = declared_table(contract)
        check_table(self._session, keyspace, table)
        if keyspace not in self._placements:
            self._placements[keyspace] = Placement(self._session, keyspace)
        columns = list(table.columns)
        key_positions = [columns.index(name) for name in table.partition_key]
        writer = self._open(keyspace, insert_statement(keyspace, table), key_positions)
        if not earlier:
            return writer

        def open_eraser(column: str) -> TableWriter:
            return self._open(keyspace, erase_statement(keyspace, table, column), range(len(key_positions)))

        return ClearingWriter(writer, Leftovers(self._session, keyspace, table, earlier), open_eraser)

    def _open(self, keyspace: str, statement: str, key_positions: Sequence[int]) -> "TableWriter":
        return TableWriter(
            self._session,
            self._prepare(statement),
            key_positions=key_positions,
            placement=self._placements[keyspace],
            pace=self._pace,
            limits=self._limits,
            pause=self._pause,
        )

    def _prepare(self, statement: str) -> Prepared:
        try:
            return self._session.prepare(statement)
        except (
            PermanentError
        ) as error:  # a column shows in the schema's tables a moment before it can be used
            raise TransientError(f"the table is being changed: {error}", MISMATCH) from error


@dataclass(slots=True)
class _Parcel:
    """A batch, and how often it was sent again."""

    batch: EncodedBatch
    resent: int = 0


class TableWriter:
    """Writes one load's rows into one table; used by one thread."""

    def __init__(
        self,
        session: CassandraSession,
        prepared: Prepared,
        *,
        key_positions: Sequence[int],
        placement: Placement,
        pace: Pace,
        limits: BatchLimits,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = session
        self._prepared = prepared
        self._key_positions = key_positions
        self._placement = placement
        self._pace = pace
        self._limits = limits
        self._pause = pause
        self._changed = threading.Condition()
        self._under_way = 0
        self._failed: list[tuple[_Parcel, IngestError]] = []
        self._fault: IngestError | None = None

    def write(self, rows: Rows, timestamp_us: int) -> None:
        """Send rows, all with one write timestamp; waits while the server has enough to do.

        Raises:
            IngestError: the first failure so far; the writer is of no use afterwards.
        """
        for batch in encoded_batches(
            rows,
            self._prepared,
            self._key_positions,
            self._placement.groups,
            limits=self._limits,
            write_timestamp_us=timestamp_us,
        ):
            self._resend_failed()
            self._send(_Parcel(batch))

    def flush(self) -> None:
        """Return when every row is acknowledged.

        Raises:
            IngestError: the first failure.
        """
        while True:
            self._resend_failed()
            with self._changed:
                self._changed.wait_for(lambda: self._failed or not self._under_way)
                if not self._failed:
                    return

    def _send(self, parcel: _Parcel) -> None:
        entered = self._pace.enter()
        with self._changed:
            self._under_way += 1
        self._session.send_batch(parcel.batch, partial(self._done, parcel, entered))

    def _done(self, parcel: _Parcel, entered: float, fault: IngestError | None) -> None:
        self._pace.leave(entered, failed=fault is not None)
        with self._changed:
            self._under_way -= 1
            if fault is not None:
                self._failed.append((parcel, fault))
            else:
                parcel.batch.let_go()
            self._changed.notify()

    def _resend_failed(self) -> None:
        if self._fault is not None:
            raise self._fault
        with self._changed:
            failed, self._failed = self._failed, []
        if not failed:
            return
        self._give_up_where_hopeless(failed)
        self._pause(RESEND_PAUSES_SECONDS[max(parcel.resent for parcel, _ in failed)])
        for parcel, _ in failed:
            parcel.resent += 1
            self._send(parcel)

    def _give_up_where_hopeless(self, failed: Sequence[tuple[_Parcel, IngestError]]) -> None:
        for parcel, fault in failed:
            if not isinstance(fault, TransientError) or parcel.resent == len(RESEND_PAUSES_SECONDS):
                self._fault = fault
                raise fault
        log.warning("batches failed and are sent again", action="write", batches=len(failed))
