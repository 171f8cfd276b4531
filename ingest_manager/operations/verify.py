"""The proof that nothing was lost: versions in staging × ledger × archive, and every difference.

A version must have exactly one load, a load's object must be where it was placed, and its counts must add up.
What is still on its way, waits, has just arrived or has expired is counted apart. Whether the rows are in
their tables is left to `readback`.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from bucket_policies.customers import ARCHIVE_PREFIX, STAGING_PREFIX, Customer, customer_of_bucket
from ingest_manager.errors import ObjectGone
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import Load, LoadFigures, LoadStatus, Place
from ingest_manager.loading.archive import OBJECTS, REJECTS, destination_of, object_key, rejects_key
from ingest_manager.objects.object_store import ObjectStore
from ingest_manager.objects.versions import ObjectVersion
from ingest_manager.queues.events import event_of_version

NO_DOCUMENT = "its customer has no document"
PAUSED = "its customer is paused"

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
    waiting: Counter[tuple[str, str]] = field(default_factory=Counter)  # by customer and reason
    without_document: list[str] = field(default_factory=list)

    def differ(self, load: Load, message: str) -> None:
        """Add what is wrong with a load."""
        self.differences.append(Difference(load.customer, str(load.load_id), load.key, message))


@dataclass(frozen=True, slots=True)
class Written:
    """What a customer's loads have written, as far as it can be read back."""

    loads: list[Load]
    """Those with rows in a table whose object is still kept, newest first."""

    cleared_us: Mapping[str, int]
    """By app: up to which write time cells may have been cleared by loads written above earlier runs."""


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
        *,
        paused: Container[str] = frozenset(),
    ) -> None:
        self._paused = paused
        self._store = store
        self._ledger = ledger
        self._min_age = min_age
        self._clock = clock
        self._now = clock()
        self.report = Report()

    def known_customers(self) -> set[str]:
        """Return everybody who has loads or a staging bucket, with a document or without."""
        of_buckets = map(customer_of_bucket, self._store.buckets())
        return {*self._ledger.customers(), *filter(None, of_buckets)}

    def verify(self, customer: Customer) -> Written:
        """Compare a customer's buckets and loads; what differs is added to the report."""
        return self._compare(customer.id, customer)

    def verify_without_document(self, customer_id: str) -> None:
        """Compare what can be compared for a customer without a document.

        Nothing tells where objects belong that were placed before the ledger kept it, nor what has expired.
        """
        self.report.without_document.append(customer_id)
        self._compare(customer_id, None)

    def _compare(self, customer_id: str, customer: Customer | None) -> Written:
        self._now = self._clock()  # before the listing: what changes later is not compared with it
        places = self._places(customer_id, is_expected=customer is not None)
        projected = self._ledger.projected(customer_id)  # before the loads, which only go on from there
        loads = self._loads(customer_id, places.staged)
        for load in loads.values():
            self._check(load, customer, places)
        for load_id, version in places.staged.items():
            if load_id not in loads:
                self._check_unknown(customer_id, load_id, version, has_document=customer is not None)
        self._check_statistics(customer_id, loads, projected)
        named = {key for load in loads.values() for key in self._named_by(load)}
        for key in sorted(places.archived - named):
            self._differ(customer_id, "", key, "is archived, but no load names it")
        kept = (load for load in loads.values() if _has_rows(load) and _is_kept(load, places))
        newest_first = sorted(kept, key=lambda load: load.write_base, reverse=True)
        return Written(newest_first, _cleared_us(loads.values()))

    def _places(self, customer_id: str, *, is_expected: bool) -> _Places:
        archive_bucket = ARCHIVE_PREFIX + customer_id
        try:
            versions = list(self._store.versions(STAGING_PREFIX + customer_id))
            prefixes = (OBJECTS, REJECTS)
            archived = {key for prefix in prefixes for key in self._store.keys(archive_bucket, prefix)}
        except ObjectGone as error:
            if is_expected:
                self._differ(customer_id, "", "", f"has no buckets yet: {error}")
            return _Places({}, frozenset())
        staged = {event_of_version(version).load_id: version for version in versions}
        return _Places(staged, frozenset(archived))

    def _loads(self, customer_id: str, staged: Iterable[UUID]) -> dict[UUID, Load]:
        """Return the customer's loads: those of the history, and those of objects in staging."""
        found = self._ledger.search(LoadFilter(customer=customer_id))
        loads = {load.load_id: load for load in found}
        for load in self._ledger.find_all(set(staged) - loads.keys()):
            loads[load.load_id] = load
            if load.status.is_outcome:
                self.report.differ(load, "is missing in the history")
        return loads

    def _check(self, load: Load, customer: Customer | None, places: _Places) -> None:
        self.report.counts[load.status.value] += 1
        if self._has_just_changed(load):
            self.report.counts["in flight"] += 1
            return
        for message in (*_account_faults(load), *self._faults(load, customer, places)):
            self.report.differ(load, message)

    def _faults(self, load: Load, customer: Customer | None, places: _Places) -> Iterator[str]:
        if load.status.is_outcome and load.placed_at is not None:
            return self._place_faults(load, customer, places)
        return self._flight_faults(load, places)

    def _flight_faults(self, load: Load, places: _Places) -> Iterator[str]:
        self.report.counts["in flight"] += 1
        if load.status.is_outcome:
            return
        if load.message and load.status is not LoadStatus.LOADING:
            self.report.waiting[load.customer, load.message] += 1
        is_replay = load.replays > 0 and object_key(load) in places.archived
        if load.load_id not in places.staged and not is_replay:
            yield f"is {load.status.value}, but its object is not in staging"

    def _place_faults(self, load: Load, customer: Customer | None, places: _Places) -> Iterator[str]:
        is_staged = load.load_id in places.staged
        place = load.placed_in or _place_by_document(load, customer, is_staged=is_staged)
        if is_staged and place not in ("staging", None):
            yield f"is {load.status.value}, but its object is still in staging"
        if place == "staging" and not is_staged:
            yield f"is {load.status.value}, but its object is no longer in staging"
        missing = [key for key in _expected(load, place) if key not in places.archived]
        if missing and self._has_expired(load, customer):
            self.report.counts["expired" if customer else "expired or deleted"] += 1
            return
        for key in missing:
            yield f"is {load.status.value}, but {key} is not in the archive"

    def _has_expired(self, load: Load, customer: Customer | None) -> bool:
        if customer is None:  # nobody can tell
            return True
        keep = timedelta(days=customer.constraints.replay_days)
        placed_at = load.first_placed_at or load.placed_at
        return placed_at is not None and placed_at + keep <= self._now

    def _has_just_changed(self, load: Load) -> bool:
        times = (load.started_at, load.ended_at, load.placed_at)
        return any(moment is not None and moment >= self._now for moment in times)

    def _named_by(self, load: Load) -> Iterator[str]:
        """Yield the keys in the archive that a load accounts for, if there is something under them."""
        is_open = load.placed_in is None or load.placed_at is None or self._has_just_changed(load)
        if is_open or load.placed_in == "archive":
            yield object_key(load)
        if is_open or load.rows_rejected:
            yield rejects_key(load)

    def _check_statistics(
        self, customer_id: str, loads: Mapping[UUID, Load], projected: Mapping[UUID, LoadFigures | None]
    ) -> None:
        """Compare the ledger's figures with those that statistics are made of."""
        for load in loads.values():
            is_settled = load.status.is_outcome and load.placed_at is not None
            if not is_settled or self._has_just_changed(load) or load.customer != customer_id:
                continue
            figures = projected.get(load.load_id, _MISSING)
            if figures is not None and figures != LoadFigures.of(load):  # None: an earlier version wrote it
                message = "is missing in" if figures is _MISSING else "differs in"
                self._differ(customer_id, str(load.load_id), load.key, f"{message} the statistics")
        for load_id in projected.keys() - loads.keys():
            message = "is in the statistics, but the ledger does not know it"
            self._differ(customer_id, str(load_id), "", message)

    def _check_unknown(
        self, customer_id: str, load_id: UUID, version: ObjectVersion, *, has_document: bool
    ) -> None:
        is_young = version.modified_at is not None and version.modified_at > self._now - self._min_age
        if not has_document:
            self.report.waiting[customer_id, NO_DOCUMENT] += 1
        elif is_young:
            self.report.counts["just arrived"] += 1
        elif customer_id in self._paused:
            self.report.waiting[customer_id, PAUSED] += 1
        else:
            message = "is in staging, but the ledger does not know it"
            self._differ(customer_id, str(load_id), version.key, message)

    def _differ(self, customer: str, load_id: str, key: str, message: str) -> None:
        self.report.differences.append(Difference(customer, load_id, key, message))


def _account_faults(load: Load) -> Iterator[str]:
    if load.rows_read != load.rows_written + load.rows_rejected + load.rows_dropped:
        yield f"{load.rows_read} rows read are not written + rejected + dropped"


def _place_by_document(load: Load, customer: Customer | None, *, is_staged: bool) -> Place | None:
    """Tell where the object of an older load belongs, whose place the ledger did not keep."""
    if customer is None:
        return None
    place = destination_of(load, customer)
    is_replayed = place == "staging" and load.replays and not is_staged
    return "archive" if is_replayed else place  # where the replay has read it and left it


def _expected(load: Load, place: Place | None) -> list[str]:
    expected = [object_key(load)] if place == "archive" else []
    return expected + ([rejects_key(load)] if load.rows_rejected else [])


def _cleared_us(loads: Iterable[Load]) -> dict[str, int]:
    cleared: dict[str, int] = {}
    for load in loads:
        if load.app is not None and load.earlier_writes:
            cleared[load.app] = max(cleared.get(load.app, 0), load.earlier_writes[-1])
    return cleared


def _has_rows(load: Load) -> bool:
    is_loaded = load.status in (LoadStatus.LOADED, LoadStatus.PARTLY_LOADED)
    return is_loaded and load.placed_at is not None


def _is_kept(load: Load, places: _Places) -> bool:
    return load.load_id in places.staged or object_key(load) in places.archived
