"""What became of every file of a push: gathered step by step, shown as a table or as one JSON document."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from rich import box
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from bucket_policies.rules import Violation, escaped
from fetchdata.api import Load
from fetchdata.errors import FileError, UnreachableError
from fetchdata.files import SourceFile

TIMED_OUT = 5
NOT_ALL_WELL = 1
ROW_COLUMNS = ("rows read", "written", "rejected")


@dataclass
class FileOutcome:
    """One file and what has become of it so far."""

    file: SourceFile
    violations: list[Violation] = field(default_factory=list)
    """What the constraints, or the auth service, have against it."""

    failure: FileError | None = None
    """Why it could not be sent although it may be."""

    sha256: str | None = None
    key: str | None = None
    is_accepted: bool = False
    """Whether the store has it."""

    load: Load | None = None

    @property
    def may_be_sent(self) -> bool:
        """Whether nothing speaks against it so far."""
        return not self.violations and self.failure is None

    @property
    def is_over(self) -> bool:
        """Whether its load has an outcome."""
        return self.load is not None and self.load.is_over

    @property
    def status(self) -> str:
        """The word for it in the table."""
        if self.violations:
            return "refused"
        if not self.is_accepted:
            return "not sent"
        return self.load.status if self.load else "sent"

    @property
    def remarks(self) -> list[str]:
        """Why it is not all well, one line each."""
        if self.failure:
            return [str(self.failure)]
        if self.load and self.load.remark:
            return [self.load.remark]
        return [f"{violation.rule}: {violation.message}" for violation in self.violations]

    def document(self) -> dict[str, object]:
        """Give the entry of the JSON document."""
        violations = [*self.violations, *([self.failure.violation()] if self.failure else [])]
        load = self.load
        return {
            "name": self.file.name,
            "key": self.key,
            "size": self.file.size,
            "sha256": self.sha256,
            "accepted": self.is_accepted,
            "violations": [asdict(violation) for violation in violations],
            "load_id": load and load.load_id,
            "status": load and load.status,
            "rows_read": load and load.rows_read,
            "rows_written": load and load.rows_written,
            "rows_rejected": load and load.rows_rejected,
        }


@dataclass(frozen=True)
class Report:
    """The end of a push."""

    upload_id: str | None
    outcomes: tuple[FileOutcome, ...]
    has_waited: bool = False

    @property
    def exit_code(self) -> int:
        """0 when all is well, else the code of what is worst."""
        if any(outcome.failure and outcome.failure.rule == "unreachable" for outcome in self.outcomes):
            return UnreachableError.exit_code
        if self.has_waited and any(outcome.is_accepted and not outcome.is_over for outcome in self.outcomes):
            return TIMED_OUT
        well = "loaded" if self.has_waited else "sent"
        return 0 if all(outcome.status == well for outcome in self.outcomes) else NOT_ALL_WELL

    def document(self) -> dict[str, object]:
        """Give the whole as one JSON document."""
        return {"upload_id": self.upload_id, "files": [outcome.document() for outcome in self.outcomes]}

    def summary(self) -> str:
        """Give the whole in one line."""
        counts = Counter(outcome.status for outcome in self.outcomes)
        parts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items())
        return f"upload {self.upload_id}: {parts}" if self.upload_id else parts or "no files"

    def table(self) -> Table:
        """Give a line for every file."""
        columns = ["file", "size", "status", *(ROW_COLUMNS if self.has_waited else []), "remark"]
        return table_of(columns, (self._cells(outcome) for outcome in self.outcomes))

    def _cells(self, outcome: FileOutcome) -> list[str]:
        rows = _row_cells(outcome.load) if self.has_waited else []
        name, size = escaped(outcome.file.name), f"{outcome.file.size:,}"
        return [name, size, outcome.status, *rows, "\n".join(outcome.remarks)]


def loads_table(loads: Iterable[Load]) -> Table:
    """Give a line for every load, as `status` and `history` show them."""
    return table_of(["event", "object", "status", *ROW_COLUMNS, "remark"], map(_load_cells, loads))


def _load_cells(load: Load) -> list[str]:
    time = f"{load.event_at.astimezone():%Y-%m-%d %H:%M:%S}" if load.event_at else ""
    return [time, escaped(load.key), load.status, *_row_cells(load), load.remark]


def _row_cells(load: Load | None) -> list[str]:
    figures = (load.rows_read, load.rows_written, load.rows_rejected) if load else (None, None, None)
    return ["" if figure is None else f"{figure:,}" for figure in figures]


def table_of(columns: Iterable[str], lines: Iterable[list[str]]) -> Table:
    """Lay out lines of cells under the columns of a report."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column == "size" or column in ROW_COLUMNS else "left"
        may_wrap = column in {"file", "object", "remark"}
        table.add_column(column, justify=justify, no_wrap=not may_wrap, overflow="fold")
    for cells in lines:
        table.add_row(*(Text(cell) for cell in cells))  # Text: a name may look like markup
    return table
