"""What of a load only reads, begun beside its claim.

Where a claim is not given, this was in vain; that is seldom.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from bucket_policies.customers import Customer
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.claims import new_load
from ingest_manager.loading.admission import Admission
from ingest_manager.loading.archive import Archive
from ingest_manager.objects.object_store import OpenObject


@dataclass(frozen=True, slots=True)
class Begun:
    """An object that is being opened, and the listing of its bucket."""

    source: Future[OpenObject]
    listing: Future[None] | None

    def open(self) -> OpenObject:
        """Wait for both; return the object or raise the fault of opening it."""
        if self.listing is not None:
            self.listing.result()
        return self.source.result()


class Ahead:
    """Begins with one load at a time."""

    def __init__(self, archive: Archive, admission: Admission) -> None:
        self._archive = archive
        self._admission = admission
        self._threads = ThreadPoolExecutor(2, "ahead")

    def begin(self, assignment: Assignment, customer: Customer) -> Begun:
        """Start to open an assignment's object, and to list its bucket where the quota will be asked."""
        load = new_load(assignment.event, assignment.customer)
        source = self._threads.submit(self._archive.open, load)
        if assignment.replay is not None:
            return Begun(source, None)
        return Begun(source, self._threads.submit(self._admission.look_ahead, load, customer))
