"""The life of a load, on one page; every step can be repeated by whoever comes after a crash.

    claim (attempt counted) → open at the version → admit → rows → rejects → outcome → place → ack, last

The rows' write times come from the ledger, so a repeat writes the same cells. The ack is `dispatcher`'s.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from bucket_policies.customers import Customer
from customer_ingestapps.cells import READER_VERSION
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.registry import IngestApp, Registry
from ingest_manager.accounts import Accounts
from ingest_manager.admission import Admission
from ingest_manager.archive import Archive
from ingest_manager.errors import GivenBack, ObjectGone, PermanentError, TransientError
from ingest_manager.lease import Lease
from ingest_manager.ledger import AppLabel, Ledger
from ingest_manager.loads import Finding, Load, LoadStatus, Outcome
from ingest_manager.object_store import OpenObject
from ingest_manager.rejects import RejectsFile
from ingest_manager.row_writer import RowWriter
from ingest_manager.settlements import (
    Assignment,
    Busy,
    HandedOn,
    Retry,
    Returned,
    Settled,
    Settlement,
    Unplaced,
)
from ingest_manager.transfer import transfer

App = IngestApp | FileRejected | ContractError  # an app, or why there is none


@dataclass(frozen=True, slots=True)
class Loading:
    """What one worker needs to load, and the steps of it."""

    ledger: Ledger
    archive: Archive
    registry: Registry
    writer: RowWriter
    admission: Admission
    attempts: int
    renew_seconds: float
    should_stop: Callable[[], bool] = lambda: False
    on_effect: Callable[[str], None] = lambda _: None  # told after each effect on the outside

    def load(self, assignment: Assignment, customer: Customer) -> Settlement:
        """Bring one delivery's object version to its outcome, whatever was done before.

        Raises:
            LeaseLost: another worker has taken over.
            TransientError: the ledger could not answer.
            ServerDown: a server cannot be reached; the same assignment may be handed out again.
        """
        app = self._app_of(assignment)
        assignment = replace(assignment, event=self.admission.vouched(assignment.event))
        claimed = self.ledger.claim(assignment, _label(app))
        if claimed.finding is not Finding.CLAIMABLE:
            return self._settle_found(claimed.finding, claimed.load, customer)
        self.on_effect("claim")
        with Lease(self.ledger, claimed.load, self.renew_seconds, self.should_stop) as lease:
            try:
                outcome = self._outcome(lease, customer, app)
            except GivenBack:
                self.ledger.give_back(lease.load)
                return Returned()
            except TransientError as error:
                if lease.load.attempts < self.attempts:
                    return Retry(lease.load, str(error))
                outcome = Outcome(status=LoadStatus.FAILED, reason=error.reason, message=str(error))
            except PermanentError as error:
                status = LoadStatus.GONE if isinstance(error, ObjectGone) else LoadStatus.REJECTED
                outcome = Outcome(status=status, reason=error.reason, message=str(error))
            load = self.ledger.finish(lease.load, outcome)
            self.on_effect("outcome")
        return self._place(load, customer, is_new=True)

    def _outcome(self, lease: Lease, customer: Customer, app: App) -> Outcome:
        load = lease.load
        self.ledger.index(load)  # first: whatever the outcome, the history shows it
        if load.attempts > self.attempts:
            raise TransientError(load.first_error or "the worker died at every attempt", "worker_died")
        source = self.archive.open(load)
        upload_id = self.admission.upload_of(load, source.metadata)
        refusal = self.admission.refusal(load, upload_id)
        outcome = refusal or self._judge(lease, source, customer, app)
        return replace(outcome, size=source.size, upload_id=upload_id, sha256=source.sha256)

    def _judge(self, lease: Lease, source: OpenObject, customer: Customer, app: App) -> Outcome:
        for violation in customer.constraints.violations(lease.load.key, source.size):
            return Outcome(status=LoadStatus.REJECTED, reason=violation.rule, message=violation.message)
        if isinstance(app, FileRejected):
            return Accounts().refusal(app)
        if isinstance(app, ContractError):  # the admin's fault, not the object's
            raise TransientError(f"the customer's apps are refused: {app}", "app_refused")
        with RejectsFile(app.contract.files) as rejects:
            outcome = transfer(source, app, customer, lease=lease, writer=self.writer, rejects=rejects)
            self.on_effect("rows")
            if rejects.count:
                self.archive.keep_rejects(lease.load, rejects.rewound())
                self.on_effect("rejects")
        return outcome

    def _place(self, load: Load, customer: Customer, *, is_new: bool) -> Settlement:
        try:
            self.archive.place(load, customer)
        except TransientError as error:
            return Unplaced(load, str(error), is_new)
        placed = self.ledger.mark_placed(load)
        self.on_effect("placed")
        return Settled(placed, is_new)

    def _settle_found(self, finding: Finding, load: Load, customer: Customer) -> Settlement:
        if finding is Finding.UNPLACED:
            return self._place(load, customer, is_new=False)
        if finding is Finding.BUSY:
            return Busy()
        return HandedOn() if finding is Finding.HANDED_ON else Settled(load, is_new=False)

    def _app_of(self, assignment: Assignment) -> App:
        try:
            return self.registry.pick(assignment.customer, assignment.event.key)
        except (FileRejected, ContractError) as error:
            return error


def _label(app: App) -> AppLabel | None:
    if not isinstance(app, IngestApp):
        return None
    return AppLabel(app.name, f"{app.version}-r{READER_VERSION}")
