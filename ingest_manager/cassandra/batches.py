"""How much one batch may hold: cuts rows so that the server's log stays free of batch warnings.

The server counts a batch's mutations by `dataSize()`, not by what travels; the estimate here is never less.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from operator import length_hint, ne
from typing import Any

import structlog

from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.placement import Cell
from ingest_manager.errors import PermanentError

log = structlog.get_logger(__name__)

Rows = Sequence[tuple[Cell, ...]]

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
        partitions=int(values.get(_PARTITIONS, _DEFAULTS.partitions)),
    )


def cut_batches(rows: Rows, limits: BatchLimits, partition_of: Callable[[Any], object]) -> Iterator[Rows]:
    """Cut rows, sorted by partition, into batches within the limits; a larger row goes alone."""
    if not rows:
        return
    beside_values = ROW_BYTES + CELL_BYTES * len(rows[0])
    # length_hint is a len() that counts what has none, a cell missing or null, as 0
    bytes_to = list(accumulate([sum(map(length_hint, row)) + beside_values for row in rows], initial=0))
    partitions_to = _partitions_to(rows, limits, partition_of)
    most_bytes = int(limits.warn_bytes * SAFE_SHARE)
    start = 0
    while start < len(rows):
        fitting = bisect_right(bytes_to, bytes_to[start] + most_bytes) - 1
        few = bisect_right(partitions_to, partitions_to[start] + limits.partitions - 1)
        end = min(max(fitting, start + 1), few, start + BATCH_ROWS)
        yield rows[start:end]
        start = end


def _partitions_to(rows: Rows, limits: BatchLimits, partition_of: Callable[[Any], object]) -> Sequence[int]:
    """Number the partitions, up to and with each row's."""
    if limits.partitions >= BATCH_ROWS:  # then each row may be its own
        return range(1, len(rows) + 1)
    keys = list(map(partition_of, rows))
    return list(accumulate(chain([1], map(ne, islice(keys, 1, None), keys))))
