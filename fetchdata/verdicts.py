"""What a check on the customer's machine found in each file, as a table or as one JSON document."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from rich.table import Table

from bucket_policies.rules import escaped, key_of
from fetchdata.report import NOT_ALL_WELL, ROW_COLUMNS, FileOutcome, table_of

SHOWN_FAULTS = 5  # of one file in the table


@dataclass(frozen=True)
class Fault:
    """Why a load would refuse a file, or the rest of it."""

    reason: str
    message: str
    line: int | None


@dataclass(frozen=True)
class FoundReject:
    """A row that a load would reject."""

    line: int
    column: str | None
    value: str | None
    reason: str
    message: str


@dataclass
class Verdict:
    """What a load of one file would come to."""

    rows_read: int = 0
    rows_written: int = 0
    rows_rejected: int = 0
    rejects: list[FoundReject] = field(default_factory=list)
    fault: Fault | None = None
    is_to_be_transformed: bool = False

    @property
    def remarks(self) -> list[str]:
        """The first faults, one line each."""
        lines = [f"{self.fault.reason}: {escaped(self.fault.message)}"] if self.fault else []
        shown = self.rejects[:SHOWN_FAULTS]
        lines += [f"line {one.line}: {one.reason}: {escaped(one.message)}" for one in shown]
        if self.rows_rejected > len(shown):
            lines.append(f"and {self.rows_rejected - len(shown):,} more rejects")
        return [*lines, *(["checked up to the transform"] if self.is_to_be_transformed else [])]


@dataclass
class CheckedFile:
    """One file, with what its name and size or its content have against it."""

    outcome: FileOutcome
    verdict: Verdict | None = None
    """None where it was not read."""

    @property
    def status(self) -> str:
        """The word for it in the table."""
        if self.verdict is None or self.verdict.fault:
            return "refused"
        return "has rejects" if self.verdict.rows_rejected else "good"

    def cells(self) -> list[str]:
        """Give its line of the table."""
        file, found = self.outcome.file, self.verdict
        figures = (found.rows_read, found.rows_written, found.rows_rejected) if found else ()
        rows = [f"{figure:,}" for figure in figures] or [""] * len(ROW_COLUMNS)
        remarks = found.remarks if found else self.outcome.remarks
        return [escaped(file.name), f"{file.size:,}", self.status, *rows, "\n".join(remarks)]

    def document(self) -> dict[str, object]:
        """Give its entry of the JSON document."""
        known, found = self.outcome.document(), self.verdict
        return {
            "name": known["name"],
            "key": key_of(self.outcome.file.name),
            "size": known["size"],
            "violations": known["violations"],
            "rows_read": found and found.rows_read,
            "rows_written": found and found.rows_written,
            "rows_rejected": found and found.rows_rejected,
            "rejects": [asdict(one) for one in found.rejects] if found else [],
            "file_error": asdict(found.fault) if found and found.fault else None,
            "checked_up_to_transform": bool(found and found.is_to_be_transformed),
        }


@dataclass(frozen=True)
class Verdicts:
    """The end of a check."""

    files: Sequence[CheckedFile]

    @property
    def exit_code(self) -> int:
        """0 when every row of every file would be in."""
        return 0 if all(file.status == "good" for file in self.files) else NOT_ALL_WELL

    def document(self) -> dict[str, object]:
        """Give the whole as one JSON document."""
        return {"files": [file.document() for file in self.files]}

    def table(self) -> Table:
        """Give a line for every file."""
        return table_of(
            ["file", "size", "status", *ROW_COLUMNS, "remark"], (one.cells() for one in self.files)
        )

    def summary(self) -> str:
        """Give the whole in one line."""
        counts = Counter(file.status for file in self.files)
        return ", ".join(f"{count} {status}" for status, count in counts.items()) or "no files"
