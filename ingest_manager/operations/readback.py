"""The deeper proof: loaded objects are read again, and every row is looked for in its table.

The steps are those of a load, with a sink that looks instead of writing: a cell must be there with the load's
write time or a later one, and the accounts must come out as they are in the ledger.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bucket_policies.customers import Customer
from customer_ingestapps.cells import Rows
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reasons import Reject
from customer_ingestapps.registry import IngestApp, Registry
from customer_ingestapps.transforms import Transform
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.row_finder import RowFinder
from ingest_manager.cassandra.tables import MISMATCH, check_table, declared_table, time_to_live
from ingest_manager.errors import ObjectGone, TransientError
from ingest_manager.ledger.loads import Load
from ingest_manager.loading.accounts import Accounts
from ingest_manager.loading.archive import Archive
from ingest_manager.loading.current_app import find_app, label_of
from ingest_manager.loading.lease import NoLease
from ingest_manager.loading.transfer import send_rows
from ingest_manager.operations.verify import Report

_NAMED = 10  # rows of one object; the others are counted
_ANY_SIZE = {"expanded_kib": 2**52, "max_rejects": None}  # it was let in; the document may be another now
_COUNTED = ("rows_read", "rows_written", "rows_rejected", "rows_dropped", "table_rows")


@dataclass(slots=True)
class _Faults:
    """Names the first rows of a load that are not as it wrote them, and counts the others."""

    report: Report
    load: Load
    count: int = 0

    def add(self, message: str) -> None:
        self.count += 1
        if self.count <= _NAMED:
            self.report.differ(self.load, message)

    def end(self) -> None:
        if self.count > _NAMED:
            self.report.differ(self.load, f"and {self.count - _NAMED} more rows are not as it wrote them")


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Reads loads again and adds what differs to a report."""

    archive: Archive
    registry: Registry
    session: CassandraSession
    report: Report
    transform_of: Callable[[IngestApp], Transform | None] = lambda _: None
    on_rows: Callable[[int], None] = lambda _: None  # told how many rows were looked for
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def compare(self, customer: Customer, loads: Iterable[Load], cleared_us: Mapping[str, int]) -> None:
        """Look for the rows of a customer's loads; cells up to `cleared_us` of their app may be missing.

        Raises:
            ServerDown: a server cannot be reached.
            TransientError: a server could not answer.
        """
        for load in loads:
            app = find_app(self.registry, customer.id, load.key)
            label = label_of(app)
            if not isinstance(app, IngestApp) or label is None:
                self.report.counts["not read back: no app takes it now"] += 1
            elif label.version != load.app_version:
                self.report.counts["not read back: loaded by another version of its app"] += 1
            else:
                self._compare(load, customer, app, cleared_us.get(app.name, 0))

    def _compare(self, load: Load, customer: Customer, app: IngestApp, cleared_us: int) -> None:
        try:
            check_table(self.session, customer.keyspace, declared_table(app.contract))
            if self._has_expired(load, customer, app):
                self.report.counts["not read back: expired by its table's time to live"] += 1
            else:
                self._look_for_rows(load, customer, app, cleared_us)
        except ObjectGone:  # since the buckets were listed
            self.report.counts["not read back: no longer there"] += 1
        except TransientError as error:
            if error.reason != MISMATCH:
                raise
            self.report.differ(load, f"its rows cannot be looked for: {error}")

    def _has_expired(self, load: Load, customer: Customer, app: IngestApp) -> bool:
        lifetime = time_to_live(self.session, customer.keyspace, app.contract.table.name)
        if lifetime is None or load.started_at is None:
            return False
        return load.started_at + lifetime <= self.clock()

    def _look_for_rows(self, load: Load, customer: Customer, app: IngestApp, cleared_us: int) -> None:
        source, accounts, faults = self.archive.open(load), Accounts(), _Faults(self.report, load)
        finder = RowFinder(self.session, customer.keyspace, app.contract, faults.add, cleared_us=cleared_us)
        sink = _Sink(finder, self.on_rows)
        open_to_all = replace(customer, constraints=customer.constraints.model_copy(update=_ANY_SIZE))
        try:
            send_rows(
                source,
                app,
                open_to_all,
                transform=self.transform_of(app),
                lease=NoLease(load),
                table=sink,
                rejects=sink,
                accounts=accounts,
            )
        except FileRejected as error:
            self.report.differ(load, f"cannot be read to its end again: {error}")
        else:
            self._compare_accounts(load, accounts)
        finder.flush()
        faults.end()
        self.report.counts.update({"read back": 1, "rows found": finder.found})
        if finder.cleared:
            self.report.counts["cells that a newer object or a forced load may have cleared"] += (
                finder.cleared
            )

    def _compare_accounts(self, load: Load, accounts: Accounts) -> None:
        for name in _COUNTED:
            then, now = getattr(load, name), getattr(accounts, name)
            if then != now:
                self.report.differ(load, f"{name} is {then} in the ledger, {now} when it is read again")


@dataclass(frozen=True, slots=True)
class _Sink:
    """Hands rows to the finder and tells how many; rejects are counted by the accounts."""

    finder: RowFinder
    on_rows: Callable[[int], None]

    def write(self, rows: Rows, written_us: int) -> None:
        self.finder.write(rows, written_us)
        self.on_rows(len(rows))

    def add(self, _: Sequence[str], __: Sequence[Reject]) -> None:
        """Take nothing."""
