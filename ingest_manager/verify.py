"""The proof that nothing was lost: versions in staging × ledger × archive, and every difference.

A version must have exactly one load, a load's object must be where its outcome wants it, and its counts
must add up. What is still on its way, has just arrived or has expired is counted apart.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from bucket_policies.customers import Customer
from ingest_manager.archive import OBJECTS, REJECTS, destination_of, object_key, rejects_key
from ingest_manager.errors import ObjectGone
from ingest_manager.ledger import Ledger
from ingest_manager.load_filter import LoadFilter
from ingest_manager.loads import Load, LoadFigures
from ingest_manager.object_store import ObjectStore, ObjectVersion
from ingest_manager.reconcile import event_of_version

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be."""

    customer: str
    load_id: str
    key: str
    message: str


@dataclass(slots=True)
class Report:
    """What was compared and what differs."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Places:
    """What the store holds of one customer."""

    staged: dict[UUID, ObjectVersion]
    archived: frozenset[str]


class Verification:
    """Compares one customer after another."""

    def __init__(
        self,
        store: ObjectStore,
        ledger: Ledger,
        min_age: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._min_age = min_age
        self._clock = clock
        self._now = clock()
        self.report = Report()

    def verify(self, customer: Customer) -> None:
        """Compare a customer's buckets and loads; what differs is added to the report."""
        self._now = self._clock()  # before the listing: what changes later is not compared with it
        places = self._places(customer)
        projected = self._ledger.projected(customer.id)  # before the loads, which only go on from there
        loads = self._loads(customer, places.staged)
        for load in loads.values():
            self._check(load, customer, places)
        for load_id, version in places.staged.items():
            if load_id not in loads:
                self._check_unknown(customer, load_id, version)
        self._check_statistics(customer, loads, projected)
        known = {key for load in loads.values() for key in (object_key(load), rejects_key(load))}
        for key in sorted(places.archived - known):
            self._differ(customer.id, "", key, "is in the archive, but the ledger does not know its load")

    def _places(self, customer: Customer) -> _Places:
        try:
            versions = list(self._store.versions(customer.staging_bucket))
            archived = {
                key
                for prefix in (OBJECTS, REJECTS)
                for key in self._store.keys(customer.archive_bucket, prefix)
            }
        except ObjectGone as error:
            self._differ(customer.id, "", "", f"has no buckets yet: {error}")
            return _Places({}, frozenset())
        staged = {event_of_version(version).load_id: version for version in versions}
        return _Places(staged, frozenset(archived))

    def _loads(self, customer: Customer, staged: Iterable[UUID]) -> dict[UUID, Load]:
        """Return the customer's loads: those of the history, and those of objects in staging."""
        found = self._ledger.search(LoadFilter(customer=customer.id))
        loads = {load.load_id: load for load in found}
        for load in self._ledger.find_all(set(staged) - loads.keys()):
            loads[load.load_id] = load
            if load.status.is_outcome:
                self._differ(customer.id, str(load.load_id), load.key, "is missing in the history")
        return loads

    def _check(self, load: Load, customer: Customer, places: _Places) -> None:
        self.report.counts[load.status.value] += 1
        if self._has_just_changed(load):
            self.report.counts["in flight"] += 1
            return
        for message in self._faults(load, customer, places):
            self._differ(load.customer, str(load.load_id), load.key, message)

    def _faults(self, load: Load, customer: Customer, places: _Places) -> Iterator[str]:
        is_staged = load.load_id in places.staged
        if load.rows_read != load.rows_written + load.rows_rejected + load.rows_dropped:
            yield f"{load.rows_read} rows read are not written + rejected + dropped"
        if not load.status.is_outcome or load.placed_at is None:
            self.report.counts["in flight"] += 1
            is_replay = load.earlier is not None and object_key(load) in places.archived
            if not load.status.is_outcome and not (is_staged or is_replay):
                yield f"is {load.status.value}, but its object is not in staging"
            return
        destination = destination_of(load, customer)
        if destination == "staging" and load.replays and not is_staged:
            destination = "archive"  # where a replay has read it and left it
        if is_staged and destination != "staging":
            yield f"is {load.status.value}, but its object is still in staging"
        if destination == "staging" and not is_staged:
            yield f"is {load.status.value}, but its object is no longer in staging"
        yield from self._archive_faults(load, customer, places.archived, destination)

    def _archive_faults(
        self, load: Load, customer: Customer, archived: frozenset[str], destination: str
    ) -> Iterator[str]:
        expected = [object_key(load)] if destination == "archive" else []
        if load.rows_rejected:
            expected.append(rejects_key(load))
        missing = [key for key in expected if key not in archived]
        if missing and self._has_expired(load, customer):
            self.report.counts["expired"] += 1
            return
        for key in missing:
            yield f"is {load.status.value}, but {key} is not in the archive"

    def _has_expired(self, load: Load, customer: Customer) -> bool:
        keep = timedelta(days=customer.constraints.replay_days)
        placed_at = load.first_placed_at or load.placed_at
        return placed_at is not None and placed_at + keep <= self._now

    def _has_just_changed(self, load: Load) -> bool:
        times = (load.started_at, load.ended_at, load.placed_at)
        return any(moment is not None and moment >= self._now for moment in times)

    def _check_statistics(
        self, customer: Customer, loads: Mapping[UUID, Load], projected: Mapping[UUID, LoadFigures | None]
    ) -> None:
        """Compare the ledger's figures with those that statistics are made of."""
        for load in loads.values():
            is_settled = load.status.is_outcome and load.placed_at is not None
            if not is_settled or self._has_just_changed(load) or load.customer != customer.id:
                continue
            figures = projected.get(load.load_id, _MISSING)
            if figures is not None and figures != LoadFigures.of(load):  # None: an earlier version wrote it
                message = "is missing in" if figures is _MISSING else "differs in"
                self._differ(customer.id, str(load.load_id), load.key, f"{message} the statistics")
        for load_id in projected.keys() - loads.keys():
            message = "is in the statistics, but the ledger does not know it"
            self._differ(customer.id, str(load_id), "", message)

    def _check_unknown(self, customer: Customer, load_id: UUID, version: ObjectVersion) -> None:
        is_young = version.modified_at is not None and version.modified_at > self._now - self._min_age
        if is_young:
            self.report.counts["just arrived"] += 1
        else:
            self._differ(
                customer.id, str(load_id), version.key, "is in staging, but the ledger does not know it"
            )

    def _differ(self, customer: str, load_id: str, key: str, message: str) -> None:
        self.report.differences.append(Difference(customer, load_id, key, message))
