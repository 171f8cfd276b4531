"""What a load of a local file would do, without a server: the same steps, with sinks that only look.

Constraints, app, readers, codecs, folding and accounts are those of a load; only whether the table is as the
app declares it needs Cassandra, and is left to the load.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, Field

from bucket_policies.customers import Customer
from customer_ingestapps.cells import Cell, Rows
from customer_ingestapps.contract import AppContract
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.reasons import Reject
from customer_ingestapps.registry import IngestApp, Registry
from customer_ingestapps.transforms import Transform
from ingest_manager.cassandra.row_writer import MISSING
from ingest_manager.cassandra.stored_values import reader_of
from ingest_manager.errors import TransientError
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.loading.accounts import Accounts
from ingest_manager.loading.lease import NoLease
from ingest_manager.loading.transfer import send_rows
from ingest_manager.objects.object_store import OpenObject
from ingest_manager.objects.versions import ObjectVersion

_RANGE_BYTES = 8 * 2**20
StoredRow = dict[str, object]


class RejectView(BaseModel):
    """A row that would not be written."""

    line: int
    column: str | None
    value: str | None
    reason: str
    message: str


class FileFault(BaseModel):
    """Why the file, or what is left of it, could not be loaded."""

    reason: str
    message: str
    line: int | None = None
    ends_as: LoadStatus = Field(LoadStatus.REJECTED, exclude=True)
    """What a load would end as; one that may pass is tried again before."""


class CheckView(BaseModel):
    """What a load would come to; the rows are those of the file, `table_rows` those of the table."""

    customer: str
    key: str
    size: int
    app: str | None
    status: LoadStatus
    rows_read: int
    rows_written: int
    rows_rejected: int
    rows_dropped: int
    table_rows: int
    rejects: list[RejectView]
    file_error: FileFault | None
    rows: list[StoredRow] | None = None
    """A column that is left as it was does not appear; null deletes what was there."""


@dataclass
class Check:
    """Checks one file of a customer."""

    customer: Customer
    registry: Registry
    with_rows: bool = False
    most_rejects: int | None = None
    """How many rejects are kept; all are counted."""

    transform_of: Callable[[IngestApp], Transform | None] = lambda _: None

    def run(self, file: Path, key: str) -> CheckView:
        """Tell what a load of the file under this key would do.

        Raises:
            OSError: the file cannot be read.
        """
        version = ObjectVersion(self.customer.staging_bucket, key, "", file.stat().st_size)
        seen, app, fault = _Seen(self.most_rejects), None, self._violation(version)
        try:
            if fault is None:
                app = self.registry.pick(self.customer.id, key)
                seen.table = _Table(app.contract) if self.with_rows else None
                self._send(_LocalFile(file), version, app, seen)
        except FileRejected as error:
            fault = FileFault(reason=error.reason.value, message=error.message, line=error.line)
        except ContractError as error:  # a load would be tried again until the admin has mended the app
            message = f"the customer's apps are refused: {error}"
            fault = FileFault(reason="app_refused", message=message, ends_as=LoadStatus.FAILED)
        except TransientError as error:  # of the app's own code; a load would try it again
            fault = FileFault(reason=error.reason, message=str(error), ends_as=LoadStatus.FAILED)
        return self._view(version, app, seen, fault)

    def _violation(self, version: ObjectVersion) -> FileFault | None:
        for violation in self.customer.constraints.violations(version.key, version.size):
            return FileFault(reason=violation.rule, message=violation.message)
        return None

    def _send(self, file: "_LocalFile", version: ObjectVersion, app: IngestApp, seen: "_Seen") -> None:
        source = OpenObject(file, version, file.read_range(version, 0, _RANGE_BYTES), {})
        load = Load(
            load_id=uuid.uuid4(),
            customer=self.customer.id,
            bucket=version.bucket,
            key=version.key,
            version_id=version.version_id,
            status=LoadStatus.LOADING,
        )
        send_rows(
            source,
            app,
            self.customer,
            transform=self.transform_of(app),
            lease=NoLease(load),
            table=seen,
            rejects=seen,
            accounts=seen.accounts,
        )

    def _view(
        self, version: ObjectVersion, app: IngestApp | None, seen: "_Seen", fault: FileFault | None
    ) -> CheckView:
        outcome = seen.accounts.outcome()
        return CheckView(
            customer=self.customer.id,
            key=version.key,
            size=version.size or 0,
            app=app and app.name,
            status=fault.ends_as if fault else outcome.status,
            rows_read=outcome.rows_read,
            rows_written=outcome.rows_written,
            rows_rejected=outcome.rows_rejected,
            rows_dropped=outcome.rows_dropped,
            table_rows=outcome.table_rows,
            rejects=seen.rejects,
            file_error=fault,
            rows=seen.table.rows() if seen.table else None,
        )


@dataclass
class _LocalFile:
    path: Path

    def read_range(self, _: ObjectVersion, start: int, size: int) -> bytes:
        with self.path.open("rb") as source:
            source.seek(start)
            return source.read(size)


class _Table:
    """The rows as they would be stored at the end: a later chunk wins over an earlier one."""

    def __init__(self, contract: AppContract) -> None:
        self._readers = {name: reader_of(cql) for name, cql in contract.cql_types.items()}
        columns = list(contract.columns)
        self._key = [columns.index(name) for name in contract.table.key]
        self._cells: dict[tuple[Cell, ...], list[Cell]] = {}

    def write(self, rows: Rows) -> None:
        for row in rows:
            stored = self._cells.setdefault(tuple(row[position] for position in self._key), list(row))
            stored[:] = [old if new is MISSING else new for old, new in zip(stored, row, strict=True)]

    def rows(self) -> list[StoredRow]:
        return [self._shown(cells) for cells in self._cells.values()]

    def _shown(self, cells: Sequence[Cell]) -> StoredRow:
        named = zip(self._readers.items(), cells, strict=True)
        return {
            name: read(cell) if isinstance(cell, bytes) else None
            for (name, read), cell in named
            if cell is not MISSING
        }


@dataclass
class _Seen:
    """What came out: the sinks of a transfer that stores nothing."""

    most_rejects: int | None
    table: _Table | None = None
    rejects: list[RejectView] = field(default_factory=list)
    accounts: Accounts = field(default_factory=Accounts)

    def write(self, rows: Rows, _: int) -> None:
        if self.table:
            self.table.write(rows)

    def add(self, _: Sequence[str], rejects: Sequence[Reject]) -> None:
        left = None if self.most_rejects is None else self.most_rejects - len(self.rejects)
        for reject in islice(rejects, left):
            shown = {name: getattr(reject, name) for name in RejectView.model_fields}
            self.rejects.append(RejectView(**shown))
