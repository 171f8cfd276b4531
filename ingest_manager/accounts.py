"""The accounts of a running load, in rows of the file: read = written + rejected + dropped."""

from dataclasses import dataclass, replace

from bucket_policies.constraints import Constraints
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reading import Chunk
from customer_ingestapps.reasons import Reason
from ingest_manager.loads import LoadStatus, Outcome


@dataclass(slots=True)
class Accounts:
    """Counts what was sent, chunk by chunk."""

    rows_read: int = 0
    rows_written: int = 0
    rows_rejected: int = 0
    rows_dropped: int = 0
    table_rows: int = 0
    last_line: int = 0

    def add(self, chunk: Chunk) -> None:
        """Count a chunk that was sent."""
        self.rows_read += chunk.rows_read
        self.rows_written += chunk.rows_kept
        self.rows_rejected += len(chunk.rejects)
        self.rows_dropped += chunk.rows_dropped
        self.table_rows += chunk.frame.height
        self.last_line = chunk.last_line

    def check(self, constraints: Constraints) -> None:
        """Raise FileRejected when the rejects are more than the customer's document allows."""
        if constraints.too_many_rejects(self.rows_rejected, self.rows_read):
            raise FileRejected(
                Reason.TOO_MANY_REJECTS,
                f"{self.rows_rejected} of {self.rows_read} rows rejected, allowed: {constraints.max_rejects}",
                line=self.last_line,
            )

    def outcome(self) -> Outcome:
        """Return the outcome of a file that was read to its end."""
        status = LoadStatus.PARTLY_LOADED if self.rows_rejected else LoadStatus.LOADED
        return self._with(Outcome(status=status))

    def refusal(self, error: FileRejected) -> Outcome:
        """Return the outcome of a file that could not be read to its end."""
        written = (
            f" ({self.rows_written} rows up to line {self.last_line} were written)"
            if self.rows_written
            else ""
        )
        message = f"{error}{written}"
        return self._with(Outcome(status=LoadStatus.REJECTED, reason=error.reason.value, message=message))

    def _with(self, outcome: Outcome) -> Outcome:
        return replace(
            outcome,
            rows_read=self.rows_read,
            rows_written=self.rows_written,
            rows_rejected=self.rows_rejected,
            rows_dropped=self.rows_dropped,
            table_rows=self.table_rows,
        )
