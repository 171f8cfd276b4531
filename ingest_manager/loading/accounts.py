"""The accounts of a running load, and the outcome that they end in."""

from dataclasses import replace

from customer_ingestapps.accounts import FileAccounts
from customer_ingestapps.errors import FileRejected
from ingest_manager.errors import PermanentError
from ingest_manager.ledger.loads import LoadStatus, Outcome

_TOLD_REASONS = 3


class Accounts(FileAccounts):
    """Counts what was sent, chunk by chunk."""

    def outcome(self) -> Outcome:
        """Return the outcome of a file that was read to its end."""
        status = LoadStatus.PARTLY_LOADED if self.rows_rejected else LoadStatus.LOADED
        return self._with(Outcome(status=status, message=self._dropped()))

    def refusal(self, error: FileRejected) -> Outcome:
        """Return the outcome of a file that could not be read to its end."""
        written = (
            f" ({self.rows_written} rows up to line {self.last_line} were written)"
            if self.rows_written
            else ""
        )
        message = f"{error}{written}"
        return self._with(Outcome(status=LoadStatus.REJECTED, reason=error.reason.value, message=message))

    def fault(self, error: PermanentError) -> Outcome:
        """Return the outcome of a file whose rows the table stopped taking.

        What was handed over counts as written: how much of the last of it is in, nobody has said.
        """
        written = f" (up to {self.rows_written} rows, to line {self.last_line}, were written)"
        message = f"{error}{written if self.rows_written else ''}"
        return self._with(Outcome(status=LoadStatus.REJECTED, reason=error.reason, message=message))

    def _dropped(self) -> str | None:
        """Say which rows the app left out, and why; the commonest reasons."""
        if not self.rows_dropped:
            return None
        told = self.drops.most_common(_TOLD_REASONS)
        parts = [f"{count} {reason}" for reason, count in told]
        rest = self.rows_dropped - sum(count for _, count in told)
        return "dropped by the app: " + ", ".join([*parts, *([f"{rest} others"] if rest else [])])

    def _with(self, outcome: Outcome) -> Outcome:
        return replace(
            outcome,
            rows_read=self.rows_read,
            rows_written=self.rows_written,
            rows_rejected=self.rows_rejected,
            rows_dropped=self.rows_dropped,
            table_rows=self.table_rows,
        )
