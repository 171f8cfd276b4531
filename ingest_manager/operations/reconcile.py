"""The bucket is the truth, an event only a hint: find object versions whose event was lost.

A version without a ledger row is entered as `queued` and published once. A load that is known but not done,
wherever its object is, is published again only when no copy can be on its way: the customer's queue is empty
and, where an object waits for its move, the queue of the longest pause as well.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

import structlog

from bucket_policies.customers import STAGING_PREFIX, Customer
from ingest_manager.errors import ObjectGone
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import UNDECIDED, Load, LoadStatus
from ingest_manager.ledger.replay_order import Replay
from ingest_manager.loading.admission import granted, vouched
from ingest_manager.loading.archive import destination_of
from ingest_manager.objects.object_store import ObjectStore
from ingest_manager.objects.versions import ObjectVersion
from ingest_manager.queues import topology
from ingest_manager.queues.broker import Publisher
from ingest_manager.queues.events import ObjectEvent, event_of_version, message_body

log = structlog.get_logger(__name__)

_LOOK_UPS = 200  # ledger rows asked for at once


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one look at a customer's bucket came to."""

    looked_at: int = 0  # versions in staging that are old enough
    lost: int = 0  # of these, without a load: their events were lost
    again: int = 0  # loads that got stuck and were published again


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares staging buckets with the ledger."""

    store: ObjectStore
    ledger: Ledger
    publisher: Publisher
    count_waiting: Callable[[str], int]  # messages of a queue, by its name
    min_age: timedelta
    pauses: tuple[int, ...]
    seal_key: bytes
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_lost: Callable[[str], None] = lambda _: None  # told the customer of each event that was lost
    on_stuck: Callable[[str], None] = lambda _: None

    def reconcile(self, customer: Customer) -> Reconciled:
        """Publish an event for every version and load that nothing else will bring to its outcome.

        Raises:
            ServerDown: a server cannot be reached.
            TransientError: a server could not answer.
        """
        looked_at = lost = 0
        seen: set[UUID] = set()  # loads without an outcome whose object is in staging
        stuck: list[Load] = []
        for events, known in self._in_staging(customer.id):
            looked_at += len(events)
            entered = [event for event in events if event.load_id not in known]
            lost += sum(self._enter(event, customer) for event in entered)
            is_open = [load for load in known.values() if _is_open(load, customer)]
            stuck += filter(self._is_stuck, is_open)
            seen.update(event.load_id for event in entered)
            seen.update(load.load_id for load in is_open)
        stuck += self._stuck_elsewhere(customer, seen)
        return Reconciled(looked_at, lost, self._publish_again(stuck, customer))

    def hold(self, customer: str, why: str) -> None:
        """Enter what waits in staging for a customer that is not taken up, with the reason; publish nothing.

        Raises:
            ServerDown, TransientError: as `reconcile`.
        """
        for events, known in self._in_staging(customer):
            for event in events:
                load = known.get(event.load_id)
                if load is None:
                    self.ledger.register(self._with_upload(event), customer, why)
                elif load.status is LoadStatus.QUEUED and load.message != why:
                    self.ledger.explain(load, why)

    def _enter(self, event: ObjectEvent, customer: Customer) -> bool:
        event = self._with_upload(event)
        is_new = self.ledger.register(event, customer.id)
        if is_new:
            facts = {"load_id": str(event.load_id), "customer": customer.id, "key": event.key}
            log.warning("an event was lost", action="reconcile", **facts)
            self._publish(event)
            self.on_lost(customer.id)
        return is_new

    def _with_upload(self, event: ObjectEvent) -> ObjectEvent:
        """Return a version's event with what only its metadata tells: the upload that it belongs to."""
        try:
            metadata = self.store.metadata_of(ObjectVersion(event.bucket, event.key, event.version_id))
        except ObjectGone:  # just now: its load will say so
            return event
        return vouched(granted(event, metadata), self.seal_key)

    def _stuck_elsewhere(self, customer: Customer, seen: set[UUID]) -> Iterator[Load]:
        """Yield stuck loads whose object is not in staging: it is replayed from the archive, or gone."""
        youngest = self.clock() - self.min_age
        for load in self.ledger.loads_in(customer.id, UNDECIDED):
            last = load.started_at or load.event_at
            is_old = last is None or last <= youngest
            if is_old and load.load_id not in seen and self._is_stuck(load):
                yield load

    def _publish_again(self, stuck: list[Load], customer: Customer) -> int:
        if not stuck or self.count_waiting(customer.queue):
            return 0
        if self.count_waiting(topology.retry_queue(self.pauses[-1])):
            stuck = [load for load in stuck if not load.status.is_outcome]
        for load in stuck:
            facts = {"load_id": str(load.load_id), "customer": load.customer, "status": load.status.value}
            log.warning("a load got stuck", action="reconcile", **facts)
            self._publish(event_of(load), order_of(load))
            self.on_stuck(load.customer)
        return len(stuck)

    def _in_staging(self, customer: str) -> Iterator[tuple[list[ObjectEvent], dict[UUID, Load]]]:
        """Yield the events of old versions in slices, with the loads that the ledger has of them."""
        for events in _in_slices(self._old_versions(customer)):
            found = self.ledger.find_all(event.load_id for event in events)
            yield events, {load.load_id: load for load in found}

    def _old_versions(self, customer: str) -> Iterator[ObjectEvent]:
        youngest = self.clock() - self.min_age
        try:
            for version in self.store.versions(STAGING_PREFIX + customer):
                if version.modified_at is not None and version.modified_at <= youngest:
                    yield event_of_version(version)
        except ObjectGone:
            log.warning("a customer has no staging bucket yet", action="reconcile", customer=customer)

    def _is_stuck(self, load: Load) -> bool:
        now = self.clock()
        if load.status is LoadStatus.LOADING:
            return load.lease_until is None or load.lease_until < now
        if load.status is LoadStatus.WAITING:
            return load.retry_at is None or load.retry_at < now - self.min_age
        return True

    def _publish(self, event: ObjectEvent, order: Replay | None = None) -> None:
        headers = {topology.BUCKET_HEADER: event.bucket}
        if order is None:
            self.publisher.publish(topology.BUCKET_EVENTS, topology.ROUTING_KEY, message_body(event), headers)
        else:  # the event log has the object's event already
            headers |= order.headers()
            self.publisher.publish(topology.EVENTS_BY_BUCKET, "", message_body(event), headers)


def event_of(load: Load) -> ObjectEvent:
    """Return the event of a load that the ledger knows."""
    return ObjectEvent(load.bucket, load.key, load.version_id, load.write_base, load.size, load.upload_id)


def order_of(load: Load) -> Replay | None:
    """Return the order that a load without an outcome follows, where it is being replayed.

    Its claim has raised the number of replays: should the load get its outcome meanwhile, the order is stale.
    """
    if load.replay_id is None or load.status.is_outcome:
        return None
    return Replay(load.replay_id, load.replays - 1)


def _is_open(load: Load, customer: Customer) -> bool:
    """Tell whether a load whose object is in staging still has something to come."""
    return not load.status.is_outcome or (
        load.placed_at is None and destination_of(load, customer) != "staging"
    )


def _in_slices(events: Iterator[ObjectEvent]) -> Iterator[list[ObjectEvent]]:
    while some := list(islice(events, _LOOK_UPS)):
        yield some
