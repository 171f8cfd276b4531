"""The work of the `replay` command: choose loads, say what is left out and why, publish an order for each.

Loads come from the ledger or from the event log; the orders go to the headers exchange, so that the log does
not grow. Whether an order may be followed is decided again by the claim (`replay_order`, `claims`).
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar
from uuid import UUID

from bucket_policies.customers import customer_of_bucket
from customer_ingestapps.registry import Registry
from ingest_manager.errors import ServerDown
from ingest_manager.ledger.claims import earlier_of, new_load
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import UNDECIDED, Load, LoadStatus
from ingest_manager.ledger.replay_order import Hindrance, Replay, hindrance, is_stuck
from ingest_manager.loading.archive import Archive
from ingest_manager.loading.current_app import CurrentApps, label_of
from ingest_manager.operations.presence import present_loads
from ingest_manager.operations.reconcile import event_of
from ingest_manager.operations.selection import Selection
from ingest_manager.queues import topology
from ingest_manager.queues.broker import Publisher
from ingest_manager.queues.events import ObjectEvent, message_body

T = TypeVar("T")

_WITH_REASON = frozenset(LoadStatus) - {LoadStatus.LOADED}  # the few among many
_SLICE = 200  # loads that are looked up in one go


@dataclass(frozen=True, slots=True)
class Candidate:
    """A load that may be replayed; the ledger may not know what the event log does."""

    load: Load
    event: ObjectEvent  # of the log where the ledger knows none: it holds the seal of its upload id
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class PlannedLoad:
    """A load that shall be replayed, and what is known of it."""

    event: ObjectEvent
    customer: str
    status: str
    rows: int  # when it was last read
    after: int  # see `Replay`


@dataclass(frozen=True, slots=True)
class Plan:
    """What one replay will do, oldest object first."""

    loads: list[PlannedLoad] = field(default_factory=list)
    left_out: Counter[Hindrance] = field(default_factory=Counter)
    id: UUID = field(default_factory=uuid.uuid4)

    @property
    def size(self) -> int:
        """Return the bytes of all objects, as far as they are known."""
        return sum(planned.event.size or 0 for planned in self.loads)

    @property
    def rows(self) -> int:
        """Return the rows of all objects, as far as they were read before."""
        return sum(planned.rows for planned in self.loads)


@dataclass(frozen=True, slots=True)
class Replayer:
    """Plans replays for the customers that have a document, and gives the orders."""

    ledger: Ledger
    archive: Archive
    registry: Registry
    customers: Collection[str]
    is_forced: bool = False
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def plan(self, selection: Selection, events: Iterable[ObjectEvent] | None = None) -> Plan:
        """Choose among the loads of some events or, where none are given, of the whole ledger."""
        found = self._of_ledger(selection) if events is None else self._of_events(events, selection)
        plan = Plan()
        apps = CurrentApps(self.registry)
        possible = []
        for candidate in found:
            if self._is_wanted(candidate.load, selection):
                reason = self._hindrance(candidate, selection, apps)
                if reason is None:
                    possible.append(candidate)
                else:
                    plan.left_out[reason] += 1
        self._choose_present(possible, plan)
        plan.loads.sort(key=lambda planned: planned.event.written_us)
        return plan

    def publish(
        self,
        plan: Plan,
        publisher: Publisher,
        *,
        rate: float | None = None,
        on_published: Callable[[], None] = lambda: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Publish the orders of a plan, at most `rate` of them a second.

        Raises:
            ServerDown: the broker took only a part of them.
        """
        started = time.monotonic()
        for number, planned in enumerate(plan.loads):
            if rate is not None:
                pause(max(0.0, started + number / rate - time.monotonic()))
            replay = Replay(plan.id, planned.after, self.is_forced)
            headers = {topology.BUCKET_HEADER: planned.event.bucket, **replay.headers()}
            try:
                publisher.publish(topology.EVENTS_BY_BUCKET, "", message_body(planned.event), headers)
            except ServerDown as error:
                so_far = f"{number} of {len(plan.loads)} loads were ordered, replay the rest later"
                raise ServerDown(f"{error}; {so_far}", server=error.server) from error
            on_published()

    def _is_wanted(self, load: Load, selection: Selection) -> bool:
        """Ask the selection; a replay that lost its message is found by what its load was before."""
        before = earlier_of(load) if is_stuck(load, self.clock()) else None
        return selection.wants(load) or (before is not None and selection.wants(before))

    def _of_ledger(self, selection: Selection) -> Iterator[Candidate]:
        """Yield what the ledger's indexes find for a selection; a glob or a reason is no question to them."""
        found = self.ledger.find_all(selection.ids) if selection.ids else self._search(selection)
        return (Candidate(load, event_of(load)) for load in found)

    def _search(self, selection: Selection) -> Iterator[Load]:
        asked = LoadFilter(customer=selection.customer, since=selection.since, until=selection.until)
        for status in selection.statuses or (_WITH_REASON if selection.reason else [None]):
            yield from self.ledger.search(replace(asked, status=status))
        if selection.statuses:  # what is on its way may have had them, see `_is_wanted`
            yield from self.ledger.loads_in(selection.customer, UNDECIDED - selection.statuses)

    def _of_events(self, events: Iterable[ObjectEvent], selection: Selection) -> Iterator[Candidate]:
        """Yield each event's load once, however many copies the log has."""
        unique: dict[UUID, ObjectEvent] = {}
        for event in events:
            customer = customer_of_bucket(event.bucket)
            if customer is not None and selection.customer in (None, customer):
                unique.setdefault(event.load_id, event)
        for load_ids in _slices(iter(unique)):
            known = {load.load_id: load for load in self.ledger.find_all(load_ids)}
            yield from (_candidate(unique[load_id], known.get(load_id)) for load_id in load_ids)

    def _choose_present(self, possible: list[Candidate], plan: Plan) -> None:
        present = present_loads(self.archive, [candidate.load for candidate in possible])
        for candidate in possible:
            if candidate.load.load_id in present:
                plan.loads.append(_planned(candidate))
            else:
                plan.left_out[Hindrance.NO_OBJECT] += 1

    def _hindrance(self, candidate: Candidate, selection: Selection, apps: CurrentApps) -> Hindrance | None:
        load = candidate.load
        if load.customer not in self.customers:
            return Hindrance.NO_CUSTOMER
        if not candidate.is_known:
            return None
        if not load.status.is_outcome:
            is_possible = load.status in selection.statuses or is_stuck(load, self.clock())
            return None if is_possible else Hindrance.ON_ITS_WAY
        if load.discarded_at is not None and not (selection.has_discarded or load.load_id in selection.ids):
            return Hindrance.DISCARDED
        app = label_of(apps.find(load.customer, load.key))
        return hindrance(load, app.version if app else None, is_forced=self.is_forced)


def _candidate(event: ObjectEvent, known: Load | None) -> Candidate:
    if known is not None:
        return Candidate(known, event_of(known))
    return Candidate(new_load(event, customer_of_bucket(event.bucket) or ""), event, is_known=False)


def _planned(candidate: Candidate) -> PlannedLoad:
    load = candidate.load
    is_undecided = candidate.is_known and not load.status.is_outcome  # then there is no outcome to replace
    return PlannedLoad(
        event=candidate.event,
        customer=load.customer,
        status=load.status.value if candidate.is_known else "unknown",
        rows=load.rows_read,
        after=load.replays - is_undecided,
    )


def _slices(items: Iterator[T]) -> Iterator[list[T]]:
    while some := list(islice(items, _SLICE)):
        yield some
