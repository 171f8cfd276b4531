"""How much one batch may hold: cuts rows so that the server's log stays free of batch warnings.

The server counts a batch's mutations by `dataSize()`, not by what travels; the estimate here is never less.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from customer_ingestapps.cells import Rows
from ingest_manager.cassandra.cassandra_session import CassandraSession, Prepared
from ingest_manager.cassandra.encoded_batch import EncodedBatch
from ingest_manager.cassandra.wire import GroupsOf, WireRows, wire_rows
from ingest_manager.errors import PermanentError

log = structlog.get_logger(__name__)

BATCH_ROWS = 200
"""More gained nothing when measured."""

SAFE_SHARE = 0.9
CELL_BYTES = 20  # beside the value: write time, time to live, time of deletion
ROW_BYTES = 48  # write time of the row, deletion of row and partition, all at their largest


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How many bytes and partitions a batch may have before the server warns."""

    warn_bytes: int
    partitions: int


_DEFAULTS = BatchLimits(warn_bytes=5 * 1024, partitions=10)  # Cassandra's
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_BYTES, _KIB_BEFORE_4_1 = "batch_size_warn_threshold", "batch_size_warn_threshold_in_kb"
_PARTITIONS = "unlogged_batch_across_partitions_warn_threshold"
_SELECT = "SELECT name, value FROM system_views.settings WHERE name IN (?, ?, ?)"


def read_limits(session: CassandraSession) -> BatchLimits:
    """Ask the server for its limits."""
    try:
        rows = session.execute(_SELECT, (_BYTES, _KIB_BEFORE_4_1, _PARTITIONS))
    except PermanentError as error:
        log.warning("the server's batch limits cannot be read", action="batch_limits", error=str(error))
        rows = []
    values = {str(row["name"]): str(row["value"]) for row in rows}
    size = re.fullmatch(r"(\d+)(B|KiB|MiB|GiB)", values.get(_BYTES) or f"{values.get(_KIB_BEFORE_4_1)}KiB")
    return BatchLimits(
        warn_bytes=int(size[1]) * _UNITS[size[2]] if size else _DEFAULTS.warn_bytes,
        partitions=max(1, int(values.get(_PARTITIONS, _DEFAULTS.partitions))),
    )


def encoded_batches(
    rows: Rows,
    prepared: Prepared,
    key_positions: Sequence[int],
    groups_of: GroupsOf,
    *,
    limits: BatchLimits,
    write_timestamp_us: int,
) -> Iterator[EncodedBatch]:
    """Make batches of rows: each of one group of replicas, and within the server's limits."""
    if not rows:
        return
    wire = wire_rows(rows, prepared.query_id, key_positions, groups_of)
    for part in cut_batches(wire, limits):
        yield EncodedBatch(
            prepared,
            wire.rows(part),
            part.stop - part.start,
            routing_key=wire.keys[wire.partitions[part.start]],
            write_timestamp_us=write_timestamp_us,
        )


def cut_batches(wire: WireRows, limits: BatchLimits) -> Iterator[slice]:
    """Cut rows into parts of one group and within the limits; a larger row goes alone."""
    bytes_to = _sums(wire.value_bytes + (ROW_BYTES + CELL_BYTES * wire.columns))
    partitions_to = _sums(wire.partitions[1:] != wire.partitions[:-1])
    group_ends = [*(np.flatnonzero(wire.groups[1:] != wire.groups[:-1]) + 1).tolist(), len(wire.groups)]
    most_bytes = int(limits.warn_bytes * SAFE_SHARE)
    start = 0
    for group_end in group_ends:
        while start < group_end:
            fitting = bisect_right(bytes_to, bytes_to[start] + most_bytes) - 1
            few = bisect_right(partitions_to, partitions_to[start] + limits.partitions - 1)
            end = min(max(fitting, start + 1), few, start + BATCH_ROWS, group_end)
            yield slice(start, end)
            start = end


def _sums(figures: NDArray[Any]) -> list[int]:
    """Give the sum before each figure, and that of all."""
    sums: list[int] = np.concatenate(([0], np.cumsum(figures))).tolist()
    return sums
