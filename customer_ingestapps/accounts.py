"""The accounts of a file that is being read, in rows of the file: read = written + rejected + dropped.

Kept chunk by chunk by whoever takes the rows; a load and a check that stores nothing count alike.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reading import Chunk
from customer_ingestapps.reasons import Reason

_MOST_REASONS = 100


class RejectLimit(Protocol):
    """How many rejects a customer's document allows."""

    @property
    def max_rejects(self) -> int | str | None:
        """A count, a percentage, or None for any number."""

    def too_many_rejects(self, rejected: int, rows_read: int) -> bool:
        """Ask whether so many rejected rows end a load."""


@dataclass(slots=True)
class FileAccounts:
    """Counts what was taken, chunk by chunk."""

    rows_read: int = 0
    rows_written: int = 0
    rows_rejected: int = 0
    rows_dropped: int = 0
    table_rows: int = 0
    last_line: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """The rejected rows by reason code."""
    drops: Counter[str] = field(default_factory=Counter)
    """How many rows the app left out, by its reason; of very many reasons only the first."""

    def add(self, chunk: Chunk) -> None:
        """Count a chunk whose rows were taken."""
        self.rows_read += chunk.rows_read
        self.rows_written += chunk.rows_kept
        self.rows_rejected += len(chunk.rejects)
        self.reasons.update(reject.reason.value for reject in chunk.rejects)
        self.rows_dropped += chunk.rows_dropped
        self.table_rows += chunk.frame.height
        self.last_line = chunk.last_line
        for reason, count in chunk.drops.items():
            if reason in self.drops or len(self.drops) < _MOST_REASONS:
                self.drops[reason] += count

    def check(self, chunk: Chunk, limit: RejectLimit) -> None:
        """Judge a chunk before its rows are taken; of one that is refused only the rejects count.

        Raises:
            FileRejected: with it, more rows are rejected than is allowed.
        """
        rejected, rows_read = self.rows_rejected + len(chunk.rejects), self.rows_read + chunk.rows_read
        if not limit.too_many_rejects(rejected, rows_read):
            return
        numbered = enumerate(chunk.rejects, self.rows_rejected + 1)
        passing = (reject.line for number, reject in numbered if limit.too_many_rejects(number, rows_read))
        line = next(passing, chunk.last_line)
        self.rows_rejected, self.rows_read = rejected, self.rows_read + len(chunk.rejects)
        self.reasons.update(reject.reason.value for reject in chunk.rejects)
        allowed = f"allowed: {limit.max_rejects}, passed on line {line}"
        message = f"{rejected} of {rows_read} rows rejected, {allowed}"
        raise FileRejected(Reason.TOO_MANY_REJECTS, message, line=line)


def one_behind(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Give each chunk only once the next has been read, so that a small file is taken whole or not at all."""
    held = next(chunks, None)
    while held is not None:
        following = next(chunks, None)
        yield held
        held = following
