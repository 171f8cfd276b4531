"""How much one batch may hold: cuts rows so that the server's log stays free of batch warnings.

The server counts a batch's mutations by `dataSize()`, not by what travels; the estimate here is never less.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import length_hint

import structlog

from ingest_manager.cassandra_session import CassandraSession
from ingest_manager.errors import PermanentError
from ingest_manager.placement import Cell

log = structlog.get_logger(__name__)

BATCH_ROWS = 200
"""More gained nothing when measured."""

SAFE_SHARE = 0.9
CELL_BYTES = 20  # beside the value: write time, time to live, time of deletion
ROW_BYTES = 48  # write time of the row, deletion of row and partition, all at their largest

_DEFAULT_WARN_BYTES = 5 * 1024  # Cassandra's own
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_THRESHOLD = """
SELECT name, value FROM system_views.settings
WHERE name IN ('batch_size_warn_threshold', 'batch_size_warn_threshold_in_kb')
"""


def cut_batches(rows: Sequence[tuple[Cell, ...]], most_bytes: int) -> Iterator[Sequence[tuple[Cell, ...]]]:
    """Cut rows into batches that the server counts as no more than `most_bytes`; a larger row goes alone."""
    beside_values = ROW_BYTES + CELL_BYTES * len(rows[0]) if rows else 0
    # length_hint is a len() that counts what has none, a cell missing or null, as 0
    ends = list(accumulate([sum(map(length_hint, row)) + beside_values for row in rows]))
    start, sent = 0, 0
    while start < len(rows):
        fitting = bisect_right(ends, sent + most_bytes)
        end = min(max(fitting, start + 1), start + BATCH_ROWS)
        yield rows[start:end]
        start, sent = end, ends[end - 1]


def most_batch_bytes(session: CassandraSession) -> int:
    """Ask the server from which size on it warns about a batch, and stay below."""
    try:
        rows = session.execute(_THRESHOLD)
    except PermanentError as error:
        log.warning("the server's batch limit cannot be read", error=str(error))
        rows = []
    limits = {str(row["name"]): str(row["value"]) for row in rows}
    return int(_warn_bytes(limits) * SAFE_SHARE)


def _warn_bytes(limits: dict[str, str]) -> int:
    before_4_1 = limits.get("batch_size_warn_threshold_in_kb", "")
    size = re.fullmatch(
        r"(\d+)(B|KiB|MiB|GiB)", limits.get("batch_size_warn_threshold") or f"{before_4_1}KiB"
    )
    return int(size[1]) * _UNITS[size[2]] if size else _DEFAULT_WARN_BYTES
