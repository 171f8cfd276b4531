"""The names and shapes of everything on the broker, and nothing else.

    bucket-events (topic, MinIO publishes) ─► events-by-bucket (headers) ─► ingest.<customer>
          └► event-log (stream)                    └ unknown bucket ─► unrouted ─► ingest.unrouted
    retry.<n>s ─ after n seconds ─► events-by-bucket          dead-letters ─► dead-letters

Pure: `broker` declares what is written here. Source of the arguments: RabbitMQ's documentation of
quorum queues, streams, TTL and dead lettering (valid for 3.10 and 4.x).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

BUCKET_EVENTS = "bucket-events"
ROUTING_KEY = "objects"
EVENTS_BY_BUCKET = "events-by-bucket"
UNROUTED = "unrouted"
UNROUTED_QUEUE = "ingest.unrouted"
EVENT_LOG = "event-log"
DEAD_LETTERS = "dead-letters"
AS_DECLARED = "as declared"
BUCKET_HEADER = "minio-bucket"
RETRY_HEADER = "ingest-retry"
REPLAY_HEADER = "ingest-replay"
AFTER_HEADER = "ingest-replay-after"
FORCE_HEADER = "ingest-force"
REDELIVERED_HEADER = "ingest-redelivered"  # a copy of what somebody had before

_DELIVERY_LIMIT = 1_000  # never -1: RabbitMQ 3.10 then drops a message at its first redelivery
_LOG_AGE = "14D"
_UNROUTED_DAYS = 1


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange to declare."""

    name: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue to declare."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Binding:
    """A way from an exchange to a queue or to another exchange."""

    source: str
    target: str
    to_exchange: bool = False
    routing_key: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)


def exchanges() -> tuple[Exchange, ...]:
    """Return the exchanges, in an order in which they can be declared."""
    return (
        Exchange(BUCKET_EVENTS, "topic"),  # exactly as MinIO declares it
        Exchange(UNROUTED, "fanout"),
        Exchange(DEAD_LETTERS, "fanout"),
        Exchange(EVENTS_BY_BUCKET, "headers", {"alternate-exchange": UNROUTED}),
    )


def queues(retry_pauses: Iterable[int]) -> tuple[Queue, ...]:
    """Return the queues that exist whoever the customers are."""
    day_ms = 24 * 3600 * 1000
    return (
        Queue(EVENT_LOG, {"x-queue-type": "stream", "x-max-age": _LOG_AGE}),
        Queue(DEAD_LETTERS, {"x-queue-type": "quorum"}),
        Queue(UNROUTED_QUEUE, _forwarding(DEAD_LETTERS, ttl_ms=_UNROUTED_DAYS * day_ms)),
        *(
            Queue(retry_queue(pause), _forwarding(EVENTS_BY_BUCKET, ttl_ms=pause * 1000))
            for pause in retry_pauses
        ),
    )


def bindings() -> tuple[Binding, ...]:
    """Return the bindings that exist whoever the customers are."""
    return (
        Binding(BUCKET_EVENTS, EVENTS_BY_BUCKET, to_exchange=True, routing_key="#"),
        Binding(BUCKET_EVENTS, EVENT_LOG, routing_key="#"),
        Binding(UNROUTED, UNROUTED_QUEUE),
        Binding(DEAD_LETTERS, DEAD_LETTERS),
    )


def queue_of(customer: str) -> str:
    """Return the name of a customer's queue, whether it has a document or not."""
    return f"ingest.{customer}"


def customer_of_queue(queue: str) -> str:
    """Return the customer whose queue this is."""
    return queue.removeprefix("ingest.")


def customer_queue(name: str) -> Queue:
    """Return the queue `ingest.<customer>`."""
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": _DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_LETTERS,
    }
    return Queue(name, arguments)


def customer_binding(bucket: str, queue: str) -> Binding:
    """Return the way of one staging bucket's events into its customer's queue."""
    return Binding(EVENTS_BY_BUCKET, queue, arguments={"x-match": "all", BUCKET_HEADER: bucket})


def retry_queue(pause_seconds: int) -> str:
    """Return the name of the queue that holds a message back for a pause.

    >>> retry_queue(10)
    'retry.10s'
    """
    return f"retry.{pause_seconds}s"


def _forwarding(exchange: str, *, ttl_ms: int) -> dict[str, Any]:
    # at-least-once: the message leaves this queue only when the next one has confirmed it
    return {
        "x-queue-type": "quorum",
        "x-message-ttl": ttl_ms,
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
