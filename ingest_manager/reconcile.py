"""The bucket is the truth, an event only a hint: find object versions whose event was lost.

A version without a ledger row is entered as `queued` and published once. One that is known but not done
is published again only when no copy can be on its way: the customer's queue is empty and, where an object
waits for its move, the queue of the longest pause as well.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from bucket_policies.customers import Customer
from ingest_manager import topology
from ingest_manager.archive import destination_of
from ingest_manager.broker import Publisher
from ingest_manager.errors import ObjectGone
from ingest_manager.events import ObjectEvent, message_body
from ingest_manager.ledger import Ledger
from ingest_manager.loads import Load, LoadStatus
from ingest_manager.object_store import ObjectStore, ObjectVersion

log = structlog.get_logger(__name__)

_LOOK_UPS = 200  # ledger rows asked for at once


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares staging buckets with the ledger."""

    store: ObjectStore
    ledger: Ledger
    publisher: Publisher
    count_waiting: Callable[[str], int]  # messages of a queue, by its name
    min_age: timedelta
    pauses: tuple[int, ...]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_lost: Callable[[str], None] = lambda _: None  # told the customer of each event that was lost
    on_stuck: Callable[[str], None] = lambda _: None

    def reconcile(self, customer: Customer) -> int:
        """Publish an event for every version that nothing else will bring to its outcome; return how many.

        Raises:
            ServerDown: a server cannot be reached.
            TransientError: a server could not answer.
        """
        published = 0
        stuck: list[Load] = []
        for events in _in_slices(self._old_versions(customer)):
            known = {load.load_id: load for load in self.ledger.find_all(event.load_id for event in events)}
            stuck += [load for load in known.values() if _is_open(load, customer) and self._is_stuck(load)]
            lost = [event for event in events if event.load_id not in known]
            published += sum(self._enter(event, customer) for event in lost)
        return published + self._publish_again(stuck, customer)

    def _enter(self, event: ObjectEvent, customer: Customer) -> bool:
        is_new = self.ledger.register(event, customer.id)
        if is_new:
            facts = {"load_id": str(event.load_id), "customer": customer.id, "key": event.key}
            log.warning("an event was lost", action="reconcile", **facts)
            self._publish(event)
            self.on_lost(customer.id)
        return is_new

    def _publish_again(self, stuck: list[Load], customer: Customer) -> int:
        if not stuck or self.count_waiting(customer.queue):
            return 0
        if self.count_waiting(topology.retry_queue(self.pauses[-1])):
            stuck = [load for load in stuck if not load.status.is_outcome]
        for load in stuck:
            facts = {"load_id": str(load.load_id), "customer": load.customer, "status": load.status.value}
            log.warning("a load got stuck", action="reconcile", **facts)
            self._publish(event_of(load))
            self.on_stuck(load.customer)
        return len(stuck)

    def _old_versions(self, customer: Customer) -> Iterator[ObjectEvent]:
        youngest = self.clock() - self.min_age
        try:
            for version in self.store.versions(customer.staging_bucket):
                if version.modified_at is not None and version.modified_at <= youngest:
                    yield event_of_version(version)
        except ObjectGone:
            log.warning("a customer has no staging bucket yet", action="reconcile", customer=customer.id)

    def _is_stuck(self, load: Load) -> bool:
        now = self.clock()
        if load.status is LoadStatus.LOADING:
            return load.lease_until is None or load.lease_until < now
        if load.status is LoadStatus.WAITING:
            return load.retry_at is None or load.retry_at < now - self.min_age
        return True

    def _publish(self, event: ObjectEvent) -> None:
        headers = {topology.BUCKET_HEADER: event.bucket}
        self.publisher.publish(topology.BUCKET_EVENTS, topology.ROUTING_KEY, message_body(event), headers)


def event_of(load: Load) -> ObjectEvent:
    """Return the event of a load that the ledger knows."""
    return ObjectEvent(load.bucket, load.key, load.version_id, load.write_base, load.size, load.upload_id)


def event_of_version(version: ObjectVersion) -> ObjectEvent:
    """Return the event that a version in a bucket must have had."""
    modified_at = version.modified_at or datetime.now(UTC)
    written_us = round(modified_at.timestamp() * 1000) * 1000  # listings know milliseconds
    return ObjectEvent(version.bucket, version.key, version.version_id, written_us, version.size)


def _is_open(load: Load, customer: Customer) -> bool:
    """Tell whether a load whose object is in staging still has something to come."""
    return not load.status.is_outcome or (
        load.placed_at is None and destination_of(load, customer) != "staging"
    )


def _in_slices(events: Iterator[ObjectEvent]) -> Iterator[list[ObjectEvent]]:
    batch: list[ObjectEvent] = []
    for event in events:
        batch.append(event)
        if len(batch) == _LOOK_UPS:
            yield batch
            batch = []
    if batch:
        yield batch
