"""Ends deliveries: whatever must be published or stored is, then comes the ack.

One thread works through the deliveries whose ending needs the broker's confirm; while the broker does
not give it, they wait, unacknowledged. A delivery whose channel is gone is dropped: it comes again.
"""

import contextvars
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from ingest_manager.errors import IngestError, PermanentError
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import Load
from ingest_manager.monitoring.metrics import DeadLetter, ManagerMetrics
from ingest_manager.queues import topology
from ingest_manager.queues.broker import Delivery, Publisher
from ingest_manager.queues.events import ObjectEvent, message_body

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 1.0
_IDLE_SECONDS = 10.0  # between heartbeats; RabbitMQ ends a connection that misses them for a minute


class Settler(threading.Thread):
    """Publishes what a delivery's ending needs, then acknowledges it."""

    def __init__(
        self,
        publisher: Publisher,
        ledger: Ledger,
        pauses: Sequence[int],
        *,
        pause_seconds: float = _PAUSE_SECONDS,
        idle_seconds: float = _IDLE_SECONDS,
        metrics: ManagerMetrics | None = None,
    ) -> None:
        super().__init__(name="settler", daemon=True)
        self._pause_seconds = pause_seconds
        self._idle_seconds = idle_seconds
        self._metrics = metrics or ManagerMetrics()
        self._publisher = publisher
        self._ledger = ledger
        self._pauses = pauses
        self._endings: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def come_back(self, delivery: Delivery, *, may_have_ended: bool = False) -> None:
        """Deliver a copy after the shortest pause, uncounted; it tells whether its load may have ended."""
        extra = {topology.REDELIVERED_HEADER: 1} if may_have_ended else {}
        self._end(delivery, lambda: self._publish_retry(delivery, self._pauses[0], extra))

    def come_back_late(self, delivery: Delivery, *, dead_letter: str | None) -> None:
        """Deliver a copy after the longest pause, uncounted; with a reason, dead-letter one as well."""

        def ending() -> None:
            if dead_letter is not None:
                self._publish_dead_letter(delivery, dead_letter, "failed")
            self._publish_retry(delivery, self._pauses[-1], {})

        self._end(delivery, ending)

    def retry(self, delivery: Delivery, load: Load, error: str) -> None:
        """Deliver a copy after the pause of the load's attempt, then let the ledger say `waiting`."""
        pause = self._pauses[min(load.attempts, len(self._pauses)) - 1]

        def ending() -> None:
            self._publish_retry(delivery, pause, {topology.RETRY_HEADER: load.attempts})
            self._store_waiting(load, pause, error)

        self._end(delivery, ending)

    def dead_letter(self, delivery: Delivery, reason: str, *, is_unusable: bool = False) -> None:
        """Move the message to the dead letters; a body that is no event is kept in the ledger as well."""

        def ending() -> None:
            if is_unusable:
                self._keep_unusable(delivery, reason)
            self._publish_dead_letter(delivery, reason, "unusable" if is_unusable else "failed")

        self._end(delivery, ending)

    def split(self, delivery: Delivery, events: Sequence[ObjectEvent]) -> None:
        """Publish each event of a message as a message of its own."""

        def ending() -> None:
            for event in events:
                headers = {topology.BUCKET_HEADER: event.bucket}
                self._publisher.publish(topology.EVENTS_BY_BUCKET, "", message_body(event), headers)

        self._end(delivery, ending)

    def stop(self) -> None:
        """End the thread after what was asked before."""
        self._endings.put(None)

    def run(self) -> None:
        """Work through the endings in order."""
        while True:
            try:
                finish = self._endings.get(timeout=self._idle_seconds)
            except queue.Empty:
                self._publisher.keep_alive()
                continue
            if finish is None:
                return
            finish()

    def _end(self, delivery: Delivery, ending: Callable[[], None]) -> None:
        context = contextvars.copy_context()  # whose lines say which load it is about
        self._endings.put(lambda: context.run(self._finish, delivery, ending))

    def _finish(self, delivery: Delivery, ending: Callable[[], None]) -> None:
        pause = threading.Event()
        while not delivery.is_stale:
            try:
                ending()
            except IngestError as error:
                log.warning("a delivery cannot be settled yet", action="settle", error=str(error))
                pause.wait(self._pause_seconds)
                continue
            delivery.ack()
            return

    def _publish_retry(self, delivery: Delivery, pause: int, extra: Mapping[str, Any]) -> None:
        headers = {**_own_headers(delivery), **extra}
        self._publisher.publish("", topology.retry_queue(pause), delivery.body, headers)

    def _publish_dead_letter(self, delivery: Delivery, reason: str, kind: DeadLetter) -> None:
        headers = {**_own_headers(delivery), "reason": reason[:500], "queue": delivery.queue}
        self._publisher.publish(topology.DEAD_LETTERS, "", delivery.body, headers)
        self._metrics.dead_lettered(topology.customer_of_queue(delivery.queue), kind)

    def _keep_unusable(self, delivery: Delivery, reason: str) -> None:
        try:
            self._ledger.keep_unusable(delivery.queue, reason, delivery.body)
        except PermanentError as fault:  # the dead letter has the body too
            advice = "the message is in the queue dead-letters; see what Cassandra refuses"
            log.error(
                "an unusable body could not be stored", action="settle", error=str(fault), advice=advice
            )

    def _store_waiting(self, load: Load, pause: int, error: str) -> None:
        try:
            self._ledger.wait(load, pause=timedelta(seconds=pause), error=error)
        except IngestError as fault:  # the copy is confirmed; it will find an ended lease
            log.warning("`waiting` could not be stored", action="settle", error=str(fault))


def _own_headers(delivery: Delivery) -> dict[str, Any]:
    """Return the headers that a copy keeps: the broker's own would only grow.

    A retry that comes back uncounted is still that attempt's retry.
    """
    of_broker = ("x-death", "x-first-death", "x-last-death", "x-delivery-count")
    return {
        name: value
        for name, value in delivery.headers.items()
        if isinstance(name, str)  # a name that is no UTF-8 comes as bytes
        and not name.startswith((*of_broker, topology.REDELIVERED_HEADER))
    }
