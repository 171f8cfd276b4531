"""The life of a load, on one page; every step can be repeated by whoever comes after a crash.

    claim (attempt counted) → open at the version → admit → rows → rejects → outcome → place → ack, last

Opening begins beside the claim. Write times come from the ledger, so a repeat writes the same cells.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from bucket_policies.customers import Customer
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.registry import IngestApp, Registry
from customer_ingestapps.rejects_file import RejectsFile
from customer_ingestapps.transforms import Transform
from ingest_manager.cassandra.row_writer import RowWriter
from ingest_manager.errors import GivenBack, ObjectGone, PermanentError, TransientError, not_of_the_object
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.claims import Claimed
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import Finding, Load, LoadStatus, Outcome
from ingest_manager.loading.accounts import Accounts
from ingest_manager.loading.admission import Admission
from ingest_manager.loading.ahead import Ahead, Begun
from ingest_manager.loading.archive import Archive
from ingest_manager.loading.current_app import App, find_app, label_of
from ingest_manager.loading.lease import Lease
from ingest_manager.loading.settlements import (
    Busy,
    HandedOn,
    Retry,
    Returned,
    Settled,
    Settlement,
    Unplaced,
)
from ingest_manager.loading.transfer import transfer
from ingest_manager.monitoring.measures import Measures
from ingest_manager.objects.object_store import OpenObject


@dataclass(frozen=True, slots=True)
class Loading:
    """What one worker needs to load, and the steps of it."""

    ledger: Ledger
    archive: Archive
    registry: Registry
    writer: RowWriter
    admission: Admission
    ahead: Ahead
    attempts: int
    renew_seconds: float
    should_stop: Callable[[], bool] = lambda: False
    transform_of: Callable[[IngestApp], Transform | None] = lambda _: None
    on_effect: Callable[[str], None] = lambda _: None  # told after each effect on the outside

    def load(self, assignment: Assignment, customer: Customer) -> Settlement:
        """Bring one delivery's object version to its outcome, whatever was done before.

        Raises:
            LeaseLost: another worker has taken over.
            TransientError: the ledger could not answer.
            ServerDown: a server cannot be reached; the same assignment may be handed out again.
        """
        app = find_app(self.registry, assignment.customer, assignment.event.key)
        assignment = replace(assignment, event=self.admission.vouched(assignment.event))
        measures, begun = Measures(), self.ahead.begin(assignment, customer)
        with measures.stage("claim"):
            claimed = self.ledger.claim(assignment, label_of(app))
        if claimed.finding is not Finding.CLAIMABLE:
            return self._settle_found(claimed, customer, is_replay=assignment.replay is not None)
        self.on_effect("claim")
        with Lease(self.ledger, claimed.load, self.renew_seconds, self.should_stop) as lease:
            lease.measures = measures
            try:
                outcome = self._outcome(lease, customer, app, begun)
            except GivenBack:
                self.ledger.give_back(lease.load)
                return Returned()
            except TransientError as error:
                if lease.load.attempts < self.attempts:
                    return Retry(lease.load, str(error))
                outcome = Outcome(status=LoadStatus.FAILED, reason=error.reason, message=str(error))
            except PermanentError as error:
                is_gone = isinstance(error, ObjectGone)
                if is_gone and lease.load.earlier is not None:  # a replay came too late
                    return Settled(self.ledger.restore(lease.load), is_new=False)
                status = LoadStatus.GONE if is_gone else LoadStatus.REJECTED
                outcome = Outcome(status=status, reason=error.reason, message=str(error))
            with measures.stage("finish"):
                load = self.ledger.finish(lease.load, outcome)
            self.on_effect("outcome")
        return self._place(load, customer, is_new=True, measures=measures)

    def _outcome(self, lease: Lease, customer: Customer, app: App, begun: Begun) -> Outcome:
        load = lease.load
        with not_of_the_object():
            with lease.measures.stage("claim"):
                self.ledger.index(load)  # first: whatever the outcome, the history shows it
            if load.attempts > self.attempts:
                raise TransientError(load.first_error or "the worker died at every attempt", "worker_died")
            with lease.measures.stage("read"):
                source = begun.open()
            with lease.measures.stage("claim"):
                upload_id = self.admission.upload_of(load, source.metadata)
                refusal = self.admission.refusal(load, upload_id)
        outcome = refusal or self._judge(lease, source, customer, app)
        return replace(outcome, size=source.size, upload_id=upload_id, sha256=source.sha256)

    def _judge(self, lease: Lease, source: OpenObject, customer: Customer, app: App) -> Outcome:
        for violation in self.admission.violations(lease.load, source, customer):
            return Outcome(status=LoadStatus.REJECTED, reason=violation.rule, message=violation.message)
        if isinstance(app, FileRejected):
            return Accounts().refusal(app)
        if isinstance(app, ContractError):  # the admin's fault, not the object's
            raise TransientError(f"the customer's apps are refused: {app}", "app_refused")
        with RejectsFile(app.contract.files) as rejects:
            transform = self.transform_of(app)
            outcome = transfer(
                source, app, customer, lease=lease, writer=self.writer, rejects=rejects, transform=transform
            )
            self.on_effect("rows")
            if rejects.count:
                with lease.measures.stage("finish"):
                    self.archive.keep_rejects(lease.load, rejects)
                self.on_effect("rejects")
        return outcome

    def _place(self, load: Load, customer: Customer, *, is_new: bool, measures: Measures) -> Settlement:
        projection = self.ledger.project(load)  # beside the move
        try:
            with measures.stage("place"):
                place = self.archive.place(load, customer)
        except TransientError as error:
            projection.result()
            return Unplaced(load, str(error), is_new, measures)
        with measures.stage("place"):
            projection.result()  # first: what is placed is nobody's any more
            placed = self.ledger.mark_placed(load, place)
        self.on_effect("placed")
        return Settled(placed, is_new, measures)

    def _settle_found(self, claimed: Claimed, customer: Customer, *, is_replay: bool) -> Settlement:
        if claimed.finding is Finding.UNPLACED:
            settlement = self._place(claimed.load, customer, is_new=False, measures=Measures())
            is_to_repeat = is_replay and isinstance(settlement, Settled)
            return Busy() if is_to_repeat else settlement  # a replay comes back to what is placed now
        others: dict[Finding, Settlement] = {Finding.BUSY: Busy(), Finding.HANDED_ON: HandedOn()}
        return others.get(claimed.finding, Settled(claimed.load, is_new=False))
